/** HMAC-SHA-256 (RFC 2104, RFC 6234). */
import { sodium } from './sodium.ts';

/** Returns 32 bytes. Keys of 32 bytes, the only ones OMEMO has, take libsodium's short way. */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array {
  if (key.length === sodium.crypto_auth_hmacsha256_KEYBYTES) return sodium.crypto_auth_hmacsha256(message, key);
  const state = sodium.crypto_auth_hmacsha256_init(key);
  sodium.crypto_auth_hmacsha256_update(state, message);
  return sodium.crypto_auth_hmacsha256_final(state);
}
