/** Messages without encryption, from contacts whose client has none: shown, and shown as what they are. */
import type { Element } from '@xmpp/xml';
import type { Message, MessageId } from '../../../shared/model.ts';
import type { Arrival } from '../../transports/transport.ts';
import type { AfterCommit, MessagingContext } from '../context.ts';
import { callIn, isEncryptedOtherwise, lineBefore, lineInstead, shownText } from '../envelope/foreign-content.ts';
import { bodyIn } from '../envelope/text-body.ts';
import { uniqueId } from '../envelope/wire-id.ts';
import {
  conversationWith,
  displayTime,
  insertMessage,
  insertSystemMessage,
  latestOf,
} from '../timeline/conversation-timeline.ts';
import type { Sender } from './sender.ts';

/** Inside the transaction of the stanza. The text of the contact's that was new. */
export function takePlainMessage(
  context: MessagingContext,
  stanza: Element,
  arrival: Arrival,
  sender: Sender,
  after: AfterCommit,
): Message | null {
  const type: unknown = stanza.attrs['type'];
  // Nothing in clear is ever taken from a direct link: who speaks there speaks our encryption.
  if (!sender.contact || arrival.transport === 'libp2p') return null;
  if (type !== undefined && type !== 'chat' && type !== 'normal') return null;
  const messageId = messageIdOf(stanza, arrival);
  const conversation = conversationWith(context, sender.contact.id);
  // The duplicate key of something without a key: the address the server vouches for.
  const origin = new TextEncoder().encode(`plain ${sender.contact.id} ${sender.owner}`);
  const elements = stanza.getChildElements();
  const body = bodyIn(elements);
  if (isEncryptedOtherwise(elements, body)) {
    if (sender.owner === 'self' || context.store.seen.has(origin, messageId)) return null;
    context.store.seen.add(origin, messageId, context.now());
    const what = `${sender.contact.name} wrote with an encryption that Bothy does not read yet.`;
    insertSystemMessage(context, after, conversation.id, 'undecryptable', what, { owner: sender.owner, deviceId: 0 });
    return null;
  }
  const sentAt = arrival.delayedSince ?? context.now();
  const tell = (line: string): void => {
    insertSystemMessage(context, after, conversation.id, 'info', line, {
      owner: sender.owner,
      deviceId: 0,
      sentAt: latestOf(sentAt),
    });
  };
  const call = sender.owner === 'self' ? null : callIn(elements);
  if (call !== null && !context.store.seen.has(origin, `call ${call}` as MessageId)) {
    context.store.seen.add(origin, `call ${call}` as MessageId, context.now());
    tell(`${sender.contact.name} called. Bothy cannot take calls yet.`);
  }
  if (body === null || context.store.seen.has(origin, messageId)) return null;
  context.store.seen.add(origin, messageId, context.now());
  const who = sender.owner === 'self' ? 'You' : sender.contact.name;
  const instead = lineInstead(elements, who);
  if (instead !== null) {
    tell(instead);
    return null;
  }
  const before = lineBefore(elements, who);
  if (before !== null) tell(before);
  const receivedAt = context.now();
  const message = insertMessage(context, after, {
    id: context.store.messages.get(messageId) ? (crypto.randomUUID() as string as MessageId) : messageId,
    conversationId: conversation.id,
    direction: sender.owner === 'self' ? 'out' : 'in',
    kind: 'text',
    body: shownText(body),
    sentAt,
    receivedAt,
    sortAt: displayTime({ sentAt: latestOf(sentAt), receivedAt, seenAt: null }),
    senderOwner: sender.owner,
    senderDeviceId: null,
    encryption: 'none',
    route: 'server',
    state: sender.owner === 'self' ? 'on-server' : 'on-device',
    orderCounter: null,
  });
  if (message?.direction !== 'in') return null;
  after(() => context.events.arrived(message));
  return message;
}

/** What the archive calls it is the same each time it comes; without an archive it comes once. */
function messageIdOf(stanza: Element, arrival: Arrival): MessageId {
  const id: unknown = stanza.attrs['id'];
  const mark: unknown = stanza.getChild('stanza-id', 'urn:xmpp:sid:0')?.attrs['id'];
  const archived = arrival.archiveId ?? (typeof mark === 'string' ? mark : null);
  if (typeof id !== 'string' || id === '') return (archived ?? crypto.randomUUID()) as MessageId;
  return uniqueId(id, new TextEncoder().encode(archived ?? (arrival.kind === 'archive' ? id : crypto.randomUUID())));
}
