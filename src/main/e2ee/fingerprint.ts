/** What people compare (XEP-0384 §8). */
import { toHex } from './bytes.ts';
import { toCurve25519Public } from './primitives/ed25519.ts';
import { toEd25519Public } from './primitives/edwards-form.ts';

/**
 * 64 lower-case hex digits: the identity key (Ed25519, 32 bytes) in Curve25519 form. Keys that are no valid point have
 * no such form and are shown as they are; no session can be made with them.
 */
export function fingerprintOf(identityKey: Uint8Array): string {
  return toHex(toCurve25519Public(identityKey) ?? identityKey);
}

/** The identity key of a fingerprint, 32 bytes each: Ed25519, sign bit 0. Null when it is the fingerprint of none. */
export function identityOfFingerprint(fingerprint: Uint8Array): Uint8Array | null {
  return toEd25519Public(fingerprint)?.slice() ?? null;
}
