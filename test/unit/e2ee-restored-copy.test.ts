/** Own keys after an old copy of them was put back, under another device id, and with a clock that is wrong. */
import { describe, expect, test } from 'vitest';
import {
  bundleOf,
  consumePrekey,
  createOwnDevice,
  findPrekey,
  maintainOwnDevice,
  type OwnDevice,
  PREKEY_COUNT,
  renewOwnDevice,
  SIGNED_PREKEY_PERIOD,
  withNewDeviceId,
} from '../../src/main/e2ee/own-device.ts';
import { verify } from '../../src/main/e2ee/primitives/ed25519.ts';
import { randomBytes, ready } from '../../src/main/e2ee/primitives/sodium.ts';

await ready();
const now = Date.UTC(2026, 10, 23);
const maxId = 0x7fffffff;
const leap = 1 << 24;

/** The first bytes asked for, then what is really random. */
function beginning(...bytes: readonly number[]) {
  let first = true;
  return (length: number): Uint8Array => {
    if (!first) return randomBytes(length);
    first = false;
    return Uint8Array.from({ length }, (_, index) => bytes[index] ?? 0);
  };
}

describe('renewed after an old copy was put back', () => {
  const before = createOwnDevice(randomBytes, now - 1000);
  const after = renewOwnDevice(before, beginning(1, 2, 3), now);

  test('the identity and the device id stay', () => {
    expect(after.identitySeed).toEqual(before.identitySeed);
    expect(after.identityKey).toEqual(before.identityKey);
    expect(after.deviceId).toBe(before.deviceId);
  });

  test('a new signed prekey is published, under an id beyond all that may have been used; the old one is kept', () => {
    const [current, retired, ...rest] = after.signedPrekeys;
    expect(current).toMatchObject({ id: 2 + leap + 0x010203 + 1, createdAt: now, retiredAt: null });
    expect(retired).toEqual({ ...before.signedPrekeys[0], retiredAt: now });
    expect(rest).toEqual([]);
    expect(after.nextSignedPrekeyId).toBe((current?.id ?? 0) + 1);
    const bundle = bundleOf(after);
    expect(verify(bundle.identityKey, bundle.signedPrekey, bundle.signedPrekeySignature)).toBe(true);
  });

  test('a hundred new prekeys take the place of the old ones, under ids beyond all that may have been used', () => {
    expect(after.prekeys).toHaveLength(PREKEY_COUNT);
    expect(after.prekeys[0]?.id).toBe(101 + leap + 0x010203 + 1);
    expect(after.prekeys.at(-1)?.id).toBe(101 + leap + 0x010203 + PREKEY_COUNT);
    expect(after.nextPrekeyId).toBe((after.prekeys.at(-1)?.id ?? 0) + 1);
    const old = new Set(before.prekeys.map(({ publicKey }) => Buffer.from(publicKey).toString('hex')));
    expect(after.prekeys.some(({ publicKey }) => old.has(Buffer.from(publicKey).toString('hex')))).toBe(false);
  });

  test('what is on its way with an old prekey can be read for a day', () => {
    const [old] = before.prekeys;
    if (!old) throw new Error('no prekey');
    expect(findPrekey(after, old.id, randomBytes(32))).toMatchObject({ id: old.id, usedAt: now, usedWith: [] });
    const ephemeral = randomBytes(32);
    const used = consumePrekey(after, old.id, ephemeral, now);
    expect(findPrekey(used, old.id, ephemeral)).toBeNull();
    const later = maintainOwnDevice(after, randomBytes, now + 24 * 60 * 60 * 1000);
    expect(later && findPrekey(later, old.id, randomBytes(32))).toBeNull();
  });

  test('again and again, it keeps no more than it should', () => {
    let device: OwnDevice = before;
    for (let time = 0; time < 8; time += 1) device = renewOwnDevice(device, randomBytes, now + time);
    expect(device.signedPrekeys).toHaveLength(6);
    expect(device.usedPrekeys).toHaveLength(200);
    expect(device.prekeys).toHaveLength(PREKEY_COUNT);
    expect(device.signedPrekeys.map(({ retiredAt }) => retiredAt)).toEqual([
      null,
      now + 7,
      now + 6,
      now + 5,
      now + 4,
      now + 3,
    ]);
  });

  test('ids stay within what the specification allows', () => {
    const last: OwnDevice = { ...before, nextPrekeyId: maxId, nextSignedPrekeyId: maxId };
    const renewed = renewOwnDevice(last, beginning(0xff, 0xff, 0xff), now);
    const ids = [...renewed.prekeys, ...renewed.signedPrekeys].map(({ id }) => id);
    expect(Math.min(...ids)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...ids)).toBeLessThanOrEqual(maxId);
    expect(renewed.signedPrekeys[0]?.id).toBe(((maxId + leap + 0xffffff) % maxId) + 1);
  });
});

describe('another device id', () => {
  const before = createOwnDevice(randomBytes, now);

  test('is none of those that are taken, and the keys stay', () => {
    const taken = [0x01020304, 0x05060708];
    const drawn = [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
      [before.deviceId >>> 24, (before.deviceId >>> 16) & 255, (before.deviceId >>> 8) & 255, before.deviceId & 255],
      [9, 9, 9, 9],
    ];
    let at = 0;
    const random = (length: number): Uint8Array => Uint8Array.from(drawn[at++] ?? []).slice(0, length);
    const after = withNewDeviceId(before, taken, random);
    expect(after).toEqual({ ...before, deviceId: 0x09090909 });
    expect(at).toBe(4);
  });
});

describe('a signed prekey and the clock', () => {
  const made = createOwnDevice(randomBytes, now);

  test.each([
    ['just before its period has passed', SIGNED_PREKEY_PERIOD - 1, false],
    ['when its period has passed', SIGNED_PREKEY_PERIOD, true],
    ['a little before it was made', -SIGNED_PREKEY_PERIOD + 1, false],
    ['long before it was made', -SIGNED_PREKEY_PERIOD, true],
  ])('%s', (_, passed, rotates) => {
    const maintained = maintainOwnDevice(made, randomBytes, now + passed);
    expect(maintained !== null).toBe(rotates);
    if (rotates) expect(maintained?.signedPrekeys[1]?.retiredAt).toBe(now + passed);
  });
});
