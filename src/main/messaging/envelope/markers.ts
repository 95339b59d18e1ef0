/** Chat markers (XEP-0333): read up to here. */
import xml, { type Element } from '@xmpp/xml';
import type { MessageId } from '../../../shared/model.ts';
import { idsOf } from './receipts.ts';

const namespace = 'urn:xmpp:chat-markers:0';

export function markable(): Element {
  return xml('markable', { xmlns: namespace });
}

export function isMarkable(content: readonly Element[]): boolean {
  return content.some((element) => element.is('markable', namespace));
}

/** Part of this protocol, whatever it says. */
export function isMarker(element: Element): boolean {
  return element.getNS() === namespace;
}

export function displayedMarker(id: MessageId): Element {
  return xml('displayed', { xmlns: namespace, id });
}

export function displayedIn(content: readonly Element[]): MessageId[] {
  return idsOf(content.filter((element) => element.is('displayed', namespace)));
}

/** Before its version 0.5 XEP-0333 had a marker that says what a receipt does; Converse sends it, and no encrypted receipt. */
export function receivedIn(content: readonly Element[]): MessageId[] {
  return idsOf(content.filter((element) => element.is('received', namespace)));
}
