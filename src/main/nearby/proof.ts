/**
 * What recognised sides tell each other, MACed under the key that recognised them and bound to the link: always
 * PROOF_BYTES bytes, whether a contact's device names itself or a stranger with an invitation introduces themselves.
 */
import type { Xid } from '../../shared/model.ts';
import type { DeviceIdentity } from '../e2ee/types.ts';
import { concat, framed, readUint32, uint32, utf8 } from './bytes.ts';
import type { NearbyCrypto } from './crypto.ts';
import { bind, type LinkRole, type LinkTranscript } from './tags.ts';
import { publicKeyOfXid, xidOfPublicKey } from './xid.ts';

export const PROOF_BYTES = 512;
const MAC_BYTES = 32;
const NAME_BYTES = 256;
/** kind 1 · device id 4 · identity key 32 · XID key 32 · signature 64 · name length 2 · name 256 · zero up to the MAC. */
const nameAt = 1 + 4 + 32 + 32 + 64;

export interface Proof {
  readonly device: DeviceIdentity;
  /** Only when introducing oneself. */
  readonly introduction: { readonly xid: Xid; readonly name: string } | null;
}

/** What a proof is made for: the side that speaks, its key (32 bytes), the link, and all tags sent on it. */
export interface ProofContext {
  readonly role: LinkRole;
  readonly key: Uint8Array;
  readonly transcript: LinkTranscript;
  readonly dialerTags: Uint8Array;
  readonly listenerTags: Uint8Array;
}

/** PROOF_BYTES bytes. `introduce` holds the XID seed (32 bytes) that signs, when the other side does not know us yet. */
export function makeProof(
  crypto: NearbyCrypto,
  context: ProofContext,
  device: DeviceIdentity,
  introduce: { readonly xidSeed: Uint8Array; readonly name: string } | null,
): Uint8Array {
  const body = new Uint8Array(PROOF_BYTES - MAC_BYTES);
  body[0] = introduce === null ? 1 : 2;
  body.set(uint32(device.deviceId), 1);
  body.set(device.identityKey, 5);
  if (introduce !== null) {
    const name = nameBytes(introduce.name);
    body.set(crypto.ed25519PublicKey(introduce.xidSeed), 37);
    new DataView(body.buffer).setUint16(nameAt, name.length);
    body.set(name, nameAt + 2);
    body.set(crypto.ed25519Sign(introduce.xidSeed, signedPart(crypto, context, body)), 69);
  }
  return concat(body, mac(crypto, context, body));
}

/** Null for anything but a proof made with this key on this link by the side `context.role`. */
export function readProof(crypto: NearbyCrypto, context: ProofContext, bytes: Uint8Array): Proof | null {
  if (bytes.length !== PROOF_BYTES) return null;
  const body = bytes.slice(0, PROOF_BYTES - MAC_BYTES);
  if (!crypto.equal(mac(crypto, context, body), bytes.subarray(PROOF_BYTES - MAC_BYTES))) return null;
  const deviceId = readUint32(body, 1);
  if (deviceId < 1 || deviceId > 0x7fffffff) return null;
  const device: DeviceIdentity = { deviceId, identityKey: body.slice(5, 37) };
  if (body[0] === 1) return { device, introduction: null };
  if (body[0] !== 2) return null;
  const xidKey = body.slice(37, 69);
  const signature = body.slice(69, 133);
  if (!crypto.ed25519Verify(xidKey, signedPart(crypto, context, body), signature)) return null;
  const name = readName(body);
  const xid = xidOfPublicKey(xidKey);
  return name === null || publicKeyOfXid(xid) === null ? null : { device, introduction: { xid, name } };
}

/** Everything but the place of the signature itself. */
function signedPart(crypto: NearbyCrypto, context: ProofContext, body: Uint8Array): Uint8Array {
  const unsigned = body.slice();
  unsigned.fill(0, 69, 133);
  return framed(utf8('bothy introduction 1'), transcriptHash(crypto, context), unsigned);
}

function mac(crypto: NearbyCrypto, context: ProofContext, body: Uint8Array): Uint8Array {
  return crypto.hmacSha256(context.key, framed(utf8('bothy proof 1'), transcriptHash(crypto, context), body));
}

/** Covers who speaks, the nonces, both PeerIds and every tag (HMAC under a fixed key stands in for a plain hash). */
function transcriptHash(crypto: NearbyCrypto, context: ProofContext): Uint8Array {
  const link = bind('bothy transcript 1', context.role, context.transcript);
  return crypto.hmacSha256(utf8('bothy transcript 1'), framed(link, context.dialerTags, context.listenerTags));
}

/** At most 64 characters and NAME_BYTES bytes, without control characters. */
function nameBytes(name: string): Uint8Array {
  let kept = '';
  for (const character of cleanName(name)) {
    if (utf8(kept + character).length > NAME_BYTES) break;
    kept += character;
  }
  return utf8(kept);
}

function readName(body: Uint8Array): string | null {
  const length = new DataView(body.buffer, body.byteOffset).getUint16(nameAt);
  if (length > NAME_BYTES) return null;
  try {
    const bytes = body.subarray(nameAt + 2, nameAt + 2 + length);
    return cleanName(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
}

/** Control, format (also direction overrides) and line-breaking characters have no place in a name someone else chose. */
function cleanName(name: string): string {
  const plain = name
    .normalize('NFC')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '')
    .trim();
  return [...plain].slice(0, 64).join('');
}
