/** Delivery receipts (XEP-0184): inside the envelope they are the device's own word that a message is on it. */
import xml, { type Element } from '@xmpp/xml';
import type { MessageId } from '../../../shared/model.ts';

const namespace = 'urn:xmpp:receipts';

export function receiptRequest(): Element {
  return xml('request', { xmlns: namespace });
}

export function asksForReceipt(content: readonly Element[]): boolean {
  return content.some((element) => element.is('request', namespace));
}

/** Part of this protocol, whatever it says. */
export function isReceipt(element: Element): boolean {
  return element.is('request', namespace) || element.is('received', namespace);
}

export function receiptFor(id: MessageId): Element {
  return xml('received', { xmlns: namespace, id });
}

/** The messages that are acknowledged; one envelope may acknowledge many. */
export function receiptsIn(content: readonly Element[]): MessageId[] {
  return idsOf(content.filter((element) => element.is('received', namespace)));
}

export function idsOf(elements: readonly Element[]): MessageId[] {
  const ids: MessageId[] = [];
  for (const element of elements) {
    const id: unknown = element.attrs['id'];
    if (typeof id === 'string' && id !== '') ids.push(id as MessageId);
  }
  return ids;
}
