/** People with XIDs and devices who know each other or not, for tests of recognition. */
import { createNearbyCrypto } from '../../src/main/app/nearby-crypto.ts';
import type { DeviceIdentity } from '../../src/main/e2ee/types.ts';
import {
  type Introduction,
  type NearbyBook,
  type NearbyContact,
  type NearbyInvitation,
  SELF_CONTACT,
} from '../../src/main/nearby/book.ts';
import type { NearbyCrypto } from '../../src/main/nearby/crypto.ts';
import { xidOfSeed } from '../../src/main/nearby/xid.ts';
import type { Address, BareJid, ContactId, Xid } from '../../src/shared/model.ts';

export interface Person {
  readonly name: string;
  readonly xidSeed: Uint8Array;
  readonly xid: Xid;
  readonly jid: BareJid;
  readonly device: DeviceIdentity;
  readonly contacts: NearbyContact[];
  readonly invitations: NearbyInvitation[];
  readonly introductions: Introduction[];
  readonly book: NearbyBook;
  /** As a transport asks. */
  readonly addressesOf: (contactId: ContactId) => readonly Address[];
}

export const crypto: NearbyCrypto = await createNearbyCrypto();

export function person(name: string, xidSeed: Uint8Array = crypto.randomBytes(32)): Person {
  const xid = xidOfSeed(crypto, xidSeed);
  const jid = `${name}@example.org` as BareJid;
  const identityKey = crypto.ed25519PublicKey(crypto.randomBytes(32));
  const device = { identityKey, deviceId: 1 + (new DataView(crypto.randomBytes(4).buffer).getUint32(0) >>> 2) };
  const contacts: NearbyContact[] = [];
  const invitations: NearbyInvitation[] = [];
  const introductions: Introduction[] = [];
  const addresses = [xid, jid];
  const book: NearbyBook = {
    self: () => ({ xidSeed, xid, name, device, addresses }),
    contacts: () => contacts,
    invitations: () => invitations,
    async onIntroduced(introduction) {
      const index = invitations.findIndex((one) => crypto.equal(one.secret, introduction.invitationSecret));
      if (index < 0) return null;
      invitations.splice(index, 1);
      introductions.push(introduction);
      const known = contacts.find((one) => one.xid === introduction.xid);
      if (known !== undefined) return known;
      const contact = contactOf(introduction.xid, `contact of ${name}: ${introduction.name}`, []);
      contacts.push(contact);
      return contact;
    },
  };
  const addressesOf = (contactId: ContactId): readonly Address[] =>
    contactId === SELF_CONTACT ? addresses : (contacts.find((one) => one.contactId === contactId)?.addresses ?? []);
  return { name, xidSeed, xid, jid, device, contacts, invitations, introductions, book, addressesOf };
}

function contactOf(xid: Xid, contactId: string, more: readonly Address[]): NearbyContact {
  return { contactId: contactId as ContactId, xid, addresses: [xid, ...more] };
}

/** `one` gets `other` as a contact, whose contact id is their name. */
export function knows(one: Person, other: Person): void {
  one.contacts.push(contactOf(other.xid, other.name, [other.jid]));
}

export function befriend(one: Person, other: Person): void {
  knows(one, other);
  knows(other, one);
}
