/** All sessions with one device: which sends, which are kept, how they are stored. */
import { describe, expect, test } from 'vitest';
import { type RatchetState, respondRatchet } from '../../src/main/e2ee/ratchet/double-ratchet.ts';
import { countSkipped, SKIPPED_ENTRY_BYTES } from '../../src/main/e2ee/ratchet/skipped-keys.ts';
import { parseRecord, serializeRecord } from '../../src/main/e2ee/session-format.ts';
import {
  archiveSessions,
  currentSession,
  hasSession,
  MAX_SESSIONS,
  type Session,
  type SessionRecord,
  withSessionInFront,
  withSessionInPlace,
} from '../../src/main/e2ee/session-record.ts';

const key = (number: number, length = 32) => new Uint8Array(length).fill(number);

function session(change: Partial<Session> = {}, ratchet: Partial<RatchetState> = {}): Session {
  return {
    wire: 'omemo2',
    initiator: true,
    sendable: true,
    theirIdentityKey: key(1),
    ephemeralKey: key(2),
    pending: null,
    ratchet: { ...respondRatchet(key(3), { privateKey: key(4), publicKey: key(5) }), ...ratchet },
    ...change,
  };
}

const recordOf = (...sessions: readonly Session[]): SessionRecord => ({ version: 1, sessions });
/** `count` entries, each with its own number. */
function skipped(count: number): Uint8Array {
  const store = new Uint8Array(count * SKIPPED_ENTRY_BYTES);
  const view = new DataView(store.buffer);
  for (let at = 0; at < count; at += 1) view.setUint32(at * SKIPPED_ENTRY_BYTES + 32, at);
  return store;
}

describe('a record', () => {
  test('has the session used last in front, in place of the one it was', () => {
    const [a, b, c, next] = [session(), session(), session(), session()];
    expect(withSessionInFront(null, a, null)).toEqual(recordOf(a));
    expect(
      withSessionInFront(recordOf(a, b, c), next, b).sessions.map((found) => [a, b, c, next].indexOf(found)),
    ).toEqual([3, 0, 2]);
    expect(
      withSessionInFront(recordOf(a, b), next, null).sessions.map((found) => [a, b, c, next].indexOf(found)),
    ).toEqual([3, 0, 1]);
    expect(
      withSessionInPlace(recordOf(a, b, c), next, b).sessions.map((found) => [a, b, c, next].indexOf(found)),
    ).toEqual([0, 3, 2]);
  });

  test('has 41 sessions at most; those used longest ago go', () => {
    const sessions = Array.from({ length: 41 }, () => session());
    const next = session();
    expect(MAX_SESSIONS).toBe(41);
    const after = withSessionInFront(recordOf(...sessions), next, null).sessions;
    expect(after).toHaveLength(41);
    expect(after.every((found, at) => found === [next, ...sessions][at])).toBe(true);
  });

  test('has two thousand skipped keys at most; the sessions used longest ago give up their oldest', () => {
    const [a, b, c, d] = [1_500, 400, 300, 5].map((count) => session({}, { skipped: skipped(count) }));
    if (!a || !b || !c || !d) throw new Error('missing');
    const after = withSessionInFront(recordOf(b, c, d), a, null).sessions;
    expect(after.map(({ ratchet }) => countSkipped(ratchet.skipped))).toEqual([1_500, 400, 100, 0]);
    expect(after[2]?.ratchet.skipped).toEqual(c.ratchet.skipped.slice(-100 * SKIPPED_ENTRY_BYTES));
    expect(after[2]).toEqual({ ...c, ratchet: { ...c.ratchet, skipped: after[2]?.ratchet.skipped } });
    expect([after[0] === a, after[1] === b]).toEqual([true, true]);
    expect(countSkipped(c.ratchet.skipped)).toBe(300);
  });

  test('sends on the first session of the format that may still send', () => {
    const [archived, legacy, current, older] = [
      session({ sendable: false }),
      session({ wire: 'omemo-legacy' }),
      session(),
      session(),
    ];
    const record = recordOf(archived, legacy, current, older);
    expect(currentSession(record, 'omemo2')).toBe(current);
    expect(currentSession(record, 'omemo-legacy')).toBe(legacy);
    expect(currentSession(null, 'omemo2')).toBeNull();
    for (const [found, formats] of [
      [recordOf(archived), [false, false, false]],
      [recordOf(legacy), [false, false, true]],
      [recordOf(current), [true, true, false]],
      [null, [false, false, false]],
    ] as const) {
      expect([hasSession(found), hasSession(found, 'omemo2'), hasSession(found, 'omemo-legacy')]).toEqual(formats);
    }
    const given = archiveSessions(record);
    expect(given.sessions.map(({ sendable }) => sendable)).toEqual([false, true, false, false]);
    expect(given.sessions[1]).toBe(legacy);
    expect(given.sessions[2]).toEqual({ ...current, sendable: false });
    expect(archiveSessions(record, 'omemo-legacy').sessions.map(({ sendable }) => sendable)).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(given.version).toBe(1);
  });
});

describe('what is stored', () => {
  const chain = (number: number) => ({ key: key(number), next: number * 1_000_000 });

  test.each(Array.from({ length: 8 }, (_, at) => 1 << at).flatMap((bit) => [bit, 255 - bit]))(
    'comes back with whatever may be there or not (%i)',
    (bits) => {
      const has = (bit: number) => (bits & bit) !== 0;
      for (const wire of ['omemo2', 'omemo-legacy'] as const) {
        const stored = session(
          {
            wire,
            initiator: has(1),
            sendable: has(2),
            pending: has(4) ? { prekeyId: 0xffffffff, signedPrekeyId: 0x01020304 } : null,
          },
          {
            own: has(8) ? { privateKey: key(4), publicKey: key(5) } : null,
            remote: has(16) ? key(6) : null,
            sending: has(32) ? chain(7) : null,
            receiving: has(64) ? chain(8) : null,
            heartbeat: has(128),
            previousCount: 9,
            received: 10,
            skipped: skipped(2),
            pastRemotes: key(11, 16),
            pastChains:
              wire === 'omemo2'
                ? []
                : [
                    { remote: key(12), chain: chain(13) },
                    { remote: key(14), chain: chain(15) },
                  ],
          },
        );
        const record = recordOf(stored, session());
        expect(parseRecord(serializeRecord(record))).toEqual(record);
      }
    },
  );

  test('has this form in version 1, which must be read for ever', () => {
    const stored = recordOf(
      session(
        { wire: 'omemo-legacy', sendable: false, pending: { prekeyId: 0x21, signedPrekeyId: 0x22 } },
        {
          remote: key(6),
          sending: chain(7),
          previousCount: 9,
          received: 10,
          pastRemotes: key(11, 8),
          pastChains: [{ remote: key(12), chain: chain(13) }],
        },
      ),
    );
    const of = (number: number, length = 32) => number.toString(16).padStart(2, '0').repeat(length);
    const expected = [
      '01 01 01 75',
      of(1) + of(2),
      '00000021 00000022',
      of(3) + of(4) + of(5) + of(6),
      `${of(7)} 006acfc0`,
      '00000009 0000000a',
      `00000008 ${of(11, 8)}`,
      '00000000',
      `01 ${of(12)} ${of(13)} 00c65d40`,
    ];
    const bytes = new Uint8Array(Buffer.from(expected.join('').replaceAll(' ', ''), 'hex'));
    expect(Buffer.from(serializeRecord(stored)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
    expect(parseRecord(bytes)).toEqual(stored);
  });

  test('is refused at every other length, of another version or format, with half a skipped key', () => {
    const stored = serializeRecord(recordOf(session({}, { skipped: skipped(1), pastRemotes: key(11, 8) })));
    for (let length = 0; length < stored.length; length += 1) {
      expect(() => parseRecord(stored.subarray(0, length)), `${length}`).toThrow(RangeError);
    }
    expect(() => parseRecord(Uint8Array.of(...stored, 0))).toThrow(RangeError);
    for (const version of [0, 2]) expect(() => parseRecord(stored.with(0, version))).toThrow(RangeError);
    expect(() => parseRecord(stored.with(2, 2))).toThrow('unknown wire format');
    const half = recordOf(session({}, { skipped: new Uint8Array(SKIPPED_ENTRY_BYTES + 36) }));
    expect(() => parseRecord(serializeRecord(half))).toThrow(RangeError);
    // What was read does not change with what was given.
    const read = parseRecord(stored);
    const copy = structuredClone(read);
    stored.fill(0xee);
    expect(read).toEqual(copy);
  });
});
