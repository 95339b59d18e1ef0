/** XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), for what is sealed at rest; messages use OMEMO's own ciphers. */
import { sodium } from './sodium.ts';

const nonceLength = 24;

/** Key 32 bytes; returns a fresh 24-byte nonce followed by the ciphertext and its 16-byte tag. */
export function seal(key: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array {
  const nonce = sodium.randombytes_buf(nonceLength);
  const ciphertext = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, associated, null, nonce, key);
  const sealed = new Uint8Array(nonceLength + ciphertext.length);
  sealed.set(nonce);
  sealed.set(ciphertext, nonceLength);
  return sealed;
}

/** The plaintext, or null when key, associated data or sealed bytes are not what they were. */
export function open(key: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array | null {
  if (sealed.length < nonceLength + 16) return null;
  try {
    return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
      null,
      sealed.subarray(nonceLength),
      associated,
      sealed.subarray(0, nonceLength),
      key,
    );
  } catch {
    return null;
  }
}
