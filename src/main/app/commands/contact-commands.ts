/** Commands about contacts. */
import { fail, ok, type Result } from '../../../shared/errors.ts';
import { parseUserJid } from '../../../shared/jid.ts';
import type { Contact, ContactId } from '../../../shared/model.ts';
import { inTransaction } from '../../messaging/context.ts';
import { namesOf } from '../../messaging/devices/trust-belief.ts';
import { conversationWith } from '../../messaging/timeline/conversation-timeline.ts';
import type { ContactRecord } from '../../storage/records.ts';
import { cleanName } from '../clean-name.ts';
import type { RunningProfile } from '../running-profile.ts';
import type { Handlers } from './command-types.ts';

export function contactCommands(
  profile: RunningProfile,
): Handlers<'contacts.list' | 'contacts.addByJid' | 'contacts.rename' | 'contacts.remove' | 'contacts.answerRequest'> {
  const { store, views, account } = profile;
  const known = (id: ContactId): Result<ContactRecord> => {
    const contact = store.contacts.get(id);
    return contact ? ok(contact) : fail('contact.unknown', 'This contact does not exist any more.');
  };
  const shown = (contact: ContactRecord): Result<Contact> => ok(views.contactOf(contact));
  const remove = (contact: ContactRecord): void => {
    const conversation = store.conversations.byContact(contact.id);
    profile.outbox.forget(contact.id);
    inTransaction(profile.context, () => {
      for (const name of namesOf(profile.context, contact.id)) store.statements.removeAbout(name);
      store.contacts.remove(contact.id);
    });
    profile.tellRemoved(contact.id, conversation?.id ?? null);
  };

  return {
    'contacts.list': () => ok(store.contacts.list().map((contact) => views.contactOf(contact))),

    async 'contacts.addByJid'({ jid, name }) {
      const parsed = parseUserJid(jid);
      if (!parsed.ok) return parsed;
      if (parsed.value === store.accounts.get()?.jid) return fail('contact.is-self', 'This is your own address.');
      const added = await account.addByJid(parsed.value, cleanName(name ?? '') || null);
      if (!added.ok) return added;
      // Their devices are asked for now, so that the first message finds them.
      profile.outbox.kick(added.value.id);
      void profile.directory.fetchList(added.value.id, parsed.value);
      return shown(store.contacts.get(added.value.id) ?? added.value);
    },

    async 'contacts.rename'({ contactId, name }) {
      const contact = known(contactId);
      if (!contact.ok) return contact;
      const cleaned = cleanName(name);
      if (cleaned === '') return fail('request.malformed', 'A contact needs a name.');
      const renamed = { ...contact.value, name: cleaned };
      store.contacts.put(renamed);
      profile.context.events.contact(contactId);
      if (renamed.jid && account.transport) await account.transport.setRosterEntry(renamed.jid, cleaned);
      return shown(renamed);
    },

    async 'contacts.remove'({ contactId }) {
      const contact = known(contactId);
      if (!contact.ok) return contact;
      const { jid } = contact.value;
      // First on the server: a contact that the roster still lists would come back.
      if (jid && account.transport && contact.value.subscription !== 'pending-in') {
        const removed = await account.transport.removeRosterEntry(jid);
        if (!removed.ok && removed.error.code !== 'stanza.not-found') return removed;
      }
      remove(contact.value);
      return ok(null);
    },

    async 'contacts.answerRequest'({ contactId, accept }) {
      const contact = known(contactId);
      if (!contact.ok) return contact;
      const { jid, subscription } = contact.value;
      if (!jid || subscription !== 'pending-in') return fail('contact.unknown', 'There is no request to answer.');
      if (!account.transport) return fail('account.none', 'You are not signed in to an account.');
      if (!accept) {
        const refused = await account.transport.answerSubscription(jid, false);
        if (!refused.ok) return refused;
        remove(contact.value);
        return ok(null);
      }
      const answered = await account.transport.answerSubscription(jid, true);
      if (!answered.ok) return answered;
      inTransaction(profile.context, (after) => {
        const current = store.contacts.get(contactId) ?? contact.value;
        // The roster push tells what it really became; until then it is at least no request any more.
        if (current.subscription === 'pending-in') store.contacts.put({ ...current, subscription: 'from' });
        const conversation = conversationWith(profile.context, contactId);
        after(() => profile.news.conversation(conversation.id));
      });
      profile.context.events.contact(contactId);
      const added = await account.addByJid(jid, null);
      return added.ok || added.error.code === 'contact.exists' ? ok(null) : added;
    },
  };
}
