/** Commands about messages. */
import { fail, ok } from '../../../shared/errors.ts';
import { inTransaction } from '../../messaging/context.ts';
import { discardText } from '../../messaging/sending/discard.ts';
import type { RunningProfile } from '../running-profile.ts';
import type { Handlers } from './command-types.ts';

export function messageCommands(
  profile: RunningProfile,
): Handlers<'messages.page' | 'messages.send' | 'messages.retry' | 'messages.discard' | 'messages.search'> {
  const { store, context } = profile;
  return {
    'messages.page'({ conversationId, before, after, limit }) {
      if (!store.conversations.get(conversationId)) {
        return fail('conversation.unknown', 'This conversation does not exist any more.');
      }
      return ok(
        store.messages.page(conversationId, { ...(before ? { before } : {}), ...(after ? { after } : {}), limit }),
      );
    },

    'messages.send': ({ conversationId, id, body, route }) => profile.speaker.say(conversationId, id, body, route),

    'messages.retry'({ messageId }) {
      const message = store.messages.get(messageId);
      const conversation = message ? store.conversations.get(message.conversationId) : null;
      if (message?.direction !== 'out' || !conversation) return fail('message.unknown', 'This message does not exist.');
      if (message.state !== 'failed') return ok(message);
      const again = inTransaction(context, (after) =>
        profile.outbox.outcomes.retry(conversation.contactId, messageId, after),
      );
      const now = store.messages.get(messageId);
      return again && now ? ok(now) : fail('message.unknown', 'This message can no longer be sent.', 'Write it again.');
    },

    'messages.discard': ({ messageId }) => discardText(context, profile.outbox, messageId),

    'messages.search': ({ text, limit }) => ok(text.trim() === '' ? [] : store.messages.search(text, limit)),
  };
}
