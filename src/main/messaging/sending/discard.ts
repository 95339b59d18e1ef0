/** Taking back a text of our own that nobody has got: it goes, and nothing is missing where it would have arrived. */
import { fail, ok, type Result } from '../../../shared/errors.ts';
import type { MessageId } from '../../../shared/model.ts';
import { inTransaction, type MessagingContext, selfOf } from '../context.ts';
import { orderElement } from '../envelope/order.ts';
import type { Outbox } from './outbox.ts';

/** What was encrypted stays used up: ratchets never go back. */
export function discardText(context: MessagingContext, outbox: Outbox, id: MessageId): Result<null> {
  const { conversations, messages } = context.store;
  const message = messages.get(id);
  const conversation = message ? conversations.get(message.conversationId) : null;
  if (message?.direction !== 'out' || message.kind !== 'text' || !conversation) {
    return fail('message.unknown', 'This message does not exist.');
  }
  const { contactId, routePreference: preference } = conversation;
  return inTransaction(context, (after) => {
    const waits = message.state === 'queued' || message.state === 'failed';
    // Then a device has it, and may yet be able to read it.
    const unreadable = message.failure?.code === 'encryption.unreadable';
    const wasSealed = context.store.outbox.byMessage(id)?.stage === 'plaintext' && isSealed(context, id);
    if (!waits || unreadable || wasSealed || !outbox.outcomes.takeBack(contactId, id, after)) {
      const what = 'This message has left this computer, or may have: it cannot be taken back.';
      return fail('message.already-sent', what);
    }
    const counter = messages.orderCounter(id);
    messages.remove(id);
    if (counter !== null && !conversations.giveBackOrderCounter(conversation.id, counter)) {
      // Later ones have their numbers already: this one is told by itself, so that nobody waits for it.
      const content = [orderElement({ counter, after: null })];
      const messageId = crypto.randomUUID() as string as MessageId;
      outbox.add({ messageId, contactId, kind: 'control', content, preference, choice: null }, after);
    }
    after(() => context.events.messageRemoved(message));
    return ok(null);
  });
}

/** Encrypted before, under other addresses (meet-again.ts): those bytes may have left. */
function isSealed(context: MessagingContext, id: MessageId): boolean {
  return context.store.seen.has(selfOf(context).identityKey, id);
}
