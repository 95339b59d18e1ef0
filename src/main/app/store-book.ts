/** What the recognition of contacts needs to know, out of the store. */
import type { Address } from '../../shared/model.ts';
import { type AfterCommit, inTransaction, type MessagingContext, selfOf } from '../messaging/context.ts';
import { learnDevice } from '../messaging/devices/device-records.ts';
import { conversationWith } from '../messaging/timeline/conversation-timeline.ts';
import type { Introduction, NearbyBook, NearbyContact } from '../nearby/book.ts';
import { isOpen } from '../nearby/invitation.ts';
import type { ContactRecord, InvitationRecord, Store } from '../storage/records.ts';

export const unmetName = 'New contact';

export function addressesOf(contact: Pick<ContactRecord, 'jid' | 'xid'>): Address[] {
  return [contact.xid, contact.jid].filter((address) => address !== null);
}

export function createStoreBook(
  store: Store,
  context: () => MessagingContext,
  onMet: (contact: ContactRecord) => void,
): NearbyBook {
  return {
    self() {
      const self = selfOf(context());
      const jid = store.accounts.get()?.jid;
      return {
        xidSeed: self.xidSeed,
        xid: self.xid,
        name: self.name,
        device: { deviceId: self.deviceId, identityKey: self.identityKey },
        addresses: jid ? [self.xid, jid] : [self.xid],
      };
    },
    contacts: () => store.contacts.list().flatMap((contact) => nearbyContact(contact) ?? []),
    invitations() {
      const own = selfOf(context()).xid;
      return store.invitations.list().map((invitation) => ({
        secret: invitation.secret,
        expiresAt: invitation.expiresAt,
        direction: invitation.direction,
        inviter: invitation.xid ?? own,
      }));
    },
    async onIntroduced(introduction) {
      const met = inTransaction(context(), (after) => meet(context(), introduction, after));
      if (!met) return null;
      onMet(met);
      return nearbyContact(met);
    },
  };
}

function nearbyContact(contact: ContactRecord): NearbyContact | null {
  if (!contact.xid || contact.subscription === 'pending-in') return null;
  return { contactId: contact.id, xid: contact.xid, addresses: addressesOf(contact) };
}

/** Inside a transaction: the invitation is used up, and both sides know each other. */
function meet(context: MessagingContext, introduction: Introduction, after: AfterCommit): ContactRecord | null {
  const { store } = context;
  const invitation = store.invitations.list().find((open) => isFor(open, introduction));
  if (!invitation || !isOpen(invitation.expiresAt, context.now())) return null;
  const known =
    (invitation.contactId && store.contacts.get(invitation.contactId)) || store.contacts.byAddress(introduction.xid);
  const contact: ContactRecord = {
    id: known?.id ?? (crypto.randomUUID() as string as ContactRecord['id']),
    name: (known && known.name !== unmetName ? known.name : introduction.name) || unmetName,
    jid: known?.jid ?? null,
    xid: introduction.xid,
    subscription: known && known.subscription !== 'pending-in' ? known.subscription : 'none',
    // The introduction went both ways: they hold our XID.
    xidShared: true,
    addedAt: known?.addedAt ?? context.now(),
  };
  store.contacts.put(contact);
  store.invitations.remove(invitation.secret);
  const conversation = conversationWith(context, contact.id);
  learnDevice(context, after, contact.id, {
    deviceId: introduction.device.deviceId,
    identityKey: context.cipher.canonicalIdentity(introduction.device.identityKey),
    active: contact.jid === null,
    seenAt: context.now(),
  });
  after(() => {
    context.events.contact(contact.id);
    context.events.conversation(conversation.id);
  });
  return contact;
}

function isFor(invitation: InvitationRecord, introduction: Introduction): boolean {
  if (!Buffer.from(invitation.secret).equals(introduction.invitationSecret)) return false;
  // One accepted here is for its inviter and nobody else.
  return invitation.direction === 'out' || invitation.xid === introduction.xid;
}
