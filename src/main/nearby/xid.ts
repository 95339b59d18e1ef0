/** XIDs (XEP-0516): `00<64 lower-case hex digits>@id.internal`, the hex being an Ed25519 public key of 32 bytes. */
import type { Xid } from '../../shared/model.ts';
import { fromHex, toHex } from './bytes.ts';
import type { NearbyCrypto } from './crypto.ts';

const pattern = /^00([0-9a-f]{64})@id\.internal$/;

/** The XID of an Ed25519 public key (32 bytes; anything else is a bug and throws). */
export function xidOfPublicKey(publicKey: Uint8Array): Xid {
  if (publicKey.length !== 32) throw new RangeError('an Ed25519 public key has 32 bytes');
  return `00${toHex(publicKey)}@id.internal` as Xid;
}

/** The XID of an Ed25519 seed (32 bytes). */
export function xidOfSeed(crypto: Pick<NearbyCrypto, 'ed25519PublicKey'>, seed: Uint8Array): Xid {
  return xidOfPublicKey(crypto.ed25519PublicKey(seed));
}

/** Null unless the text is exactly an XID. Whether the key is a valid point shows when it is used. */
export function parseXid(text: string): Xid | null {
  return pattern.test(text) ? (text as Xid) : null;
}

/** The Ed25519 public key in an XID, 32 bytes; null when the text is no XID. */
export function publicKeyOfXid(xid: string): Uint8Array | null {
  const hex = pattern.exec(xid)?.[1];
  return hex === undefined ? null : fromHex(hex);
}
