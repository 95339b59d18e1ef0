/**
 * HMAC-SHA-256 (RFC 2104, RFC 6234), computed where libsodium keeps its memory: its wrappers leave copies of keys there,
 * and copying in and out would be half the work of a short message.
 */
import { createHmac, createSecretKey } from 'node:crypto';
import { plainBytes } from '../bytes.ts';
import { libsodium } from './sodium.ts';

const HASH_BYTES = 32;
const STATE_BYTES = 208;
const INPUT_BYTES = 2048;

// One place, laid out as: state with the key in it ‖ state at work ‖ result ‖ input (also the key, at first).
const WORKING = STATE_BYTES;
const RESULT = 2 * STATE_BYTES;
const INPUT = RESULT + HASH_BYTES;

/** 0: not taken yet. */
let place = 0;

/** The MAC, 32 bytes, of the parts one after another. */
export type Mac = (...parts: readonly Uint8Array[]) => Uint8Array;

/**
 * MACs under one key, which is set up once for all of them. `key` at most 2048 bytes. Whatever was copied is overwritten
 * when `use` returns, and `mac` ends with it; `use` must not come back here.
 */
export function withHmacKey<T>(key: Uint8Array, use: (mac: Mac) => T): T {
  if (key.length > INPUT_BYTES) throw new RangeError('an HMAC key has at most 2048 bytes');
  const sodium = libsodium();
  if (place === 0) place = sodium._malloc(INPUT + INPUT_BYTES);
  const input = place + INPUT;
  let dirty = key.length;
  sodium.HEAPU8.set(key, input);
  sodium._crypto_auth_hmacsha256_init(place, input, key.length);

  const mac: Mac = (...parts) => {
    // Read again each time: the memory moves when it grows.
    sodium.HEAPU8.copyWithin(place + WORKING, place, place + STATE_BYTES);
    for (const part of parts) {
      for (let from = 0; from < part.length; from += INPUT_BYTES) {
        const length = Math.min(part.length - from, INPUT_BYTES);
        sodium.HEAPU8.set(length === part.length ? part : part.subarray(from, from + length), input);
        sodium._crypto_auth_hmacsha256_update(place + WORKING, input, length, 0);
        if (length > dirty) dirty = length;
      }
    }
    sodium._crypto_auth_hmacsha256_final(place + WORKING, place + RESULT);
    return sodium.HEAPU8.slice(place + RESULT, place + RESULT + HASH_BYTES);
  };
  try {
    return use(mac);
  } finally {
    sodium.HEAPU8.fill(0, place, input + dirty);
  }
}

/** From here on the processor's own instructions, which node:crypto uses, win back what calling it costs. */
const LONG = 512;

/** Returns 32 bytes. The message is given whole or in parts. */
export function hmacSha256(key: Uint8Array, ...message: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of message) length += part.length;
  if (length < LONG) return withHmacKey(key, (mac) => mac(...message));
  // (In Node 24 a key object is taken ten times as fast as bare bytes.)
  const hmac = createHmac('sha256', createSecretKey(key));
  for (const part of message) hmac.update(part);
  return plainBytes(hmac.digest());
}
