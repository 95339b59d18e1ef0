/** Bundles of both wire formats at every boundary, and the words and codes of what is refused. */
import { beforeAll, describe, expect, test } from 'vitest';
import * as failures from '../../src/main/e2ee/failures.ts';
import { fingerprintOf } from '../../src/main/e2ee/fingerprint.ts';
import { fromLegacyKey, legacyIdentity, toLegacyKey, verifyLegacy } from '../../src/main/e2ee/legacy-keys.ts';
import {
  bundleOf,
  checkBundle,
  createOwnDevice,
  legacyBundleOf,
  prekeyTakenBy,
  readLegacyBundle,
  ready,
} from '../../src/main/e2ee/omemo.ts';
import { publicKeyOfSeed, sign, toCurve25519Public } from '../../src/main/e2ee/primitives/ed25519.ts';
import type { Bundle, LegacyBundle } from '../../src/main/e2ee/types.ts';
import { wireOf } from '../../src/main/e2ee/wires.ts';
import { expectOk, seededRandom, TestDevice } from '../support/e2ee-device.ts';

beforeAll(() => ready());

const own = () => createOwnDevice(seededRandom(5), 0);
const codeOf = (result: ReturnType<typeof checkBundle>) => (result.ok ? 'accepted' : result.error.code);
/** Prime-order points are wanted: this one has order 8. */
const ORDER_8 = 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800';
const smallOrder = () => new Uint8Array(Buffer.from(ORDER_8, 'hex'));

describe('a bundle', () => {
  test.each<[string, (bundle: Bundle) => Partial<Bundle>, boolean]>([
    ['of the lowest device id', () => ({ deviceId: 1 }), true],
    ['of the highest device id', () => ({ deviceId: 0x7fffffff }), true],
    ['of device id 0', () => ({ deviceId: 0 }), false],
    ['of a device id of 32 bits', () => ({ deviceId: 0x80000000 }), false],
    ['of half a device id', () => ({ deviceId: 1.5 }), false],
    ['with signed prekey id 0', () => ({ signedPrekeyId: 0 }), true],
    ['with the highest signed prekey id', () => ({ signedPrekeyId: 0xffffffff }), true],
    ['with a signed prekey id of 33 bits', () => ({ signedPrekeyId: 0x100000000 }), false],
    ['with a signed prekey id below 0', () => ({ signedPrekeyId: -1 }), false],
    ['with half a signed prekey id', () => ({ signedPrekeyId: 0.5 }), false],
    ['with an identity key that is no point', () => ({ identityKey: new Uint8Array(32).fill(2) }), false],
    ['without prekeys', () => ({ prekeys: [] }), false],
    ['with a signature of 63 bytes', (b) => ({ signedPrekeySignature: b.signedPrekeySignature.subarray(1) }), false],
    ['with the signed prekey of another', (b) => ({ signedPrekey: b.prekeys[0]?.key ?? b.signedPrekey }), false],
  ])('%s', (_name, change, accepted) => {
    const bundle = bundleOf(own());
    expect(codeOf(checkBundle({ ...bundle, ...change(bundle) }))).toBe(accepted ? 'accepted' : 'encryption.bad-bundle');
  });

  test('with a signed prekey of another length or of small order is refused, however well it is signed', () => {
    const device = own();
    const bundle = bundleOf(device);
    for (const signedPrekey of [
      new Uint8Array(0),
      bundle.signedPrekey.subarray(1),
      Uint8Array.of(...bundle.signedPrekey, 0),
      new Uint8Array(32),
      smallOrder(),
    ]) {
      const signedPrekeySignature = sign(device.identitySeed, signedPrekey);
      expect(codeOf(checkBundle({ ...bundle, signedPrekey, signedPrekeySignature }))).toBe('encryption.bad-bundle');
    }
  });

  test('loses its unusable prekeys and what is beyond two thousand of them', () => {
    const bundle = bundleOf(own());
    const [good] = bundle.prekeys;
    if (good === undefined) throw new Error('no prekey');
    const usable = [good, { ...good, id: 0 }, { ...good, id: 0xffffffff }];
    const unusable = [
      { ...good, id: -1 },
      { ...good, id: 1.5 },
      { ...good, id: 0x100000000 },
      { ...good, key: good.key.subarray(1) },
      { ...good, key: Uint8Array.of(...good.key, 0) },
      { ...good, key: smallOrder() },
    ];
    expect(expectOk(checkBundle({ ...bundle, prekeys: [...unusable, ...usable] })).prekeys).toEqual(usable);
    const many = Array.from({ length: 2001 }, (_, id) => ({ ...good, id }));
    expect(expectOk(checkBundle({ ...bundle, prekeys: many })).prekeys).toEqual(many.slice(0, 2000));
    expect(codeOf(checkBundle({ ...bundle, prekeys: unusable }))).toBe('encryption.bad-bundle');
  });

  test('is checked by the signature of its own wire format, OMEMO 2 unless said otherwise', () => {
    const device = own();
    const [current, legacy] = [bundleOf(device), expectOk(readLegacyBundle(legacyBundleOf(device)))];
    expect(codeOf(checkBundle(current, 'omemo2'))).toBe('accepted');
    expect(codeOf(checkBundle(current, 'omemo-legacy'))).toBe('encryption.bad-bundle');
    expect(codeOf(checkBundle(legacy, 'omemo-legacy'))).toBe('accepted');
    expect(codeOf(checkBundle(legacy))).toBe('encryption.bad-bundle');
    expect([wireOf('omemo2').name, wireOf('omemo-legacy').name]).toEqual(['omemo2', 'omemo-legacy']);
  });
});

describe('a session begins', () => {
  const numbered = (count: number, first: number): Bundle => {
    const bundle = bundleOf(own());
    return { ...bundle, prekeys: bundle.prekeys.slice(0, count).map(({ key }, at) => ({ id: first + at, key })) };
  };
  const begun = (bundle: Bundle, seed: number) => new TestDevice(seededRandom(seed)).send(bundle, new Uint8Array(1));
  const takenBy = (bundle: Bundle, seed: number) => prekeyTakenBy(begun(bundle, seed), 'omemo2');
  const seeds = Array.from({ length: 40 }, (_, at) => at + 1);

  test('with any of the prekeys, and says which', () => {
    const bundle = numbered(3, 7);
    expect(new Set(seeds.map((seed) => takenBy(bundle, seed)))).toEqual(new Set([7, 8, 9]));
  });

  test('with prekey 0, which libomemo.js takes for none, only where there is no other', () => {
    const bundle = numbered(3, 0);
    expect(new Set(seeds.map((seed) => takenBy(bundle, seed)))).toEqual(new Set([1, 2]));
    expect(takenBy(numbered(1, 0), 1)).toBe(0);
  });

  test('with nothing that an ordinary message, or a broken one, would take', () => {
    const envelope = begun(numbered(1, 5), 1);
    expect(prekeyTakenBy({ ...envelope, keyExchange: false }, 'omemo2')).toBeNull();
    expect(prekeyTakenBy({ ...envelope, data: envelope.data.subarray(1) }, 'omemo2')).toBeNull();
    expect(prekeyTakenBy(envelope, 'omemo-legacy')).toBeNull();
  });
});

describe('a legacy bundle', () => {
  test('is read as the keys it was made of', () => {
    const device = own();
    const { signedPrekeySignature: _, ...keys } = bundleOf(device);
    expect(expectOk(readLegacyBundle(legacyBundleOf(device)))).toMatchObject(keys);
  });

  test.each<[string, (bundle: LegacyBundle) => Partial<LegacyBundle>]>([
    ['a signed prekey without type', (b) => ({ signedPrekey: b.signedPrekey.subarray(1) })],
    ['a signed prekey of another type', (b) => ({ signedPrekey: b.signedPrekey.with(0, 6) })],
    ['an identity key of another type', (b) => ({ identityKey: b.identityKey.with(0, 6) })],
    ['an identity key without type', (b) => ({ identityKey: b.identityKey.subarray(1) })],
    ['an identity key on the twist', () => ({ identityKey: toLegacyKey(new Uint8Array(32).fill(2, 0, 1)) })],
    [
      'prekeys without type alone',
      (b) => ({ prekeys: b.prekeys.map(({ id, key }) => ({ id, key: key.subarray(1) })) }),
    ],
  ])('with %s is refused', (_name, change) => {
    const bundle = legacyBundleOf(own());
    expect(codeOf(readLegacyBundle({ ...bundle, ...change(bundle) }))).toBe('encryption.bad-bundle');
  });

  test('loses single bad prekeys', () => {
    const bundle = legacyBundleOf(own());
    const [first, second, third] = bundle.prekeys;
    if (!first || !second || !third) throw new Error('too few prekeys');
    const prekeys = [{ ...first, key: first.key.with(0, 4) }, { ...second, key: second.key.subarray(1) }, third];
    const read = expectOk(readLegacyBundle({ ...bundle, prekeys })).prekeys;
    expect(read).toEqual([{ id: third.id, key: third.key.subarray(1) }]);
  });
});

describe('legacy keys', () => {
  test('are 0x05 and 32 bytes', () => {
    const key = new Uint8Array(32).fill(7);
    expect(toLegacyKey(key)).toEqual(Uint8Array.of(5, ...key));
    expect(fromLegacyKey(toLegacyKey(key))).toEqual(key);
    for (const other of [key, Uint8Array.of(5, ...key, 0), Uint8Array.of(4, ...key), Uint8Array.of(5)]) {
      expect(fromLegacyKey(other)).toBeNull();
    }
  });

  test('stand for identities, the same each time; what is no identity is a mistake', () => {
    for (let number = 1; number <= 20; number += 1) {
      const identityKey = publicKeyOfSeed(new Uint8Array(32).fill(number));
      const expected = Uint8Array.of(5, ...(toCurve25519Public(identityKey) ?? []));
      expect([legacyIdentity(identityKey), legacyIdentity(identityKey)]).toEqual([expected, expected]);
    }
    expect(() => legacyIdentity(new Uint8Array(32))).toThrow();
  });

  test('verify a signature of either sign, and none of another length', () => {
    const message = new Uint8Array(33).fill(5);
    const signs = new Set<number>();
    for (let number = 1; signs.size < 2; number += 1) {
      const seed = new Uint8Array(32).fill(number);
      const identityKey = publicKeyOfSeed(seed);
      const sign7 = (identityKey[31] ?? 0) & 0x80;
      signs.add(sign7);
      // The sign travels in the signature; the key that is known has lost it.
      const known = identityKey.with(31, (identityKey[31] ?? 0) & 0x7f);
      const plain = sign(seed, message);
      const signature = plain.with(63, (plain[63] ?? 0) | sign7);
      for (const key of [known, known.with(31, (known[31] ?? 0) | 0x80)]) {
        expect(verifyLegacy(key, message, signature)).toBe(true);
        expect(verifyLegacy(key, message, signature.with(63, (signature[63] ?? 0) ^ 0x80))).toBe(false);
      }
      expect(verifyLegacy(known, message, signature.subarray(0, 63))).toBe(false);
      expect(verifyLegacy(known, message, Uint8Array.of(...signature, 0))).toBe(false);
      expect(verifyLegacy(known.subarray(0, 31), message, signature)).toBe(false);
      expect(verifyLegacy(Uint8Array.of(...known, 0), message, signature)).toBe(false);
    }
  });
});

test('a fingerprint is the Curve25519 form, and of a key that has none the key', () => {
  const { identityKey } = own();
  const converted = toCurve25519Public(identityKey);
  expect(fingerprintOf(identityKey)).toBe(converted && Buffer.from(converted).toString('hex'));
  expect(fingerprintOf(new Uint8Array(32))).toBe('00'.repeat(32));
});

test.each([
  ['encryption.malformed', () => failures.malformed('detail'), false, 'detail'],
  ['encryption.forged', () => failures.forged('detail'), true, 'detail'],
  ['encryption.replayed', () => failures.replayed(), false, undefined],
  ['encryption.too-far-ahead', () => failures.tooFarAhead(), true, undefined],
  ['encryption.unknown-prekey', () => failures.unknownPrekey(), true, undefined],
  ['encryption.no-session', () => failures.noSession(), true, undefined],
  ['encryption.bad-bundle', () => failures.badBundle('detail'), false, 'detail'],
  ['encryption.mismatch', () => failures.mismatch(), true, undefined],
] as const)('%s says what happened, and what can be done where something can', (code, make, advice, detail) => {
  const { ok, error } = make();
  expect(ok).toBe(false);
  expect(error.code).toBe(code);
  expect(error.what).toMatch(/^[A-Z].*\.$/);
  expect(error.action).toMatch(advice ? /^[A-Z].*\.$/ : /^$/);
  expect(error.detail).toBe(detail);
});
