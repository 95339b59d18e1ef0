/** Who a stanza is from, and which conversation it belongs to. */
import type { Element } from '@xmpp/xml';
import type { Address, BareJid } from '../../../shared/model.ts';
import type { ContactRecord } from '../../storage/records.ts';
import type { Arrival } from '../../transports/transport.ts';
import { accountOf, type MessagingContext } from '../context.ts';
import type { Owner } from '../devices/device-records.ts';
import { bareAddress, isOwnAddress } from '../devices/recipients.ts';

/** Strangers whose first message is kept, waiting for an answer. Beyond that, theirs is a closed door. */
const maxRequests = 20;

export interface Sender {
  readonly owner: Owner;
  /** The other person of the conversation. Null: only the envelope can say (a copy from our own device). */
  readonly contact: ContactRecord | null;
}

/** Null: nobody we listen to. May make a contact request; inside a transaction. */
export function senderOf(context: MessagingContext, stanza: Element, arrival: Arrival): Sender | null {
  if (arrival.transport === 'libp2p' || arrival.device) {
    const owner = arrival.device?.contactId;
    if (!owner) return null;
    if (owner === ('self' as typeof owner)) return { owner: 'self', contact: addressee(context, stanza) };
    // The link may be older than a merge of two contacts into one.
    const contact = context.store.contacts.get(owner) ?? context.store.contacts.byAddress(arrival.from);
    return contact ? { owner: contact.id, contact } : null;
  }
  if (arrival.from === accountOf(context)?.jid) return { owner: 'self', contact: addressee(context, stanza) };
  const contact = context.store.contacts.byAddress(arrival.from) ?? requestFrom(context, arrival.from, stanza);
  return contact ? { owner: contact.id, contact } : null;
}

function addressee(context: MessagingContext, stanza: Element): ContactRecord | null {
  return contactFor(context, stanza.attrs['to']);
}

/** The contact an envelope or stanza of our own is addressed to; null for our own address. */
export function contactFor(context: MessagingContext, address: unknown): ContactRecord | null {
  if (typeof address !== 'string' || isOwnAddress(context, address)) return null;
  return context.store.contacts.byAddress(bareAddress(address) as Address);
}

/** Somebody unknown says something: a request to be answered, not a contact, and only from those who say something. */
function requestFrom(context: MessagingContext, from: Address, stanza: Element): ContactRecord | null {
  const says = stanza.getChild('encrypted') !== undefined || stanza.getChild('body') !== undefined;
  const type: unknown = stanza.attrs['type'];
  // A room (XEP-0045 §7.5, §7.8.2) is nobody to have as a contact.
  if (stanza.getChild('x', 'http://jabber.org/protocol/muc#user')) return null;
  if (!says || (type !== undefined && type !== 'chat' && type !== 'normal')) return null;
  if (!from.includes('@') || from.endsWith('@id.internal')) return null;
  const waiting = context.store.contacts.list().filter((contact) => contact.subscription === 'pending-in').length;
  if (waiting >= maxRequests) {
    context.log('warn', 'request-dropped', { waiting });
    return null;
  }
  const made: ContactRecord = {
    id: crypto.randomUUID() as string as ContactRecord['id'],
    name: from.slice(0, from.indexOf('@')),
    jid: from as BareJid,
    xid: null,
    subscription: 'pending-in',
    xidShared: false,
    addedAt: context.now(),
  };
  context.store.contacts.put(made);
  return made;
}
