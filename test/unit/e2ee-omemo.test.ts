/** What OMEMO must refuse, and its rules about sessions, prekeys and heartbeats. */
import { beforeAll, describe, expect, test } from 'vitest';
import {
  archiveSessions,
  bundleOf,
  checkBundle,
  createOwnDevice,
  encrypt,
  fingerprintOf,
  hasSession,
  identityOf,
  maintainOwnDevice,
  parseOwnDevice,
  parseRecord,
  ready,
  serializeOwnDevice,
  serializeRecord,
  signLabel,
  verifyLabel,
} from '../../src/main/e2ee/omemo.ts';
import { decodeKeyExchange, encodeKeyExchange } from '../../src/main/e2ee/protobuf.ts';
import { countSkipped } from '../../src/main/e2ee/ratchet/skipped-keys.ts';
import { type Envelope, expectOk, seededRandom, systemRandom, TestDevice } from '../support/e2ee-device.ts';

const text = (content: string) => new TextEncoder().encode(content);
const DAY = 86_400_000;

let alice: TestDevice;
let bob: TestDevice;

beforeAll(() => ready());

function meet(): void {
  alice = new TestDevice();
  bob = new TestDevice();
  expectOk(bob.receive(alice.send(bob.bundle, text('hello'))));
  expectOk(alice.receive(bob.send(alice.bundle, text('hello'))));
}

function errorOf(result: { ok: boolean; error?: { code: string } }): string {
  return result.ok ? 'accepted' : (result.error?.code ?? '');
}

/** Every copy of the envelope with one byte changed, and every shorter one, is refused and changes nothing. */
function expectNoDamageAccepted(receiver: TestDevice, envelope: Envelope): void {
  const record = receiver.record;
  const before = record === null ? null : serializeRecord(record);
  const own = serializeOwnDevice(receiver.own);
  for (const part of ['data', 'payload'] as const) {
    const whole = envelope[part];
    if (whole === null) continue;
    for (let at = 0; at < whole.length; at += 1) {
      const flipped = whole.map((byte, index) => (index === at ? byte ^ (1 << (at % 8)) : byte));
      for (const damaged of [flipped, whole.slice(0, at)]) {
        const result = receiver.receive({ ...envelope, [part]: damaged });
        expect(errorOf(result), `${part} at ${at}`).toMatch(/^encryption\./);
        expect(receiver.record).toBe(record);
      }
    }
  }
  expect(record === null ? null : serializeRecord(record)).toEqual(before);
  expect(serializeOwnDevice(receiver.own)).toEqual(own);
}

describe('a damaged message', () => {
  test('of a running session is refused at every byte', () => {
    meet();
    const envelope = alice.send(bob.bundle, text('x'.repeat(40)));
    expectNoDamageAccepted(bob, envelope);
    expect(expectOk(bob.receive(envelope)).content).toEqual(text('x'.repeat(40)));
  });

  test('that starts a session is refused at every byte, and uses no prekey', () => {
    alice = new TestDevice();
    bob = new TestDevice();
    const envelope = alice.send(bob.bundle, text('first'));
    expectNoDamageAccepted(bob, envelope);
    expect(bob.own.prekeys).toHaveLength(100);
    expect(expectOk(bob.receive(envelope)).newSession).toBe(true);
  });

  test('with the seal of another is forged', () => {
    meet();
    const first = alice.send(bob.bundle, text('one'));
    const second = alice.send(bob.bundle, text('two'));
    expect(errorOf(bob.receive({ ...first, payload: second.payload }))).toBe('encryption.forged');
    expect(errorOf(bob.receive({ ...first, payload: null }))).toBe('encryption.malformed');
    expect(expectOk(bob.receive(first)).content).toEqual(text('one'));
  });
});

describe('what comes again or too late', () => {
  test('is a replay, in the same chain, in an earlier one, and as a key exchange', () => {
    alice = new TestDevice();
    bob = new TestDevice();
    const start = alice.send(bob.bundle, text('start'));
    expectOk(bob.receive(start));
    expect(errorOf(bob.receive(start))).toBe('encryption.replayed');
    expectOk(alice.receive(bob.send(alice.bundle, text('a'))));
    const early = alice.send(bob.bundle, text('early'));
    expectOk(bob.receive(early));
    for (let turn = 0; turn < 5; turn += 1) {
      expectOk(alice.receive(bob.send(alice.bundle, text('b'))));
      expectOk(bob.receive(alice.send(bob.bundle, text('c'))));
    }
    expect(errorOf(bob.receive(early))).toBe('encryption.replayed');
    expect(errorOf(bob.receive(start))).toBe('encryption.replayed');
  });

  test('a key exchange with its ephemeral key spelt otherwise is not a new one', () => {
    alice = new TestDevice();
    bob = new TestDevice();
    const start = alice.send(bob.bundle, text('start'));
    expectOk(bob.receive(start));
    const exchange = expectOk(decodeKeyExchange(start.data));
    const ephemeralKey = exchange.ephemeralKey.slice();
    ephemeralKey[31] = (ephemeralKey[31] ?? 0) | 0x80;
    const respelt = { ...start, data: encodeKeyExchange({ ...exchange, ephemeralKey }) };
    expect(errorOf(bob.receive(respelt))).toBe('encryption.malformed');
  });

  test('a key exchange whose session was forgotten is not accepted a second time', () => {
    alice = new TestDevice();
    bob = new TestDevice();
    const start = alice.send(bob.bundle, text('start'));
    expectOk(bob.receive(start));
    bob.record = null;
    expect(errorOf(bob.receive(start))).toBe('encryption.unknown-prekey');
  });

  test('1000 messages may be missing, 1001 may not', () => {
    meet();
    for (let lost = 0; lost < 1000; lost += 1) alice.send(bob.bundle, null);
    const reachable = alice.send(bob.bundle, null);
    const kept = bob.record;
    expectOk(bob.receive(reachable));
    expect(countSkipped(bob.record?.sessions[0]?.ratchet.skipped ?? new Uint8Array(0))).toBe(1000);
    bob.record = kept;
    const tooFar = alice.send(bob.bundle, null);
    expect(errorOf(bob.receive(tooFar))).toBe('encryption.too-far-ahead');
    expect(bob.record).toBe(kept);
  });

  test('skipped keys are bounded in a record, the oldest going first', () => {
    meet();
    const late: Envelope[] = [];
    for (let chain = 0; chain < 4; chain += 1) {
      late.push(alice.send(bob.bundle, text(`late ${chain}`)));
      for (let lost = 0; lost < 400; lost += 1) alice.send(bob.bundle, null);
      expectOk(bob.receive(alice.send(bob.bundle, null)));
      expectOk(alice.receive(bob.send(alice.bundle, null)));
    }
    bob.restart();
    const [session] = bob.record?.sessions ?? [];
    expect(countSkipped(session?.ratchet.skipped ?? new Uint8Array(0))).toBe(1000);
    const [oldest, , , newest] = late;
    if (oldest === undefined || newest === undefined) throw new Error('missing');
    expect(errorOf(bob.receive(oldest))).toBe('encryption.replayed');
    expect(expectOk(bob.receive(newest)).content).toEqual(text('late 3'));
  });
});

describe('key exchanges', () => {
  test('are repeated until an answer comes, and make one session', () => {
    alice = new TestDevice();
    bob = new TestDevice();
    const first = alice.send(bob.bundle, text('1'));
    const second = alice.send(bob.bundle, text('2'));
    expect([first.keyExchange, second.keyExchange]).toEqual([true, true]);
    // The second one may come first.
    expect(expectOk(bob.receive(second)).newSession).toBe(true);
    expect(expectOk(bob.receive(first))).toMatchObject({ newSession: false, own: null });
    expect(bob.record?.sessions).toHaveLength(1);
    expectOk(alice.receive(bob.send(alice.bundle, null)));
    expect(alice.send(bob.bundle, text('3')).keyExchange).toBe(false);
  });

  test('state the identity of the sender', () => {
    alice = new TestDevice();
    bob = new TestDevice();
    const { data } = alice.send(bob.bundle, text('1'));
    expect(expectOk(identityOf(data))).toEqual(alice.own.identityKey);
    expect(errorOf(identityOf(data.slice(1)))).toBe('encryption.malformed');
  });

  test('by another identity than the one on record are refused', () => {
    meet();
    const mallory = new TestDevice();
    expect(errorOf(bob.receive(mallory.send(bob.bundle, text('it is me'))))).toBe('encryption.mismatch');
  });

  test('with an unknown prekey or signed prekey, or a key of small order, are refused', () => {
    alice = new TestDevice();
    bob = new TestDevice();
    const envelope = alice.send(bob.bundle, text('1'));
    const exchange = expectOk(decodeKeyExchange(envelope.data));
    const altered = (change: object) =>
      bob.receive({ ...envelope, data: encodeKeyExchange({ ...exchange, ...change }) });
    expect(errorOf(altered({ prekeyId: 4000 }))).toBe('encryption.unknown-prekey');
    expect(errorOf(altered({ signedPrekeyId: 4000 }))).toBe('encryption.unknown-prekey');
    expect(errorOf(altered({ ephemeralKey: new Uint8Array(32) }))).toBe('encryption.forged');
    expect(errorOf(altered({ identityKey: new Uint8Array(32) }))).toBe('encryption.forged');
    expect(errorOf(altered({ identityKey: bob.own.identityKey }))).toBe('encryption.malformed');
  });

  test('two that took the same prekey are both read, and it is published no more', () => {
    bob = new TestDevice();
    const [prekey] = bob.bundle.prekeys;
    if (prekey === undefined) throw new Error('no prekey');
    const narrow = { ...bob.bundle, prekeys: [prekey] };
    const [first, second] = [new TestDevice(), new TestDevice()];
    expectOk(bob.receive(first.send(narrow, text('1'))));
    expect(bob.bundle.prekeys.map(({ id }) => id)).not.toContain(prekey.id);
    bob.record = null;
    expectOk(bob.receive(second.send(narrow, text('2'))));
    bob.now += DAY;
    bob.own = maintainOwnDevice(bob.own, bob.random, bob.now) ?? bob.own;
    bob.record = null;
    expect(errorOf(bob.receive(new TestDevice().send(narrow, text('3'))))).toBe('encryption.unknown-prekey');
  });

  test('both sides starting at once end up understanding each other', () => {
    alice = new TestDevice();
    bob = new TestDevice();
    const [fromAlice, fromBob] = [alice.send(bob.bundle, text('a')), bob.send(alice.bundle, text('b'))];
    expectOk(bob.receive(fromAlice));
    expectOk(alice.receive(fromBob));
    for (let turn = 0; turn < 3; turn += 1) {
      const [again, back] = [alice.send(bob.bundle, text('c')), bob.send(alice.bundle, text('d'))];
      expect(expectOk(bob.receive(again)).content).toEqual(text('c'));
      expect(expectOk(alice.receive(back)).content).toEqual(text('d'));
    }
    expect(alice.record?.sessions).toHaveLength(2);
  });
});

describe('sessions', () => {
  test('at most 41 are kept', () => {
    alice = new TestDevice();
    bob = new TestDevice();
    for (let start = 0; start < 45; start += 1) {
      alice.record = null;
      expectOk(bob.receive(alice.send(bob.bundle, null)));
    }
    expect(bob.record?.sessions).toHaveLength(41);
    bob.restart();
    expect(expectOk(alice.receive(bob.send(alice.bundle, text('ok')))).content).toEqual(text('ok'));
  });

  test('given up ones still receive, and the next message starts anew', () => {
    meet();
    const underway = bob.send(alice.bundle, text('underway'));
    if (alice.record === null) throw new Error('no record');
    expect(hasSession(alice.record)).toBe(true);
    alice.record = archiveSessions(alice.record);
    expect(hasSession(alice.record)).toBe(false);
    expect(expectOk(alice.receive(underway)).content).toEqual(text('underway'));
    expect(hasSession(alice.record)).toBe(false);
    const fresh = alice.send(bob.bundle, text('fresh'));
    expect(fresh.keyExchange).toBe(true);
    expect(expectOk(bob.receive(fresh)).newSession).toBe(true);
    expect(expectOk(alice.receive(bob.send(alice.bundle, text('yes')))).content).toEqual(text('yes'));
  });

  test('a message without one is told so', () => {
    meet();
    const envelope = alice.send(bob.bundle, text('1'));
    bob.record = null;
    expect(errorOf(bob.receive(envelope))).toBe('encryption.no-session');
  });

  test('a heartbeat is due once for each ratchet key, at the first message from number 53 on', () => {
    meet();
    const due: number[] = [];
    for (let n = 0; n < 60; n += 1) {
      const envelope = alice.send(bob.bundle, null);
      // Number 53 is lost, so 54 is the first.
      if (n !== 53 && expectOk(bob.receive(envelope)).heartbeatDue) due.push(n);
      bob.restart();
    }
    expect(due).toEqual([54]);
    expectOk(alice.receive(bob.send(alice.bundle, null)));
    for (let n = 0; n < 54; n += 1) if (expectOk(bob.receive(alice.send(bob.bundle, null))).heartbeatDue) due.push(n);
    expect(due).toEqual([54, 53]);
  });
});

describe('encrypting for several devices', () => {
  test('one without a usable bundle does not stop the others', () => {
    alice = new TestDevice();
    bob = new TestDevice();
    const target = (bundle: typeof bob.bundle | null) => ({ deviceId: bob.own.deviceId, record: null, bundle });
    const spoiled = { ...bob.bundle, signedPrekeySignature: new Uint8Array(64) };
    const result = encrypt(alice.own, [target(null), target(spoiled), target(bob.bundle)], text('x'), systemRandom);
    expect(result.failures.map(({ index, error }) => [index, error.code])).toEqual([
      [0, 'encryption.no-session'],
      [1, 'encryption.bad-bundle'],
    ]);
    expect([...result.records.keys()]).toEqual([2]);
    const [key] = result.keys;
    if (key === undefined) throw new Error('no key');
    expectOk(bob.receive({ keyExchange: key.keyExchange, data: key.data, payload: result.payload }));
  });

  test('changes nothing it was given', () => {
    meet();
    if (alice.record === null) throw new Error('no record');
    const before = serializeRecord(alice.record);
    const target = { deviceId: bob.own.deviceId, record: alice.record, bundle: null };
    encrypt(alice.own, [target], text('x'), systemRandom);
    expect(serializeRecord(alice.record)).toEqual(before);
  });
});

describe('bundles', () => {
  test('are refused for a bad signature, id or key, and for want of prekeys', () => {
    const bundle = bundleOf(createOwnDevice(systemRandom, 0));
    expect(checkBundle(bundle).ok).toBe(true);
    const zero = new Uint8Array(32);
    const [prekey] = bundle.prekeys;
    if (prekey === undefined) throw new Error('no prekey');
    for (const change of [
      { identityKey: zero },
      { identityKey: bundle.identityKey.slice(1) },
      { signedPrekey: zero },
      { signedPrekey: prekey.key },
      { signedPrekeySignature: bundle.signedPrekeySignature.slice(1) },
      { deviceId: 0 },
      { deviceId: 2 ** 31 },
      { signedPrekeyId: -1 },
      { prekeys: [] },
      { prekeys: [{ id: 1, key: zero }] },
    ]) {
      expect(errorOf(checkBundle({ ...bundle, ...change })), JSON.stringify(Object.keys(change))).toBe(
        'encryption.bad-bundle',
      );
    }
    const mixed = { ...bundle, prekeys: [{ id: 1, key: zero }, prekey] };
    expect(expectOk(checkBundle(mixed)).prekeys).toEqual([prekey]);
  });
});

describe('the own device', () => {
  test('has an identity without sign bit, a device id in range and 100 prekeys', () => {
    for (let seed = 1; seed <= 8; seed += 1) {
      const own = createOwnDevice(seededRandom(seed), 5);
      expect((own.identityKey[31] ?? 0) & 0x80).toBe(0);
      expect(own.deviceId).toBeGreaterThanOrEqual(1);
      expect(own.deviceId).toBeLessThanOrEqual(0x7fffffff);
      expect(new Set(own.prekeys.map(({ id }) => id)).size).toBe(100);
      expect(fingerprintOf(own.identityKey)).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test('a count that is a lie takes no memory', () => {
    const stored = serializeOwnDevice(createOwnDevice(seededRandom(1), 5));
    // Version 1, id 4, seed and key 64, next ids 8: then how many signed prekeys there are.
    new DataView(stored.buffer).setUint32(77, 0x1ffffff);
    const before = process.memoryUsage().heapUsed;
    expect(() => parseOwnDevice(stored)).toThrow(RangeError);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 << 20);
  });

  test('rotates its signed prekey weekly, keeps the old ones for four weeks, and needs nothing in between', () => {
    const start = createOwnDevice(systemRandom, 0);
    expect(maintainOwnDevice(start, systemRandom, 7 * DAY - 1)).toBeNull();
    let own = start;
    const counts: number[] = [];
    for (let week = 1; week <= 8; week += 1) {
      own = maintainOwnDevice(own, systemRandom, week * 7 * DAY) ?? own;
      counts.push(own.signedPrekeys.length);
      expect(checkBundle(bundleOf(own)).ok).toBe(true);
    }
    expect(counts).toEqual([2, 3, 4, 5, 5, 5, 5, 5]);
    expect(own.signedPrekeys.some(({ id }) => id === 1)).toBe(false);
  });

  test('is stored and read back as it was, and damage to what is stored is noticed', () => {
    bob = new TestDevice();
    expectOk(bob.receive(new TestDevice().send(bob.bundle, null)));
    const stored = serializeOwnDevice(bob.own);
    expect(parseOwnDevice(stored)).toEqual(bob.own);
    expect(() => parseOwnDevice(stored.slice(0, -1))).toThrow(RangeError);
    expect(() => parseOwnDevice(Uint8Array.of(9, ...stored.slice(1)))).toThrow('unknown version 9');
    meet();
    if (bob.record === null) throw new Error('no record');
    const record = serializeRecord(bob.record);
    expect(parseRecord(record)).toEqual(bob.record);
    expect(() => parseRecord(record.slice(0, -1))).toThrow(RangeError);
    expect(() => parseRecord(Uint8Array.of(9, ...record.slice(1)))).toThrow('unknown version 9');
  });

  test('signs its label', () => {
    const own = createOwnDevice(systemRandom, 0);
    const signature = signLabel(own, 'Bothy on a laptop');
    expect(verifyLabel(own.identityKey, 'Bothy on a laptop', signature)).toBe(true);
    expect(verifyLabel(own.identityKey, 'Bothy on a phone', signature)).toBe(false);
  });
});
