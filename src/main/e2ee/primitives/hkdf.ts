/** HKDF-SHA-256 (RFC 5869). */
import { hmacSha256, withHmacKey } from './hmac.ts';
import { wipe } from './sodium.ts';

const HASH_BYTES = 32;
const NOTHING = new Uint8Array(0);
const ZERO_SALT = new Uint8Array(HASH_BYTES);

/** An empty salt means 32 zero bytes (RFC 5869 §2.2). `length` in bytes, at most 255 × 32. */
export function hkdfSha256(salt: Uint8Array, input: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (length > 255 * HASH_BYTES) throw new RangeError('HKDF-SHA-256 gives at most 8160 bytes');
  const pseudoRandomKey = hmacSha256(salt.length === 0 ? ZERO_SALT : salt, input);
  const output = new Uint8Array(length);
  withHmacKey(pseudoRandomKey, (mac) => {
    // T(i) = HMAC(PRK, T(i-1) ‖ info ‖ i); T(0) is empty.
    const counter = new Uint8Array(1);
    let previous: Uint8Array = NOTHING;
    for (let offset = 0; offset < length; offset += HASH_BYTES) {
      counter[0] = offset / HASH_BYTES + 1;
      const part = mac(previous, info, counter);
      wipe(previous);
      output.set(length - offset < HASH_BYTES ? part.subarray(0, length - offset) : part, offset);
      previous = part;
    }
    wipe(previous);
  });
  wipe(pseudoRandomKey);
  return output;
}
