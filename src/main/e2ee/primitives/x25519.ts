/**
 * X25519 (RFC 7748) by native libsodium: bytes in, bytes out, so that no private key is left behind in key objects or
 * text, and three times as fast as libsodium's WebAssembly (docs/decisions/0012).
 */
import sodiumNative from 'sodium-native';
import { toHex } from '../bytes.ts';
import type { RandomBytes } from '../types.ts';

/** X25519, 32 bytes each. */
export interface KeyPair {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** `privateKey`: 32 random bytes; clamping happens when it is used. */
export function keyPairOf(privateKey: Uint8Array): KeyPair {
  const publicKey = new Uint8Array(32);
  sodiumNative.crypto_scalarmult_base(publicKey, privateKey);
  return { privateKey, publicKey };
}

export function newKeyPair(random: RandomBytes): KeyPair {
  return keyPairOf(random(32));
}

/**
 * 32 bytes; null when the result is all zero (a public key of small order, RFC 7748 §6.1) or the length is wrong.
 * `privateKey` 32 bytes.
 */
export function sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | null {
  if (publicKey.length !== 32) return null;
  if (privateKey.length !== 32) throw new RangeError('an X25519 private key has 32 bytes');
  const secret = new Uint8Array(32);
  try {
    sodiumNative.crypto_scalarmult(secret, privateKey, publicKey);
  } catch {
    return null;
  }
  return secret;
}

/**
 * The u-coordinates of small order, little-endian, top bit cleared: 0, 1, the two of order 8, p−1, p and p+1
 * (RFC 7748 §7 and the list at cr.yp.to/ecdh.html, "validate public keys"; those above 2²⁵⁵ fall to the masked bit).
 */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];

/** Would every agreement with this public key (32 bytes) give zero? */
export function hasSmallOrder(publicKey: Uint8Array): boolean {
  const masked = publicKey.slice();
  masked[31] = (masked[31] ?? 0) & 0x7f;
  return SMALL_ORDER.includes(toHex(masked));
}

/**
 * Is this the one encoding of its u-coordinate (top bit 0, below 2²⁵⁵ − 19)? X25519 takes others for the same point
 * (RFC 7748 §5), so where a key also serves as a name, only this one may be accepted.
 */
export function isCanonical(publicKey: Uint8Array): boolean {
  const top = publicKey[31] ?? 0;
  if (top !== 0x7f) return top < 0x7f;
  return (publicKey[0] ?? 0) < 0xed || publicKey.subarray(1, 31).some((byte) => byte !== 0xff);
}
