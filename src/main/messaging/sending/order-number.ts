/**
 * The number of a text in its conversation (order.ts), drawn when it is encrypted: one that never is leaves no hole that
 * the other side would take for a message it missed.
 */
import type { Element } from '@xmpp/xml';
import type { OutboxRecord } from '../../storage/records.ts';
import type { MessagingContext } from '../context.ts';
import { isUnnumbered, setNumber } from '../envelope/order.ts';

interface Drawn {
  readonly keep: () => void;
  /** It was not encrypted after all. */
  readonly giveBack: () => void;
}

/** Writes the number into the content. Inside a transaction. Null: it has one already, or needs none. */
export function drawNumber(context: MessagingContext, row: OutboxRecord, content: readonly Element[]): Drawn | null {
  const { conversations, messages } = context.store;
  const message = row.kind === 'text' && isUnnumbered(content) ? messages.get(row.messageId) : null;
  if (!message) return null;
  const counter = conversations.nextOrderCounter(message.conversationId);
  setNumber(content, counter);
  return {
    keep: () => messages.setOrderCounter(message.id, counter),
    giveBack: () => void conversations.giveBackOrderCounter(message.conversationId, counter),
  };
}
