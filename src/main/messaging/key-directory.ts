/**
 * Device lists and bundles: published for this device, fetched for others. Over XMPP they are PEP nodes
 * (XEP-0384 §4.2–4.3); a peer with a direct link is asked the same question itself.
 */
import type { Element } from '@xmpp/xml';
import xml from '@xmpp/xml';
import { fail, ok, type Result } from '../../shared/errors.ts';
import type { BareJid, ContactId, DeviceId } from '../../shared/model.ts';
import type { Bundle } from '../e2ee/types.ts';
import type { ContactRecord } from '../storage/records.ts';
import type { Arrival, SendTarget, Transport } from '../transports/transport.ts';
import { accountOf, inTransaction, type MessagingContext, selfOf } from './context.ts';
import { learnDevice, type Owner } from './device-records.ts';
import {
  bundlesNode,
  configureRequest,
  devicesNode,
  fetchedItem,
  fetchRequest,
  type ListedDevice,
  publishRequest,
  pubsubEventNamespace,
  pubsubNamespace,
  readBundle,
  readDeviceList,
  writeBundle,
  writeDeviceList,
} from './key-nodes.ts';
import { linkedDevices } from './recipients.ts';

const requestTimeout = 15_000;
/** Long enough for a burst of first messages, short enough that a spent prekey is seldom picked (XEP-0384 §6). */
const bundleLifetime = 2 * 60_000;
const retryBundleAfter = 60_000;

export class KeyDirectory {
  readonly #context: MessagingContext;
  readonly #signal: AbortSignal;
  readonly #bundles = new Map<string, { readonly bundle: Bundle; readonly at: number }>();
  readonly #failedAt = new Map<string, number>();
  /** Per owner: what their account announced since we signed in. */
  readonly #lists = new Map<Owner, 'listed' | 'empty'>();
  #announcing: Promise<void> = Promise.resolve();
  #nextAnnouncement: Promise<void> | null = null;

  constructor(context: MessagingContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
  }

  /** Their account was asked and lists no device at all. */
  announcesNothing(owner: Owner): boolean {
    return this.#lists.get(owner) === 'empty';
  }

  listKnown(owner: Owner): boolean {
    return this.#lists.has(owner);
  }

  /** A new session: what was missed while away must be asked for again. */
  forgetLists(): void {
    this.#lists.clear();
    this.#failedAt.clear();
  }

  cachedBundle(owner: Owner, deviceId: DeviceId): Bundle | null {
    const cached = this.#bundles.get(`${owner}/${deviceId}`);
    return cached && this.#context.now() - cached.at < bundleLifetime ? cached.bundle : null;
  }

  recentlyFailed(owner: Owner, deviceId: DeviceId): boolean {
    const at = this.#failedAt.get(`${owner}/${deviceId}`);
    return at !== undefined && this.#context.now() - at < retryBundleAfter;
  }

  forgetFailures(owner: Owner): void {
    for (const key of this.#failedAt.keys()) if (key.startsWith(`${owner}/`)) this.#failedAt.delete(key);
  }

  /** Asks the contact's account for its devices. */
  async fetchList(owner: Owner, jid: BareJid): Promise<Result<void>> {
    const transport = this.#context.xmpp();
    if (!transport) return fail('account.none', 'There is no account to ask through.');
    const answer = await this.#ask(transport, { address: jid, devices: [] }, fetchRequest(jid, devicesNode, null));
    if (!answer.ok) {
      if (answer.error.code !== 'stanza.not-found') return answer;
      this.#applyList(owner, []);
      return ok();
    }
    const item = fetchedItem(answer.value, devicesNode, null);
    const list = item ? readDeviceList(item) : ok<ListedDevice[]>([]);
    if (!list.ok) return list;
    this.#applyList(owner, list.value);
    return ok();
  }

  /** The bundle of one device: from the device itself where it is linked, else from its owner's account. */
  async fetchBundle(owner: Owner, contact: ContactRecord | null, deviceId: DeviceId): Promise<Result<Bundle>> {
    const result = await this.#fetchBundle(owner, contact, deviceId);
    const key = `${owner}/${deviceId}`;
    if (!result.ok) {
      this.#failedAt.set(key, this.#context.now());
      this.#context.log('info', 'bundle-unavailable', { code: result.error.code });
      return result;
    }
    this.#failedAt.delete(key);
    this.#bundles.set(key, { bundle: result.value, at: this.#context.now() });
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

  /** A PEP notification (XEP-0163 §4.3). `arrival.from` is the bare sender as the server vouches for it. */
  handleEvent(stanza: Element, arrival: Arrival): boolean {
    const items = stanza.getChild('event', pubsubEventNamespace)?.getChild('items', pubsubEventNamespace);
    if (!items) return false;
    if (items.attrs['node'] !== devicesNode || arrival.transport === 'libp2p') return true;
    const item = items.getChildren('item', pubsubEventNamespace).at(-1)?.getChildElements()[0];
    const list = item ? readDeviceList(item) : null;
    if (!list?.ok) return true;
    const account = accountOf(this.#context);
    if (account && arrival.from === account.jid) {
      this.#applyList('self', list.value);
      if (!list.value.some((device) => device.id === selfOf(this.#context).deviceId)) this.announce();
      return true;
    }
    const contact = this.#context.store.contacts.byAddress(arrival.from);
    if (contact) this.#applyList(contact.id, list.value);
    return true;
  }

  #applyList(owner: Owner, listed: readonly ListedDevice[]): void {
    this.#lists.set(owner, listed.length > 0 ? 'listed' : 'empty');
    inTransaction(this.#context, (after) => {
      if (owner !== 'self' && !this.#context.store.contacts.get(owner)) return;
      const ids = new Set(listed.map((device) => device.id));
      for (const record of this.#context.store.devices.of(owner)) {
        if (!ids.has(record.deviceId) && record.active) {
          learnDevice(this.#context, after, owner, { deviceId: record.deviceId, active: false });
        }
      }
      for (const deviceId of ids) learnDevice(this.#context, after, owner, { deviceId, active: true });
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
      const outcome = await this.#announceTo(transport, account.jid);
      if (!outcome.ok) this.#context.log('warn', 'keys-not-published', { code: outcome.error.code });
    });
    this.#nextAnnouncement = next;
    this.#announcing = next.catch((error: unknown) => {
      this.#context.log('error', 'keys-not-published', { reason: error instanceof Error ? error.message : 'unknown' });
    });
    return this.#announcing;
  }

  async #announceTo(transport: Transport, jid: BareJid): Promise<Result<void>> {
    const target: SendTarget = { address: jid, devices: [] };
    const bundle = writeBundle(this.#context.cipher.ownBundle());
    const { deviceId } = selfOf(this.#context);
    // The bundle goes first: nobody shall find a listed device without one.
    const fingerprint = `${jid} ${bundle.toString()}`;
    if (this.#context.store.settings.getValue('published-bundle') !== JSON.stringify(fingerprint)) {
      const published = await this.#publish(transport, target, bundlesNode, String(deviceId), bundle, true);
      if (!published.ok) return published;
      this.#context.store.settings.setValue('published-bundle', JSON.stringify(fingerprint));
    }
    const answer = await this.#ask(transport, target, fetchRequest(null, devicesNode, null));
    if (!answer.ok && answer.error.code !== 'stanza.not-found') return answer;
    const item = answer.ok ? fetchedItem(answer.value, devicesNode, null) : undefined;
    const current = item ? readDeviceList(item) : ok<ListedDevice[]>([]);
    const listed = current.ok ? current.value : [];
    this.#applyList('self', listed);
    if (listed.some((device) => device.id === deviceId)) return ok();
    const list = writeDeviceList([...listed, { id: deviceId, label: null, labelSignature: null }]);
    return this.#publish(transport, target, devicesNode, 'current', list, false);
  }

  async #publish(
    transport: Transport,
    target: SendTarget,
    node: string,
    itemId: string,
    payload: Element,
    manyItems: boolean,
  ): Promise<Result<void>> {
    const first = await this.#ask(transport, target, publishRequest(node, itemId, payload, manyItems));
    if (first.ok) return ok();
    const configured = await this.#ask(transport, target, configureRequest(node, manyItems));
    if (!configured.ok) return first;
    const second = await this.#ask(transport, target, publishRequest(node, itemId, payload, manyItems));
    return second.ok ? ok() : second;
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
