/** From an X25519 public key back to an Ed25519 one (RFC 7748 §4.1): y = (u − 1) / (u + 1). Public values only. */
import { toCurve25519Public } from './ed25519.ts';
import { isCanonical } from './x25519.ts';

const P = 2n ** 255n - 19n;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}

function compute(u: Uint8Array): Uint8Array | null {
  if (u.length !== 32 || !isCanonical(u)) return null;
  let number = 0n;
  for (let at = 31; at >= 0; at -= 1) number = (number << 8n) | BigInt(u[at] ?? 0);
  // Fermat's inverse; u = −1 has none and no Ed25519 form.
  let y = ((number - 1n + P) * power(number + 1n, P - 2n)) % P;
  if (number + 1n === P) return null;
  const key = new Uint8Array(32);
  for (let at = 0; at < 32; at += 1, y >>= 8n) key[at] = Number(y & 0xffn);
  // Half of all u belong to the curve's twist, and some to points of small order: libsodium knows.
  return toCurve25519Public(key) === null ? null : key;
}

const remembered = new Map<string, Uint8Array>();
const REMEMBERED = 512;

/**
 * The Ed25519 public key, 32 bytes, with sign bit 0 (the sign is lost in X25519), for an X25519 public key, 32 bytes.
 * Null when it is no point of the prime-order group.
 */
export function toEd25519Public(u: Uint8Array): Uint8Array | null {
  const name = Buffer.from(u.buffer, u.byteOffset, u.byteLength).toString('latin1');
  const known = remembered.get(name);
  if (known !== undefined) return known;
  const key = compute(u);
  if (key !== null) {
    // Stryker disable next-line all: what is forgotten is computed again
    if (remembered.size >= REMEMBERED) remembered.clear();
    // Stryker disable next-line all: likewise
    remembered.set(name, key);
  }
  return key;
}
