/** What people compare (XEP-0384 §8). */
import { toHex } from './bytes.ts';
import { toCurve25519Public } from './primitives/ed25519.ts';

/**
 * 64 lower-case hex digits: the identity key (Ed25519, 32 bytes) in Curve25519 form. Keys that are no valid point have
 * no such form and are shown as they are; no session can be made with them.
 */
export function fingerprintOf(identityKey: Uint8Array): string {
  return toHex(toCurve25519Public(identityKey) ?? identityKey);
}
