/** Saying receipts and read markers in clear (see clear-signals.ts): queued like everything that leaves. */
import xml, { type Element } from '@xmpp/xml';
import type { ConversationId, Message, MessageId } from '../../../shared/model.ts';
import type { ContactRecord, ConversationRecord } from '../../storage/records.ts';
import type { AfterCommit, MessagingContext } from '../context.ts';
import { addressPair } from '../devices/recipients.ts';
import { displayedMarker } from '../envelope/markers.ts';
import { clearSignalsAllowed } from './clear-signals.ts';
import type { Outbox } from './outbox.ts';

/** Queues one receipt or marker, as a stanza of its own. Inside a transaction. */
export function sendInClear(
  context: MessagingContext,
  outbox: Outbox,
  contact: ContactRecord,
  signal: Element,
  after: AfterCommit,
): void {
  const pair = addressPair(context, contact);
  const preference = context.store.conversations.byContact(contact.id)?.routePreference ?? 'automatic';
  // There is no other way for it than the server's.
  if (!pair || pair.to !== contact.jid || preference === 'direct') return;
  const messageId = crypto.randomUUID() as string as MessageId;
  const hint = xml('store', { xmlns: 'urn:xmpp:hints' });
  const stanza = xml('message', { type: 'chat', id: messageId, ...pair }, signal, hint);
  outbox.addInClear({ messageId, contactId: contact.id, preference }, stanza, after);
}

/** The newest message that asked to be told when it is read: its id here, and the one its sender knows. */
export function rememberMarkable(context: MessagingContext, message: Message, wireId: string): void {
  context.store.settings.setValue(valueName(message.conversationId), JSON.stringify([message.id, wireId]));
}

/**
 * The person has read up to `upTo`: tells the contact, if the newest message that asked for it is among what was read
 * (XEP-0333 §6: nobody is told who did not ask). Inside a transaction.
 */
export function tellDisplayedInClear(
  context: MessagingContext,
  outbox: Outbox,
  conversation: ConversationRecord,
  upTo: Message,
  after: AfterCommit,
): void {
  const { contacts, messages, settings } = context.store;
  const contact = contacts.get(conversation.contactId);
  const [id, wireId] = JSON.parse(settings.getValue(valueName(conversation.id)) ?? '[]') as string[];
  const message = id === undefined ? null : messages.get(id as MessageId);
  if (!contact || !message || wireId === undefined || !isAtOrBefore(message, upTo)) return;
  settings.setValue(valueName(conversation.id), '[]');
  if (clearSignalsAllowed(context, contact)) {
    sendInClear(context, outbox, contact, displayedMarker(wireId as MessageId), after);
  }
}

/** The person does not allow it any more: what waits is not said either. Inside the transaction that says so. */
export function stopClearSignals(
  context: MessagingContext,
  outbox: Outbox,
  conversation: ConversationRecord,
  after: AfterCommit,
): void {
  context.store.settings.setValue(valueName(conversation.id), '[]');
  outbox.dropClearSignals(conversation.contactId, after);
}

function isAtOrBefore(message: Message, other: Message): boolean {
  if (message.conversationId !== other.conversationId) return false;
  return message.sortAt < other.sortAt || (message.sortAt === other.sortAt && message.sequence <= other.sequence);
}

function valueName(conversationId: ConversationId): string {
  return `clear-markable/${conversationId}`;
}
