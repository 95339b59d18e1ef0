/** What a text is inside its envelope. */
import type { Element } from '@xmpp/xml';
import type { Message } from '../../../shared/model.ts';
import type { MessagingContext } from '../context.ts';
import { markable } from './markers.ts';
import { orderElement } from './order.ts';
import { receiptRequest } from './receipts.ts';
import { bodyElement } from './text-body.ts';

export function textContent(body: string, order: Parameters<typeof orderElement>[0] | null): Element[] {
  return [bodyElement(body), receiptRequest(), markable(), ...(order ? [orderElement(order)] : [])];
}

/** The same for a message of ours that has to be encrypted once more. */
export function textContentAgain(context: MessagingContext, message: Message): Element[] {
  const counter = context.store.messages.orderCounter(message.id);
  return textContent(message.body, counter === null ? null : { counter, after: null });
}
