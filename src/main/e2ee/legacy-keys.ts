/** Keys and signatures as `eu.siacs.conversations.axolotl` (XEP-0384 0.3.0) writes them, after libsignal. */
import { concat } from './bytes.ts';
import { toCurve25519Public, verify } from './primitives/ed25519.ts';

/** "DJB type": the only kind of key there is. */
const KEY_TYPE = Uint8Array.of(0x05);
export const LEGACY_KEY_BYTES = 33;

/** 33 bytes from the 32 of an X25519 public key. */
export function toLegacyKey(key: Uint8Array): Uint8Array {
  return concat(KEY_TYPE, key);
}

/** The X25519 public key, 32 bytes (a view); null when it is no such key. */
export function fromLegacyKey(key: Uint8Array): Uint8Array | null {
  return key.length === LEGACY_KEY_BYTES && key[0] === KEY_TYPE[0] ? key.subarray(1) : null;
}

const identities = new Map<string, Uint8Array>();
const REMEMBERED = 512;

/** An Ed25519 identity key, 32 bytes, as it stands in messages and associated data: 33 bytes. Throws when it is none. */
export function legacyIdentity(identityKey: Uint8Array): Uint8Array {
  const name = Buffer.from(identityKey.buffer, identityKey.byteOffset, identityKey.byteLength).toString('latin1');
  const known = identities.get(name);
  if (known !== undefined) return known;
  const converted = toCurve25519Public(identityKey);
  if (converted === null) throw new Error('a session has a valid identity key');
  const key = toLegacyKey(converted);
  // Stryker disable next-line all: what is forgotten is computed again
  if (identities.size >= REMEMBERED) identities.clear();
  // Stryker disable next-line all: likewise
  identities.set(name, key);
  return key;
}

/**
 * XEdDSA (signal.org/docs/specifications/xeddsa) as libsignal writes it: the sign bit of the Ed25519 key, which its
 * X25519 form has lost, travels in bit 7 of the last byte of the signature. `signature` 64 bytes over `message`.
 */
export function verifyLegacy(identityKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (identityKey.length !== 32 || signature.length !== 64) return false;
  const [key, plain] = [identityKey.slice(), signature.slice()];
  const last = plain[63] ?? 0;
  key[31] = ((key[31] ?? 0) & 0x7f) | (last & 0x80);
  plain[63] = last & 0x7f;
  return verify(key, message, plain);
}
