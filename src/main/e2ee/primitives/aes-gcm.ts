/** AES-128-GCM (NIST SP 800-38D) with a tag of 16 bytes, for the payload of legacy OMEMO. */
import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import { plainBytes } from '../bytes.ts';

const ALGORITHM = 'aes-128-gcm';
export const TAG_BYTES = 16;

/** `key` 16 bytes, `iv` 12 bytes; `tag` has 16. */
export function encryptGcm(
  key: Uint8Array,
  iv: Uint8Array,
  plaintext: Uint8Array,
): { readonly ciphertext: Uint8Array; readonly tag: Uint8Array } {
  const cipher = createCipheriv(ALGORITHM, createSecretKey(key), iv, { authTagLength: TAG_BYTES });
  const ciphertext = plainBytes(cipher.update(plaintext));
  // A stream cipher: nothing is held back, only the tag remains to be made.
  cipher.final();
  return { ciphertext, tag: plainBytes(cipher.getAuthTag()) };
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
  let plaintext: Uint8Array | null = null;
  try {
    decipher.setAuthTag(tag);
    plaintext = plainBytes(decipher.update(ciphertext));
    decipher.final();
    return plaintext;
  } catch {
    // What was deciphered before the tag was found wrong is nobody's business.
    plaintext?.fill(0);
    return null;
  }
}
