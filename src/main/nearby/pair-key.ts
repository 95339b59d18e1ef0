/**
 * The keys under which two people recognise each other (docs/decisions/0022-day-keys.md). A pair key is computed from the two
 * XIDs alone: K_ab = HKDF(X25519(a, B), both XIDs), and from it one key a day. HKDF goes one way: a day's key tells
 * neither K_ab nor another day's key.
 */
import type { Xid } from '../../shared/model.ts';
import { framed, uint32, utf8 } from './bytes.ts';
import type { NearbyCrypto } from './crypto.ts';
import { publicKeyOfXid } from './xid.ts';

const noSalt = new Uint8Array(32);
const dayMs = 86_400_000;

/** UTC day number since 1970. */
export function dayOf(unixMs: number): number {
  return Math.floor(unixMs / dayMs);
}

/**
 * K_ab, 32 bytes, the same from both sides; also with oneself (own other devices).
 * Null when the other XID is malformed or its key unusable.
 */
export function pairKey(crypto: NearbyCrypto, ownSeed: Uint8Array, ownXid: Xid, otherXid: Xid): Uint8Array | null {
  const otherKey = publicKeyOfXid(otherXid);
  const shared = otherKey === null ? null : crypto.agree(ownSeed, otherKey);
  if (shared === null) return null;
  const [first, second] = ownXid < otherXid ? [ownXid, otherXid] : [otherXid, ownXid];
  const key = crypto.hkdfSha256(shared, noSalt, framed(utf8('bothy pair key 1'), utf8(first), utf8(second)), 32);
  shared.fill(0);
  return key;
}

/** The pair key of one UTC day, 32 bytes. */
export function dayKey(crypto: NearbyCrypto, pair: Uint8Array, day: number): Uint8Array {
  return crypto.hkdfSha256(pair, noSalt, framed(utf8('bothy day key 1'), uint32(day)), 32);
}

/** The key that an invitation's one-time secret (32 bytes) stands for, 32 bytes; bound to who invited. */
export function invitationKey(crypto: NearbyCrypto, secret: Uint8Array, inviter: Xid): Uint8Array {
  return crypto.hkdfSha256(secret, noSalt, framed(utf8('bothy invitation 1'), utf8(inviter)), 32);
}
