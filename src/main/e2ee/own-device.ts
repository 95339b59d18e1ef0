/** This device's own keys: identity, signed prekeys, prekeys (XEP-0384 §4.2, §5.3.2). */
import type { DeviceId } from '../../shared/model.ts';
import { same } from './bytes.ts';
import { publicKeyOfSeed, sign } from './primitives/ed25519.ts';
import { type KeyPair, newKeyPair } from './primitives/x25519.ts';
import type { Bundle, RandomBytes } from './types.ts';

export interface SignedPrekey extends KeyPair {
  readonly id: number;
  /** Ed25519 over the 32 bytes of the public key, 64 bytes. */
  readonly signature: Uint8Array;
  readonly createdAt: number;
  /** When a newer one took its place; null for the current one. */
  readonly retiredAt: number | null;
}

export interface Prekey extends KeyPair {
  readonly id: number;
}

export interface UsedPrekey extends Prekey {
  readonly usedAt: number;
  /** The ephemeral keys it was used with, 32 bytes each: the same key exchange is not accepted a second time. */
  readonly usedWith: readonly Uint8Array[];
}

export interface OwnDevice {
  readonly version: 1;
  readonly deviceId: DeviceId;
  /** Ed25519 seed, 32 bytes, and the public key, 32 bytes, whose top bit is 0. */
  readonly identitySeed: Uint8Array;
  readonly identityKey: Uint8Array;
  /** The current one first, then retired ones that late messages may still use. */
  readonly signedPrekeys: readonly SignedPrekey[];
  readonly prekeys: readonly Prekey[];
  /** Used and no longer published; kept a while for others who took the same one meanwhile. */
  readonly usedPrekeys: readonly UsedPrekey[];
  readonly nextPrekeyId: number;
  readonly nextSignedPrekeyId: number;
}

const DAY = 86_400_000;
/** §4.2: rotated "once a week to once a month"; the private key is kept for another period. */
export const SIGNED_PREKEY_PERIOD = 7 * DAY;
export const SIGNED_PREKEY_KEPT = 28 * DAY;
/** §6: deletion may wait for a catch-up to finish. */
export const USED_PREKEY_KEPT = DAY;
export const PREKEY_COUNT = 100;

const MAX_RETIRED_SIGNED_PREKEYS = 5;
const MAX_USED_PREKEYS = 200;
const MAX_ID = 0x7fffffff;

function following(id: number): number {
  return id >= MAX_ID ? 1 : id + 1;
}

function drawDeviceId(random: RandomBytes): DeviceId {
  for (;;) {
    const [a = 0, b = 0, c = 0, d = 0] = random(4);
    const id = ((a & 0x7f) << 24) | (b << 16) | (c << 8) | d;
    if (id !== 0) return id;
  }
}

function makeSignedPrekey(id: number, identitySeed: Uint8Array, random: RandomBytes, now: number): SignedPrekey {
  const pair = newKeyPair(random);
  return { ...pair, id, signature: sign(identitySeed, pair.publicKey), createdAt: now, retiredAt: null };
}

function refill(
  prekeys: readonly Prekey[],
  nextId: number,
  random: RandomBytes,
): Pick<OwnDevice, 'prekeys' | 'nextPrekeyId'> {
  const filled = [...prekeys];
  let id = nextId;
  while (filled.length < PREKEY_COUNT) {
    filled.push({ id, ...newKeyPair(random) });
    id = following(id);
  }
  return { prekeys: filled, nextPrekeyId: id };
}

/** A new identity with 100 prekeys. `now` in Unix milliseconds. */
export function createOwnDevice(random: RandomBytes, now: number): OwnDevice {
  let identitySeed = random(32);
  let identityKey = publicKeyOfSeed(identitySeed);
  // Some clients take an identity key to be a converted Curve25519 key, whose sign bit is 0 by convention.
  while ((identityKey[31] ?? 0) & 0x80) {
    identitySeed = random(32);
    identityKey = publicKeyOfSeed(identitySeed);
  }
  return {
    version: 1,
    deviceId: drawDeviceId(random),
    identitySeed,
    identityKey,
    signedPrekeys: [makeSignedPrekey(1, identitySeed, random, now)],
    ...refill([], 1, random),
    usedPrekeys: [],
    nextSignedPrekeyId: 2,
  };
}

/** What is published. */
export function bundleOf(own: OwnDevice): Bundle {
  const [current] = own.signedPrekeys;
  if (current === undefined) throw new Error('an own device always has a signed prekey');
  return {
    deviceId: own.deviceId,
    identityKey: own.identityKey,
    signedPrekeyId: current.id,
    signedPrekey: current.publicKey,
    signedPrekeySignature: current.signature,
    prekeys: own.prekeys.map(({ id, publicKey }) => ({ id, key: publicKey })),
  };
}

/**
 * Rotates the signed prekey when it is a week old, drops what was kept long enough and fills the prekeys up to 100.
 * To be called at the start, once in a while, and after each `decrypt` that used a prekey. Null: nothing to do, and
 * nothing to publish. `now` in Unix milliseconds.
 */
export function maintainOwnDevice(own: OwnDevice, random: RandomBytes, now: number): OwnDevice | null {
  let { signedPrekeys, nextSignedPrekeyId } = own;
  const [current, ...retired] = signedPrekeys;
  // Either way: a key made while the clock was ahead must not stay for ever.
  const due = current === undefined || Math.abs(now - current.createdAt) >= SIGNED_PREKEY_PERIOD;
  const kept = retired
    .filter(({ retiredAt }) => retiredAt === null || now - retiredAt < SIGNED_PREKEY_KEPT)
    .slice(0, MAX_RETIRED_SIGNED_PREKEYS);
  if (due) {
    const fresh = makeSignedPrekey(nextSignedPrekeyId, own.identitySeed, random, now);
    signedPrekeys = [fresh, ...(current === undefined ? [] : [{ ...current, retiredAt: now }]), ...kept];
    nextSignedPrekeyId = following(nextSignedPrekeyId);
  } else if (kept.length !== retired.length) {
    signedPrekeys = [current, ...kept];
  }
  const usedPrekeys = own.usedPrekeys.filter(({ usedAt }) => now - usedAt < USED_PREKEY_KEPT);
  if (
    signedPrekeys === own.signedPrekeys &&
    usedPrekeys.length === own.usedPrekeys.length &&
    own.prekeys.length >= PREKEY_COUNT
  ) {
    return null;
  }
  return {
    ...own,
    signedPrekeys,
    usedPrekeys,
    nextSignedPrekeyId,
    ...refill(own.prekeys, own.nextPrekeyId, random),
  };
}

/** Ids that a lost future of this device may have used are left behind by this many. */
const LEFT_BEHIND = 1 << 24;

/**
 * After an old copy of the state was put back: every key that may have been used since gives way to a new one, under ids
 * that were certainly never announced. The old private keys stay as long as used ones do, for what is still on its way.
 */
export function renewOwnDevice(own: OwnDevice, random: RandomBytes, now: number): OwnDevice {
  const [a = 0, b = 0, c = 0] = random(3);
  const leap = LEFT_BEHIND + ((a << 16) | (b << 8) | c);
  const leapFrom = (id: number): number => ((id + leap) % MAX_ID) + 1;
  const [current, ...retired] = own.signedPrekeys;
  const signedPrekeyId = leapFrom(own.nextSignedPrekeyId);
  const fresh = makeSignedPrekey(signedPrekeyId, own.identitySeed, random, now);
  const used = own.prekeys.map((prekey): UsedPrekey => ({ ...prekey, usedAt: now, usedWith: [] }));
  return {
    ...own,
    signedPrekeys: [fresh, ...(current ? [{ ...current, retiredAt: now }] : []), ...retired].slice(
      0,
      MAX_RETIRED_SIGNED_PREKEYS + 1,
    ),
    nextSignedPrekeyId: following(signedPrekeyId),
    usedPrekeys: [...own.usedPrekeys, ...used].slice(-MAX_USED_PREKEYS),
    ...refill([], leapFrom(own.nextPrekeyId), random),
  };
}

/** The same device under another id: the one it drew belongs to another device of the account. */
export function withNewDeviceId(own: OwnDevice, taken: readonly DeviceId[], random: RandomBytes): OwnDevice {
  for (;;) {
    const deviceId = drawDeviceId(random);
    if (deviceId !== own.deviceId && !taken.includes(deviceId)) return { ...own, deviceId };
  }
}

/** The prekey for this key exchange; null when it is gone, or was used with this very ephemeral key before. */
export function findPrekey(own: OwnDevice, id: number, ephemeralKey: Uint8Array): Prekey | null {
  const fresh = own.prekeys.find((prekey) => prekey.id === id);
  if (fresh !== undefined) return fresh;
  const used = own.usedPrekeys.find((prekey) => prekey.id === id);
  return used === undefined || used.usedWith.some((key) => same(key, ephemeralKey)) ? null : used;
}

/** The prekey is no longer published. `now` in Unix milliseconds. */
export function consumePrekey(own: OwnDevice, id: number, ephemeralKey: Uint8Array, now: number): OwnDevice {
  const usedWith = ephemeralKey.slice();
  const fresh = own.prekeys.find((prekey) => prekey.id === id);
  if (fresh === undefined) {
    const again = (prekey: UsedPrekey): UsedPrekey =>
      prekey.id === id ? { ...prekey, usedWith: [...prekey.usedWith, usedWith] } : prekey;
    return { ...own, usedPrekeys: own.usedPrekeys.map(again) };
  }
  return {
    ...own,
    prekeys: own.prekeys.filter((prekey) => prekey !== fresh),
    usedPrekeys: [...own.usedPrekeys, { ...fresh, usedAt: now, usedWith: [usedWith] }].slice(-MAX_USED_PREKEYS),
  };
}
