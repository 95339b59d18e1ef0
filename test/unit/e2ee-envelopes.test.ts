/** Encrypting and decrypting with several sessions: which one is taken, what is said when none fits, what is kept. */
import { beforeAll, describe, expect, test } from 'vitest';
import {
  archiveSessions,
  createOwnDevice,
  decrypt,
  encrypt,
  identityOf,
  isKeyExchange,
  maintainOwnDevice,
  ready,
  type SessionRecord,
  serializeRecord,
} from '../../src/main/e2ee/omemo.ts';
import { wireOf } from '../../src/main/e2ee/wires.ts';
import { type Envelope, expectOk, seededRandom, systemRandom, TestDevice } from '../support/e2ee-device.ts';

beforeAll(() => ready());

const text = (content: string) => new TextEncoder().encode(content);
const codeOf = (result: { readonly ok: boolean; readonly error?: { readonly code: string } }) =>
  result.ok ? 'accepted' : result.error?.code;
const withSign = (identityKey: Uint8Array) => identityKey.with(31, (identityKey[31] ?? 0) ^ 0x80);

function recordOf({ record }: TestDevice): SessionRecord {
  if (record === null) throw new Error('no record');
  return record;
}

/** Changes the session in front, as if it had been stored like that. */
function patch(device: TestDevice, change: Partial<SessionRecord['sessions'][number]>): void {
  const [first, ...others] = recordOf(device).sessions;
  if (first === undefined) throw new Error('no session');
  device.record = { version: 1, sessions: [{ ...first, ...change }, ...others] };
}

describe.each(['omemo2', 'omemo-legacy'] as const)('%s', (wire) => {
  const device = (seed: number) => new TestDevice(systemRandom, createOwnDevice(seededRandom(seed), 0), 1_000, wire);

  /** Both have talked on each of so many sessions; Bob's are in the order they were started, the last one first. */
  function meet(sessions = 1): [alice: TestDevice, bob: TestDevice] {
    const [alice, bob] = [device(1), device(2)];
    for (let count = 0; count < sessions; count += 1) {
      if (alice.record) alice.record = archiveSessions(alice.record, wire);
      expectOk(bob.receive(alice.send(bob.bundle, text('hello'))));
      expectOk(alice.receive(bob.send(alice.bundle, text('hello'))));
    }
    return [alice, bob];
  }

  /** Alice with her older session alone, on which Bob has missed a message and one is to come. */
  function olderOf(alice: TestDevice): SessionRecord {
    const [, older] = recordOf(alice).sessions;
    if (older === undefined) throw new Error('no older session');
    return { version: 1, sessions: [{ ...older, sendable: true }] };
  }

  test('what comes on an older session makes it the current one; what comes late does not', () => {
    const [alice, bob] = meet(2);
    const [newer, older] = recordOf(bob).sessions.map(({ ephemeralKey }) => ephemeralKey);
    const order = () => recordOf(bob).sessions.map(({ ephemeralKey }) => ephemeralKey);
    const current = recordOf(alice);
    alice.record = olderOf(alice);
    const [late, next] = [alice.send(bob.bundle, text('late')), alice.send(bob.bundle, text('next'))];
    expect(expectOk(bob.receive(next)).content).toEqual(text('next'));
    expect(order()).toEqual([older, newer]);
    alice.record = current;
    expectOk(bob.receive(alice.send(bob.bundle, text('on the newer'))));
    expect(order()).toEqual([newer, older]);
    const result = expectOk(bob.receive(late));
    expect(result).toMatchObject({ content: text('late'), own: null, newSession: false, heartbeatDue: false });
    expect(order()).toEqual([newer, older]);
    expect(codeOf(bob.receive(late))).toBe('encryption.replayed');
  });

  test.each([0, 1])('of two sessions that refuse it, the one that can tell why is heard (session %i)', (at) => {
    const [alice, bob] = meet(2);
    if (at === 1) alice.record = olderOf(alice);
    const envelope = alice.send(bob.bundle, text('x'));
    expect(codeOf(bob.receive({ ...envelope, payload: null, iv: null }))).toBe(
      wire === 'omemo2' ? 'encryption.malformed' : 'accepted',
    );
    const other = alice.send(bob.bundle, text('y'));
    const spoilt = other.data.with(other.data.length - 1, (other.data.at(-1) ?? 0) ^ 1);
    expect(codeOf(bob.receive({ ...other, data: spoilt }))).toMatch(/forged|malformed/);
    const kept = recordOf(bob);
    // As if as many as may be missing were sent, and one more.
    const [{ ratchet } = { ratchet: null }] = recordOf(alice).sessions;
    if (!ratchet?.sending) throw new Error('nothing was sent');
    const { maxSkip } = wireOf(wire).ratchet;
    const sending = { ...ratchet.sending, next: ratchet.sending.next + maxSkip + 1 };
    patch(alice, { ratchet: { ...ratchet, sending } });
    expect(codeOf(bob.receive(alice.send(bob.bundle, null)))).toBe('encryption.too-far-ahead');
    expect(recordOf(bob)).toBe(kept);
  });

  test('a message without its payload, or with that of another, is refused before the ratchet moves', () => {
    const [alice, bob] = meet();
    const [one, two] = [alice.send(bob.bundle, text('one')), alice.send(bob.bundle, text('two'))];
    expect(codeOf(bob.receive({ ...one, payload: two.payload }))).toBe('encryption.forged');
    expect(codeOf(bob.receive({ ...one, payload: text('short') }))).toBe('encryption.forged');
    if (wire === 'omemo-legacy') {
      expect(codeOf(bob.receive({ keyExchange: false, data: one.data, payload: one.payload }))).toBe(
        'encryption.malformed',
      );
      for (const length of [0, 8, 9]) {
        expect(codeOf(bob.receive({ ...one, data: one.data.subarray(0, length) }))).toBe('encryption.malformed');
      }
    } else {
      const empty = alice.send(bob.bundle, null);
      expect(codeOf(bob.receive({ ...empty, payload: one.payload }))).toBe('encryption.malformed');
    }
    expect(expectOk(bob.receive(one)).content).toEqual(text('one'));
    expect(expectOk(bob.receive(two)).content).toEqual(text('two'));
  });

  test('a key exchange starts a session, says so, uses up a prekey, and is repeated until it was answered', () => {
    const [alice, bob] = [device(1), device(2)];
    const first = alice.send(bob.bundle, text('one'));
    const second = alice.send(bob.bundle, text('two'));
    const [{ pending } = { pending: null }] = recordOf(alice).sessions;
    const result = expectOk(bob.receive(first));
    expect(result).toMatchObject({ newSession: true, heartbeatDue: false, content: text('one') });
    expect(result.identityKey).toEqual(alice.own.identityKey);
    expect(result.own?.prekeys.some(({ id }) => id === pending?.prekeyId)).toBe(false);
    expect(result.own?.usedPrekeys.map(({ id, usedAt }) => [id, usedAt])).toEqual([[pending?.prekeyId, 1_000]]);
    expect(recordOf(bob).sessions[0]).toMatchObject({ wire, initiator: false, sendable: true, pending: null });
    expect(recordOf(alice).sessions[0]).toMatchObject({ wire, initiator: true, sendable: true });
    expect(expectOk(bob.receive(second))).toMatchObject({ newSession: false, own: null, content: text('two') });
    const answer = bob.send(alice.bundle, null);
    expect(expectOk(alice.receive(answer))).toMatchObject({ newSession: false, own: null, content: null });
    expect(expectOk(alice.receive(bob.send(alice.bundle, text('b')))).identityKey).toEqual(bob.own.identityKey);
    expect(alice.send(bob.bundle, text('three')).keyExchange).toBe(false);
    expect(recordOf(alice).sessions[0]?.pending).toBeNull();
  });

  test('a key exchange without its mark is one: its form says so; a message is none', () => {
    const [alice, bob] = [device(1), device(2)];
    const unmarked = { ...alice.send(bob.bundle, text('hello')), keyExchange: false };
    const repeated = { ...alice.send(bob.bundle, text('again')), keyExchange: false };
    const told = (envelope: Envelope) => isKeyExchange({ ...envelope, wire });
    expect([told(unmarked), told(repeated)]).toEqual([true, true]);
    expect([codeOf(bob.receive(unmarked)), codeOf(bob.receive(repeated))]).toEqual(['accepted', 'accepted']);
    const message = bob.send(alice.bundle, text('hello'));
    expect(told(message)).toBe(false);
    expect(codeOf(alice.receive(message))).toBe('accepted');
    expect(told({ ...message, data: new Uint8Array() })).toBe(false);
  });

  test('a key exchange that fits nothing of ours is refused, and uses nothing up', () => {
    const [alice, bob] = [device(1), device(2)];
    const envelope = alice.send(bob.bundle, text('one'));
    const exchange = expectOk(wireOf(wire).readKeyExchange(envelope.data));
    const { ephemeralKey } = exchange;
    const elsewhere = expectOk(wireOf(wire).readKeyExchange(device(3).send(bob.bundle, text('other')).data)).message;
    const { own } = bob;
    for (const [change, expected] of [
      [{ prekeyId: 4_000 }, 'encryption.unknown-prekey'],
      [{ signedPrekeyId: 4_000 }, 'encryption.unknown-prekey'],
      [{ ephemeralKey: ephemeralKey.with(31, (ephemeralKey[31] ?? 0) | 0x80) }, 'encryption.malformed'],
      [{ ephemeralKey: new Uint8Array(32) }, 'encryption.forged'],
      [{ ephemeralKey: device(4).bundle.signedPrekey }, 'encryption.forged'],
      [{ message: new Uint8Array(0) }, 'encryption.malformed'],
      [{ message: elsewhere }, 'encryption.forged'],
    ] as const) {
      const data = wireOf(wire).writeKeyExchange({ ...exchange, ...change }, 1);
      expect(codeOf(bob.receive({ ...envelope, data })), Object.keys(change).join()).toBe(expected);
      expect([bob.own === own, bob.record]).toEqual([true, null]);
    }
    // A week later the signed prekey has another in front of it.
    bob.own = maintainOwnDevice(bob.own, systemRandom, 8 * 86_400_000) ?? bob.own;
    expect(bob.own.signedPrekeys.map(({ id }) => id)).toEqual([2, 1]);
    expect(expectOk(bob.receive(envelope)).content).toEqual(text('one'));
    if (wire === 'omemo-legacy') return;
    // An identity that is no point is not the one we know.
    const data = wireOf(wire).writeKeyExchange({ ...exchange, identityKey: new Uint8Array(32) }, 1);
    expect(codeOf(bob.receive({ ...envelope, data }))).toBe('encryption.mismatch');
    expect(codeOf(decrypt(own, null, { ...envelope, data, senderDeviceId: 1 }, 0))).toBe('encryption.forged');
  });

  test('what comes again is said to come again, whatever an older session says to it', () => {
    const [alice, bob] = meet(2);
    // As if many had been sent and received.
    const later = <T extends { readonly key: Uint8Array; readonly next: number }>(chain: T | null) =>
      chain && { ...chain, next: chain.next + 5_000 };
    const first = alice.send(bob.bundle, text('one'));
    expectOk(bob.receive(first));
    const [ofAlice] = recordOf(alice).sessions;
    const [ofBob] = recordOf(bob).sessions;
    if (!ofAlice || !ofBob) throw new Error('no session');
    patch(alice, { ratchet: { ...ofAlice.ratchet, sending: later(ofAlice.ratchet.sending) } });
    patch(bob, { ratchet: { ...ofBob.ratchet, receiving: later(ofBob.ratchet.receiving) } });
    const next = alice.send(bob.bundle, text('two'));
    expect(expectOk(bob.receive(next)).content).toEqual(text('two'));
    expect(codeOf(bob.receive(next))).toBe('encryption.replayed');
  });

  test('a session that cannot go on fails for its device alone', () => {
    const [alice, bob] = meet();
    const [session] = recordOf(alice).sessions;
    if (!session) throw new Error('no session');
    patch(alice, { ratchet: { ...session.ratchet, sending: null, remote: new Uint8Array(32) } });
    const target = { deviceId: bob.own.deviceId, record: alice.record, bundle: bob.bundle };
    const fresh = { ...target, record: null };
    const { keys, failures } = encrypt(alice.own, [target, fresh], text('x'), systemRandom, wire);
    expect(failures.map(({ index, error }) => [index, error.code])).toEqual([[0, 'encryption.forged']]);
    expect(keys).toHaveLength(1);
  });

  test('a repeated key exchange belongs to the session it made, not to one we began with the same key', () => {
    const [alice, bob] = [device(1), device(2)];
    const [first, second] = [alice.send(bob.bundle, text('one')), alice.send(bob.bundle, text('two'))];
    expectOk(bob.receive(first));
    patch(bob, { initiator: true });
    // So it is taken for a new one, whose prekey is gone for this ephemeral key.
    expect(codeOf(bob.receive(second))).toBe('encryption.unknown-prekey');
    patch(bob, { initiator: false });
    expect(expectOk(bob.receive(second)).content).toEqual(text('two'));
    // A session that was given up still reads it.
    const third = alice.send(bob.bundle, text('three'));
    bob.record = archiveSessions(recordOf(bob), wire);
    expect(expectOk(bob.receive(third))).toMatchObject({ newSession: false, content: text('three') });
  });

  test('an identity is the same with either sign bit, and another is not', () => {
    const [alice, bob] = [device(1), device(2)];
    expectOk(bob.receive(alice.send(bob.bundle, text('one'))));
    const known = recordOf(bob).sessions[0]?.theirIdentityKey ?? new Uint8Array();
    for (const [theirIdentityKey, expected] of [
      [known, 'accepted'],
      [withSign(known), 'accepted'],
      [bob.own.identityKey, 'encryption.mismatch'],
      [new Uint8Array(32), 'encryption.mismatch'],
    ] as const) {
      const again = device(1);
      const keyExchange = again.send(bob.bundle, text('again'));
      const before = bob.record;
      patch(bob, { theirIdentityKey });
      expect(codeOf(bob.receive(keyExchange))).toBe(expected);
      bob.record = before;
    }
  });

  test('a key exchange with ourselves is refused, with either sign bit', () => {
    const [alice, bob] = [device(1), device(2)];
    const envelope = alice.send(bob.bundle, text('one'));
    for (const identityKey of [alice.own.identityKey, withSign(alice.own.identityKey)]) {
      expect(codeOf(decrypt({ ...bob.own, identityKey }, null, { wire, ...envelope, senderDeviceId: 1 }, 0))).toBe(
        'encryption.malformed',
      );
    }
    expect(codeOf(bob.receive(envelope))).toBe('accepted');
  });

  test('the identity in a key exchange can be asked for; damage is told', () => {
    const [alice, bob] = [device(1), device(2)];
    const { data } = alice.send(bob.bundle, text('one'));
    const identity = expectOk(identityOf(data, wire));
    expect(identity).toEqual(alice.own.identityKey);
    data.fill(0);
    expect(identity).toEqual(alice.own.identityKey);
    expect(codeOf(identityOf(data, wire))).toBe('encryption.malformed');
    expect(codeOf(bob.receive({ keyExchange: true, data, payload: null }))).toBe('encryption.malformed');
  });

  test('nothing that was given stays part of what is kept', () => {
    const [alice, bob] = [device(1), device(2)];
    const { bundle } = bob;
    const given = {
      ...bundle,
      identityKey: bundle.identityKey.slice(),
      signedPrekey: bundle.signedPrekey.slice(),
      prekeys: bundle.prekeys.map(({ id, key }) => ({ id, key: key.slice() })),
    };
    const first = alice.send(given, text('one'));
    const kept = serializeRecord(recordOf(alice));
    for (const bytes of [given.identityKey, given.signedPrekey, ...given.prekeys.map(({ key }) => key)]) bytes.fill(0);
    expect(serializeRecord(recordOf(alice))).toEqual(kept);
    const { data } = first;
    const next = alice.send(bundle, text('two'));
    const receive = (envelope: Envelope) => {
      expectOk(bob.receive(envelope));
      const before = serializeRecord(recordOf(bob));
      envelope.data.fill(0);
      expect(serializeRecord(recordOf(bob))).toEqual(before);
    };
    receive({ ...first, data: data.slice() });
    receive(next);
    expect(bob.own.usedPrekeys[0]?.usedWith[0]?.some((byte) => byte !== 0)).toBe(true);
  });

  test('a heartbeat is due where the ratchet says so, and prekeys are only used by key exchanges', () => {
    const [alice, bob] = meet();
    for (let n = 0; n < 52; n += 1) alice.send(bob.bundle, null);
    const result = expectOk(bob.receive(alice.send(bob.bundle, text('53'))));
    expect(result).toMatchObject({ heartbeatDue: false, own: null });
    expect(expectOk(bob.receive(alice.send(bob.bundle, text('54')))).heartbeatDue).toBe(true);
    // The very first message may already be that far.
    const [carol, dave] = [device(3), device(4)];
    for (let n = 0; n < 53; n += 1) carol.send(dave.bundle, null);
    expect(expectOk(dave.receive(carol.send(dave.bundle, text('x'))))).toMatchObject({
      newSession: true,
      heartbeatDue: true,
    });
  });

  test('without a session, or with one of the other format alone, there is none', () => {
    const [alice, bob] = meet();
    const envelope = alice.send(bob.bundle, text('one'));
    const record = recordOf(bob);
    bob.record = null;
    expect(codeOf(bob.receive(envelope))).toBe('encryption.no-session');
    bob.record = record;
    patch(bob, { wire: wire === 'omemo2' ? 'omemo-legacy' : 'omemo2' });
    expect(codeOf(bob.receive(envelope))).toBe('encryption.no-session');
    bob.record = { version: 1, sessions: [] };
    expect(codeOf(bob.receive(envelope))).toBe('encryption.no-session');
  });

  test('each target is answered for: in order, with its own record, or with why not', () => {
    const [alice, bob] = meet();
    const carol = device(3);
    const targetOf = ({ own, bundle }: TestDevice, record: SessionRecord | null) => ({
      deviceId: own.deviceId,
      record,
      bundle,
    });
    const targets = [
      targetOf(bob, alice.record),
      { ...targetOf(carol, null), deviceId: carol.own.deviceId + 1 },
      { ...targetOf(carol, null), bundle: null },
      targetOf(carol, null),
      { ...targetOf(carol, null), bundle: { ...carol.bundle, prekeys: [] } },
    ];
    const { keys, records, failures, payload, iv } = encrypt(alice.own, targets, text('to all'), systemRandom, wire);
    expect(keys.map(({ deviceId, keyExchange }) => [deviceId, keyExchange])).toEqual([
      [bob.own.deviceId, false],
      [carol.own.deviceId, true],
    ]);
    expect([...records.keys()]).toEqual([0, 3]);
    expect(failures.map(({ index, error }) => [index, error.code])).toEqual([
      [1, 'encryption.bad-bundle'],
      [2, 'encryption.no-session'],
      [4, 'encryption.bad-bundle'],
    ]);
    for (const [at, receiver] of [bob, carol].entries()) {
      const key = keys[at];
      if (!key) throw new Error('no key');
      expect(expectOk(receiver.receive({ ...key, payload, iv })).content).toEqual(text('to all'));
    }
    expect(encrypt(alice.own, [], text('to nobody'), systemRandom, wire)).toMatchObject({ keys: [], failures: [] });
  });
});

test('OMEMO 2 is meant where no format is named', () => {
  const [alice, bob] = [new TestDevice(), new TestDevice()];
  const target = { deviceId: bob.own.deviceId, record: null, bundle: bob.bundle };
  const { keys, payload, iv } = encrypt(alice.own, [target], text('one'), systemRandom);
  const [key] = keys;
  if (!key) throw new Error('no key');
  expect(iv).toBeNull();
  expect(expectOk(identityOf(key.data))).toEqual(alice.own.identityKey);
  const envelope = { senderDeviceId: alice.own.deviceId, keyExchange: true, data: key.data, payload };
  expect(expectOk(decrypt(bob.own, null, envelope, 0)).content).toEqual(text('one'));
});
