/** What every part of messaging is given. Types only of the other parts: the composition root supplies the real ones. */
import { traceOf } from '../../shared/error-trace.ts';
import type { ContactId, ConversationId, Message } from '../../shared/model.ts';
import type { AccountRecord, SelfRecord, Store } from '../storage/records.ts';
import type { Transport } from '../transports/transport.ts';
import type { MessageCipher } from './message-cipher.ts';

/** What messaging tells the application, always after the transaction that made it true. */
export interface MessagingEvents {
  /** A message is new or changed. */
  message(message: Message): void;
  /** A text of our own was taken back. */
  messageRemoved(message: Message): void;
  /** Something about the conversation (unread, encryption, reach) may have changed. */
  conversation(id: ConversationId): void;
  contact(id: ContactId): void;
  contactRemoved(id: ContactId, conversation: ConversationId | null): void;
  /** A device appeared on our own account, or one has another key now. */
  ownDevices(): void;
  /** Devices of this owner are judged, or appeared without keys: others are to be told, or keys to be asked for. */
  trustDue(owner: ContactId | 'self'): void;
  /** A text arrived that nobody has seen yet. */
  arrived(message: Message): void;
}

/** Proves and checks who owns an XID (an Ed25519 key), for introductions. */
export interface XidProofs {
  /** Ed25519 signature, 64 bytes, by our own XID key. */
  sign(statement: Uint8Array): Uint8Array;
  verify(xid: string, statement: Uint8Array, signature: Uint8Array): boolean;
}

/** Where this computer can be reached directly, and where contacts say they are (design §6.5). */
export interface DirectAddresses {
  own(): readonly string[];
  learn(contactId: ContactId, addresses: readonly string[]): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

export interface MessagingContext {
  readonly store: Store;
  readonly cipher: MessageCipher;
  readonly proofs: XidProofs;
  readonly addresses: DirectAddresses;
  readonly events: MessagingEvents;
  readonly now: () => number;
  readonly random: (length: number) => Uint8Array;
  readonly log: (level: 'debug' | 'info' | 'warn' | 'error', event: string, fields?: LogFields) => void;
  /** Fault tests kill the process here; see app/crash-points.ts. */
  readonly crashPoint: (name: string) => void;
  /** The account's transport, signed in or not; null without an account. */
  readonly xmpp: () => Transport | null;
  /** The nearby transport, or null while it is turned off. */
  readonly direct: () => Transport | null;
  /** The archive is being read: answers wait. */
  readonly catchingUp: () => boolean;
  /** False until it is known that no old copy of the profile was put back: its ratchets must not go on (rollback-guard.ts). */
  readonly mayEncrypt: () => boolean;
  /** Nothing can be waiting for us on a server: what is missing now is really missing. */
  readonly archiveComplete: () => boolean;
}

export function selfOf(context: MessagingContext): SelfRecord {
  const self = context.store.self.get();
  if (!self) throw new Error('messaging runs only with a profile that has an identity');
  return self;
}

export function accountOf(context: MessagingContext): AccountRecord | null {
  return context.store.accounts.get();
}

export type AfterCommit = (action: () => void) => void;

/**
 * One transaction; what `after` was given runs when it is on disk, and not at all when it was rolled back. What is on disk
 * is true whatever becomes of that: an action that breaks is logged, and the others run.
 */
export function inTransaction<T>(context: MessagingContext, work: (after: AfterCommit) => T): T {
  const actions: (() => void)[] = [];
  let value: T;
  try {
    value = context.store.transaction(() => work((action) => actions.push(action)));
  } catch (error) {
    context.cipher.rolledBack();
    throw error;
  }
  for (const action of actions) {
    try {
      action();
    } catch (error) {
      context.log('error', 'after-commit-broke', { reason: traceOf(error) });
    }
  }
  return value;
}
