/**
 * Recognition tags: what two links say to each other before either is anybody (docs/decisions/0021-tags.md).
 * A tag is HMAC-SHA-256(key, label ‖ role ‖ both nonces ‖ both PeerIds) cut to 16 bytes; a message of tags is always
 * TAG_COUNT of them in random order. Unused places hold tags under random keys, so that the number of contacts changes
 * neither the bytes nor the work.
 */
import { concat, framed, toHex, utf8 } from './bytes.ts';
import type { NearbyCrypto } from './crypto.ts';

export const NONCE_BYTES = 32;
export const TAG_BYTES = 16;
export const TAG_COUNT = 256;
export const TAG_MESSAGE_BYTES = TAG_BYTES * TAG_COUNT;

export type LinkRole = 'dialer' | 'listener';

/** What both ends of one link agree on; unlike for any other link, and for a relay's two links. */
export interface LinkTranscript {
  readonly dialerNonce: Uint8Array;
  readonly listenerNonce: Uint8Array;
  readonly dialerPeerId: Uint8Array;
  readonly listenerPeerId: Uint8Array;
}

/** An unambiguous encoding of the transcript with a label and the role of who speaks. */
export function bind(label: string, role: LinkRole, transcript: LinkTranscript): Uint8Array {
  return framed(
    utf8(label),
    utf8(role),
    transcript.dialerNonce,
    transcript.listenerNonce,
    transcript.dialerPeerId,
    transcript.listenerPeerId,
  );
}

/** The 16-byte tag that the side `role` sends under a key of 32 bytes. */
export function tag(crypto: NearbyCrypto, key: Uint8Array, role: LinkRole, transcript: LinkTranscript): Uint8Array {
  return crypto.hmacSha256(key, bind('bothy tag 1', role, transcript)).subarray(0, TAG_BYTES);
}

/** TAG_MESSAGE_BYTES bytes: tags of at most TAG_COUNT keys among decoys, in random order. */
export function tagMessage(
  crypto: NearbyCrypto,
  keys: readonly Uint8Array[],
  role: LinkRole,
  transcript: LinkTranscript,
): Uint8Array {
  if (keys.length > TAG_COUNT) throw new RangeError('too many keys for one message of tags');
  const decoys = crypto.randomBytes(32 * TAG_COUNT);
  const tags: Uint8Array[] = [];
  for (let index = 0; index < TAG_COUNT; index += 1) {
    tags.push(tag(crypto, keys[index] ?? decoys.subarray(index * 32, index * 32 + 32), role, transcript));
  }
  return concat(...shuffled(crypto, tags));
}

/** Which of the candidates' tags are in a message of the side `role`. Tags are public once sent: no secret is compared. */
export function matches<T extends { readonly key: Uint8Array }>(
  crypto: NearbyCrypto,
  candidates: readonly T[],
  message: Uint8Array,
  role: LinkRole,
  transcript: LinkTranscript,
): T[] {
  const seen = new Set<string>();
  for (let index = 0; index + TAG_BYTES <= message.length; index += TAG_BYTES) {
    seen.add(toHex(message.subarray(index, index + TAG_BYTES)));
  }
  return candidates.filter((candidate) => seen.has(toHex(tag(crypto, candidate.key, role, transcript))));
}

/** Fisher–Yates over 32-bit draws; the bias of a modulo by at most 256 is below 2⁻²⁴. */
function shuffled<T>(crypto: NearbyCrypto, items: readonly T[]): T[] {
  const random = crypto.randomBytes(items.length * 4);
  const view = new DataView(random.buffer, random.byteOffset, random.byteLength);
  const result = [...items];
  for (let index = result.length - 1; index > 0; index -= 1) {
    const other = view.getUint32(index * 4) % (index + 1);
    const held = result[index] as T;
    result[index] = result[other] as T;
    result[other] = held;
  }
  return result;
}
