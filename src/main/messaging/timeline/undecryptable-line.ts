/**
 * The line that stands where a message could not be decrypted: it says why, and what happens next. It has the message's
 * own id, so that the real message takes its place when it comes.
 */
import type { ContactId, ConversationId, DeviceId, Message, MessageId } from '../../../shared/model.ts';
import type { ContactRecord, NewMessage } from '../../storage/records.ts';
import type { AfterCommit, MessagingContext } from '../context.ts';
import { conversationWith, insertSystemMessage } from './conversation-timeline.ts';

/**
 * What happens next. `asked`: the other side is asked and will answer. `perhaps`: asked, by a device that may not know what
 * that means. `person`: only the people can do something. `old`: not encrypted for this device. `refused`: not written for
 * this conversation.
 */
export type WhatNext = 'asked' | 'perhaps' | 'person' | 'old' | 'refused';

function words(next: WhatNext | 'lost', name: string): string {
  const what = 'A message could not be decrypted.';
  switch (next) {
    case 'asked':
      return `${what} It was asked for again and will stand here when it comes.`;
    case 'perhaps':
      return `${what} If it does not appear here soon, ask ${name} to send it again.`;
    case 'person':
      return `${what} Ask ${name} to send it again.`;
    case 'old':
      // Maybe nothing that anybody said: devices tell some others, not all, whom they trust.
      return `Something from ${name} was not encrypted for this device. If you miss a message, ask them to send it again.`;
    case 'refused':
      return 'A message was refused: it was not written for this conversation.';
    case 'lost':
      return `${what} It was asked for again, but their device cannot send it any more. Ask ${name} what it said.`;
  }
}

/** The line for a message of this contact, while it stands. */
export function lineOf(context: MessagingContext, contactId: ContactId, id: MessageId): Message | null {
  const conversation = context.store.conversations.byContact(contactId);
  for (const name of conversation ? [id, clashing(contactId, id)] : []) {
    const message = context.store.messages.get(name);
    if (message?.kind === 'undecryptable' && message.conversationId === conversation?.id) return message;
  }
  return null;
}

/** When another conversation has a message of this id. The form of ids that clash (wire-id.ts), the same each time. */
function clashing(contactId: ContactId, id: MessageId): MessageId {
  return `${id}#${contactId}` as MessageId;
}

/** Inside a transaction. Null: it stands there already, or the message itself does. */
export function showUndecryptable(
  context: MessagingContext,
  contact: ContactRecord,
  message: {
    readonly id: MessageId | null;
    readonly deviceId: DeviceId;
    readonly next: WhatNext;
    readonly sentAt: number | null;
  },
  after: AfterCommit,
): Message | null {
  const conversation = conversationWith(context, contact.id);
  const { id } = message;
  const there = id === null ? null : context.store.messages.get(id);
  if (id !== null && (there?.conversationId === conversation.id || lineOf(context, contact.id, id))) return null;
  const named = id === null ? null : there ? clashing(contact.id, id) : id;
  return insertSystemMessage(context, after, conversation.id, 'undecryptable', words(message.next, contact.name), {
    owner: contact.id,
    deviceId: message.deviceId,
    ...(message.sentAt === null ? {} : { sentAt: message.sentAt }),
    ...(named === null ? {} : { id: named }),
  });
}

/** The other side no longer has it. Inside a transaction. */
export function showLost(context: MessagingContext, contact: ContactRecord, id: MessageId, after: AfterCommit): void {
  change(context, contact, id, 'undecryptable', words('lost', contact.name), after);
}

/** It was a receipt or the like. Inside a transaction. */
export function showSign(context: MessagingContext, contact: ContactRecord, id: MessageId, after: AfterCommit): void {
  const what = 'Something could not be decrypted here, but nothing that was written is missing: it was only a receipt.';
  change(context, contact, id, 'info', what, after);
}

function change(
  context: MessagingContext,
  contact: ContactRecord,
  id: MessageId,
  kind: 'undecryptable' | 'info',
  body: string,
  after: AfterCommit,
): void {
  const line = lineOf(context, contact.id, id);
  const changed = line && context.store.messages.setLine(line.id, kind, body);
  if (changed) after(() => tell(context, changed.conversationId, changed));
}

/** The message itself, where its line stood: at the same place, and unread. Inside a transaction. */
export function putInPlaceOf(
  context: MessagingContext,
  line: Message,
  text: Omit<NewMessage, 'id' | 'sortAt'>,
  after: AfterCommit,
): Message | null {
  const message = context.store.messages.putInPlace(line.id, text);
  if (message) after(() => tell(context, text.conversationId, message));
  return message;
}

function tell(context: MessagingContext, conversationId: ConversationId, message: Message): void {
  context.events.message(message);
  context.events.conversation(conversationId);
}
