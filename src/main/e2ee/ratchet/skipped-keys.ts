/**
 * The keys of messages that have not arrived yet, as one flat byte string (so that storing it costs nothing), oldest
 * first. An entry: their ratchet key 32 ‖ message number 4 ‖ the session's receive count when it was skipped 4 ‖
 * message key 32. Never changed in place.
 */

import { readU32, writeU32 } from '../bytes.ts';

export interface SkippedKey {
  /** Their ratchet key, 32 bytes. */
  readonly ratchetKey: Uint8Array;
  readonly n: number;
  /** 32 bytes. */
  readonly messageKey: Uint8Array;
}

/** XEP-0384 §4.3 (MAX_SKIP), for OMEMO 2: keys kept per session, and keys skipped in one chain by one message. */
export const MAX_SKIP = 1000;
/** A skipped key is given up when so many later messages came in (§4.3: deterministic events rather than time). */
export const MAX_AGE_IN_MESSAGES = 2000;

export const SKIPPED_ENTRY_BYTES = 72;

const NUMBER_AT = 32;
const STAMP_AT = 36;
const KEY_AT = 40;

export const NO_SKIPPED_KEYS = new Uint8Array(0);

export function countSkipped(store: Uint8Array): number {
  return store.length / SKIPPED_ENTRY_BYTES;
}

/** Where the entry begins, or -1. Ratchet keys are public, so the search may stop early. */
export function findSkipped(store: Uint8Array, ratchetKey: Uint8Array, n: number): number {
  search: for (let at = 0; at < store.length; at += SKIPPED_ENTRY_BYTES) {
    if (readU32(store, at + NUMBER_AT) !== n) continue;
    for (let byte = 0; byte < 32; byte += 1) if (store[at + byte] !== ratchetKey[byte]) continue search;
    return at;
  }
  return -1;
}

/** A copy of the message key, 32 bytes. */
export function skippedKeyAt(store: Uint8Array, at: number): Uint8Array {
  return store.slice(at + KEY_AT, at + SKIPPED_ENTRY_BYTES);
}

export function withoutSkipped(store: Uint8Array, at: number): Uint8Array {
  const rest = new Uint8Array(store.length - SKIPPED_ENTRY_BYTES);
  rest.set(store.subarray(0, at));
  rest.set(store.subarray(at + SKIPPED_ENTRY_BYTES), at);
  return rest;
}

/** The newest `limit` entries. */
export function newestSkipped(store: Uint8Array, limit: number): Uint8Array {
  const surplus = store.length - limit * SKIPPED_ENTRY_BYTES;
  return surplus > 0 ? store.slice(surplus) : store;
}

/** Adds keys and drops the oldest beyond `limit`. `received` is the session's receive count. */
export function withSkipped(
  store: Uint8Array,
  keys: readonly SkippedKey[],
  received: number,
  limit: number,
): Uint8Array {
  if (keys.length === 0) return store;
  const grown = new Uint8Array(store.length + keys.length * SKIPPED_ENTRY_BYTES);
  grown.set(store);
  let at = store.length;
  for (const { ratchetKey, n, messageKey } of keys) {
    grown.set(ratchetKey, at);
    writeU32(grown, at + NUMBER_AT, n);
    writeU32(grown, at + STAMP_AT, received);
    grown.set(messageKey, at + KEY_AT);
    messageKey.fill(0);
    at += SKIPPED_ENTRY_BYTES;
  }
  return newestSkipped(grown, limit);
}

/** Drops the entries that have grown too old. */
export function withoutAged(store: Uint8Array, received: number): Uint8Array {
  let from = 0;
  while (from < store.length && received - readU32(store, from + STAMP_AT) > MAX_AGE_IN_MESSAGES) {
    from += SKIPPED_ENTRY_BYTES;
  }
  return from === 0 ? store : store.slice(from);
}
