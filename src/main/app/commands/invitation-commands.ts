/** Commands about invitations: becoming contacts without any server. */
import { fail, ok } from '../../../shared/errors.ts';
import type { ContactId } from '../../../shared/model.ts';
import { inTransaction, selfOf } from '../../messaging/context.ts';
import { conversationWith } from '../../messaging/timeline/conversation-timeline.ts';
import { formatInvitation, INVITATION_SECRET_BYTES, isOpen, parseInvitation } from '../../nearby/invitation.ts';
import type { ContactRecord } from '../../storage/records.ts';
import type { RunningProfile } from '../running-profile.ts';
import { unmetName } from '../store-book.ts';
import type { Handlers } from './command-types.ts';

const invitationLifetime = 24 * 60 * 60 * 1000;
/** Each open invitation is one more tag on every link; nobody needs many at once. */
const maxOpen = 20;

export function invitationCommands(profile: RunningProfile): Handlers<'invitations.create' | 'invitations.accept'> {
  const { store, context, views } = profile;
  return {
    'invitations.create'() {
      const now = context.now();
      const expiresAt = Math.floor((now + invitationLifetime) / 1000) * 1000;
      const secret = context.random(INVITATION_SECRET_BYTES);
      inTransaction(context, () => {
        const open = store.invitations.list();
        const own = open
          .filter((invitation) => invitation.direction === 'out')
          .sort((a, b) => a.expiresAt - b.expiresAt);
        const expired = open.filter((invitation) => !isOpen(invitation.expiresAt, now));
        const surplus = own.slice(0, Math.max(0, own.length - maxOpen + 1));
        for (const gone of new Set([...expired, ...surplus])) store.invitations.remove(gone.secret);
        store.invitations.put({ secret, expiresAt, direction: 'out', xid: null, contactId: null });
      });
      profile.nearby.transport?.contactsChanged();
      return ok({ link: formatInvitation({ inviter: selfOf(context).xid, secret, expiresAt }), expiresAt });
    },

    'invitations.accept'({ link }) {
      const invitation = parseInvitation(link, selfOf(context).xid, context.now());
      if (!invitation.ok) return invitation;
      const { inviter, secret, expiresAt } = invitation.value;
      if (store.contacts.byAddress(inviter)?.xidShared) {
        return fail('contact.exists', 'This person is in your contacts already.');
      }
      const contact = inTransaction(context, (after): ContactRecord => {
        const record: ContactRecord = store.contacts.byAddress(inviter) ?? {
          id: crypto.randomUUID() as string as ContactId,
          name: unmetName,
          jid: null,
          xid: inviter,
          subscription: 'none',
          xidShared: false,
          addedAt: context.now(),
        };
        store.contacts.put(record);
        store.invitations.put({ secret, expiresAt, direction: 'in', xid: inviter, contactId: record.id });
        const conversation = conversationWith(context, record.id);
        after(() => {
          context.events.contact(record.id);
          context.events.conversation(conversation.id);
        });
        return record;
      });
      profile.nearby.transport?.contactsChanged();
      return ok(views.contactOf(contact));
    },
  };
}
