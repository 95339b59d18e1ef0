/** AES-256-CBC with PKCS#7 padding (NIST SP 800-38A, RFC 5652 §6.3). libsodium has none; node:crypto does it. */
import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import { plainBytes } from '../bytes.ts';

const ALGORITHM = 'aes-256-cbc';
const BLOCK = 16;

/** `key` 32 bytes, `iv` 16 bytes; the result is a multiple of 16 bytes, 1 to 16 longer than `plaintext`. */
export function encryptCbc(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const padding = BLOCK - (plaintext.length % BLOCK);
  const padded = new Uint8Array(plaintext.length + padding).fill(padding, plaintext.length);
  padded.set(plaintext);
  // Padding by hand lets one call give everything: making and finishing the cipher costs more than the work.
  // (And in Node 24 a key object is taken five times as fast as bare bytes.)
  const ciphertext = createCipheriv(ALGORITHM, createSecretKey(key), iv).setAutoPadding(false).update(padded);
  padded.fill(0);
  return plainBytes(ciphertext);
}

/**
 * Null when the length or the padding is wrong. Only for authenticated ciphertext: the padding check is not constant
 * in time.
 */
export function decryptCbc(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array | null {
  if (ciphertext.length === 0 || ciphertext.length % BLOCK !== 0) return null;
  const padded = createDecipheriv(ALGORITHM, createSecretKey(key), iv).setAutoPadding(false).update(ciphertext);
  const padding = padded[padded.length - 1] ?? 0;
  if (padding === 0 || padding > BLOCK) return null;
  for (let at = padded.length - padding; at < padded.length; at += 1) if (padded[at] !== padding) return null;
  return plainBytes(padded.subarray(0, padded.length - padding));
}
