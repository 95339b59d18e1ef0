/**
 * Device lists and bundles: published for this device, fetched for others. Over XMPP they are PEP nodes
 * (XEP-0384 §4.2–4.3); a peer with a direct link is asked the same question itself.
 */
import type { Element } from '@xmpp/xml';
import xml from '@xmpp/xml';
import { traceOf } from '../../../shared/error-trace.ts';
import { type AppError, fail, ok, type Result } from '../../../shared/errors.ts';
import type { BareJid, ContactId, DeviceId } from '../../../shared/model.ts';
import type { Bundle, WireFormat } from '../../e2ee/types.ts';
import type { ContactRecord } from '../../storage/records.ts';
import type { Arrival, Transport } from '../../transports/transport.ts';
import { type AfterCommit, accountOf, inTransaction, type MessagingContext, selfOf } from '../context.ts';
import { BundleMemory } from './bundle-memory.ts';
import { type Ask, requestBundle } from './bundle-request.ts';
import { isSameEntry, ownEntry, takeLabel } from './device-labels.ts';
import { learnDevice, type Owner } from './device-records.ts';
import { announceKeys, type Conflict, readList } from './key-announcement.ts';
import {
  bundlesNode,
  devicesNode,
  fetchedItem,
  fetchRequest,
  type ListedDevice,
  pubsubEventNamespace,
  pubsubNamespace,
  writeBundle,
  writeDeviceList,
} from './key-nodes.ts';
import { legacyDevicesNode } from './legacy-nodes.ts';
import { lookForRemoved } from './removed-devices.ts';

const requestTimeout = 15_000;
const doubtAfter = 10 * 60_000;
const doubtNothingAfter = 20_000;
/** Somebody else's change of our own list is answered this often in an hour: two that undo each other's must end. */
const maxCorrections = 5;
const correctionsPeriod = 60 * 60_000;

export class KeyDirectory {
  readonly #context: MessagingContext;
  readonly #signal: AbortSignal;
  /** Bundles fetched lately, and devices whose bundle could not be had. */
  readonly bundles: BundleMemory;
  /** Per owner: what their account announced since we signed in, in each of the two versions. */
  readonly #lists = new Map<Owner, Map<WireFormat, ReadonlySet<DeviceId>>>();
  readonly #listedAt = new Map<Owner, number>();
  /** What was seen to be published since this process began. */
  readonly #checked = new Set<WireFormat>();
  /** What devices are called by lists; of use once their keys are known. */
  readonly #labels = new Map<Owner, Map<DeviceId, ListedDevice>>();
  /** When our own list was put right lately. */
  #corrections: readonly number[] = [];
  #announcing: Promise<void> = Promise.resolve();
  #nextAnnouncement: Promise<void> | null = null;

  constructor(context: MessagingContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
    this.bundles = new BundleMemory(() => context.now());
  }

  /** Their account was asked and lists no device at all. */
  announcesNothing(owner: Owner): boolean {
    const lists = [...(this.#lists.get(owner)?.values() ?? [])];
    return lists.length === 2 && lists.every((list) => list.size === 0);
  }

  listKnown(owner: Owner): boolean {
    return this.#lists.get(owner)?.size === 2;
  }

  /**
   * What is known of their devices may be wrong by now: nobody tells us of changes (XEP-0163 §2.3: only where both see
   * each other's presence), or they had nothing, and a notification can be lost on the way into the contact list.
   */
  listDoubtful(owner: Owner): boolean {
    const at = this.#listedAt.get(owner);
    if (at === undefined || !this.listKnown(owner)) return true;
    const contact = owner === 'self' ? null : this.#context.store.contacts.get(owner);
    const told = !contact || contact.subscription === 'both';
    return this.#since(at) > (this.announcesNothing(owner) ? doubtNothingAfter : told ? Infinity : doubtAfter);
  }

  /** A new session: what was missed while away must be asked for again. */
  forgetLists(): void {
    this.#lists.clear();
    this.#listedAt.clear();
    this.bundles.forgetAllFailures();
  }

  /** Milliseconds, also after the clock was set back. */
  #since(at: number): number {
    return Math.abs(this.#context.now() - at);
  }

  /** Asks the contact's account for its devices. */
  async fetchList(owner: Owner, jid: BareJid): Promise<Result<void>> {
    const transport = this.#context.xmpp();
    if (!transport) return fail('account.none', 'There is no account to ask through.');
    const results = await Promise.all(
      (['omemo2', 'omemo-legacy'] as const).map((wire) => this.#fetchListOf(transport, owner, jid, wire)),
    );
    return results.find((result) => !result.ok) ?? ok();
  }

  async #fetchListOf(transport: Transport, owner: Owner, jid: BareJid, wire: WireFormat): Promise<Result<void>> {
    const node = wire === 'omemo2' ? devicesNode : legacyDevicesNode;
    const answer = await this.#ask(transport, { address: jid, devices: [] }, fetchRequest(jid, node, null));
    if (!answer.ok) {
      const known = this.#context.store.devices.of(owner).length > 0;
      if (answer.error.code !== 'stanza.not-found' && (known || !keepsNoNodes(answer.error))) return answer;
      this.#applyList(owner, wire, []);
      return ok();
    }
    const item = fetchedItem(answer.value, node, null);
    const list = item ? readList(item, wire) : ok<ListedDevice[]>([]);
    if (!list.ok) return list;
    this.#applyList(owner, wire, list.value);
    return ok();
  }

  /** A device with a direct link says itself what it is called. */
  async fetchLinkedLabel(contact: ContactRecord, deviceId: DeviceId): Promise<void> {
    const direct = this.#context.direct();
    const address = contact.xid ?? contact.jid;
    if (!direct || !address) return;
    const answer = await this.#ask(direct, { address, devices: [deviceId] }, fetchRequest(address, devicesNode, null));
    const item = answer.ok ? fetchedItem(answer.value, devicesNode, null) : undefined;
    const read = item ? readList(item, 'omemo2') : null;
    const own = read?.ok ? read.value.find((device) => device.id === deviceId) : undefined;
    if (own) inTransaction(this.#context, (after) => this.#applyLabels(contact.id, [own], after));
  }

  /** The key of a device became known: what it is called can be checked. Inside a transaction. */
  identityKnown(owner: Owner, deviceId: DeviceId, after: AfterCommit): void {
    const listed = this.#labels.get(owner)?.get(deviceId);
    if (listed) this.#applyLabels(owner, [listed], after);
  }

  #applyLabels(owner: Owner, listed: readonly ListedDevice[], after: AfterCommit): void {
    const labels = this.#labels.get(owner) ?? new Map<DeviceId, ListedDevice>();
    this.#labels.set(owner, labels);
    for (const device of listed) {
      labels.set(device.id, device);
      const record = this.#context.store.devices.get(owner, device.id);
      if (record) takeLabel(this.#context, after, record, device);
    }
  }

  /** The bundle of one device: from the device itself where it is linked, else from its owner's account. */
  async fetchBundle(
    owner: Owner,
    contact: ContactRecord | null,
    deviceId: DeviceId,
    asked?: WireFormat,
  ): Promise<Result<Bundle>> {
    const spoken = this.bundles.isNewerDue(owner, deviceId) ? 'omemo2' : undefined;
    let wire = asked ?? spoken ?? this.#context.store.devices.get(owner, deviceId)?.wire ?? 'omemo2';
    const asking = { context: this.#context, ask: this.#ask, owner, contact, deviceId };
    let result = await requestBundle(asking, wire);
    // On both lists, with keys of the newer version that cannot be used: better the older one than nothing.
    const isUnusable = !result.ok && !result.error.code.startsWith('transport.');
    if (isUnusable && asked === undefined && wire === 'omemo2' && this.#isListed(owner, 'omemo-legacy', deviceId)) {
      const older = await requestBundle(asking, 'omemo-legacy');
      if (older.ok) {
        wire = 'omemo-legacy';
        result = older;
        this.bundles.onlyOlderWorks(owner, deviceId);
      }
    }
    if (!result.ok) {
      const wasRefused = !result.error.code.startsWith('transport.');
      if (this.bundles.failed(owner, deviceId, wasRefused)) this.#receiversChanged(owner);
      this.#context.log('info', 'bundle-unavailable', { code: result.error.code });
      return result;
    }
    const bundle = result.value;
    const isNewer = asked === undefined && wire === 'omemo2' && this.bundles.newerWorks(owner, deviceId);
    if (this.bundles.fetched(owner, deviceId, wire, bundle)) this.#receiversChanged(owner);
    inTransaction(this.#context, (after) => {
      if (owner !== 'self' && !this.#context.store.contacts.get(owner)) return;
      const existing = this.#context.store.devices.get(owner, deviceId);
      learnDevice(this.#context, after, owner, {
        deviceId,
        ...(isNewer || this.bundles.isOnlyOlder(owner, deviceId) ? { wire } : {}),
        identityKey: this.#context.cipher.canonicalIdentity(bundle.identityKey),
        // What a contact without an account shows us itself is all there is to announce.
        active: existing?.active ?? contact?.jid === null,
      });
      this.identityKnown(owner, deviceId, after);
    });
    return result;
  }

  /** Who gets messages is another question than before. */
  #receiversChanged(owner: Owner): void {
    if (owner === 'self') this.#context.events.ownDevices();
    else this.#context.events.contact(owner);
  }

  /** A PEP notification (XEP-0163 §4.3). `arrival.from` is the bare sender as the server vouches for it. */
  handleEvent(stanza: Element, arrival: Arrival): boolean {
    const items = stanza.getChild('event', pubsubEventNamespace)?.getChild('items', pubsubEventNamespace);
    if (!items) return false;
    const wire = wireOfNode(items.attrs['node']);
    if (!wire || arrival.transport === 'libp2p') return true;
    const item = items.getChildren('item', pubsubEventNamespace).at(-1)?.getChildElements()[0];
    const list = item ? readList(item, wire) : null;
    if (!list?.ok) return true;
    const account = accountOf(this.#context);
    if (account && arrival.from === account.jid) {
      this.bundles.forgetFailures('self');
      this.#applyList('self', wire, list.value);
      if (!this.#isRight(wire, list.value) && this.#mayCorrect()) this.announce();
      return true;
    }
    const contact = this.#context.store.contacts.byAddress(arrival.from);
    // They may have mended what was wrong.
    if (contact) this.bundles.forgetFailures(contact.id);
    if (contact && wire === 'omemo2') for (const { id } of list.value) this.bundles.newerWorks(contact.id, id);
    if (contact) this.#applyList(contact.id, wire, list.value);
    return true;
  }

  /**
   * A device may be on one list or on both. It is written to in the newer version where it announces that, and gone
   * only when the list it was on says so: not because the other one came first.
   */
  #applyList(owner: Owner, wire: WireFormat, listed: readonly ListedDevice[]): void {
    const lists = this.#lists.get(owner) ?? new Map<WireFormat, ReadonlySet<DeviceId>>();
    const listedIds = new Set(listed.map((device) => device.id));
    lists.set(wire, listedIds);
    this.#lists.set(owner, lists);
    this.#listedAt.set(owner, this.#context.now());
    const current = lists.get('omemo2');
    inTransaction(this.#context, (after) => {
      if (owner !== 'self' && !this.#context.store.contacts.get(owner)) return;
      const { devices } = this.#context.store;
      const ids = new Set([...lists.values()].flatMap((list) => [...list]));
      for (const record of devices.of(owner)) {
        if (!ids.has(record.deviceId) && record.active && lists.has(record.wire)) {
          learnDevice(this.#context, after, owner, { deviceId: record.deviceId, active: false });
        }
      }
      for (const deviceId of ids) {
        const isListed = current ? current.has(deviceId) : devices.get(owner, deviceId)?.wire === 'omemo2';
        const isCurrent = isListed && !this.bundles.isOnlyOlder(owner, deviceId);
        const spoken = isCurrent ? 'omemo2' : 'omemo-legacy';
        learnDevice(this.#context, after, owner, { deviceId, active: true, wire: spoken });
      }
      if (wire === 'omemo2') this.#applyLabels(owner, listed, after);
      if (owner === 'self') lookForRemoved(this.#context, wire, listedIds, after);
      if (owner !== 'self') after(() => this.#changed(owner));
    });
  }

  /** Our own list says of this device what it should. */
  #isRight(wire: WireFormat, listed: readonly ListedDevice[]): boolean {
    const own = ownEntry(this.#context);
    return listed.some((device) => device.id === own.id && (wire === 'omemo-legacy' || isSameEntry(device, own)));
  }

  #mayCorrect(): boolean {
    this.#corrections = this.#corrections.filter((at) => this.#since(at) < correctionsPeriod);
    if (this.#corrections.length >= maxCorrections) return false;
    this.#corrections = [...this.#corrections, this.#context.now()];
    return true;
  }

  #isListed(owner: Owner, wire: WireFormat, deviceId: DeviceId): boolean {
    return this.#lists.get(owner)?.get(wire)?.has(deviceId) ?? false;
  }

  #changed(contactId: ContactId): void {
    const conversation = this.#context.store.conversations.byContact(contactId);
    if (conversation) this.#context.events.conversation(conversation.id);
    this.onListChanged(contactId);
  }

  /** Set by the outbox: messages may be waiting for this list. */
  onListChanged: (contactId: ContactId) => void = () => {};

  /** Set by whoever watches over this profile: see `Announcement.conflict`. `listed`: device ids of the account. */
  onConflict: (what: Conflict, listed: readonly DeviceId[]) => boolean = () => false;

  /** Publishes what is missing of this device: at sign-in, after a prekey was used, when we vanish from our list. */
  announce(): Promise<void> {
    // One under way and one more after it is enough, however many prekeys are used meanwhile.
    if (this.#nextAnnouncement) return this.#nextAnnouncement;
    const next = this.#announcing.then(async () => {
      this.#nextAnnouncement = null;
      const transport = this.#context.xmpp();
      const account = accountOf(this.#context);
      if (!transport || !account || this.#signal.aborted) return;
      for (const wire of ['omemo2', 'omemo-legacy'] as const) {
        const outcome = await announceKeys(this.#context, {
          wire,
          jid: account.jid,
          ask: (target, iq) => this.#ask(transport, target, iq),
          listed: (devices) => this.#applyList('self', wire, devices),
          check: !this.#checked.has(wire),
          conflict: (what) => this.onConflict(what, [...(this.#lists.get('self')?.get(wire) ?? [])]),
        });
        if (outcome.ok) this.#checked.add(wire);
        if (!outcome.ok) this.#context.log('warn', 'keys-not-published', { code: outcome.error.code, wire });
      }
    });
    this.#nextAnnouncement = next;
    this.#announcing = next.catch((error: unknown) => {
      this.#context.log('error', 'keys-not-published', { reason: traceOf(error) });
    });
    return this.#announcing;
  }

  /** Answers a linked contact that asks for this device's keys; null: not a question for the directory. */
  answer(request: Element): Result<Element> | null {
    const items = request.getChild('pubsub', pubsubNamespace)?.getChild('items', pubsubNamespace);
    const node: unknown = items?.attrs['node'];
    if (request.attrs['type'] !== 'get' || !items || typeof node !== 'string') return null;
    const { deviceId } = selfOf(this.#context);
    const reply = (itemId: string, payload: Element): Result<Element> =>
      ok(xml('pubsub', { xmlns: pubsubNamespace }, xml('items', { node }, xml('item', { id: itemId }, payload))));
    if (node === devicesNode) return reply('current', writeDeviceList([ownEntry(this.#context)]));
    const wanted: unknown = items.getChild('item', pubsubNamespace)?.attrs['id'];
    if (node === bundlesNode && (wanted === undefined || wanted === String(deviceId))) {
      return reply(String(deviceId), writeBundle(this.#context.cipher.ownBundle()));
    }
    return fail('stanza.not-found', 'There is no such item.');
  }

  readonly #ask: Ask = (transport, target, iq) =>
    transport.request(iq, target, AbortSignal.any([this.#signal, AbortSignal.timeout(requestTimeout)]));
}

/** Servers without PEP and gateways to other networks (RFC 6121 §8.5.1): nobody there has ever announced a device. */
function keepsNoNodes({ detail }: AppError): boolean {
  return detail === 'service-unavailable' || detail === 'feature-not-implemented';
}

function wireOfNode(node: unknown): WireFormat | null {
  if (node === devicesNode) return 'omemo2';
  return node === legacyDevicesNode ? 'omemo-legacy' : null;
}
