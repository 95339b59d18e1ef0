/** Ed25519 (RFC 8032) and the map to Curve25519 (RFC 7748 §4.1), by libsodium. */
import { sodium } from './sodium.ts';

/** Public key, 32 bytes, of a 32-byte seed. */
export function publicKeyOfSeed(seed: Uint8Array): Uint8Array {
  const { publicKey, privateKey } = sodium.crypto_sign_seed_keypair(seed);
  sodium.memzero(privateKey);
  return publicKey;
}

/** 64 bytes. */
export function sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  const { privateKey } = sodium.crypto_sign_seed_keypair(seed);
  const signature = sodium.crypto_sign_detached(message, privateKey);
  sodium.memzero(privateKey);
  return signature;
}

/** False for keys or signatures of a wrong length, too. */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  return sodium.crypto_sign_verify_detached(signature, message, publicKey);
}

/** X25519 private key, 32 bytes, of an Ed25519 seed. */
export function toCurve25519Private(seed: Uint8Array): Uint8Array {
  const { privateKey } = sodium.crypto_sign_seed_keypair(seed);
  const converted = sodium.crypto_sign_ed25519_sk_to_curve25519(privateKey);
  sodium.memzero(privateKey);
  return converted;
}

/** X25519 public key, 32 bytes; null when the bytes are no point of the prime-order group. */
export function toCurve25519Public(publicKey: Uint8Array): Uint8Array | null {
  if (publicKey.length !== 32) return null;
  try {
    return sodium.crypto_sign_ed25519_pk_to_curve25519(publicKey);
  } catch {
    return null;
  }
}
