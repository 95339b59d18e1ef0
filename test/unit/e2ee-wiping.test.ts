/** Secrets are overwritten when they have been used, wherever that can be seen from outside. */
import { createHmac } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { ready, type SessionRecord, wipeReplaced } from '../../src/main/e2ee/omemo.ts';
import { hkdfSha256 } from '../../src/main/e2ee/primitives/hkdf.ts';
import { hmacSha256, withHmacKey } from '../../src/main/e2ee/primitives/hmac.ts';
import { libsodium } from '../../src/main/e2ee/primitives/sodium.ts';
import { newKeyPair } from '../../src/main/e2ee/primitives/x25519.ts';
import {
  initiateRatchet,
  type RatchetState,
  ratchetForward,
  ratchetReceive,
  respondRatchet,
} from '../../src/main/e2ee/ratchet/double-ratchet.ts';
import type { WireFormat } from '../../src/main/e2ee/types.ts';
import { expectOk, systemRandom, TestDevice } from '../support/e2ee-device.ts';

beforeAll(() => ready());

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

function isInLibsodium(secret: Uint8Array): boolean {
  return Buffer.from(libsodium().HEAPU8.buffer).includes(Buffer.from(secret));
}

describe('libsodium’s memory', () => {
  test.each([32, 33, 500])('keeps nothing of an HMAC over %i bytes', (length) => {
    const [key, message] = [systemRandom(32), systemRandom(length)];
    const mac = hmacSha256(key, message);
    for (const secret of [key, message, mac]) expect(isInLibsodium(secret)).toBe(false);
  });

  test('keeps nothing of an HKDF', () => {
    const [salt, input] = [systemRandom(32), systemRandom(32)];
    const output = hkdfSha256(salt, input, new Uint8Array(10), 64);
    for (const secret of [salt, input, output.subarray(0, 32), output.subarray(32)]) {
      expect(isInLibsodium(secret)).toBe(false);
    }
  });

  test('holds the key while a MAC is made (or the tests above could not fail), also when that throws, and no longer', () => {
    const key = systemRandom(40);
    const attempt = () =>
      withHmacKey(key, (): never => {
        expect(isInLibsodium(key)).toBe(true);
        throw new Error('as it may');
      });
    expect(attempt).toThrow('as it may');
    expect(isInLibsodium(key)).toBe(false);
  });
});

describe('HMAC', () => {
  test.each([0, 1, 511, 512, 513, 2048, 5000])('over %i bytes is the same either way, whole and in parts', (length) => {
    const [key, message] = [systemRandom(32), systemRandom(length)];
    const expected = new Uint8Array(createHmac('sha256', key).update(message).digest());
    const middle = length >> 1;
    expect(hmacSha256(key, message)).toEqual(expected);
    expect(hmacSha256(key, message.subarray(0, middle), message.subarray(middle))).toEqual(expected);
    expect(withHmacKey(key, (mac) => [mac(message), mac(message)])).toEqual([expected, expected]);
  });

  test('a key that is longer than its place is refused', () => {
    expect(() => hmacSha256(new Uint8Array(2049), new Uint8Array(1))).toThrow(RangeError);
  });
});

describe('a message key is zero after use', () => {
  const secret = () => new Uint8Array(32).fill(7);
  const rules = { rootInfo: new Uint8Array(4), maxSkip: 10, pastChains: 0 };

  /** Two messages from one side, as the other side, which has seen neither, gets their keys to open them. */
  function begun() {
    const prekey = newKeyPair(systemRandom);
    let alice = initiateRatchet(secret(), prekey.publicKey);
    const sent = [1, 2].map(() => {
      const step = expectOk(ratchetForward(alice, rules.rootInfo, systemRandom));
      alice = step.state;
      return step;
    });
    return { bob: respondRatchet(secret(), prekey), sent };
  }

  test.each(['accepted', 'refused'])('of a message that is %s, in order and late', (outcome) => {
    const { bob, sent } = begun();
    const [first, second] = sent;
    if (!first || !second) throw new Error('two were sent');
    const given: Uint8Array[] = [];
    const open = (messageKey: Uint8Array): true | null => {
      given.push(messageKey);
      expect(isZero(messageKey)).toBe(false);
      return outcome === 'accepted' ? true : null;
    };
    const received = ratchetReceive(bob, second.header, rules, open);
    expect(received.ok).toBe(outcome === 'accepted');
    const after: RatchetState = received.ok ? received.value.state : bob;
    ratchetReceive(after, first.header, rules, open);
    expect(given).toHaveLength(2);
    for (const messageKey of given) expect(isZero(messageKey)).toBe(true);
  });
});

describe.each<WireFormat>(['omemo2', 'omemo-legacy'])('a record that was replaced (%s)', (wire) => {
  const text = new TextEncoder().encode('text');

  function secretsOf(record: SessionRecord): Uint8Array[] {
    const [session] = record.sessions;
    if (session === undefined) throw new Error('no session');
    const { rootKey, own, sending, receiving, pastChains } = session.ratchet;
    const chains = [sending, receiving, ...pastChains.map(({ chain }) => chain)];
    return [rootKey, ...(own ? [own.privateKey] : []), ...chains.flatMap((chain) => (chain ? [chain.key] : []))];
  }

  test('keeps only what its successor still has, and the conversation goes on', () => {
    const [alice, bob] = [0, 1].map(() => new TestDevice(systemRandom, undefined, 1_000, wire));
    if (!alice || !bob) throw new Error('two devices');
    const step = (device: TestDevice, act: () => void): number => {
      const before = device.record;
      act();
      if (before === null || device.record === null) return 0;
      const kept = secretsOf(device.record);
      const replaced = secretsOf(before).filter((secret) => !kept.includes(secret));
      wipeReplaced(before, device.record);
      for (const secret of replaced) expect(isZero(secret)).toBe(true);
      for (const secret of kept) expect(isZero(secret)).toBe(false);
      return replaced.length;
    };
    let replaced = 0;
    for (let turn = 0; turn < 6; turn += 1) {
      const [from, to] = turn % 2 === 0 ? [alice, bob] : [bob, alice];
      for (let message = 0; message < 2; message += 1) {
        let envelope = null as ReturnType<TestDevice['send']> | null;
        replaced += step(from, () => {
          envelope = from.send(to.bundle, text);
        });
        replaced += step(to, () => {
          if (envelope) expect(expectOk(to.receive(envelope)).content).toEqual(text);
        });
      }
    }
    expect(replaced).toBeGreaterThan(12);
    // The signed prekey a session began with is the device's own still.
    for (const { privateKey } of [...alice.own.signedPrekeys, ...bob.own.signedPrekeys]) {
      expect(isZero(privateKey)).toBe(false);
    }
  });
});
