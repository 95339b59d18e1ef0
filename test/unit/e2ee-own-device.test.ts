/** The own keys through their life: drawn, published, used, rotated, kept a while, forgotten, stored. */
import { beforeAll, describe, expect, test } from 'vitest';
import { bundleOf, ready, signLabel, verifyLabel } from '../../src/main/e2ee/omemo.ts';
import {
  consumePrekey,
  createOwnDevice,
  findPrekey,
  maintainOwnDevice,
  type OwnDevice,
  PREKEY_COUNT,
  renewOwnDevice,
  SIGNED_PREKEY_KEPT,
  SIGNED_PREKEY_PERIOD,
  type SignedPrekey,
  USED_PREKEY_KEPT,
  type UsedPrekey,
  withNewDeviceId,
} from '../../src/main/e2ee/own-device.ts';
import { parseOwnDevice, serializeOwnDevice } from '../../src/main/e2ee/own-device-format.ts';
import { publicKeyOfSeed, verify } from '../../src/main/e2ee/primitives/ed25519.ts';
import { keyPairOf } from '../../src/main/e2ee/primitives/x25519.ts';
import type { RandomBytes } from '../../src/main/e2ee/types.ts';
import { seededRandom } from '../support/e2ee-device.ts';

const DAY = 86_400_000;
const NOW = 1_000 * DAY;
const HIGHEST_ID = 0x7fffffff;

beforeAll(() => ready());

/** Asked for as many bytes as one of `drawn` has, gives that one first. */
function drawing(...drawn: readonly (readonly number[])[]): RandomBytes {
  const [left, otherwise] = [[...drawn], seededRandom(3)];
  return (length) => {
    const at = left.findIndex((bytes) => bytes.length === length);
    const [bytes] = at < 0 ? [] : left.splice(at, 1);
    return bytes ? Uint8Array.from(bytes) : otherwise(length);
  };
}

const drawn = () => createOwnDevice(seededRandom(1), NOW);
const ids = (keys: readonly { readonly id: number }[]) => keys.map(({ id }) => id);
const key = (number: number) => new Uint8Array(32).fill(number);
const retired = (own: OwnDevice, id: number, retiredAt: number | null): SignedPrekey => {
  const [current] = own.signedPrekeys;
  if (current === undefined) throw new Error('no signed prekey');
  return { ...current, id, retiredAt };
};
const used = (own: OwnDevice, id: number, usedAt: number): UsedPrekey => {
  const [prekey] = own.prekeys;
  if (prekey === undefined) throw new Error('no prekey');
  return { ...prekey, id, usedAt, usedWith: [] };
};

describe('a new device', () => {
  test('has keys that belong together, numbered from 1', () => {
    const own = drawn();
    expect(own.identityKey).toEqual(publicKeyOfSeed(own.identitySeed));
    expect(ids(own.prekeys)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect([own.version, own.nextPrekeyId, own.nextSignedPrekeyId, own.usedPrekeys]).toEqual([1, 101, 2, []]);
    for (const pair of [...own.prekeys, ...own.signedPrekeys]) {
      expect(pair.publicKey).toEqual(keyPairOf(pair.privateKey).publicKey);
    }
    const [signed, ...others] = own.signedPrekeys;
    expect(signed).toMatchObject({ id: 1, createdAt: NOW, retiredAt: null });
    expect(others).toEqual([]);
    expect(signed && verify(own.identityKey, signed.publicKey, signed.signature)).toBe(true);
  });

  test('draws its identity again until the sign bit is 0', () => {
    const seeds = Array.from({ length: 40 }, (_, index) => [...key(index)]);
    const signs = seeds.map((seed) => (publicKeyOfSeed(Uint8Array.from(seed))[31] ?? 0) >> 7);
    const first = seeds[signs.indexOf(1)];
    const second = seeds[signs.lastIndexOf(1)];
    const third = seeds[signs.indexOf(0)];
    if (!first || !second || !third) throw new Error('no such seed');
    expect(createOwnDevice(drawing(first, second, third), NOW).identitySeed).toEqual(Uint8Array.from(third));
  });

  test.each([
    ['with all bits', [0xff, 0xff, 0xff, 0xff], HIGHEST_ID],
    ['in the order of its bytes', [0x81, 2, 3, 4], 0x01020304],
    ['never 0', [0x80, 0, 0, 0], 5],
    ['of 1', [0, 0, 0, 1], 1],
  ])('has an id of 31 bits: %s', (_name, bytes, id) => {
    expect(createOwnDevice(drawing(bytes, [0, 0, 0, 5]), NOW).deviceId).toBe(id);
  });

  test('publishes its public keys and nothing else', () => {
    const own = drawn();
    const [signed] = own.signedPrekeys;
    expect(bundleOf(own)).toEqual({
      deviceId: own.deviceId,
      identityKey: own.identityKey,
      signedPrekeyId: 1,
      signedPrekey: signed?.publicKey,
      signedPrekeySignature: signed?.signature,
      prekeys: own.prekeys.map(({ id, publicKey }) => ({ id, key: publicKey })),
    });
    expect(() => bundleOf({ ...own, signedPrekeys: [] })).toThrow();
  });

  test('signs labels in UTF-8', () => {
    const own = drawn();
    expect(verify(own.identityKey, new TextEncoder().encode('Hütte'), signLabel(own, 'Hütte'))).toBe(true);
    expect(verifyLabel(own.identityKey, 'Hütte', signLabel(own, 'Hutte'))).toBe(false);
  });
});

describe('maintenance', () => {
  test('of periods as the documents say', () => {
    expect([SIGNED_PREKEY_PERIOD, SIGNED_PREKEY_KEPT, USED_PREKEY_KEPT, PREKEY_COUNT]).toEqual([
      7 * DAY,
      28 * DAY,
      DAY,
      100,
    ]);
  });

  test.each([
    ['in time', 7 * DAY - 1, false],
    ['a week later', 7 * DAY, true],
    ['when the clock was ahead by less', 1 - 7 * DAY, false],
    ['when the clock was ahead by a week', -7 * DAY, true],
  ])('a signed prekey is replaced: %s', (_name, passed, due) => {
    const own = drawn();
    const next = maintainOwnDevice(own, seededRandom(2), NOW + passed);
    if (!due) {
      expect(next).toBeNull();
      return;
    }
    const [before] = own.signedPrekeys;
    const [fresh, old] = next?.signedPrekeys ?? [];
    expect(fresh).toMatchObject({ id: 2, createdAt: NOW + passed, retiredAt: null });
    expect(fresh?.publicKey).not.toEqual(before?.publicKey);
    expect(fresh && verify(own.identityKey, fresh.publicKey, fresh.signature)).toBe(true);
    expect(old).toEqual({ ...before, retiredAt: NOW + passed });
    expect(next).toMatchObject({ nextSignedPrekeyId: 3, nextPrekeyId: 101 });
    expect(next?.prekeys).toEqual(own.prekeys);
  });

  test('a retired signed prekey stays for four weeks, and goes without a new one being made', () => {
    const own = drawn();
    const with2 = { ...own, signedPrekeys: [...own.signedPrekeys, retired(own, 7, NOW - 28 * DAY + 1)] };
    expect(maintainOwnDevice(with2, seededRandom(2), NOW)).toBeNull();
    const next = maintainOwnDevice(with2, seededRandom(2), NOW + 1);
    expect(next?.signedPrekeys).toEqual(own.signedPrekeys);
    expect(next?.nextSignedPrekeyId).toBe(2);
    const undated = { ...own, signedPrekeys: [...own.signedPrekeys, retired(own, 7, null)] };
    expect(maintainOwnDevice(undated, seededRandom(2), NOW + 1)).toBeNull();
  });

  test('at most five retired ones stay beside the one just retired', () => {
    const own = drawn();
    const old = [12, 11, 10, 9, 8, 7].map((id) => retired(own, id, NOW));
    const next = maintainOwnDevice(
      { ...own, signedPrekeys: [...own.signedPrekeys, ...old] },
      seededRandom(2),
      NOW + 7 * DAY,
    );
    expect(ids(next?.signedPrekeys ?? [])).toEqual([2, 1, 12, 11, 10, 9, 8]);
  });

  test('a device that lost its signed prekey gets one', () => {
    const next = maintainOwnDevice({ ...drawn(), signedPrekeys: [] }, seededRandom(2), NOW);
    expect(ids(next?.signedPrekeys ?? [])).toEqual([2]);
  });

  test('a used prekey stays for a day', () => {
    const own = drawn();
    const usedPrekeys = [used(own, 200, NOW - DAY + 1), used(own, 201, NOW)];
    expect(maintainOwnDevice({ ...own, usedPrekeys }, seededRandom(2), NOW)).toBeNull();
    const next = maintainOwnDevice({ ...own, usedPrekeys }, seededRandom(2), NOW + 1);
    expect(ids(next?.usedPrekeys ?? [])).toEqual([201]);
    expect(next?.signedPrekeys).toBe(own.signedPrekeys);
  });

  test('prekeys are filled up to 100 under new ids, which begin again after the highest', () => {
    const own = { ...drawn(), nextPrekeyId: HIGHEST_ID - 1, nextSignedPrekeyId: HIGHEST_ID };
    const next = maintainOwnDevice({ ...own, prekeys: own.prekeys.slice(3) }, seededRandom(2), NOW + 7 * DAY);
    expect(ids(next?.prekeys ?? []).slice(-4)).toEqual([100, HIGHEST_ID - 1, HIGHEST_ID, 1]);
    expect(next).toMatchObject({ nextPrekeyId: 2, nextSignedPrekeyId: 1 });
    const one = maintainOwnDevice({ ...own, prekeys: own.prekeys.slice(1) }, seededRandom(2), NOW);
    expect(ids(one?.prekeys ?? []).slice(-2)).toEqual([100, HIGHEST_ID - 1]);
    expect(one?.signedPrekeys).toBe(own.signedPrekeys);
  });
});

describe('a prekey', () => {
  test('is found while it is fresh; once used, for other key exchanges alone', () => {
    const own = drawn();
    expect(findPrekey(own, 7, key(1))).toBe(own.prekeys[6]);
    expect(findPrekey(own, 101, key(1))).toBeNull();
    const ephemeral = key(1);
    const after = consumePrekey(own, 7, ephemeral, NOW);
    // It is remembered by what it was, whatever becomes of the bytes given.
    ephemeral.fill(9);
    expect(after.usedPrekeys).toEqual([{ ...own.prekeys[6], usedAt: NOW, usedWith: [key(1)] }]);
    expect(ids(after.prekeys)).toEqual(ids(own.prekeys).filter((id) => id !== 7));
    expect(findPrekey(after, 7, key(1))).toBeNull();
    expect(findPrekey(after, 7, key(2))).toMatchObject({ id: 7, privateKey: own.prekeys[6]?.privateKey });
    expect(own.prekeys).toHaveLength(100);
  });

  test('used a second time is remembered with both, and no other with it', () => {
    const once = consumePrekey(consumePrekey(drawn(), 7, key(1), NOW), 8, key(1), NOW);
    const twice = consumePrekey(once, 7, key(2), NOW + 5);
    expect(twice.usedPrekeys.map(({ usedWith }) => usedWith)).toEqual([[key(1), key(2)], [key(1)]]);
    expect(twice.usedPrekeys[0]?.usedAt).toBe(NOW);
    for (const number of [1, 2]) expect(findPrekey(twice, 7, key(number))).toBeNull();
    expect(findPrekey(twice, 8, key(2))).not.toBeNull();
    expect(twice.prekeys).toBe(once.prekeys);
  });

  test('of two hundred used ones the oldest go first', () => {
    const own = drawn();
    const usedPrekeys = Array.from({ length: 200 }, (_, index) => used(own, 1_000 + index, NOW));
    const after = consumePrekey({ ...own, usedPrekeys }, 7, key(1), NOW);
    expect(ids(after.usedPrekeys)).toEqual([...ids(usedPrekeys).slice(1), 7]);
  });
});

describe('after an old copy was put back', () => {
  test('every key is new, under ids far from those that were announced; the old ones still read what is on its way', () => {
    const own = { ...drawn(), nextPrekeyId: 500, nextSignedPrekeyId: 9 };
    const renewed = renewOwnDevice(own, drawing([1, 2, 3]), NOW + 5);
    const leap = 2 ** 24 + 0x010203;
    expect(renewed).toMatchObject({ deviceId: own.deviceId, identitySeed: own.identitySeed });
    expect(ids(renewed.prekeys)).toEqual(Array.from({ length: 100 }, (_, index) => 501 + leap + index));
    expect(renewed).toMatchObject({ nextPrekeyId: 601 + leap, nextSignedPrekeyId: 11 + leap });
    const [fresh, old] = renewed.signedPrekeys;
    expect(fresh).toMatchObject({ id: 10 + leap, createdAt: NOW + 5, retiredAt: null });
    expect(fresh && verify(own.identityKey, fresh.publicKey, fresh.signature)).toBe(true);
    expect(old).toEqual({ ...own.signedPrekeys[0], retiredAt: NOW + 5 });
    expect(renewed.usedPrekeys).toEqual(own.prekeys.map((prekey) => ({ ...prekey, usedAt: NOW + 5, usedWith: [] })));
    const published = new Set(own.prekeys.map(({ publicKey }) => Buffer.from(publicKey).toString('hex')));
    expect(renewed.prekeys.some(({ publicKey }) => published.has(Buffer.from(publicKey).toString('hex')))).toBe(false);
  });

  test('ids begin again after the highest, and what is kept stays bounded', () => {
    const own = drawn();
    const signedPrekeys = [1, 12, 11, 10, 9, 8, 7].map((id, at) => retired(own, id, at === 0 ? null : NOW));
    const usedPrekeys = Array.from({ length: 150 }, (_, index) => used(own, 1_000 + index, NOW));
    const leap = 2 ** 24;
    const late = { ...own, signedPrekeys, usedPrekeys, nextPrekeyId: HIGHEST_ID - leap, nextSignedPrekeyId: 3 };
    const renewed = renewOwnDevice(late, drawing([0, 0, 0]), NOW);
    expect(ids(renewed.prekeys).slice(0, 2)).toEqual([1, 2]);
    expect(ids(renewed.signedPrekeys)).toEqual([4 + leap, 1, 12, 11, 10, 9]);
    expect(ids(renewed.usedPrekeys)).toEqual([...ids(usedPrekeys).slice(-100), ...ids(own.prekeys)]);
    expect(ids(renewOwnDevice({ ...own, signedPrekeys: [] }, drawing([0, 0, 0]), NOW).signedPrekeys)).toEqual([
      3 + leap,
    ]);
  });

  test('another device id is neither the old one nor one that is taken', () => {
    const own = { ...drawn(), deviceId: 5 };
    const next = withNewDeviceId(own, [6, 7], drawing([0, 0, 0, 5], [0, 0, 0, 7], [0, 0, 0, 6], [0, 0, 0, 8]));
    expect(next).toEqual({ ...own, deviceId: 8 });
  });
});

test('is stored and read back with everything it holds, and refused at every length but its own', () => {
  const own = consumePrekey(consumePrekey(drawn(), 7, key(1), NOW), 7, key(2), NOW);
  const small = {
    ...own,
    signedPrekeys: [...own.signedPrekeys, retired(own, 7, NOW - 1), retired(own, 8, 0)],
    prekeys: own.prekeys.slice(0, 2),
    nextPrekeyId: HIGHEST_ID,
    nextSignedPrekeyId: 77,
  };
  const stored = serializeOwnDevice(small);
  expect(parseOwnDevice(stored)).toEqual(small);
  for (let length = 0; length < stored.length; length += 1) {
    expect(() => parseOwnDevice(stored.subarray(0, length)), `${length}`).toThrow(RangeError);
  }
  expect(() => parseOwnDevice(Uint8Array.of(...stored, 0))).toThrow(RangeError);
  for (const version of [0, 2]) expect(() => parseOwnDevice(stored.with(0, version))).toThrow(RangeError);
  // What was read does not change with what was given.
  const read = parseOwnDevice(stored);
  stored.fill(0);
  expect(read).toEqual(small);
});

test('is stored in this form in version 1, which must be read for ever', () => {
  const pair = (number: number) => ({ privateKey: key(number), publicKey: key(number + 1) });
  const own: OwnDevice = {
    version: 1,
    deviceId: 0x01020304,
    identitySeed: key(1),
    identityKey: key(2),
    nextPrekeyId: 0x31,
    nextSignedPrekeyId: 0x32,
    signedPrekeys: [
      { id: 0x33, ...pair(3), signature: new Uint8Array(64).fill(5), createdAt: 1, retiredAt: null },
      { id: 0x34, ...pair(6), signature: new Uint8Array(64).fill(8), createdAt: 0, retiredAt: 2 },
    ],
    prekeys: [{ id: 0x35, ...pair(9) }],
    usedPrekeys: [{ id: 0x36, ...pair(11), usedAt: 1, usedWith: [key(13), key(14)] }],
  };
  const of = (number: number, length = 32) => number.toString(16).padStart(2, '0').repeat(length);
  const [zero, one, two, never] = ['0000000000000000', '3ff0000000000000', '4000000000000000', 'bff0000000000000'];
  const expected = [
    `01 01020304 ${of(1)}${of(2)} 00000031 00000032`,
    `00000002 00000033 ${of(3)}${of(4)}${of(5, 64)} ${one} ${never}`,
    `00000034 ${of(6)}${of(7)}${of(8, 64)} ${zero} ${two}`,
    `00000001 00000035 ${of(9)}${of(10)}`,
    `00000001 00000036 ${of(11)}${of(12)} ${one} 00000002 ${of(13)}${of(14)}`,
  ];
  const bytes = new Uint8Array(Buffer.from(expected.join('').replaceAll(' ', ''), 'hex'));
  expect(Buffer.from(serializeOwnDevice(own)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
  expect(parseOwnDevice(bytes)).toEqual(own);
});
