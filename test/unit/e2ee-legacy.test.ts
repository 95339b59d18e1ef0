/** The traps of `eu.siacs.conversations.axolotl` (XEP-0384 0.3.0), each by itself; libsignal judges where it still can. */
import { createHmac } from 'node:crypto';
import * as signal from '@signalapp/libsignal-client';
import { beforeAll, describe, expect, test } from 'vitest';
import { concat } from '../../src/main/e2ee/bytes.ts';
import { legacyIdentity, toLegacyKey, verifyLegacy } from '../../src/main/e2ee/legacy-keys.ts';
import {
  archiveSessions,
  bundleOf,
  createOwnDevice,
  encrypt,
  hasSession,
  identityOf,
  legacyBundleOf,
  maintainOwnDevice,
  parseRecord,
  readLegacyBundle,
  ready,
  serializeOwnDevice,
  serializeRecord,
} from '../../src/main/e2ee/omemo.ts';
import { openLegacyPayload, sealLegacyPayload } from '../../src/main/e2ee/payload-legacy.ts';
import { encryptGcm } from '../../src/main/e2ee/primitives/aes-gcm.ts';
import { toCurve25519Public } from '../../src/main/e2ee/primitives/ed25519.ts';
import { toEd25519Public } from '../../src/main/e2ee/primitives/edwards-form.ts';
import { newKeyPair } from '../../src/main/e2ee/primitives/x25519.ts';
import { encodeFields, type Field } from '../../src/main/e2ee/protobuf.ts';
import { decodePrekeySignalMessage, decodeSignalMessage } from '../../src/main/e2ee/protobuf-legacy.ts';
import {
  initiateRatchet,
  ratchetForward,
  ratchetReceive,
  respondRatchet,
} from '../../src/main/e2ee/ratchet/double-ratchet.ts';
import { wireLegacy } from '../../src/main/e2ee/wire-legacy.ts';
import { type Envelope, expectOk, systemRandom, TestDevice } from '../support/e2ee-device.ts';

const text = (content: string) => new TextEncoder().encode(content);
const device = (own = createOwnDevice(systemRandom, 1_000)) => new TestDevice(systemRandom, own, 1_000, 'omemo-legacy');

let alice: TestDevice;
let bob: TestDevice;

beforeAll(() => ready());

function errorOf(result: { ok: boolean; error?: { code: string } }): string {
  return result.ok ? 'accepted' : (result.error?.code ?? '');
}

function strangers(): void {
  alice = device();
  bob = device();
}

function meet(): void {
  strangers();
  expectOk(bob.receive(alice.send(bob.bundle, text('hello'))));
  expectOk(alice.receive(bob.send(alice.bundle, text('hello'))));
}

describe('keys and signatures', () => {
  test('every published key has 33 bytes, 0x05 first, and libsignal takes our signature', () => {
    for (let count = 0; count < 20; count += 1) {
      const bundle = legacyBundleOf(createOwnDevice(systemRandom, 0));
      for (const key of [bundle.identityKey, bundle.signedPrekey, ...bundle.prekeys.map((prekey) => prekey.key)]) {
        expect([key.length, key[0]]).toEqual([33, 5]);
      }
      expect((bundle.signedPrekeySignature[63] ?? 0) & 0x80).toBe(0);
      const identity = signal.PublicKey.deserialize(Uint8Array.from(bundle.identityKey));
      const [message, signature] = [bundle.signedPrekey, bundle.signedPrekeySignature].map((part) =>
        Uint8Array.from(part),
      );
      expect(message && signature && identity.verify(message, signature)).toBe(true);
    }
  });

  test("libsignal's bundles are valid with either sign bit, and no longer when the bit is turned over", () => {
    const seen = new Set<number>();
    while (seen.size < 2) {
      const identity = signal.PrivateKey.generate();
      const signedPrekey = signal.PrivateKey.generate().getPublicKey().serialize();
      const signature = identity.sign(signedPrekey);
      seen.add((signature[63] ?? 0) & 0x80);
      const bundle = {
        deviceId: 1,
        identityKey: identity.getPublicKey().serialize(),
        signedPrekeyId: 1,
        signedPrekey,
        signedPrekeySignature: signature,
        prekeys: [{ id: 1, key: signal.PrivateKey.generate().getPublicKey().serialize() }],
      };
      expect(errorOf(readLegacyBundle(bundle))).toBe('accepted');
      const turned = signature.map((byte, at) => (at === 63 ? byte ^ 0x80 : byte));
      expect(errorOf(readLegacyBundle({ ...bundle, signedPrekeySignature: turned }))).toBe('encryption.bad-bundle');
    }
  });

  test('the signature covers the 33 bytes: one over the 32 is refused, and the other way round in OMEMO 2', () => {
    const own = createOwnDevice(systemRandom, 0);
    const [legacy, current] = [legacyBundleOf(own), bundleOf(own)];
    const swapped = { ...legacy, signedPrekeySignature: current.signedPrekeySignature };
    expect(errorOf(readLegacyBundle(legacy))).toBe('accepted');
    expect(errorOf(readLegacyBundle(swapped))).toBe('encryption.bad-bundle');
    expect(verifyLegacy(own.identityKey, toLegacyKey(current.signedPrekey), legacy.signedPrekeySignature)).toBe(true);
    expect(verifyLegacy(own.identityKey, current.signedPrekey, legacy.signedPrekeySignature)).toBe(false);
  });

  test('bundles with keys of another type or length are refused; a bad prekey only leaves', () => {
    const bundle = legacyBundleOf(createOwnDevice(systemRandom, 0));
    const typed = (key: Uint8Array) => key.map((byte, at) => (at === 0 ? 4 : byte));
    for (const change of [
      { identityKey: typed(bundle.identityKey) },
      { identityKey: bundle.identityKey.subarray(1) },
      { signedPrekey: typed(bundle.signedPrekey) },
      { prekeys: bundle.prekeys.map(({ id, key }) => ({ id, key: typed(key) })) },
    ]) {
      expect(errorOf(readLegacyBundle({ ...bundle, ...change }))).toBe('encryption.bad-bundle');
    }
    const [first, ...others] = bundle.prekeys;
    if (first === undefined) throw new Error('no prekey');
    const read = expectOk(
      readLegacyBundle({ ...bundle, prekeys: [{ id: first.id, key: typed(first.key) }, ...others] }),
    );
    expect(read.prekeys).toHaveLength(99);
  });

  test('X25519 identity keys find their Ed25519 form again; what has none is refused', () => {
    for (let count = 0; count < 20; count += 1) {
      const { identityKey } = createOwnDevice(systemRandom, 0);
      const u = toCurve25519Public(identityKey);
      expect(u && toEd25519Public(u)).toEqual(identityKey);
    }
    const number = (value: number) => Uint8Array.of(value, ...new Uint8Array(31));
    const minusOne = Uint8Array.of(0xec, ...new Uint8Array(30).fill(0xff), 0x7f);
    // 0 and 1 have small order, 2 is on the twist, 2²⁵⁵ + 9 is another spelling of 9, which itself is the base point.
    for (const u of [
      number(0),
      number(1),
      number(2),
      minusOne,
      number(9).map((byte, at) => (at === 31 ? 0x80 : byte)),
    ]) {
      expect(toEd25519Public(u)).toBeNull();
    }
    expect(toEd25519Public(number(9))).not.toBeNull();
    expect(toEd25519Public(new Uint8Array(31))).toBeNull();
  });
});

describe('the messages', () => {
  /** libsignal's own reading of the bytes; the MAC keys come from the message key by the same HKDF in both. */
  test('are what libsignal reads: counters, keys, identity, ids', () => {
    strangers();
    const first = alice.send(bob.bundle, text('one'));
    expect(first.keyExchange).toBe(true);
    const outer = expectOk(decodePrekeySignalMessage(first.data));
    expect(toLegacyKey(outer.identityKey)).toEqual(legacyIdentity(alice.own.identityKey));
    expect(first.data[0]).toBe(0x33);
    expect(outer.message[0]).toBe(0x33);
    const inner = expectOk(decodeSignalMessage(outer.message.subarray(0, -8)));
    expect([inner.n, inner.pn]).toEqual([0, 0]);
    expectOk(bob.receive(first));
    expectOk(bob.receive(alice.send(bob.bundle, text('two'))));
    const answer = bob.send(alice.bundle, text('three'));
    expect(answer.keyExchange).toBe(false);
    const read = signal.SignalMessage.deserialize(Uint8Array.from(answer.data));
    expect([read.messageVersion(), read.counter()]).toEqual([3, 0]);
  });

  test('the seal is over sender and receiver of this message, whoever began the session', () => {
    const [one, other] = [createOwnDevice(systemRandom, 0).identityKey, createOwnDevice(systemRandom, 0).identityKey];
    const byInitiator = wireLegacy.associatedData({ initiator: one, responder: other, sender: 'initiator' });
    const byResponder = wireLegacy.associatedData({ initiator: one, responder: other, sender: 'responder' });
    expect(byInitiator).toEqual(concat(legacyIdentity(one), legacyIdentity(other)));
    expect(byResponder).toEqual(concat(legacyIdentity(other), legacyIdentity(one)));
    // The seal of a message that we made, taken apart with libsignal's HKDF and Node's HMAC.
    const messageKey = systemRandom(32);
    const { publicKey } = newKeyPair(systemRandom);
    const sealed = wireLegacy.seal(messageKey, byResponder, { ratchetKey: publicKey, n: 7, pn: 3 }, text('body'));
    const material = signal.hkdf(80, Uint8Array.from(messageKey), text('WhisperMessageKeys'), null);
    const mac = createHmac('sha256', material.slice(32, 64))
      .update(legacyIdentity(other))
      .update(legacyIdentity(one))
      .update(sealed.subarray(0, -8));
    expect(Buffer.from(sealed.subarray(-8))).toEqual(mac.digest().subarray(0, 8));
    const read = signal.SignalMessage.deserialize(Uint8Array.from(sealed));
    expect([read.counter(), read.body().length]).toEqual([7, 16]);
  });

  test('a PreKeySignalMessage without preKeyId is refused', () => {
    strangers();
    const first = alice.send(bob.bundle, text('one'));
    const exchange = expectOk(decodePrekeySignalMessage(first.data));
    const fields = (...prekeyId: readonly Field[]): Uint8Array =>
      encodeFields(
        [
          ...prekeyId,
          [2, toLegacyKey(exchange.ephemeralKey)],
          [3, toLegacyKey(exchange.identityKey)],
          [4, exchange.message],
          [6, exchange.signedPrekeyId],
        ],
        Uint8Array.of(0x33),
      );
    expect(errorOf(bob.receive({ ...first, data: fields() }))).toBe('encryption.malformed');
    // And the registration id may be missing.
    expect(errorOf(bob.receive({ ...first, data: fields([1, exchange.prekeyId]) }))).toBe('accepted');
  });

  test('another version byte, a key exchange with ourselves, an identity key on the twist: refused', () => {
    strangers();
    const first = alice.send(bob.bundle, text('one'));
    expect(errorOf(bob.receive({ ...first, data: first.data.map((byte, at) => (at === 0 ? 0x34 : byte)) }))).toBe(
      'encryption.malformed',
    );
    expect(errorOf(alice.receive(first))).toBe('encryption.malformed');
    const at = Buffer.from(first.data).indexOf(Buffer.from(legacyIdentity(alice.own.identityKey)));
    const twisted = first.data.slice();
    twisted.set([5, 2, ...new Uint8Array(31)], at);
    expect(errorOf(identityOf(twisted, 'omemo-legacy'))).toBe('encryption.malformed');
    expect(errorOf(bob.receive({ ...first, data: twisted }))).toBe('encryption.malformed');
    expect(expectOk(identityOf(first.data, 'omemo-legacy'))).toEqual(alice.own.identityKey);
  });
});

/** Every copy with one byte changed, and every shorter one, is refused and changes nothing. */
function expectNoDamageAccepted(receiver: TestDevice, envelope: Envelope, spared: (at: number) => boolean): void {
  const { record } = receiver;
  const before = record === null ? null : serializeRecord(record);
  const own = serializeOwnDevice(receiver.own);
  for (const part of ['data', 'payload', 'iv'] as const) {
    const whole = envelope[part] ?? new Uint8Array();
    for (let at = 0; at < whole.length; at += 1) {
      const flipped = whole.map((byte, index) => (index === at ? byte ^ (1 << (at % 8)) : byte));
      for (const damaged of part === 'data' && spared(at) ? [whole.slice(0, at)] : [flipped, whole.slice(0, at)]) {
        expect(errorOf(receiver.receive({ ...envelope, [part]: damaged })), `${part} at ${at}`).toMatch(
          /^encryption\./,
        );
        expect(receiver.record).toBe(record);
      }
    }
  }
  expect(record === null ? null : serializeRecord(record)).toEqual(before);
  expect(serializeOwnDevice(receiver.own)).toEqual(own);
}

describe('damage', () => {
  test('of a message in a running session is refused at every byte', () => {
    meet();
    const envelope = alice.send(bob.bundle, text('x'.repeat(40)));
    expectNoDamageAccepted(bob, envelope, () => false);
    expect(expectOk(bob.receive(envelope)).content).toEqual(text('x'.repeat(40)));
  });

  test('of a message that starts a session is refused wherever it means anything, and uses no prekey', () => {
    strangers();
    const envelope = alice.send(bob.bundle, text('first'));
    // Nobody seals the registration id (field 5, before field 6 with its one byte), and nothing depends on it.
    const { length } = envelope.data;
    const registration = encodeFields([[5, alice.own.deviceId]]).length;
    expectNoDamageAccepted(bob, envelope, (at) => at >= length - 2 - registration && at < length - 2);
    expect(bob.own.prekeys).toHaveLength(100);
    expect(expectOk(bob.receive(envelope)).newSession).toBe(true);
  });
});

describe('the ratchet', () => {
  /** Two ends that open what fits; the header's `pn` is what the sender claims. */
  function ends() {
    const rules = wireLegacy.ratchet;
    const [secret, prekey] = [systemRandom(32), newKeyPair(systemRandom)];
    const states = [initiateRatchet(secret, prekey.publicKey), respondRatchet(secret, prekey)];
    const send = (side: 0 | 1, claim: (pn: number) => number = (pn) => pn) => {
      const state = states[side];
      if (state === undefined) throw new Error('no state');
      const step = expectOk(ratchetForward(state, rules.rootInfo, systemRandom));
      states[side] = step.state;
      return { header: { ...step.header, pn: claim(step.header.pn) }, key: step.messageKey };
    };
    const receive = (side: 0 | 1, { header, key }: ReturnType<typeof send>): string => {
      const state = states[side];
      if (state === undefined) throw new Error('no state');
      const result = ratchetReceive(state, header, rules, (messageKey) =>
        Buffer.from(messageKey).equals(key) ? true : null,
      );
      if (result.ok) states[side] = result.value.state;
      return result.ok ? (result.value.late ? 'late' : 'new') : result.error.code;
    };
    return { send, receive };
  }

  test.each([
    ['exact', (pn: number) => pn],
    ['one too small', (pn: number) => Math.max(pn - 1, 0)],
    ['always 0', () => 0],
    ['absurd', () => 0xffffffff],
  ])('previousCounter %s: the last messages of an earlier chain are read all the same', (_name, claim) => {
    const { send, receive } = ends();
    const chain = [send(0, claim), send(0, claim), send(0, claim), send(0, claim)];
    const [first, second, third, fourth] = chain;
    if (!first || !second || !third || !fourth) throw new Error('missing');
    expect(receive(1, first)).toBe('new');
    expect(receive(0, send(1, claim))).toBe('new');
    expect(receive(1, send(0, claim))).toBe('new');
    expect(receive(1, fourth)).toBe('late');
    expect(receive(1, second)).toBe('late');
    expect(receive(1, third)).toBe('late');
    for (const again of chain) expect(receive(1, again)).toBe('encryption.replayed');
  });

  test('five earlier chains stay open, the sixth does not', () => {
    const { send, receive } = ends();
    const lost: ReturnType<typeof send>[] = [];
    for (let turn = 0; turn < 7; turn += 1) {
      const read = send(0);
      lost.push(send(0));
      expect(receive(1, read)).toBe('new');
      expect(receive(0, send(1))).toBe('new');
    }
    // The newest chain is current, five before it stay open.
    expect(lost.map((message) => receive(1, message))).toEqual([
      'encryption.replayed',
      ...Array(5).fill('late'),
      'new',
    ]);
  });

  test('two thousand messages may be missing, not one more, in the current chain and in an earlier one', () => {
    for (const [missing, outcome] of [
      [2000, 'new'],
      [2001, 'encryption.too-far-ahead'],
    ] as const) {
      const { send, receive } = ends();
      expect(receive(1, send(0))).toBe('new');
      for (let n = 0; n < missing; n += 1) send(0);
      const far = send(0);
      expect(receive(1, far)).toBe(outcome);
    }
    const { send, receive } = ends();
    expect(receive(1, send(0))).toBe('new');
    const unread = Array.from({ length: 2001 }, () => send(0));
    const beyond = send(0);
    expect(receive(0, send(1))).toBe('new');
    expect(receive(1, send(0))).toBe('new');
    expect(receive(1, beyond)).toBe('encryption.too-far-ahead');
    expect(receive(1, unread[2000] ?? beyond)).toBe('late');
    expect(receive(1, unread[0] ?? beyond)).toBe('late');
  });
});

describe('the payload', () => {
  test('an IV of 12 or of 16 bytes is read, another is not', () => {
    for (const [length, outcome] of [
      [12, 'accepted'],
      [16, 'accepted'],
      [8, 'encryption.malformed'],
      [0, 'encryption.malformed'],
    ] as const) {
      const [key, iv] = [systemRandom(16), systemRandom(Math.max(length, 1))];
      const { ciphertext, tag } = encryptGcm(key, iv, text('body'));
      const result = openLegacyPayload(concat(key, tag), ciphertext, iv.subarray(0, length));
      expect(errorOf(result), `${length}`).toBe(outcome);
      if (result.ok) expect(result.value).toEqual(text('body'));
    }
  });

  test('a cut or missing tag is refused, and so is a payload without IV', () => {
    const { payload, iv, keyMaterial } = sealLegacyPayload(text('body'), systemRandom);
    expect([keyMaterial.length, iv?.length]).toEqual([32, 12]);
    for (const length of [0, 15, 16, 20, 28, 31]) {
      expect(errorOf(openLegacyPayload(keyMaterial.subarray(0, length), payload, iv))).toBe('encryption.malformed');
    }
    expect(errorOf(openLegacyPayload(keyMaterial, payload, null))).toBe('encryption.malformed');
    const turned = keyMaterial.map((byte, at) => (at === 31 ? byte ^ 1 : byte));
    expect(errorOf(openLegacyPayload(turned, payload, iv))).toBe('encryption.forged');
  });

  test('a key-transport message has no content, with or without a tag beside its key', () => {
    meet();
    expect(expectOk(bob.receive(alice.send(bob.bundle, null))).content).toBeNull();
    for (const [length, outcome] of [
      [16, 'accepted'],
      [32, 'accepted'],
      [15, 'encryption.malformed'],
      [33, 'encryption.malformed'],
    ] as const) {
      expect(errorOf(openLegacyPayload(new Uint8Array(length), null, null))).toBe(outcome);
    }
  });
});

describe('one identity, two formats', () => {
  test('a record holds sessions of both, and giving one up leaves the other', () => {
    const [ownA, ownB] = [createOwnDevice(systemRandom, 0), createOwnDevice(systemRandom, 0)];
    alice = device(ownA);
    bob = device(ownB);
    expectOk(bob.receive(alice.send(bob.bundle, text('in the old format'))));
    const target = { deviceId: ownB.deviceId, record: alice.record, bundle: bundleOf(bob.own) };
    const made = encrypt(ownA, [target], text('in the new one'), systemRandom);
    const [key] = made.keys;
    const record = made.records.get(0);
    if (!key || !record) throw new Error('not encrypted');
    const envelope = { keyExchange: key.keyExchange, data: key.data, payload: made.payload };
    const got = expectOk(bob.receive({ ...envelope, wire: 'omemo2' } as Envelope));
    expect(got.content).toEqual(text('in the new one'));
    expect(bob.record?.sessions.map((session) => session.wire)).toEqual(['omemo2', 'omemo-legacy']);
    const archived = archiveSessions(record, 'omemo-legacy');
    expect([hasSession(archived, 'omemo2'), hasSession(archived, 'omemo-legacy')]).toEqual([true, false]);
    // A message of one format is nothing to the other's session.
    expect(errorOf(bob.receive({ ...envelope, keyExchange: false }))).toBe('encryption.malformed');
  });

  test('both bundles have the same prekeys, so one used here is gone there', () => {
    strangers();
    const before = bundleOf(bob.own).prekeys.map(({ id }) => id);
    expect(legacyBundleOf(bob.own).prekeys.map(({ id }) => id)).toEqual(before);
    expectOk(bob.receive(alice.send(bob.bundle, text('one'))));
    expect(bundleOf(bob.own).prekeys).toHaveLength(99);
    const maintained = maintainOwnDevice(bob.own, systemRandom, 1_000) ?? bob.own;
    expect(bundleOf(maintained).prekeys).toHaveLength(100);
    expect(legacyBundleOf(maintained).prekeys.map(({ id }) => id)).toEqual(
      bundleOf(maintained).prekeys.map(({ id }) => id),
    );
  });

  test('sessions with chains that stay open survive being stored', () => {
    meet();
    const late: Envelope[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const read = alice.send(bob.bundle, text('read'));
      late.push(alice.send(bob.bundle, text(`late ${turn}`)));
      expectOk(bob.receive(read));
      expectOk(alice.receive(bob.send(alice.bundle, text('turn'))));
    }
    expect(bob.record?.sessions[0]?.ratchet.pastChains).toHaveLength(3);
    if (!bob.record) throw new Error('no record');
    expect(parseRecord(serializeRecord(bob.record))).toEqual(bob.record);
    bob.restart();
    for (const [turn, envelope] of late.entries()) {
      expect(expectOk(bob.receive(envelope)).content).toEqual(text(`late ${turn}`));
    }
  });

  test('forty earlier sessions stay readable while both sides start again and again', () => {
    strangers();
    const waiting: Envelope[] = [];
    for (let start = 0; start < 41; start += 1) {
      if (alice.record) alice.record = archiveSessions(alice.record, 'omemo-legacy');
      expectOk(bob.receive(alice.send(bob.bundle, text('start'))));
      waiting.push(alice.send(bob.bundle, text(`on session ${start}`)));
      bob.own = maintainOwnDevice(bob.own, systemRandom, 1_000) ?? bob.own;
    }
    expect(bob.record?.sessions).toHaveLength(41);
    for (const [start, envelope] of waiting.entries()) {
      expect(expectOk(bob.receive(envelope)).content).toEqual(text(`on session ${start}`));
    }
  });
});
