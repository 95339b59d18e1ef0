/**
 * Device lists and bundles: published for this device, fetched for others. Over XMPP they are PEP nodes
 * (XEP-0384 §4.2–4.3); a peer with a direct link is asked the same question itself.
 */
import type { Element } from '@xmpp/xml';
import xml from '@xmpp/xml';
import { fail, ok, type Result } from '../../shared/errors.ts';
import type { BareJid, ContactId, DeviceId } from '../../shared/model.ts';
import type { Bundle, WireFormat } from '../e2ee/types.ts';
import type { ContactRecord } from '../storage/records.ts';
import type { Arrival, SendTarget, Transport } from '../transports/transport.ts';
import { accountOf, inTransaction, type MessagingContext, selfOf } from './context.ts';
import { learnDevice, type Owner } from './device-records.ts';
import { announceKeys, type Conflict, readList } from './key-announcement.ts';
import {
  bundlesNode,
  devicesNode,
  fetchedItem,
  fetchRequest,
  pubsubEventNamespace,
  pubsubNamespace,
  readBundle,
  writeBundle,
  writeDeviceList,
} from './key-nodes.ts';
import { legacyBundleNode, legacyDevicesNode, legacyFetchRequest, readLegacyBundleElement } from './legacy-nodes.ts';
import { linkedDevices } from './recipients.ts';

const requestTimeout = 15_000;
/** Long enough for a burst of first messages, short enough that a spent prekey is seldom picked (XEP-0384 §6). */
const bundleLifetime = 2 * 60_000;
const retryBundleAfter = 60_000;
const doubtAfter = 10 * 60_000;
const doubtNothingAfter = 20_000;

export class KeyDirectory {
  readonly #context: MessagingContext;
  readonly #signal: AbortSignal;
  readonly #bundles = new Map<string, { readonly bundle: Bundle; readonly wire: WireFormat; readonly at: number }>();
  readonly #failedAt = new Map<string, number>();
  /** Per owner: what their account announced since we signed in, in each of the two versions. */
  readonly #lists = new Map<Owner, Map<WireFormat, ReadonlySet<DeviceId>>>();
  readonly #listedAt = new Map<Owner, number>();
  /** What was seen to be published since this process began. */
  readonly #checked = new Set<WireFormat>();
  #announcing: Promise<void> = Promise.resolve();
  #nextAnnouncement: Promise<void> | null = null;

  constructor(context: MessagingContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
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
   * What is known of their devices may be wrong by now: nobody tells us of changes (XEP-0163 §4.3: only who shares
   * presence is told), or they had nothing, and a notification can be lost on the way into the contact list.
   */
  listDoubtful(owner: Owner): boolean {
    const at = this.#listedAt.get(owner);
    if (at === undefined || !this.listKnown(owner)) return true;
    const contact = owner === 'self' ? null : this.#context.store.contacts.get(owner);
    const told = !contact || contact.subscription === 'both' || contact.subscription === 'to';
    return this.#since(at) > (this.announcesNothing(owner) ? doubtNothingAfter : told ? Infinity : doubtAfter);
  }

  /** A new session: what was missed while away must be asked for again. */
  forgetLists(): void {
    this.#lists.clear();
    this.#listedAt.clear();
    this.#failedAt.clear();
  }

  cachedBundle(owner: Owner, deviceId: DeviceId, wire: WireFormat): Bundle | null {
    const cached = this.#bundles.get(`${owner}/${deviceId}`);
    return cached?.wire === wire && this.#since(cached.at) < bundleLifetime ? cached.bundle : null;
  }

  recentlyFailed(owner: Owner, deviceId: DeviceId): boolean {
    const at = this.#failedAt.get(`${owner}/${deviceId}`);
    return at !== undefined && this.#since(at) < retryBundleAfter;
  }

  /** Milliseconds, also after the clock was set back. */
  #since(at: number): number {
    return Math.abs(this.#context.now() - at);
  }

  forgetFailures(owner: Owner): void {
    for (const key of this.#failedAt.keys()) if (key.startsWith(`${owner}/`)) this.#failedAt.delete(key);
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
      if (answer.error.code !== 'stanza.not-found') return answer;
      this.#applyList(owner, wire, []);
      return ok();
    }
    const item = fetchedItem(answer.value, node, null);
    const list = item ? readIds(item, wire) : ok<DeviceId[]>([]);
    if (!list.ok) return list;
    this.#applyList(owner, wire, list.value);
    return ok();
  }

  /** The bundle of one device: from the device itself where it is linked, else from its owner's account. */
  async fetchBundle(
    owner: Owner,
    contact: ContactRecord | null,
    deviceId: DeviceId,
    wire: WireFormat = this.#context.store.devices.get(owner, deviceId)?.wire ?? 'omemo2',
  ): Promise<Result<Bundle>> {
    const result =
      wire === 'omemo2'
        ? await this.#fetchBundle(owner, contact, deviceId)
        : await this.#fetchLegacyBundle(owner, contact, deviceId);
    const key = `${owner}/${deviceId}`;
    if (!result.ok) {
      this.#failedAt.set(key, this.#context.now());
      this.#context.log('info', 'bundle-unavailable', { code: result.error.code });
      return result;
    }
    this.#failedAt.delete(key);
    this.#bundles.set(key, { bundle: result.value, wire, at: this.#context.now() });
    inTransaction(this.#context, (after) => {
      if (owner !== 'self' && !this.#context.store.contacts.get(owner)) return;
      const existing = this.#context.store.devices.get(owner, deviceId);
      learnDevice(this.#context, after, owner, {
        deviceId,
        identityKey: this.#context.cipher.canonicalIdentity(result.value.identityKey),
        // What a contact without an account shows us itself is all there is to announce.
        active: existing?.active ?? contact?.jid === null,
      });
    });
    return result;
  }

  async #fetchBundle(owner: Owner, contact: ContactRecord | null, deviceId: DeviceId): Promise<Result<Bundle>> {
    const direct = this.#context.direct();
    const xmpp = this.#context.xmpp();
    const jid = owner === 'self' ? (accountOf(this.#context)?.jid ?? null) : (contact?.jid ?? null);
    let answer: Result<Element> = fail('transport.unreachable', 'The device cannot be asked for its keys now.');
    if (direct && contact && linkedDevices(this.#context, contact).has(deviceId)) {
      const address = contact.xid ?? contact.jid;
      if (address) {
        const target = { address, devices: [deviceId] };
        answer = await this.#ask(direct, target, fetchRequest(address, bundlesNode, String(deviceId)));
      }
    }
    if (!answer.ok && xmpp && jid) {
      const to = owner === 'self' ? null : jid;
      answer = await this.#ask(xmpp, { address: jid, devices: [] }, fetchRequest(to, bundlesNode, String(deviceId)));
    }
    if (!answer.ok) return answer;
    const bundle = readBundle(fetchedItem(answer.value, bundlesNode, String(deviceId)), deviceId);
    if (!bundle.ok) return bundle;
    return this.#context.cipher.checkBundle(bundle.value);
  }

  async #fetchLegacyBundle(owner: Owner, contact: ContactRecord | null, deviceId: DeviceId): Promise<Result<Bundle>> {
    const xmpp = this.#context.xmpp();
    const jid = owner === 'self' ? (accountOf(this.#context)?.jid ?? null) : (contact?.jid ?? null);
    if (!xmpp || !jid) return fail('transport.unreachable', 'The device cannot be asked for its keys now.');
    const node = legacyBundleNode(deviceId);
    const request = legacyFetchRequest(owner === 'self' ? null : jid, node);
    const answer = await this.#ask(xmpp, { address: jid, devices: [] }, request);
    if (!answer.ok) return answer;
    const bundle = readLegacyBundleElement(fetchedItem(answer.value, node, null), deviceId);
    return bundle.ok ? this.#context.cipher.checkLegacyBundle(bundle.value) : bundle;
  }

  /** A PEP notification (XEP-0163 §4.3). `arrival.from` is the bare sender as the server vouches for it. */
  handleEvent(stanza: Element, arrival: Arrival): boolean {
    const items = stanza.getChild('event', pubsubEventNamespace)?.getChild('items', pubsubEventNamespace);
    if (!items) return false;
    const wire = wireOfNode(items.attrs['node']);
    if (!wire || arrival.transport === 'libp2p') return true;
    const item = items.getChildren('item', pubsubEventNamespace).at(-1)?.getChildElements()[0];
    const list = item ? readIds(item, wire) : null;
    if (!list?.ok) return true;
    const account = accountOf(this.#context);
    if (account && arrival.from === account.jid) {
      this.#applyList('self', wire, list.value);
      if (!list.value.includes(selfOf(this.#context).deviceId)) this.announce();
      return true;
    }
    const contact = this.#context.store.contacts.byAddress(arrival.from);
    if (contact) this.#applyList(contact.id, wire, list.value);
    return true;
  }

  /**
   * A device may be on one list or on both. It is written to in the newer version where it announces that, and gone
   * only when the list it was on says so: not because the other one came first.
   */
  #applyList(owner: Owner, wire: WireFormat, listed: readonly DeviceId[]): void {
    const lists = this.#lists.get(owner) ?? new Map<WireFormat, ReadonlySet<DeviceId>>();
    lists.set(wire, new Set(listed));
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
        const isCurrent = current ? current.has(deviceId) : devices.get(owner, deviceId)?.wire === 'omemo2';
        const spoken = isCurrent ? 'omemo2' : 'omemo-legacy';
        learnDevice(this.#context, after, owner, { deviceId, active: true, wire: spoken });
      }
      if (owner !== 'self') after(() => this.#changed(owner));
    });
  }

  #changed(contactId: ContactId): void {
    const conversation = this.#context.store.conversations.byContact(contactId);
    if (conversation) this.#context.events.conversation(conversation.id);
    this.onListChanged(contactId);
  }

  /** Set by the outbox: messages may be waiting for this list. */
  onListChanged: (contactId: ContactId) => void = () => {};

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
          listed: (ids) => this.#applyList('self', wire, ids),
          check: !this.#checked.has(wire),
        });
        if (outcome.ok) this.#checked.add(wire);
        if (!outcome.ok) this.#context.log('warn', 'keys-not-published', { code: outcome.error.code, wire });
      }
    });
    this.#nextAnnouncement = next;
    this.#announcing = next.catch((error: unknown) => {
      this.#context.log('error', 'keys-not-published', { reason: error instanceof Error ? error.message : 'unknown' });
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
    if (node === devicesNode) {
      return reply('current', writeDeviceList([{ id: deviceId, label: null, labelSignature: null }]));
    }
    const wanted: unknown = items.getChild('item', pubsubNamespace)?.attrs['id'];
    if (node === bundlesNode && (wanted === undefined || wanted === String(deviceId))) {
      return reply(String(deviceId), writeBundle(this.#context.cipher.ownBundle()));
    }
    return fail('stanza.not-found', 'There is no such item.');
  }

  #ask(transport: Transport, target: SendTarget, iq: Element): Promise<Result<Element>> {
    return transport.request(iq, target, AbortSignal.any([this.#signal, AbortSignal.timeout(requestTimeout)]));
  }
}

function wireOfNode(node: unknown): WireFormat | null {
  if (node === devicesNode) return 'omemo2';
  return node === legacyDevicesNode ? 'omemo-legacy' : null;
}
  /** Set by whoever watches over this profile: see `Announcement.conflict`. `listed`: device ids of the account. */
  onConflict: (what: Conflict, listed: readonly DeviceId[]) => boolean = () => false;

          conflict: (what) => this.onConflict(what, [...(this.#lists.get('self')?.get(wire) ?? [])]),
