/**
 * Our order element, inside the envelope: the n-th thing this device says in this conversation, and the newest message
 * it had when it said it. Other clients ignore it (RFC 6120 §8.4).
 */
import xml, { type Element } from '@xmpp/xml';
import type { MessageId } from '../../shared/model.ts';

const namespace = 'urn:bothy:order:0';

export interface Order {
  readonly counter: number;
  readonly after: MessageId | null;
}

export function orderElement(order: Order): Element {
  const attributes: Record<string, string> = { xmlns: namespace, n: String(order.counter) };
  if (order.after !== null) attributes['after'] = order.after;
  return xml('order', attributes);
}

export function orderIn(content: readonly Element[]): Order | null {
  const element = content.find((candidate) => candidate.is('order', namespace));
  const text: unknown = element?.attrs['n'];
  if (typeof text !== 'string' || !/^[1-9][0-9]{0,14}$/.test(text)) return null;
  const after: unknown = element?.attrs['after'];
  return { counter: Number(text), after: typeof after === 'string' && after !== '' ? (after as MessageId) : null };
}
