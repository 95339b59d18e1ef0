/**
 * The Double Ratchet (signal.org/docs/specifications/doubleratchet) over plain, immutable state: every step returns a
 * new state and leaves the old one as it was, so a step that fails has changed nothing.
 *
 * The new ratchet key is made when we next send, not when we receive: the same messages result, receiving needs no
 * randomness, and the key is as young as can be.
 */
import type { Result } from '../../../shared/errors.ts';
import { concat, same } from '../bytes.ts';
import { forged, replayed, tooFarAhead } from '../failures.ts';
import { wipe } from '../primitives/sodium.ts';
import { type KeyPair, newKeyPair, sharedSecret } from '../primitives/x25519.ts';
import type { RandomBytes } from '../types.ts';
import { stepRoot } from './kdf-chain.ts';
import {
  findSkipped,
  NO_SKIPPED_KEYS,
  type SkippedKey,
  skippedKeyAt,
  withoutAged,
  withoutSkipped,
  withSkipped,
} from './skipped-keys.ts';
import { type Chain, skipChain, stepChain } from './symmetric-ratchet.ts';

/** What the wire formats do differently. */
export interface RatchetRules {
  /** HKDF info of the root chain. */
  readonly rootInfo: Uint8Array;
  /** Keys kept per session, and keys skipped in one chain by one message. */
  readonly maxSkip: number;
  /**
   * How many finished receiving chains stay open. 0: the other side's `pn` says exactly where a chain ended, and the
   * keys up to there are all that is kept. Otherwise `pn` is not looked at (libsignal's is off by one).
   */
  readonly pastChains: number;
}

/** A receiving chain after which the other side has begun another. */
export interface PastChain {
  /** Their ratchet key, 32 bytes. */
  readonly remote: Uint8Array;
  readonly chain: Chain;
}

export interface RatchetState {
  /** 32 bytes. */
  readonly rootKey: Uint8Array;
  /** Our ratchet key; null until the initiator's first message. */
  readonly own: KeyPair | null;
  /** Their ratchet key, 32 bytes; null until the responder's first message arrived. */
  readonly remote: Uint8Array | null;
  /** Null: the next message sent makes a new ratchet key. */
  readonly sending: Chain | null;
  readonly receiving: Chain | null;
  /** Length of our last finished sending chain. */
  readonly previousCount: number;
  /** Keys of messages not arrived yet, oldest first (see skipped-keys.ts). */
  readonly skipped: Uint8Array;
  /** Newest first; always empty where `RatchetRules.pastChains` is 0. */
  readonly pastChains: readonly PastChain[];
  /** How many messages were received: the clock by which skipped keys grow old. */
  readonly received: number;
  /** First 8 bytes of their earlier ratchet keys, newest last: tells a replay from a forgery. */
  readonly pastRemotes: Uint8Array;
  /** A heartbeat was asked for in the current receiving chain. */
  readonly heartbeat: boolean;
}

export interface RatchetHeader {
  /** The sender's ratchet key, 32 bytes. */
  readonly ratchetKey: Uint8Array;
  /** Number in its chain, and length of the chain before. */
  readonly n: number;
  readonly pn: number;
}

/** XEP-0384 §6: the first message of a ratchet key with at least this number is answered by a heartbeat. */
const HEARTBEAT_AT = 53;

const PREFIX_BYTES = 8;
export const MAX_PAST_REMOTES = 100;

const NOTHING = new Uint8Array(0);

function freshState(rootKey: Uint8Array, own: KeyPair | null, remote: Uint8Array | null): RatchetState {
  return {
    rootKey,
    own,
    remote,
    sending: null,
    receiving: null,
    previousCount: 0,
    skipped: NO_SKIPPED_KEYS,
    pastChains: [],
    received: 0,
    pastRemotes: NOTHING,
    heartbeat: false,
  };
}

/** "Alice": `secret` 32 bytes from the key agreement, `remote` the other side's signed prekey, 32 bytes. */
export function initiateRatchet(secret: Uint8Array, remote: Uint8Array): RatchetState {
  return freshState(secret, null, remote);
}

/** "Bob": `own` is the signed prekey that the other side used. */
export function respondRatchet(secret: Uint8Array, own: KeyPair): RatchetState {
  return freshState(secret, own, null);
}

/** The next message to send. `rootInfo` is the wire format's HKDF info for the root chain. */
export function ratchetForward(
  state: RatchetState,
  rootInfo: Uint8Array,
  random: RandomBytes,
): Result<{ readonly state: RatchetState; readonly header: RatchetHeader; readonly messageKey: Uint8Array }> {
  let { rootKey, own, sending } = state;
  if (sending === null || own === null) {
    if (state.remote === null) throw new Error('a responder has received before it sends');
    own = newKeyPair(random);
    const secret = sharedSecret(own.privateKey, state.remote);
    if (secret === null) return forged('ratchet key of small order');
    const step = stepRoot(rootKey, secret, rootInfo);
    wipe(secret);
    rootKey = step.rootKey;
    sending = { key: step.chainKey, next: 0 };
  }
  const { messageKey, chain } = stepChain(sending);
  if (sending !== state.sending) wipe(sending.key);
  const header = { ratchetKey: own.publicKey, n: sending.next, pn: state.previousCount };
  return { ok: true, value: { state: { ...state, rootKey, own, sending: chain }, header, messageKey } };
}

/** Opens the message with its key, or null when the seal does not fit. */
export type Opener<T> = (messageKey: Uint8Array) => T | null;

export interface Received<T> {
  readonly state: RatchetState;
  readonly opened: T;
  /** It came after later ones and took a key kept for it: it says nothing about where the other side is now. */
  readonly late: boolean;
  readonly heartbeatDue: boolean;
}

/** A received message. The new state exists only when `open` accepted the key. */
export function ratchetReceive<T>(
  state: RatchetState,
  header: RatchetHeader,
  rules: RatchetRules,
  open: Opener<T>,
): Result<Received<T>> {
  const late = findSkipped(state.skipped, header.ratchetKey, header.n);
  if (late >= 0) return receiveLate(state, late, open);

  const current = state.remote !== null && same(state.remote, header.ratchetKey);
  if (current && state.receiving !== null) {
    if (header.n < state.receiving.next) return replayed();
    return receiveOn(state, state.receiving, header, [], rules, open);
  }
  const past = state.pastChains.find(({ remote }) => same(remote, header.ratchetKey));
  if (past !== undefined) return receiveOnPast(state, past, header, rules, open);
  if (!current && isPastRemote(state, header.ratchetKey)) return replayed();
  if (state.own === null || current) return forged('answers a message that was never sent');
  return receiveTurn(state, state.own, header, rules, open);
}

function receiveLate<T>(state: RatchetState, at: number, open: Opener<T>): Result<Received<T>> {
  const messageKey = skippedKeyAt(state.skipped, at);
  const opened = open(messageKey);
  wipe(messageKey);
  if (opened === null) return forged('a late message');
  const received = state.received + 1;
  const skipped = withoutAged(withoutSkipped(state.skipped, at), received);
  return { ok: true, value: { state: { ...state, skipped, received }, opened, late: true, heartbeatDue: false } };
}

/** A message of a ratchet key not seen before: finish the old receiving chain, turn the root, begin a new one. */
function receiveTurn<T>(
  state: RatchetState,
  own: KeyPair,
  header: RatchetHeader,
  rules: RatchetRules,
  open: Opener<T>,
): Result<Received<T>> {
  // Their next ratchet key answers ours; a second one without ours in between is the same chain's own doing.
  let skipped: readonly SkippedKey[] = [];
  let { pastChains } = state;
  if (state.receiving !== null && state.remote !== null && rules.pastChains > 0) {
    pastChains = [{ remote: state.remote, chain: state.receiving }, ...pastChains].slice(0, rules.pastChains);
  } else if (state.receiving !== null && state.remote !== null && header.pn > state.receiving.next) {
    if (header.pn - state.receiving.next > rules.maxSkip) return tooFarAhead();
    const finished = skipChain(state.receiving, header.pn, state.remote);
    wipe(finished.chain.key);
    skipped = finished.skipped;
  }
  const secret = sharedSecret(own.privateKey, header.ratchetKey);
  if (secret === null) {
    wipe(...keysOf(skipped));
    return forged('ratchet key of small order');
  }
  const { rootKey, chainKey } = stepRoot(state.rootKey, secret, rules.rootInfo);
  wipe(secret);
  const pastRemotes = state.remote === null ? state.pastRemotes : withPastRemote(state.pastRemotes, state.remote);
  const turned: RatchetState = {
    ...state,
    rootKey,
    // A copy: the header is a view of the whole message, which need not be kept alive.
    remote: header.ratchetKey.slice(),
    sending: null,
    previousCount: state.sending === null ? state.previousCount : state.sending.next,
    pastChains,
    pastRemotes,
    heartbeat: false,
  };
  const received = receiveOn(turned, { key: chainKey, next: 0 }, header, skipped, rules, open);
  wipe(chainKey);
  if (!received.ok) wipe(rootKey, ...keysOf(skipped));
  return received;
}

function keysOf(skipped: readonly SkippedKey[]): Uint8Array[] {
  return skipped.map(({ messageKey }) => messageKey);
}

/** The key of message `n`, the chain after it, and the keys left out on the way there. */
function stepTo(
  chain: Chain,
  n: number,
  ratchetKey: Uint8Array,
): { readonly messageKey: Uint8Array; readonly chain: Chain; readonly skipped: readonly SkippedKey[] } {
  const { chain: at, skipped } = skipChain(chain, n, ratchetKey);
  const { messageKey, chain: after } = stepChain(at);
  if (at.key !== chain.key) wipe(at.key);
  return { messageKey, chain: after, skipped };
}

/** A late message of a chain that stays open: it says nothing about where the other side is now. */
function receiveOnPast<T>(
  state: RatchetState,
  past: PastChain,
  header: RatchetHeader,
  rules: RatchetRules,
  open: Opener<T>,
): Result<Received<T>> {
  if (header.n < past.chain.next) return replayed();
  if (header.n - past.chain.next > rules.maxSkip) return tooFarAhead();
  const { messageKey, chain, skipped } = stepTo(past.chain, header.n, past.remote);
  const opened = open(messageKey);
  wipe(messageKey);
  if (opened === null) {
    wipe(chain.key, ...keysOf(skipped));
    return forged('wrong seal');
  }
  const received = state.received + 1;
  const store = withSkipped(state.skipped, skipped, received, rules.maxSkip);
  const pastChains = state.pastChains.map((candidate) => (candidate === past ? { ...past, chain } : candidate));
  const next = { ...state, pastChains, received, skipped: withoutAged(store, received) };
  return { ok: true, value: { state: next, opened, late: true, heartbeatDue: false } };
}

function receiveOn<T>(
  state: RatchetState,
  chain: Chain,
  header: RatchetHeader,
  alreadySkipped: readonly SkippedKey[],
  rules: RatchetRules,
  open: Opener<T>,
): Result<Received<T>> {
  if (header.n - chain.next > rules.maxSkip) return tooFarAhead();
  const ratchetKey = state.remote ?? header.ratchetKey;
  const { messageKey, chain: receiving, skipped } = stepTo(chain, header.n, ratchetKey);
  const opened = open(messageKey);
  wipe(messageKey);
  if (opened === null) {
    wipe(receiving.key, ...keysOf(skipped));
    return forged('wrong seal');
  }
  const received = state.received + 1;
  const store = withSkipped(state.skipped, [...alreadySkipped, ...skipped], received, rules.maxSkip);
  const heartbeatDue = header.n >= HEARTBEAT_AT && !state.heartbeat;
  return {
    ok: true,
    value: {
      state: {
        ...state,
        receiving,
        received,
        skipped: withoutAged(store, received),
        heartbeat: state.heartbeat || heartbeatDue,
      },
      opened,
      late: false,
      heartbeatDue,
    },
  };
}

function withPastRemote(pastRemotes: Uint8Array, ratchetKey: Uint8Array): Uint8Array {
  const kept = pastRemotes.subarray(-(MAX_PAST_REMOTES - 1) * PREFIX_BYTES);
  return concat(kept, ratchetKey.subarray(0, PREFIX_BYTES));
}

function isPastRemote({ pastRemotes }: RatchetState, ratchetKey: Uint8Array): boolean {
  search: for (let at = 0; at < pastRemotes.length; at += PREFIX_BYTES) {
    for (let byte = 0; byte < PREFIX_BYTES; byte += 1) if (pastRemotes[at + byte] !== ratchetKey[byte]) continue search;
    return true;
  }
  return false;
}
