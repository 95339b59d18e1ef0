/** Messaging with a real store and real encryption, in this process, over direct links that a test can spoil. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Element } from '@xmpp/xml';
import { createNearbyCrypto } from '../../src/main/app/nearby-crypto.ts';
import { makeSelf } from '../../src/main/app/new-self.ts';
import { createOmemoCipher } from '../../src/main/app/omemo-cipher.ts';
import { createXidProofs } from '../../src/main/app/xid-proofs.ts';
import { type MessagingContext, selfOf } from '../../src/main/messaging/context.ts';
import { KeyDirectory } from '../../src/main/messaging/devices/key-directory.ts';
import { EnvelopeReader } from '../../src/main/messaging/receiving/envelope-content.ts';
import { Inbox } from '../../src/main/messaging/receiving/inbox.ts';
import { type OutsideMarker, RollbackGuard } from '../../src/main/messaging/repair/rollback-guard.ts';
import { SessionCare } from '../../src/main/messaging/repair/session-care.ts';
import { Outbox } from '../../src/main/messaging/sending/outbox.ts';
import { Speaker } from '../../src/main/messaging/sending/say.ts';
import { conversationWith } from '../../src/main/messaging/timeline/conversation-timeline.ts';
import { Gaps } from '../../src/main/messaging/timeline/gaps.ts';
import { Trust } from '../../src/main/messaging/trust/trust.ts';
import { TrustCodes } from '../../src/main/messaging/trust/trust-codes.ts';
import { openStore } from '../../src/main/storage/open-store.ts';
import type { Store } from '../../src/main/storage/records.ts';
import type { Arrival, IncomingStanza, Taking, Transport } from '../../src/main/transports/transport.ts';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import { fail, ok } from '../../src/shared/errors.ts';
import type { ContactId, DeviceId, Message, MessageId } from '../../src/shared/model.ts';

const nearbyCrypto = await createNearbyCrypto();

/** What happens to one stanza on a link: how often it arrives, how, and whether its sender hears that it did. */
export type Fate = () => {
  readonly arrives: number;
  readonly acknowledged: boolean;
  readonly spoil?: (stanza: string) => string;
};

export interface PersonOptions {
  /** Another device of this person: the same XID. */
  readonly deviceOf?: MessagingPerson;
  /** A profile that exists already, as `profile` of the person who made it. */
  readonly profile?: Profile;
  /** Watches for old copies of the profile, with this outside it (null: nothing is kept outside). */
  readonly marker?: OutsideMarker | null;
}

export interface Profile {
  readonly folder: string;
  readonly key: Uint8Array;
}

export class MessagingPerson {
  readonly name: string;
  readonly store: Store;
  readonly context: MessagingContext;
  readonly directory: KeyDirectory;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly speaker: Speaker;
  readonly trust: Trust;
  readonly codes: TrustCodes;
  readonly gaps: Gaps;
  readonly care: SessionCare;
  readonly reader: EnvelopeReader;
  /** Every message event, as a window would be told. */
  readonly told: Message[] = [];
  readonly removed: ContactId[] = [];
  readonly takenBack: MessageId[] = [];
  /** Where this device can be reached directly, and where contacts said they can be. */
  ownAddresses: readonly string[] = [];
  readonly learned: [ContactId, readonly string[]][] = [];
  ownDevicesTold = 0;
  /** The account's transport while signed in; see memory-server.ts. */
  account: Transport | null = null;
  catchingUp = false;
  /** Told of every place where fault tests kill the process. */
  onCrashPoint: (name: string) => void = () => {};
  mayEncrypt = true;
  /** Every stanza that left, as bytes. */
  readonly sent: string[] = [];
  fate: Fate = () => ({ arrives: 1, acknowledged: true });
  now = Date.UTC(2026, 10, 23, 12);
  readonly #links = new Map<string, MessagingPerson[]>();
  readonly #life = new AbortController();
  readonly profile: Profile;
  /** Only with `PersonOptions.marker`. */
  readonly guard: RollbackGuard | null;

  constructor(name: string, options: PersonOptions = {}) {
    this.name = name;
    this.profile = options.profile ?? {
      folder: mkdtempSync(join(tmpdir(), 'bothy-messaging-')),
      key: nearbyCrypto.randomBytes(48),
    };
    const { folder, key } = this.profile;
    const opened = openStore({ path: join(folder, 'bothy.db'), key: key.slice(), keyIsProven: true });
    if (!opened.ok) throw new Error(opened.error.code);
    this.store = opened.value.store;
    if (!options.profile) {
      const self = makeSelf(name, nearbyCrypto.randomBytes, this.now);
      const person = options.deviceOf ? selfOf(options.deviceOf.context) : self;
      this.store.self.put({ ...self, xid: person.xid, xidSeed: person.xidSeed });
    }
    const now = (): number => {
      this.now += 1;
      return this.now;
    };
    this.context = {
      store: this.store,
      cipher: createOmemoCipher(this.store, nearbyCrypto.randomBytes, now, () => this.guard?.moved()),
      proofs: createXidProofs(this.store, nearbyCrypto),
      addresses: {
        own: () => this.ownAddresses,
        learn: (contactId, addresses) => void this.learned.push([contactId, addresses]),
      },
      events: {
        message: (message) => void this.told.push(message),
        messageRemoved: ({ id }) => void this.takenBack.push(id),
        conversation: () => {},
        contact: () => {},
        contactRemoved: (id) => void this.removed.push(id),
        ownDevices: () => void this.ownDevicesTold++,
        trustDue: (owner) => this.trust.attend(owner),
        arrived: () => {},
      },
      now,
      random: nearbyCrypto.randomBytes,
      log: () => {},
      crashPoint: (name) => this.onCrashPoint(name),
      xmpp: () => this.account,
      direct: () => this.#transport,
      catchingUp: () => this.catchingUp,
      mayEncrypt: () => this.mayEncrypt && (this.guard?.mayEncrypt() ?? true),
      archiveComplete: () => true,
    };
    const { signal } = this.#life;
    this.directory = new KeyDirectory(this.context, signal);
    this.outbox = new Outbox(this.context, this.directory, signal);
    this.speaker = new Speaker(this.context, this.outbox, this.directory);
    this.trust = new Trust(this.context, this.directory, this.outbox);
    this.codes = new TrustCodes(this.context, this.directory, this.trust);
    this.care = new SessionCare(this.context, this.directory, this.outbox, signal);
    this.gaps = new Gaps(this.context, signal);
    this.reader = new EnvelopeReader(this.context, this.outbox, this.gaps);
    this.inbox = new Inbox(this.context, this.directory, this.care, this.reader);
    this.guard = options.marker === undefined ? null : this.#watchOver(options.marker);
    if (options.profile) this.outbox.load();
  }

  #watchOver(marker: OutsideMarker | null): RollbackGuard {
    const callbacks = {
      onOpen: () => {
        this.outbox.kickAll();
        this.care.caughtUp();
      },
      onKeys: () => void this.directory.announce(),
      onNotice: () => {},
    };
    const guard = new RollbackGuard(this.context, marker, callbacks, this.#life.signal);
    this.inbox.onOwnStanza = (id, after) => guard.sawOwn(id, after);
    this.directory.onConflict = (what, listed) => guard.conflict(what, listed);
    return guard;
  }

  readonly #transport: Transport = {
    id: 'memory',
    route: 'direct',
    status: { state: 'online', error: null, since: 0, retryAt: null },
    start: () => {},
    stop: async () => {},
    nudge: () => {},
    reach: (address) => {
      const others = this.#links.get(address) ?? [];
      return { reachable: others.length > 0, devices: others.map((other) => other.deviceId) };
    },
    send: async (stanza, target) => {
      const others = (this.#links.get(target.address) ?? []).filter((other) => target.devices.includes(other.deviceId));
      if (others.length === 0) return fail('transport.unreachable', 'No link.');
      const text = stanza.toString();
      this.sent.push(text);
      const devices: DeviceId[] = [];
      const unreadable: DeviceId[] = [];
      for (const other of others) {
        const { arrives, acknowledged, spoil = (same) => same } = this.fate();
        await new Promise((resolve) => setImmediate(resolve));
        let taking: Taking = 'taken';
        for (let time = 0; time < arrives; time += 1) taking = await this.hand(other, spoil(text));
        if (arrives === 0 || !acknowledged) continue;
        if (taking === 'refused') return fail('transport.refused', 'Refused.');
        (taking === 'unreadable' ? unreadable : devices).push(other.deviceId);
      }
      if (devices.length + unreadable.length === 0) return fail('transport.timeout', 'No answer.');
      return ok({ kind: 'acknowledged', devices, unreadable });
    },
    request: async (iq, target) => {
      const others = this.#links.get(target.address) ?? [];
      const answer = others.find((other) => target.devices.includes(other.deviceId))?.directory.answer(iq);
      if (!answer?.ok) return answer ?? fail('transport.unreachable', 'No link.');
      const result = parseElement(`<iq type="result">${answer.value.toString()}</iq>`);
      return result;
    },
  };

  /** Hands a stanza to the other side as if it came over our link. */
  async hand(other: MessagingPerson, stanza: string | Element): Promise<Taking> {
    return await other.inbox.take(this.#arriving(other, stanza));
  }

  /** The same, many at once. */
  async handAll(other: MessagingPerson, stanzas: readonly (string | Element)[]): Promise<void> {
    await other.inbox.takeAll(stanzas.map((stanza) => this.#arriving(other, stanza)));
  }

  #arriving(other: MessagingPerson, stanza: string | Element): IncomingStanza {
    const parsed = parseElement(stanza.toString());
    if (!parsed.ok) throw new Error('not a stanza');
    const self = selfOf(this.context);
    const arrival: Arrival = {
      transport: 'libp2p',
      route: 'direct',
      to: selfOf(other.context).xid,
      from: self.xid,
      device: { contactId: other.contactOf(this), deviceId: self.deviceId, identityKey: self.identityKey },
      kind: 'live',
      archiveId: null,
      delayedSince: null,
    };
    return { stanza: parsed.value, arrival };
  }

  get deviceId(): DeviceId {
    return selfOf(this.context).deviceId;
  }

  contactOf(other: MessagingPerson): ContactId {
    const jid = other.store.accounts.get()?.jid;
    const contact =
      (jid ? this.store.contacts.byAddress(jid) : null) ?? this.store.contacts.byAddress(selfOf(other.context).xid);
    if (!contact) throw new Error('not a contact');
    return contact.id;
  }

  say(other: MessagingPerson, body: string): MessageId {
    const conversation = conversationWith(this.context, this.contactOf(other));
    const choice = { preference: 'automatic', direct: [], server: [] } as const;
    const said = this.speaker.say(conversation.id, crypto.randomUUID() as string as MessageId, body, choice);
    if (!said.ok) throw new Error(said.error.code);
    return said.value.id;
  }

  history(other: MessagingPerson): readonly Message[] {
    const conversation = conversationWith(this.context, this.contactOf(other));
    return this.store.messages.page(conversation.id, { limit: 500 }).messages;
  }

  linkTo(other: MessagingPerson): void {
    const { xid } = selfOf(other.context);
    this.#links.set(xid, [...(this.#links.get(xid) ?? []), other]);
    this.outbox.kick(this.contactOf(other));
  }

  unlink(other: MessagingPerson): void {
    const { xid } = selfOf(other.context);
    this.#links.set(
      xid,
      (this.#links.get(xid) ?? []).filter((linked) => linked !== other),
    );
  }

  close(): void {
    this.leave();
    rmSync(this.profile.folder, { recursive: true, force: true });
  }

  /** Ends, and leaves the profile where it is. */
  leave(): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    this.store.close();
  }
}

/** Both are each other's contact by XID, if they are not yet; no link. */
export function makeContacts(one: MessagingPerson, other: MessagingPerson): void {
  for (const [who, whom] of [
    [one, other],
    [other, one],
  ] as const) {
    if (who.store.contacts.byAddress(selfOf(whom.context).xid)) continue;
    who.store.contacts.put({
      id: crypto.randomUUID() as string as ContactId,
      name: whom.name,
      jid: null,
      xid: selfOf(whom.context).xid,
      subscription: 'none',
      xidShared: true,
      addedAt: who.now,
    });
  }
}

/** Resolves when `test` holds; looked at after every turn of the event loop. */
export async function until(test: () => boolean): Promise<void> {
  while (!test()) await new Promise((resolve) => setImmediate(resolve));
}
