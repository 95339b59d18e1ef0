/** Rows as the rest of the application sees them, and the repositories that keep them. All calls are synchronous. */

import type { MessageCursor, MessagePage } from '../../shared/bridge/contract.ts';
import type { DeliveryState } from '../../shared/delivery.ts';
import type { AppError } from '../../shared/errors.ts';
import type {
  Address,
  BareJid,
  ContactId,
  ConversationId,
  DeviceId,
  Encryption,
  Message,
  MessageId,
  Settings,
  TrustState,
  Xid,
} from '../../shared/model.ts';
import type { RouteKind, RoutePreference } from '../../shared/routing.ts';
import type { WireFormat } from '../e2ee/types.ts';

/** The person and this device: exactly one row. */
export interface SelfRecord {
  readonly name: string;
  /** Ed25519 seed of the XID, 32 bytes. */
  readonly xidSeed: Uint8Array;
  readonly xid: Xid;
  /** Serialised own device of the e2ee module (identity seed, prekeys, …). */
  readonly device: Uint8Array;
  readonly deviceId: DeviceId;
  /** Ed25519 public key, 32 bytes. */
  readonly identityKey: Uint8Array;
}

export interface AccountRecord {
  readonly jid: BareJid;
  readonly password: string;
  /** What the XMPP transport keeps between runs (pinned mechanism, FAST token, roster version): opaque JSON. */
  readonly state: string;
  /** Last archive id taken (XEP-0313), or null. */
  readonly archiveCursor: string | null;
}

export interface ContactRecord {
  readonly id: ContactId;
  readonly name: string;
  readonly jid: BareJid | null;
  readonly xid: Xid | null;
  readonly subscription: 'none' | 'pending-out' | 'pending-in' | 'both' | 'from' | 'to';
  /** Our XID was sent to them inside an encrypted message and acknowledged. */
  readonly xidShared: boolean;
  readonly addedAt: number;
}

/** One device of a contact (or of ourselves, owner `self`), as last announced or seen. */
export interface DeviceRecord {
  readonly owner: ContactId | 'self';
  readonly deviceId: DeviceId;
  readonly wire: WireFormat;
  /** As its owner announces it, or ''. */
  readonly label: string;
  /** What the person here calls it instead, or ''. */
  readonly localName: string;
  /** Ed25519, 32 bytes; null until a bundle or message told. */
  readonly identityKey: Uint8Array | null;
  readonly trust: TrustState;
  readonly active: boolean;
  readonly lastSeenAt: number | null;
}

export interface ConversationRecord {
  readonly id: ConversationId;
  readonly contactId: ContactId;
  readonly routePreference: RoutePreference;
  readonly plainAllowed: boolean;
  readonly clearSignalsAllowed: boolean;
  readonly draft: string;
  readonly updatedAt: number;
}

/** A queued outgoing stanza. Text messages and everything else that must arrive (receipts, introductions). */
export interface OutboxRecord {
  readonly id: number;
  readonly messageId: MessageId;
  /** `self`: for our own other devices. */
  readonly contactId: ContactId;
  /** `text` rows have a row in messages; others have not. `trust`: for verified devices only (XEP-0450). */
  readonly kind: 'text' | 'control' | 'trust';
  /** `plaintext`: SCE content still to be encrypted (no bundle known yet). `encrypted`: `stanza` is final, resent as it is. */
  readonly stage: 'plaintext' | 'encrypted';
  /** UTF-8 XML: the SCE content element, or the whole `<message/>`. */
  readonly stanza: string;
  readonly preference: RoutePreference;
  readonly attempts: number;
  readonly createdAt: number;
}

/** One device that an outbox stanza is for. */
export interface OutboxTarget {
  readonly outboxId: number;
  readonly owner: ContactId | 'self';
  readonly deviceId: DeviceId;
  /** `done`: acknowledged by the device itself. `accepted`: the server has it. */
  readonly state: 'waiting' | 'accepted' | 'done' | 'failed';
  readonly route: RouteKind | null;
}

export interface SessionRow {
  readonly identityKey: Uint8Array;
  readonly deviceId: DeviceId;
  /** Serialised session record of the e2ee module (current and archived sessions of both wire formats). */
  readonly state: Uint8Array;
}

export interface NewMessage {
  readonly id: MessageId;
  readonly conversationId: ConversationId;
  readonly direction: 'in' | 'out';
  readonly kind: Message['kind'];
  readonly body: string;
  readonly sentAt: number;
  readonly receivedAt: number;
  readonly sortAt: number;
  readonly senderOwner: ContactId | 'self' | null;
  readonly senderDeviceId: DeviceId | null;
  readonly encryption: Encryption;
  readonly route: RouteKind | 'both' | null;
  readonly state: DeliveryState;
  /** Counter of the sending device in this conversation (order element), or null. */
  readonly orderCounter: number | null;
}

export interface SealedFor {
  readonly deviceId: DeviceId;
  /** Ed25519, 32 bytes, canonical. */
  readonly identityKey: Uint8Array;
}

/** What somebody said about a key: the person here, or a device in a trust message (XEP-0434). */
export interface TrustStatement {
  /** Whose key it is said to be. */
  readonly about: Address | 'self';
  /** 32 bytes as they were given: an Ed25519 identity key, or its Curve25519 form. */
  readonly keyId: Uint8Array;
  /** Identity key of the device that said it, 32 bytes; null: the person here. */
  readonly saidBy: Uint8Array | null;
  /** `undecided`: taken back, which only the person here can. */
  readonly trust: 'verified' | 'distrusted' | 'undecided';
  /** Unix ms, by the clock of who said it, but never later than it came. */
  readonly saidAt: number;
}

export interface InvitationRecord {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  readonly expiresAt: number;
  /** Made by us (`out`) or accepted by us and not yet completed (`in`, then `xid` is the inviter's). */
  readonly direction: 'out' | 'in';
  readonly xid: Xid | null;
  readonly contactId: ContactId | null;
}

export interface Store {
  /** Runs `work` in one IMMEDIATE transaction; nested calls join. Rolls back on throw. */
  transaction<T>(work: () => T): T;
  /** The disk is to blame for what was thrown (full, damaged, held by another): the same may work later. */
  isFault(error: unknown): boolean;
  close(): void;
  readonly self: {
    get(): SelfRecord | null;
    put(record: SelfRecord): void;
    rename(name: string): void;
    putDevice(device: Uint8Array): void;
  };
  readonly accounts: {
    get(): AccountRecord | null;
    put(record: AccountRecord): void;
    putState(state: string): void;
    putArchiveCursor(id: string): void;
    remove(): void;
  };
  readonly contacts: {
    list(): ContactRecord[];
    get(id: ContactId): ContactRecord | null;
    byAddress(address: Address): ContactRecord | null;
    put(record: ContactRecord): void;
    /** Removes the contact, its conversation and messages, its devices and outbox rows. */
    remove(id: ContactId): void;
  };
  readonly devices: {
    of(owner: ContactId | 'self'): DeviceRecord[];
    get(owner: ContactId | 'self', deviceId: DeviceId): DeviceRecord | null;
    byIdentity(identityKey: Uint8Array, deviceId: DeviceId): DeviceRecord | null;
    put(record: DeviceRecord): void;
  };
  readonly sessions: {
    get(identityKey: Uint8Array, deviceId: DeviceId): SessionRow | null;
    put(row: SessionRow): void;
    remove(identityKey: Uint8Array, deviceId: DeviceId): void;
    /** After salvage: every session is unusable and new ones are made. */
    clear(): void;
    list(): SessionRow[];
    isEmpty(): boolean;
  };
  readonly conversations: {
    list(): ConversationRecord[];
    get(id: ConversationId): ConversationRecord | null;
    byContact(contactId: ContactId): ConversationRecord | null;
    put(record: ConversationRecord): void;
    /** What the list shows beside the record. */
    summary(id: ConversationId): { unread: number; firstUnread: MessageId | null; lastMessage: Message | null };
    /** The newest text nobody has read, at or before this message, that came encrypted. */
    newestUnreadEncrypted(id: ConversationId, upTo: MessageId): MessageId | null;
    /** Marks everything up to and including the message as read; returns how many were unread. */
    markRead(id: ConversationId, upTo: MessageId): number;
    /** The next order counter of this device in the conversation (starts at 1), counted up. */
    nextOrderCounter(id: ConversationId): number;
    /** The newest number was not used: it is drawn again. False: there are later ones, nothing is changed. */
    giveBackOrderCounter(id: ConversationId, counter: number): boolean;
    /**
     * Records a counter seen from a device; returns the counters newly found missing below it (at most 100). Null: one at
     * least as high was seen before, so this one may have been missing.
     */
    seeOrderCounter(id: ConversationId, identityKey: Uint8Array, deviceId: DeviceId, counter: number): number[] | null;
    /** A counter was ever seen from the device: it is a Bothy's. */
    hasSeenOrder(id: ConversationId, identityKey: Uint8Array, deviceId: DeviceId): boolean;
  };
  readonly messages: {
    get(id: MessageId): Message | null;
    /** Null when the id exists already. */
    insert(message: NewMessage): Message | null;
    setDelivery(
      id: MessageId,
      state: DeliveryState,
      route: RouteKind | 'both' | null,
      failure: AppError | null,
    ): Message | null;
    /** What it was really sent with, once that is known. */
    setEncryption(id: MessageId, encryption: Encryption): Message | null;
    page(
      conversationId: ConversationId,
      at: { before?: MessageCursor; after?: MessageCursor; limit: number },
    ): MessagePage;
    /** `sortAt` of the last message of a conversation; null: it has none. */
    newestAt(conversationId: ConversationId): number | null;
    /** Full-text search (FTS5), newest first. */
    search(text: string, limit: number): Message[];
    /** Outgoing messages at or before this one that are not read yet (a marker covers all of them). */
    unreadOutgoingUpTo(id: MessageId): Message[];
    /** The number this device gave the message in its conversation, or null. */
    orderCounter(id: MessageId): number | null;
    setOrderCounter(id: MessageId, counter: number): void;
    remove(id: MessageId): void;
    /** Other words for a line that nobody said. Null: there is no such line. */
    setLine(id: MessageId, kind: Exclude<Message['kind'], 'text'>, body: string): Message | null;
    /**
     * A text where a line stood that said it could not be read: under the line's id and in its place, unread again. Null:
     * there is no such line.
     */
    putInPlace(line: MessageId, text: Omit<NewMessage, 'id' | 'sortAt'>): Message | null;
    /** Devices a text of ours was encrypted for, besides those it was encrypted for before. */
    addSealedFor(id: MessageId, devices: readonly SealedFor[]): void;
    /** True once: the text was encrypted for this device under this key, and is not again after this. */
    takeSealedFor(id: MessageId, device: SealedFor): boolean;
    count(): number;
  };
  /** Duplicate keys: (sender identity key, message id), checked before the ratchet. */
  readonly seen: {
    has(identityKey: Uint8Array, messageId: MessageId): boolean;
    add(identityKey: Uint8Array, messageId: MessageId, at: number): void;
  };
  readonly outbox: {
    add(row: Omit<OutboxRecord, 'id' | 'attempts'>): OutboxRecord;
    get(id: number): OutboxRecord | null;
    byMessage(messageId: MessageId): OutboxRecord | null;
    /** All rows in order of creation. */
    pending(): OutboxRecord[];
    setEncrypted(id: number, stanza: string, targets: readonly Omit<OutboxTarget, 'outboxId'>[]): void;
    setPreference(id: number, preference: RoutePreference): void;
    countAttempt(id: number): void;
    targets(id: number): OutboxTarget[];
    setTarget(target: OutboxTarget): void;
    remove(id: number): void;
  };
  readonly invitations: {
    list(): InvitationRecord[];
    put(record: InvitationRecord): void;
    remove(secret: Uint8Array): void;
  };
  readonly statements: {
    /** Oldest first. */
    about(about: TrustStatement['about']): TrustStatement[];
    by(saidBy: Uint8Array | null): TrustStatement[];
    countBy(saidBy: Uint8Array | null): number;
    get(key: Pick<TrustStatement, 'about' | 'keyId' | 'saidBy'>): TrustStatement | null;
    /** Takes the place of what the same one said about the same key before. */
    put(statement: TrustStatement): void;
    remove(statement: Pick<TrustStatement, 'about' | 'keyId' | 'saidBy'>): void;
    removeAbout(about: TrustStatement['about']): void;
  };
  readonly settings: {
    get(): Settings;
    set(settings: Settings): void;
    /** Small values of the application's own, JSON text by name. */
    getValue(name: string): string | null;
    setValue(name: string, value: string): void;
  };
}
