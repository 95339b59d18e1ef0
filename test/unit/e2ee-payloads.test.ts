/** What each device gets, and the payload it opens, at every length. */
import { beforeAll, expect, test } from 'vitest';
import { concat, utf8 } from '../../src/main/e2ee/bytes.ts';
import { ready } from '../../src/main/e2ee/omemo.ts';
import { encryptGcm } from '../../src/main/e2ee/primitives/aes-gcm.ts';
import { wireLegacy } from '../../src/main/e2ee/wire-legacy.ts';
import { wireOmemo2 } from '../../src/main/e2ee/wire-omemo2.ts';
import type { Result } from '../../src/shared/errors.ts';
import { expectOk, systemRandom } from '../support/e2ee-device.ts';

beforeAll(() => ready());

const codeOf = (result: Result<Uint8Array | null>) => (result.ok ? 'accepted' : result.error.code);
const content = utf8('content');

test.each([
  ['omemo2', wireOmemo2, [32]],
  ['omemo-legacy', wireLegacy, [16, 32]],
] as const)('%s: without a payload, the key material of an empty message alone is taken', (_name, wire, lengths) => {
  for (let length = 0; length <= 64; length += 1) {
    const expected = (lengths as readonly number[]).includes(length) ? 'accepted' : 'encryption.malformed';
    expect(codeOf(wire.openPayload(new Uint8Array(length), null, null)), `${length}`).toBe(expected);
  }
  const { keyMaterial, payload } = wire.sealPayload(null, systemRandom);
  expect(payload).toBeNull();
  expect(expectOk(wire.openPayload(keyMaterial, null, null))).toBeNull();
  if (wire === wireLegacy) return;
  for (const at of [0, 31]) {
    expect(codeOf(wire.openPayload(new Uint8Array(32).with(at, 1), null, null))).toBe('encryption.malformed');
  }
});

test.each([
  ['omemo2', wireOmemo2],
  ['omemo-legacy', wireLegacy],
] as const)('%s: a payload is opened with the whole key material, and with no other', (_name, wire) => {
  const { keyMaterial, payload, iv } = wire.sealPayload(content, systemRandom);
  expect(expectOk(wire.openPayload(keyMaterial, payload, iv))).toEqual(content);
  expect(keyMaterial).toHaveLength(wire === wireOmemo2 ? 48 : 32);
  for (let length = 0; length < keyMaterial.length; length += 1) {
    expect(codeOf(wire.openPayload(keyMaterial.subarray(0, length), payload, iv)), `${length}`).toBe(
      'encryption.malformed',
    );
  }
  expect(codeOf(wire.openPayload(concat(keyMaterial, Uint8Array.of(0)), payload, iv))).toBe('encryption.malformed');
  for (let at = 0; at < keyMaterial.length; at += 1) {
    const turned = keyMaterial.with(at, (keyMaterial[at] ?? 0) ^ 1);
    expect(codeOf(wire.openPayload(turned, payload, iv)), `${at}`).toBe('encryption.forged');
  }
});

test('omemo-legacy: an IV has 12 or 16 bytes', () => {
  for (let length = 1; length <= 20; length += 1) {
    const [key, iv] = [systemRandom(16), systemRandom(length)];
    const { ciphertext, tag } = encryptGcm(key, iv, content);
    const opened = wireLegacy.openPayload(concat(key, tag), ciphertext, iv);
    expect(codeOf(opened), `${length}`).toBe(length === 12 || length === 16 ? 'accepted' : 'encryption.malformed');
  }
  const { keyMaterial, payload } = wireLegacy.sealPayload(content, systemRandom);
  for (const iv of [null, new Uint8Array(0)]) {
    expect(codeOf(wireLegacy.openPayload(keyMaterial, payload, iv))).toBe('encryption.malformed');
  }
});

test('omemo-legacy: a SignalMessage has more than its seal', () => {
  for (const length of [0, 7, 8, 9]) {
    expect(wireLegacy.read(new Uint8Array(length).fill(0x33))).toMatchObject({
      error: { code: 'encryption.malformed' },
    });
  }
});
