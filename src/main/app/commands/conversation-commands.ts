/** Commands about conversations. */
import { fail, ok, type Result } from '../../../shared/errors.ts';
import type { Conversation, ConversationId } from '../../../shared/model.ts';
import { inTransaction } from '../../messaging/context.ts';
import { stopClearSignals } from '../../messaging/sending/clear-signal-mail.ts';
import { conversationWith } from '../../messaging/timeline/conversation-timeline.ts';
import type { ConversationRecord } from '../../storage/records.ts';
import type { RunningProfile } from '../running-profile.ts';
import type { Handlers } from './command-types.ts';

export function conversationCommands(
  profile: RunningProfile,
): Handlers<
  | 'conversations.list'
  | 'conversations.openWith'
  | 'conversations.setRoute'
  | 'conversations.allowPlain'
  | 'conversations.allowClearSignals'
  | 'conversations.markRead'
  | 'conversations.setDraft'
> {
  const { store, views, context } = profile;
  const unknown = fail('conversation.unknown', 'This conversation does not exist any more.');
  const known = (id: ConversationId): Result<ConversationRecord> => {
    const record = store.conversations.get(id);
    return record ? ok(record) : unknown;
  };
  const shown = (record: ConversationRecord): Result<Conversation> => {
    const conversation = views.conversation(record);
    return conversation ? ok(conversation) : unknown;
  };

  return {
    'conversations.list': () => ok(store.conversations.list().flatMap((record) => views.conversation(record) ?? [])),

    'conversations.openWith'({ contactId }) {
      if (!store.contacts.get(contactId)) return fail('contact.unknown', 'This contact does not exist any more.');
      const existed = store.conversations.byContact(contactId);
      const record = inTransaction(context, () => conversationWith(context, contactId));
      if (!existed) profile.news.conversation(record.id);
      return shown(record);
    },

    'conversations.setRoute'({ conversationId, preference }) {
      const record = known(conversationId);
      if (!record.ok) return record;
      const changed = { ...record.value, routePreference: preference };
      inTransaction(context, (after) => {
        store.conversations.put(changed);
        // What waits in this conversation goes the way the person wants now.
        profile.outbox.setPreference(changed.contactId, preference, after);
        after(() => profile.news.conversation(conversationId));
      });
      return shown(changed);
    },

    'conversations.allowPlain'({ conversationId, allow }) {
      const record = known(conversationId);
      if (!record.ok) return record;
      const changed = { ...record.value, plainAllowed: allow };
      store.conversations.put(changed);
      profile.news.conversation(conversationId);
      profile.outbox.kick(changed.contactId);
      return shown(changed);
    },

    'conversations.allowClearSignals'({ conversationId, allow }) {
      const record = known(conversationId);
      if (!record.ok) return record;
      const changed = { ...record.value, clearSignalsAllowed: allow };
      inTransaction(context, (after) => {
        store.conversations.put(changed);
        if (!allow) stopClearSignals(context, profile.outbox, changed, after);
        after(() => profile.news.conversation(conversationId));
      });
      return shown(changed);
    },

    'conversations.markRead'({ conversationId, upTo }) {
      const record = known(conversationId);
      if (!record.ok) return record;
      const message = store.messages.get(upTo);
      if (message?.conversationId !== conversationId) return fail('message.unknown', 'This message does not exist.');
      const tell = store.settings.get().sendReadMarkers;
      if (profile.speaker.markRead(conversationId, upTo, tell) > 0) profile.news.conversation(conversationId);
      return ok(null);
    },

    'conversations.setDraft'({ conversationId, draft }) {
      const record = known(conversationId);
      if (!record.ok) return record;
      if (record.value.draft !== draft) store.conversations.put({ ...record.value, draft });
      return ok(null);
    },
  };
}
