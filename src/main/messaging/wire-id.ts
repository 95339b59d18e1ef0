/** Ids of messages, as we keep them and as their senders know them. */
import type { MessageId } from '../../shared/model.ts';
import type { MessagingContext } from './context.ts';

/** Ids are unique here, but other clients count 1, 2, 3: a clash with another person's message loses nothing. */
export function freeId(context: MessagingContext, id: MessageId): MessageId {
  return context.store.messages.get(id) ? (`${id}#${crypto.randomUUID()}` as MessageId) : id;
}

/** The id by which its sender knows a message. */
export function wireId(id: MessageId): MessageId {
  return id.replace(/#[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, '') as MessageId;
}
