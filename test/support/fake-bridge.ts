/** A scripted, in-memory application for tests of the window alone. Never part of the product. */

import type {
  Bridge,
  BridgeEvent,
  CommandArguments,
  CommandName,
  CommandValue,
  MessageCursor,
} from '../../src/shared/bridge/contract.ts';
import type { DeliveryState } from '../../src/shared/delivery.ts';
import { type AppError, fail, type Result } from '../../src/shared/errors.ts';
import type {
  AppStatus,
  BareJid,
  Contact,
  ContactId,
  Conversation,
  ConversationId,
  Device,
  DeviceRef,
  LinkHandler,
  LinkTarget,
  Message,
  MessageId,
  OpenedLink,
  Settings,
} from '../../src/shared/model.ts';
import { deviceRef } from '../../src/shared/model.ts';

export interface FakeData {
  status: AppStatus;
  contacts: Contact[];
  conversations: Conversation[];
  messages: Message[];
  settings: Settings;
  ownDevices: Device[];
  linkHandler?: LinkHandler;
}

type Handlers = { [C in CommandName]: (args: CommandArguments<C>) => Result<CommandValue<C>> };

const value = <T>(of: T): Result<T> => ({ ok: true, value: of });
const compare = (a: MessageCursor, b: MessageCursor): number => a.sortAt - b.sortAt || a.sequence - b.sequence;

export class FakeBridge implements Bridge {
  readonly data: FakeData;
  /** Every call, in order, for tests to look at. */
  readonly calls: { readonly command: CommandName; readonly args: unknown }[] = [];
  readonly #listeners = new Set<(event: BridgeEvent) => void>();
  readonly #failures = new Map<CommandName, AppError[]>();
  #sequence = 1_000_000;
  #links: OpenedLink[] = [];

  constructor(data: FakeData) {
    this.data = data;
  }

  subscribe(listener: (event: BridgeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async call<C extends CommandName>(command: C, args: CommandArguments<C>): Promise<Result<CommandValue<C>>> {
    this.calls.push({ command, args });
    await Promise.resolve();
    const failure = this.#failures.get(command)?.shift();
    if (failure !== undefined) return { ok: false, error: failure };
    const handler: Handlers[C] = this.#handlers[command];
    return structuredClone(handler(args));
  }

  emit(event: BridgeEvent): void {
    for (const listener of this.#listeners) listener(structuredClone(event));
  }

  /** The next call of this command fails like this. */
  failNext(command: CommandName, error: AppError): void {
    this.#failures.set(command, [...(this.#failures.get(command) ?? []), error]);
  }

  /** A link was opened. What it is about, the test has read as the application does. */
  openLink(target: LinkTarget, from: OpenedLink['from']): void {
    this.#setLinks([...this.#links, { id: crypto.randomUUID(), from, target }]);
  }

  #setLinks(links: OpenedLink[]): void {
    this.#links = links;
    this.emit({ type: 'links', links });
  }

  setStatus(change: Partial<AppStatus>): void {
    this.data.status = { ...this.data.status, ...change };
    this.emit({ type: 'status', status: this.data.status });
  }

  setConversation(id: string, change: Partial<Conversation>): Conversation {
    const index = this.data.conversations.findIndex((conversation) => conversation.id === id);
    const old = this.data.conversations[index];
    if (old === undefined) throw new Error(`no conversation ${id}`);
    const conversation = { ...old, ...change };
    this.data.conversations[index] = conversation;
    this.emit({ type: 'conversation', conversation });
    return conversation;
  }

  setContact(id: string, change: Partial<Contact>): Contact {
    const index = this.data.contacts.findIndex((contact) => contact.id === id);
    const old = this.data.contacts[index];
    if (old === undefined) throw new Error(`no contact ${id}`);
    const contact = { ...old, ...change };
    this.data.contacts[index] = contact;
    this.emit({ type: 'contact', contact });
    return contact;
  }

  setState(id: string, state: DeliveryState, change: Partial<Message> = {}): void {
    const index = this.data.messages.findIndex((message) => message.id === id);
    const old = this.data.messages[index];
    if (old === undefined) throw new Error(`no message ${id}`);
    this.#store({ ...old, ...change, state });
  }

  /** A message from the other side, as the application would tell of it. */
  receive(conversationId: string, body: string, change: Partial<Message> = {}): void {
    const conversation = this.#conversation(conversationId);
    const message = this.#message(conversation.id, 'in', body, change);
    this.#store(message);
    this.setConversation(conversationId, {
      lastMessage: message,
      updatedAt: message.sentAt,
      unread: conversation.unread + 1,
      firstUnread: conversation.firstUnread ?? message.id,
    });
  }

  #conversation(id: string): Conversation {
    const conversation = this.data.conversations.find((candidate) => candidate.id === id);
    if (conversation === undefined) throw new Error(`no conversation ${id}`);
    return conversation;
  }

  #message(
    conversationId: ConversationId,
    direction: Message['direction'],
    body: string,
    change: Partial<Message>,
  ): Message {
    const now = Date.now();
    return {
      id: crypto.randomUUID() as MessageId,
      conversationId,
      direction,
      kind: 'text',
      body,
      sentAt: now,
      receivedAt: now,
      sortAt: now,
      sequence: ++this.#sequence,
      senderDevice: null,
      encryption: 'omemo2',
      route: 'server',
      state: direction === 'in' ? 'on-device' : 'queued',
      failure: null,
      ...change,
    };
  }

  #store(message: Message): void {
    const index = this.data.messages.findIndex((candidate) => candidate.id === message.id);
    if (index >= 0) this.data.messages[index] = message;
    else this.data.messages.push(message);
    this.emit({ type: 'message', message });
  }

  #judge(refs: readonly DeviceRef[], trust: Device['trust']): void {
    const judged = (device: Device): Device =>
      refs.includes(device.ref) ? { ...device, trust, receives: device.active && trust === 'verified' } : device;
    const touches = (devices: readonly Device[]) => devices.some((device) => refs.includes(device.ref));
    if (touches(this.data.ownDevices)) this.setOwnDevices(this.data.ownDevices.map(judged));
    for (const contact of this.data.contacts.filter(({ devices }) => touches(devices))) {
      this.setContact(contact.id, { devices: contact.devices.map(judged) });
      // What was waiting for a check has somewhere to go now.
      const conversation = this.data.conversations.find(({ contactId }) => contactId === contact.id);
      if (conversation?.encryption === 'pending' && trust === 'verified') {
        const reach = refs.map((ref) => ({ ref, direct: false, server: true }));
        this.setConversation(conversation.id, { encryption: 'omemo2', reach });
      }
    }
  }

  setOwnDevices(devices: Device[]): void {
    this.data.ownDevices = devices;
    this.emit({ type: 'own-devices', devices });
  }

  #addContact(jid: string | null, name: string): Contact {
    const contact: Contact = {
      id: crypto.randomUUID() as ContactId,
      name,
      jid: jid as BareJid | null,
      xid: null,
      presence: null,
      subscription: jid === null ? 'none' : 'pending-out',
      devices: [],
      addedAt: Date.now(),
    };
    this.data.contacts.push(contact);
    this.emit({ type: 'contact', contact });
    return contact;
  }

  readonly #handlers: Handlers = {
    'app.status': () => value(this.data.status),
    'app.dismissNotice': ({ id }) => {
      this.setStatus({ notices: this.data.status.notices.filter((notice) => notice.id !== id) });
      return value(null);
    },
    'profile.create': ({ name }) => {
      const self = this.data.status.self;
      this.setStatus({
        phase: 'ready',
        self: self === null ? null : { ...self, name },
      });
      return value(null);
    },
    'profile.unlock': () => {
      this.setStatus({ phase: 'ready' });
      return value(null);
    },
    'profile.rename': ({ name }) => {
      const self = this.data.status.self;
      this.setStatus({ self: self === null ? null : { ...self, name } });
      return value(null);
    },
    'account.signIn': ({ jid }) => {
      const transport = { state: 'online', error: null, since: Date.now(), retryAt: null } as const;
      this.setStatus({ account: { jid: jid as BareJid, transport, catchingUp: null } });
      return value(null);
    },
    'account.signOut': () => {
      this.setStatus({ account: null });
      return value(null);
    },
    'account.retry': () => {
      const account = this.data.status.account;
      if (account === null) return fail('account.none', 'There is no account.');
      const transport = { state: 'online', error: null, since: Date.now(), retryAt: null } as const;
      this.setStatus({ account: { ...account, transport } });
      return value(null);
    },
    'nearby.setEnabled': ({ enabled }) => {
      this.setStatus({ nearby: { ...this.data.status.nearby, enabled } });
      return value(null);
    },
    'contacts.list': () => value(this.data.contacts),
    'contacts.addByJid': ({ jid, name }) => value(this.#addContact(jid, name ?? jid)),
    'contacts.rename': ({ contactId, name }) => {
      for (const conversation of this.data.conversations) {
        if (conversation.contactId === contactId) this.setConversation(conversation.id, { title: name });
      }
      return value(this.setContact(contactId, { name }));
    },
    'contacts.remove': ({ contactId }) => {
      this.data.contacts = this.data.contacts.filter((contact) => contact.id !== contactId);
      const gone = this.data.conversations.filter((conversation) => conversation.contactId === contactId);
      this.data.conversations = this.data.conversations.filter((conversation) => !gone.includes(conversation));
      for (const conversation of gone) this.emit({ type: 'conversation-removed', conversationId: conversation.id });
      this.emit({ type: 'contact-removed', contactId });
      return value(null);
    },
    'contacts.answerRequest': ({ contactId, accept }) => {
      this.setContact(contactId, { subscription: accept ? 'both' : 'none' });
      return value(null);
    },
    'invitations.create': () =>
      value({
        link: `xmpp:00${'5f'.repeat(32)}@id.internal?bothy;secret=${'Qx7'.repeat(14)}`,
        expiresAt: Date.now() + 24 * 3_600_000,
      }),
    'invitations.accept': () => value(this.#addContact(null, 'Mercutio')),
    'conversations.list': () => value(this.data.conversations),
    'conversations.openWith': ({ contactId }) => {
      const known = this.data.conversations.find((conversation) => conversation.contactId === contactId);
      if (known !== undefined) return value(known);
      const contact = this.data.contacts.find((candidate) => candidate.id === contactId);
      if (contact === undefined) return fail('contact.unknown', 'This contact is not known.');
      const conversation: Conversation = {
        id: crypto.randomUUID() as ConversationId,
        contactId,
        title: contact.name,
        routePreference: 'automatic',
        encryption: 'pending',
        plainAllowed: false,
        clearSignalsAllowed: false,
        unread: 0,
        firstUnread: null,
        lastMessage: null,
        draft: '',
        updatedAt: Date.now(),
        reach: [],
      };
      this.data.conversations.push(conversation);
      this.emit({ type: 'conversation', conversation });
      return value(conversation);
    },
    'conversations.setRoute': ({ conversationId, preference }) =>
      value(this.setConversation(conversationId, { routePreference: preference })),
    'conversations.allowPlain': ({ conversationId, allow }) =>
      value(this.setConversation(conversationId, { plainAllowed: allow })),
    'conversations.allowClearSignals': ({ conversationId, allow }) =>
      value(this.setConversation(conversationId, { clearSignalsAllowed: allow })),
    'conversations.markRead': ({ conversationId, upTo }) => {
      const read = this.data.messages.find((message) => message.id === upTo);
      if (read === undefined) return fail('message.unknown', 'This message is not known.');
      const unread = this.data.messages
        .filter((message) => message.conversationId === conversationId && message.direction === 'in')
        .filter((message) => compare(message, read) > 0);
      const { unread: before } = this.#conversation(conversationId);
      const left = unread.slice(-Math.min(before, unread.length));
      if (before > 0 && left.length < before) {
        this.setConversation(conversationId, { unread: left.length, firstUnread: left[0]?.id ?? null });
      }
      return value(null);
    },
    'conversations.setDraft': ({ conversationId, draft }) => {
      this.setConversation(conversationId, { draft });
      return value(null);
    },
    'messages.page': ({ conversationId, before, after, limit }) => {
      const all = this.data.messages.filter((message) => message.conversationId === conversationId).sort(compare);
      if (after !== undefined) {
        const newer = all.filter((message) => compare(message, after) > 0);
        const messages = newer.slice(0, limit);
        return value({ messages, hasOlder: all.length > newer.length, hasNewer: newer.length > limit });
      }
      const older = before === undefined ? all : all.filter((message) => compare(message, before) < 0);
      const messages = older.slice(-limit);
      return value({ messages, hasOlder: older.length > limit, hasNewer: older.length < all.length });
    },
    'messages.send': ({ conversationId, id, body, route }) => {
      const known = this.data.messages.find((message) => message.id === id);
      if (known !== undefined) return value(known);
      const conversation = this.#conversation(conversationId);
      const way = route.direct.length > 0 ? (route.server.length > 0 ? 'both' : 'direct') : 'server';
      const message = this.#message(conversationId, 'out', body, {
        id,
        route: route.direct.length + route.server.length === 0 ? null : way,
        encryption: conversation.encryption,
      });
      this.#store(message);
      this.setConversation(conversationId, { lastMessage: message, updatedAt: message.sentAt, draft: '' });
      return value(message);
    },
    'messages.retry': ({ messageId }) => {
      this.setState(messageId, 'queued', { failure: null });
      const message = this.data.messages.find((candidate) => candidate.id === messageId);
      return message === undefined ? fail('message.unknown', 'This message is not known.') : value(message);
    },
    'messages.discard': ({ messageId }) => {
      const message = this.data.messages.find((candidate) => candidate.id === messageId);
      if (message === undefined) return fail('message.unknown', 'This message is not known.');
      if (message.state !== 'queued' && message.state !== 'failed') {
        return fail('message.already-sent', 'This message has left this computer: it cannot be taken back.');
      }
      const { conversationId } = message;
      this.data.messages = this.data.messages.filter((candidate) => candidate !== message);
      this.emit({ type: 'message-removed', conversationId, messageId });
      const left = this.data.messages.filter((candidate) => candidate.conversationId === conversationId).sort(compare);
      this.setConversation(conversationId, { lastMessage: left.at(-1) ?? null });
      return value(null);
    },
    'messages.search': ({ text, limit }) =>
      value(
        this.data.messages
          .filter((message) => message.kind === 'text' && message.body.toLowerCase().includes(text.toLowerCase()))
          .sort((a, b) => compare(b, a))
          .slice(0, limit),
      ),
    'devices.ofSelf': () => value(this.data.ownDevices),
    'devices.setTrust': ({ ref, trust }) => {
      this.#judge([ref], trust);
      return value(null);
    },
    'devices.rename': ({ ref, label }) => {
      this.setOwnDevices(this.data.ownDevices.map((device) => (device.ref === ref ? { ...device, label } : device)));
      return value(null);
    },
    'devices.remove': ({ ref }) => {
      this.setOwnDevices(this.data.ownDevices.filter((device) => device.ref !== ref));
      return value(null);
    },
    'trust.ownUri': () => {
      const named = this.data.ownDevices.filter((device) => device.trust === 'verified');
      const address = this.data.status.account?.jid ?? this.data.status.self?.xid ?? '';
      return value({ uri: trustUri(address, named) });
    },
    'trust.checkUri': ({ uri, contactId }) => {
      const address = /^xmpp:([^?]+)\?/.exec(uri)?.[1];
      const own = address === this.data.status.account?.jid;
      const contact = this.data.contacts.find(({ jid, xid }) => address === jid || address === xid);
      if (contactId !== undefined && contact?.id !== contactId) {
        return fail('trust.somebody-else', 'This code belongs to somebody else.', 'Nothing was changed.');
      }
      if (!own && contact === undefined) {
        const what = `This code belongs to ${address}, who is not one of your contacts.`;
        return fail('trust.not-a-contact', what, 'Add them: their devices are verified as soon as they appear.');
      }
      const devices = own ? this.data.ownDevices : (contact?.devices ?? []);
      const claimed = [...uri.matchAll(/omemo-sid-(\d+)=([0-9a-f]+)/g)].map(([, id, key]) => ({ id: Number(id), key }));
      const of = (claim: { id: number }) => devices.find((device) => device.deviceId === claim.id);
      const refs = (fits: boolean) =>
        claimed.flatMap((claim) => {
          const device = of(claim);
          if (device === undefined || device.isThisDevice) return [];
          return (device.fingerprint === claim.key) === fits ? [device.ref] : [];
        });
      const [verified, mismatched] = [refs(true), refs(false)];
      this.#judge(verified, 'verified');
      this.#judge(mismatched, 'distrusted');
      return value({
        owner: own ? 'self' : (contact?.id ?? 'self'),
        name: own ? (this.data.status.self?.name ?? '') : (contact?.name ?? ''),
        verified,
        mismatched,
        expected: claimed.filter((claim) => of(claim) === undefined).length,
      });
    },
    'settings.get': () => value(this.data.settings),
    'settings.set': ({ settings }) => {
      this.data.settings = { ...this.data.settings, ...settings };
      this.emit({ type: 'settings', settings: this.data.settings });
      return value(this.data.settings);
    },
    'links.open': () => value(null),
    'links.handler': () => value(this.data.linkHandler ?? 'another'),
    'links.claim': () => {
      this.data.linkHandler = 'bothy';
      return value(this.data.linkHandler);
    },
    'links.waiting': () => value(this.#links),
    'links.taken': ({ id }) => {
      this.#setLinks(this.#links.filter((link) => link.id !== id));
      return value(null);
    },
  };
}

export function trustUri(address: string, devices: readonly Device[]): string {
  return `xmpp:${address}?${devices.map(({ deviceId, fingerprint }) => `omemo-sid-${deviceId}=${fingerprint}`).join(';')}`;
}

export function fakeDevice(owner: ContactId | 'self', deviceId: number, change: Partial<Device> = {}): Device {
  let fingerprint = '';
  for (let index = 0; fingerprint.length < 64; index++) {
    fingerprint += ((deviceId * 2_654_435_761 + index * 40_503) >>> 0).toString(16).padStart(8, '0');
  }
  const { active = true, trust = 'blind' } = change;
  return {
    ref: deviceRef(owner, deviceId),
    deviceId,
    label: '',
    fingerprint: fingerprint.slice(0, 64),
    trust: 'blind',
    active: true,
    lastSeenAt: null,
    isThisDevice: false,
    encryption: 'omemo2',
    receives: active && (trust === 'blind' || trust === 'verified'),
    stale: false,
    ...change,
  };
}
