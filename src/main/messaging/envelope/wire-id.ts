/** Ids of messages, as we keep them and as their senders know them. */
import type { MessageId } from '../../../shared/model.ts';
import type { MessagingContext } from '../context.ts';

/** Characters of an id on the wire; longer ones are not remembered. */
export const maxIdLength = 256;

/** Ids are unique here, but other clients count 1, 2, 3: a clash with another person's message loses nothing. */
export function freeId(context: MessagingContext, id: MessageId): MessageId {
  return context.store.messages.get(id) ? (`${id}#${crypto.randomUUID()}` as MessageId) : id;
}

/**
 * Some clients count their ids, and begin at the same number each time they start (Psi). Such an id names a message only
 * together with something of it that is the same each time the same message comes: 16 bytes or more, the last count.
 */
export function uniqueId(id: string, bytes: Uint8Array): MessageId {
  if (id.length >= surelyUnique) return id as MessageId;
  const hex = Buffer.from(bytes.slice(-16)).toString('hex').padStart(32, '0');
  const groups = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return `${id}#${groups.join('-')}` as MessageId;
}

/** Characters. Whoever writes more of them writes random ones; a UUID has 36. */
const surelyUnique = 20;

/** The id by which its sender knows a message. */
export function wireId(id: MessageId): MessageId {
  return id.replace(/#[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, '') as MessageId;
}
