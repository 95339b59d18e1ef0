/** Putting things into a conversation: where they stand, and the system messages that nobody said. */
import type { ContactId, ConversationId, DeviceId, Message, MessageId } from '../../../shared/model.ts';
import type { ConversationRecord, NewMessage } from '../../storage/records.ts';
import type { AfterCommit, MessagingContext } from '../context.ts';

const day = 24 * 60 * 60 * 1000;
const year = 365 * 24 * 60 * 60 * 1000;

/** The conversation with a contact; made when there is none. Inside a transaction. */
export function conversationWith(context: MessagingContext, contactId: ContactId): ConversationRecord {
  const existing = context.store.conversations.byContact(contactId);
  if (existing) return existing;
  const made: ConversationRecord = {
    id: crypto.randomUUID() as string as ConversationId,
    contactId,
    routePreference: 'automatic',
    plainAllowed: false,
    clearSignalsAllowed: false,
    draft: '',
    updatedAt: context.now(),
  };
  context.store.conversations.put(made);
  return made;
}

/**
 * Where a message stands: at the time its sender gives, but never after we had it, never before a message its sender
 * had already seen (`after`), and at our own time when the sender's clock is years off.
 */
export function displayTime(given: {
  readonly sentAt: number;
  readonly receivedAt: number;
  /** `sortAt` of the newest message the sender had when writing, if we have it. */
  readonly seenAt: number | null;
}): number {
  const believable =
    given.sentAt > given.receivedAt - year ? Math.min(given.sentAt, given.receivedAt) : given.receivedAt;
  return Math.max(believable, given.seenAt ?? 0);
}

/** A server's stamp has whole seconds (XEP-0082 allows it): what came before it in that second stands before it. */
export function latestOf(stamp: number): number {
  return stamp % 1000 === 0 ? stamp + 999 : stamp;
}

/** Where a message of our own stands: last, even when our clock was set back. */
export function ownDisplayTime(context: MessagingContext, conversationId: ConversationId): number {
  return Math.max(context.now(), context.store.messages.newestAt(conversationId) ?? 0);
}

/**
 * A conversation that reaches into the future was kept with a clock that was wrong then, or the clock is wrong now. What
 * comes next stands last there, whatever its time says: otherwise it would stand above all that was said before.
 */
function settledTime(context: MessagingContext, { conversationId, sortAt }: NewMessage): number {
  const newest = context.store.messages.newestAt(conversationId) ?? 0;
  return newest > context.now() + day ? Math.max(sortAt, newest) : sortAt;
}

export function insertMessage(context: MessagingContext, after: AfterCommit, message: NewMessage): Message | null {
  const inserted = context.store.messages.insert({ ...message, sortAt: settledTime(context, message) });
  if (!inserted) return null;
  const conversation = context.store.conversations.get(message.conversationId);
  if (conversation) context.store.conversations.put({ ...conversation, updatedAt: context.now() });
  after(() => {
    context.events.message(inserted);
    context.events.conversation(inserted.conversationId);
  });
  return inserted;
}

/** Something that happened, never to be mistaken for something a person said. */
export function insertSystemMessage(
  context: MessagingContext,
  after: AfterCommit,
  conversationId: ConversationId,
  kind: Exclude<Message['kind'], 'text'>,
  body: string,
  about: {
    readonly owner: ContactId | 'self';
    readonly deviceId: DeviceId;
    readonly sentAt?: number;
    /** Given where the same event may be met again: it is shown once. */
    readonly id?: string;
  },
): Message | null {
  const now = context.now();
  return insertMessage(context, after, {
    id: (about.id ?? crypto.randomUUID()) as MessageId,
    conversationId,
    direction: 'in',
    kind,
    body,
    sentAt: about.sentAt ?? now,
    receivedAt: now,
    sortAt:
      about.sentAt === undefined
        ? ownDisplayTime(context, conversationId)
        : displayTime({ sentAt: about.sentAt, receivedAt: now, seenAt: null }),
    senderOwner: about.owner,
    senderDeviceId: about.deviceId,
    encryption: 'pending',
    route: null,
    state: 'on-device',
    orderCounter: null,
  });
}
