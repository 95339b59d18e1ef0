/** HKDF-SHA-256 (RFC 5869). */
import { hmacSha256 } from './hmac.ts';
import { wipe } from './sodium.ts';

const HASH_BYTES = 32;

/** An empty salt means 32 zero bytes (RFC 5869 §2.2). `length` in bytes, at most 255 × 32. */
export function hkdfSha256(salt: Uint8Array, input: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (length > 255 * HASH_BYTES) throw new RangeError('HKDF-SHA-256 gives at most 8160 bytes');
  const pseudoRandomKey = hmacSha256(salt.length === 0 ? new Uint8Array(HASH_BYTES) : salt, input);
  const output = new Uint8Array(length);
  // T(i) = HMAC(PRK, T(i-1) ‖ info ‖ i); T(0) is empty.
  const block = new Uint8Array(HASH_BYTES + info.length + 1);
  block.set(info, HASH_BYTES);
  for (let offset = 0, counter = 1; offset < length; offset += HASH_BYTES, counter += 1) {
    block[block.length - 1] = counter;
    const part = hmacSha256(pseudoRandomKey, counter === 1 ? block.subarray(HASH_BYTES) : block);
    block.set(part);
    output.set(length - offset < HASH_BYTES ? part.subarray(0, length - offset) : part, offset);
    wipe(part);
  }
  wipe(pseudoRandomKey, block);
  return output;
}
