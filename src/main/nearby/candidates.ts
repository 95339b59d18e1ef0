/** Everybody who may be at the other end of a link, with the keys their tags would be made under. */
import type { Xid } from '../../shared/model.ts';
import { type NearbyBook, type NearbyContact, type NearbyInvitation, SELF_CONTACT } from './book.ts';
import { framed, toHex, utf8 } from './bytes.ts';
import type { NearbyCrypto } from './crypto.ts';
import { isOpen } from './invitation.ts';
import { dayKey, dayOf, invitationKey, pairKey } from './pair-key.ts';
import { TAG_COUNT } from './tags.ts';

export interface Candidate {
  readonly who:
    | { readonly kind: 'contact'; readonly contact: NearbyContact }
    | { readonly kind: 'invitation'; readonly invitation: NearbyInvitation };
  /** The key of our own tag and proof, 32 bytes. */
  readonly sendKey: Uint8Array;
  /** Keys the other side may use: today's, and a neighbouring day's when clocks differ. */
  readonly acceptKeys: readonly Uint8Array[];
  /** Sorts alike on both sides, so that both choose the same of several matches; contacts before invitations. */
  readonly order: string;
}

export interface CandidateSource {
  /** Everybody, contacts and own devices first. */
  all(): Candidate[];
  /** At most TAG_COUNT of them; with more, the next ones at each call, so that everybody has a turn. */
  turn(): Candidate[];
}

export function createCandidateSource(crypto: NearbyCrypto, book: NearbyBook, now: () => number): CandidateSource {
  let cache = { xid: '' as string, day: Number.NaN, byXid: new Map<Xid, DayKeys | null>() };
  let turns = 0;

  function contactKeys(xidSeed: Uint8Array, ownXid: Xid, otherXid: Xid, day: number): DayKeys | null {
    if (cache.day !== day || cache.xid !== ownXid) cache = { xid: ownXid, day, byXid: new Map() };
    const known = cache.byXid.get(otherXid);
    if (known !== undefined) return known;
    const pair = pairKey(crypto, xidSeed, ownXid, otherXid);
    const keys = pair === null ? null : dayKeys(crypto, pair, day);
    cache.byXid.set(otherXid, keys);
    return keys;
  }

  function all(): Candidate[] {
    const self = book.self();
    const day = dayOf(now());
    const own: NearbyContact = { contactId: SELF_CONTACT, xid: self.xid, addresses: self.addresses };
    const found: Candidate[] = [];
    for (const contact of [own, ...book.contacts()]) {
      const keys = contactKeys(self.xidSeed, self.xid, contact.xid, day);
      if (keys === null) continue;
      const { today, around } = keys;
      found.push({ who: { kind: 'contact', contact }, sendKey: today, acceptKeys: around, order: `0${toHex(today)}` });
    }
    for (const invitation of book.invitations()) {
      if (isOpen(invitation.expiresAt, now())) found.push(invited(crypto, invitation));
    }
    return found;
  }

  function turn(): Candidate[] {
    const everybody = all();
    if (everybody.length <= TAG_COUNT) return everybody;
    const invitations = everybody.filter((one) => one.who.kind === 'invitation').slice(0, TAG_COUNT / 2);
    const contacts = everybody.filter((one) => one.who.kind === 'contact');
    const places = TAG_COUNT - invitations.length;
    const start = (turns * places) % contacts.length;
    turns += 1;
    return [...invitations, ...[...contacts, ...contacts].slice(start, start + Math.min(places, contacts.length))];
  }

  return { all, turn };
}

interface DayKeys {
  readonly today: Uint8Array;
  readonly around: readonly Uint8Array[];
}

function dayKeys(crypto: NearbyCrypto, pair: Uint8Array, day: number): DayKeys {
  const today = dayKey(crypto, pair, day);
  return { today, around: [dayKey(crypto, pair, day - 1), today, dayKey(crypto, pair, day + 1)] };
}

/** Each direction has a key of its own: two people holding the same link must not take each other for the inviter. */
function invited(crypto: NearbyCrypto, invitation: NearbyInvitation): Candidate {
  const shared = invitationKey(crypto, invitation.secret, invitation.inviter);
  const inviter = crypto.hmacSha256(shared, framed(utf8('inviter')));
  const accepter = crypto.hmacSha256(shared, framed(utf8('accepter')));
  const [sendKey, acceptKey] = invitation.direction === 'out' ? [inviter, accepter] : [accepter, inviter];
  return { who: { kind: 'invitation', invitation }, sendKey, acceptKeys: [acceptKey], order: `1${toHex(inviter)}` };
}
