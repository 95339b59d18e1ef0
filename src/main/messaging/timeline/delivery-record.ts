/** Moving an outgoing message along its delivery states, on disk and in front of whoever watches. */
import { type DeliveryEvent, deliveryReducer, mergeRoutes } from '../../../shared/delivery.ts';
import type { AppError } from '../../../shared/errors.ts';
import type { Message, MessageId } from '../../../shared/model.ts';
import type { RouteKind } from '../../../shared/routing.ts';
import type { OutboxTarget } from '../../storage/records.ts';
import type { AfterCommit, MessagingContext } from '../context.ts';

/** Inside a transaction. Does nothing for what has no row in messages (receipts, markers). */
export function recordDelivery(
  context: MessagingContext,
  after: AfterCommit,
  id: MessageId,
  event: DeliveryEvent,
  details: { readonly targets?: readonly OutboxTarget[]; readonly failure?: AppError | null } = {},
): void {
  const message = context.store.messages.get(id);
  if (message?.direction !== 'out') return;
  const state = deliveryReducer(message.state, event);
  const route = details.targets ? (routeOf(details.targets) ?? message.route) : message.route;
  const failure = details.failure === undefined ? (state === 'failed' ? message.failure : null) : details.failure;
  if (state === message.state && route === message.route && failure?.code === message.failure?.code) return;
  const changed = context.store.messages.setDelivery(id, state, route, failure);
  if (changed) after(() => tell(context, changed));
}

/** The route that is shown is the one to the other person; copies for our own devices do not count. */
function routeOf(targets: readonly OutboxTarget[]): RouteKind | 'both' | null {
  const routes: RouteKind[] = [];
  for (const target of targets) if (target.owner !== 'self' && target.route) routes.push(target.route);
  return mergeRoutes(routes);
}

/** `sending` is never kept on disk: after a crash it would be untrue. It is shown over what is stored. */
export function showTransmitting(context: MessagingContext, id: MessageId): void {
  const message = context.store.messages.get(id);
  if (message?.direction !== 'out') return;
  const state = deliveryReducer(message.state, { type: 'transmitting' });
  if (state !== message.state) context.events.message({ ...message, state });
}

/** Takes `sending` back: what is stored is true again. */
export function showInterrupted(context: MessagingContext, id: MessageId): void {
  const message = context.store.messages.get(id);
  if (message?.direction === 'out' && message.state === 'queued') context.events.message(message);
}

function tell(context: MessagingContext, message: Message): void {
  context.events.message(message);
  if (context.store.conversations.summary(message.conversationId).lastMessage?.id === message.id) {
    context.events.conversation(message.conversationId);
  }
}
