/** One chain of message keys: the part of the ratchet that turns with every message. */
import { wipe } from '../primitives/sodium.ts';
import { stepChainKey } from './kdf-chain.ts';
import type { SkippedKey } from './skipped-keys.ts';

export interface Chain {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** The number of the next message. */
  readonly next: number;
}

/** The next message key, 32 bytes, and the chain after it. */
export function stepChain(chain: Chain): { readonly messageKey: Uint8Array; readonly chain: Chain } {
  const { messageKey, chainKey } = stepChainKey(chain.key);
  return { messageKey, chain: { key: chainKey, next: chain.next + 1 } };
}

/** The chain just before message `until`, and the keys of the messages left out on the way there. */
export function skipChain(
  chain: Chain,
  until: number,
  ratchetKey: Uint8Array,
): { readonly chain: Chain; readonly skipped: readonly SkippedKey[] } {
  const skipped: SkippedKey[] = [];
  let key = chain.key;
  let next = chain.next;
  for (; next < until; next += 1) {
    const { messageKey, chainKey } = stepChainKey(key);
    skipped.push({ ratchetKey, n: next, messageKey });
    // The first key belongs to the state we were given; those in between are ours alone.
    if (key !== chain.key) wipe(key);
    key = chainKey;
  }
  return { chain: { key, next }, skipped };
}
