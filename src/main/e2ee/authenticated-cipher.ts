/** AES-256-CBC, then HMAC-SHA-256 cut to 16 bytes (8 in legacy messages), with keys from HKDF: XEP-0384 uses it a lot. */
import { decryptCbc, encryptCbc } from './primitives/aes-cbc.ts';
import { hkdfSha256 } from './primitives/hkdf.ts';
import { hmacSha256 } from './primitives/hmac.ts';
import { equal, wipe } from './primitives/sodium.ts';

export const MAC_BYTES = 16;
const ZERO_SALT = new Uint8Array(32);

export interface CipherKeys {
  /** AES-256, 32 bytes; HMAC, 32 bytes; IV, 16 bytes: all views of `material`. */
  readonly encryption: Uint8Array;
  readonly authentication: Uint8Array;
  readonly iv: Uint8Array;
  readonly material: Uint8Array;
}

/** `key` 32 bytes. Wipe `material` after use. */
export function cipherKeys(key: Uint8Array, info: Uint8Array): CipherKeys {
  const material = hkdfSha256(ZERO_SALT, key, info, 80);
  return {
    encryption: material.subarray(0, 32),
    authentication: material.subarray(32, 64),
    iv: material.subarray(64, 80),
    material,
  };
}

/** `length` bytes, over the parts of `data` one after another. */
export function macOf(keys: CipherKeys, data: readonly Uint8Array[], length = MAC_BYTES): Uint8Array {
  return hmacSha256(keys.authentication, ...data).subarray(0, length);
}

export function encryptWith(keys: CipherKeys, plaintext: Uint8Array): Uint8Array {
  return encryptCbc(keys.encryption, keys.iv, plaintext);
}

/** Checks `mac` over `authenticated` first; null when it or the padding does not fit. */
export function decryptWith(
  keys: CipherKeys,
  ciphertext: Uint8Array,
  authenticated: readonly Uint8Array[],
  mac: Uint8Array,
  macLength = MAC_BYTES,
): Uint8Array | null {
  const expected = macOf(keys, authenticated, macLength);
  const genuine = equal(expected, mac);
  wipe(expected);
  return genuine ? decryptCbc(keys.encryption, keys.iv, ciphertext) : null;
}
