/**
 * X25519 (RFC 7748), by node:crypto: native code, two to three times as fast as libsodium's WebAssembly once the key
 * objects are kept (measured in Node 24 and Electron 33; docs/decisions/0012).
 */
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { toHex } from '../bytes.ts';
import type { RandomBytes } from '../types.ts';
import { randomBytes, sodium } from './sodium.ts';

/** X25519, 32 bytes each. */
export interface KeyPair {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** PKCS #8 (RFC 8410 §7) of an X25519 private key, up to the 32 bytes of the key. */
const PKCS8 = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20]);
/** SubjectPublicKeyInfo (RFC 8410 §4), likewise. */
const SPKI = Uint8Array.from([0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 3, 0x21, 0]);

// Of all forms, node:crypto takes a PEM string with the least ado.
function pem(label: string, prefix: Uint8Array, key: Uint8Array): string {
  const der = Buffer.concat([prefix, key]);
  const text = `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;
  der.fill(0);
  return text;
}

function importPrivate(privateKey: Uint8Array): KeyObject {
  if (privateKey.length !== 32) throw new RangeError('an X25519 private key has 32 bytes');
  return createPrivateKey(pem('PRIVATE KEY', PKCS8, privateKey));
}

function importPublic(publicKey: Uint8Array): KeyObject {
  return createPublicKey(pem('PUBLIC KEY', SPKI, publicKey));
}

/** The key objects used last, by public key: making one costs as much as using it. */
class RecentKeys {
  readonly #keys = new Map<string, KeyObject>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(publicKey: Uint8Array, make: () => KeyObject): KeyObject {
    const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.byteLength).toString('latin1');
    let key = this.#keys.get(name);
    if (key === undefined) {
      key = make();
      if (this.#keys.size >= this.#limit) {
        for (const oldest of this.#keys.keys()) {
          this.#keys.delete(oldest);
          break;
        }
      }
      this.#keys.set(name, key);
    }
    return key;
  }
}

// Few, so that a private key does not outlive its ratchet step in memory for long.
const recentPrivate = new RecentKeys(16);
const recentPublic = new RecentKeys(64);

/** `privateKey`: 32 random bytes; clamping happens when it is used. */
export function keyPairOf(privateKey: Uint8Array): KeyPair {
  return { privateKey, publicKey: sodium.crypto_scalarmult_base(privateKey) };
}

/** A new pair. From the system's own source it is made natively, in half the time. */
export function newKeyPair(random: RandomBytes): KeyPair {
  if (random !== randomBytes) return keyPairOf(random(32));
  const { privateKey: key } = generateKeyPairSync('x25519');
  const { d = '', x = '' } = key.export({ format: 'jwk' });
  const privateKey = new Uint8Array(Buffer.from(d, 'base64url'));
  const publicKey = new Uint8Array(Buffer.from(x, 'base64url'));
  if (privateKey.length !== 32 || publicKey.length !== 32) throw new Error('the crypto library gave no X25519 key');
  recentPrivate.get(publicKey, () => key);
  return { privateKey, publicKey };
}

function agreeWith(own: KeyObject, publicKey: Uint8Array): Uint8Array | null {
  if (publicKey.length !== 32) return null;
  try {
    const secret = diffieHellman({
      privateKey: own,
      publicKey: recentPublic.get(publicKey, () => importPublic(publicKey)),
    });
    return secret.some((byte) => byte !== 0) ? new Uint8Array(secret.buffer, secret.byteOffset, secret.length) : null;
  } catch {
    return null;
  }
}

/**
 * 32 bytes; null when the result is all zero (a public key of small order, RFC 7748 §6.1) or the length is wrong.
 * Quicker for a pair used not long ago; `own.publicKey` is needed for that alone.
 */
export function sharedSecret(
  own: Pick<KeyPair, 'privateKey'> & Partial<KeyPair>,
  publicKey: Uint8Array,
): Uint8Array | null {
  const make = () => importPrivate(own.privateKey);
  return agreeWith(own.publicKey === undefined ? make() : recentPrivate.get(own.publicKey, make), publicKey);
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
