/** AES-128-GCM (NIST SP 800-38D) with a tag of 16 bytes, for the payload of legacy OMEMO. */
import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import { concat } from '../bytes.ts';

const ALGORITHM = 'aes-128-gcm';
export const TAG_BYTES = 16;

/** `key` 16 bytes, `iv` 12 bytes; `tag` has 16. */
export function encryptGcm(
  key: Uint8Array,
  iv: Uint8Array,
  plaintext: Uint8Array,
): { readonly ciphertext: Uint8Array; readonly tag: Uint8Array } {
  const cipher = createCipheriv(ALGORITHM, createSecretKey(key), iv, { authTagLength: TAG_BYTES });
  const ciphertext = concat(cipher.update(plaintext), cipher.final());
  return { ciphertext, tag: new Uint8Array(cipher.getAuthTag()) };
}

/** Null when the tag does not fit. `iv` 12 or 16 bytes. */
export function decryptGcm(
  key: Uint8Array,
  iv: Uint8Array,
  ciphertext: Uint8Array,
  tag: Uint8Array,
): Uint8Array | null {
  // Without authTagLength a tag of 4 bytes would do, which can be guessed.
  const decipher = createDecipheriv(ALGORITHM, createSecretKey(key), iv, { authTagLength: TAG_BYTES });
  try {
    decipher.setAuthTag(tag);
    return concat(decipher.update(ciphertext), decipher.final());
  } catch {
    return null;
  }
}
