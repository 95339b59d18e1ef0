/** What receipts and markers would have told that could not be read: what has arrived here, and what has been read. */
import type { Element } from '@xmpp/xml';
import type { Message } from '../../../shared/model.ts';
import type { ContactRecord } from '../../storage/records.ts';
import type { MessagingContext } from '../context.ts';
import { displayedMarker } from '../envelope/markers.ts';
import { receiptFor } from '../envelope/receipts.ts';
import { wireId } from '../envelope/wire-id.ts';

/** Of the newest messages. */
const mostReceipts = 50;

export function signsAgain(context: MessagingContext, contact: ContactRecord): Element[] {
  const { conversations, messages, settings } = context.store;
  const conversation = conversations.byContact(contact.id);
  if (!conversation) return [];
  const heard = messages
    .page(conversation.id, { limit: 2 * mostReceipts })
    .messages.filter(
      (message) => message.direction === 'in' && message.kind === 'text' && message.encryption === 'omemo2',
    )
    .slice(-mostReceipts);
  const { firstUnread } = conversations.summary(conversation.id);
  const unread = firstUnread === null ? null : messages.get(firstUnread);
  const lastRead = settings.get().sendReadMarkers ? heard.findLast((message) => isBefore(message, unread)) : undefined;
  return [
    ...heard.map((message) => receiptFor(wireId(message.id))),
    ...(lastRead ? [displayedMarker(wireId(lastRead.id))] : []),
  ];
}

function isBefore(message: Message, other: Message | null): boolean {
  if (other === null) return true;
  return message.sortAt - other.sortAt < 0 || (message.sortAt === other.sortAt && message.sequence < other.sequence);
}
