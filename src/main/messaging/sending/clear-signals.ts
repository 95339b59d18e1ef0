/**
 * Receipts (XEP-0184) and read markers (XEP-0333) in clear, beside the older OMEMO, which encrypts the text alone, and
 * beside plain text. Only with a contact for whom the person allowed it, and only through the server
 * (docs/decisions/0080).
 */
import type { Element } from '@xmpp/xml';
import type { ContactRecord } from '../../storage/records.ts';
import type { MessagingContext } from '../context.ts';
import { isMarker, markable } from '../envelope/markers.ts';
import { isReceipt, receiptRequest } from '../envelope/receipts.ts';

/** What the person allowed for this contact. */
export function clearSignalsAllowed(context: MessagingContext, contact: ContactRecord): boolean {
  if (contact.subscription === 'pending-in') return false;
  return context.store.conversations.byContact(contact.id)?.clearSignalsAllowed ?? false;
}

/** A message asks for a receipt and a read marker. */
export function addClearRequests(stanza: Element): void {
  stanza.append(receiptRequest());
  stanza.append(markable());
}

export function isClearSignal(element: Element): boolean {
  return isReceipt(element) || isMarker(element);
}

/** What leaves when it is not, or no longer, allowed, and on every way but the server's. */
export function withoutClearSignals(stanza: Element): Element {
  for (const element of stanza.getChildElements().filter(isClearSignal)) stanza.remove(element);
  return stanza;
}
