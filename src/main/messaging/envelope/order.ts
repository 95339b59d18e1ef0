/**
 * Our order element, inside the envelope: the n-th thing this device says in this conversation, and the newest message
 * it had when it said it. Other clients ignore it (RFC 6120 §8.4).
 */
import xml, { type Element } from '@xmpp/xml';
import type { MessageId } from '../../../shared/model.ts';

const namespace = 'urn:bothy:order:0';

export interface Order {
  readonly counter: number;
  readonly after: MessageId | null;
}

/** `counter`: null while it waits to be encrypted; it is numbered then (see order-number.ts). */
export function orderElement({ counter, after }: { readonly counter: number | null } & Pick<Order, 'after'>): Element {
  const attributes: Record<string, string> = { xmlns: namespace };
  if (counter !== null) attributes['n'] = String(counter);
  if (after !== null) attributes['after'] = after;
  return xml('order', attributes);
}

/** It takes part in the count and has no number yet. */
export function isUnnumbered(content: readonly Element[]): boolean {
  return content.some((element) => element.is('order', namespace) && element.attrs['n'] === undefined);
}

export function setNumber(content: readonly Element[], counter: number): void {
  const element = content.find((candidate) => candidate.is('order', namespace));
  if (element) element.attrs['n'] = String(counter);
}

export function orderIn(content: readonly Element[]): Order | null {
  const element = content.find((candidate) => candidate.is('order', namespace));
  const text: unknown = element?.attrs['n'];
  if (typeof text !== 'string' || !/^[1-9][0-9]{0,14}$/.test(text)) return null;
  const after: unknown = element?.attrs['after'];
  return { counter: Number(text), after: typeof after === 'string' && after !== '' ? (after as MessageId) : null };
}
