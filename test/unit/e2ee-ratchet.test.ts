/** The Double Ratchet by itself, under the rules of either wire format: loss, order, replay, forgery, limits, state. */
import { beforeAll, describe, expect, test } from 'vitest';
import { ready } from '../../src/main/e2ee/omemo.ts';
import { newKeyPair } from '../../src/main/e2ee/primitives/x25519.ts';
import {
  initiateRatchet,
  MAX_PAST_REMOTES,
  type RatchetHeader,
  type RatchetRules,
  type RatchetState,
  ratchetForward,
  ratchetReceive,
  respondRatchet,
} from '../../src/main/e2ee/ratchet/double-ratchet.ts';
import { countSkipped } from '../../src/main/e2ee/ratchet/skipped-keys.ts';
import { wireLegacy } from '../../src/main/e2ee/wire-legacy.ts';
import { wireOmemo2 } from '../../src/main/e2ee/wire-omemo2.ts';
import { expectOk, seededRandom } from '../support/e2ee-device.ts';

beforeAll(() => ready());

interface Sent {
  readonly header: RatchetHeader;
  readonly key: Uint8Array;
}

/** Two ends; what is received opens when its key is the one it was sent with. */
class Ends {
  readonly #rules: RatchetRules;
  readonly #random = seededRandom(7);
  readonly states: [RatchetState, RatchetState];

  constructor(rules: RatchetRules) {
    const prekey = newKeyPair(this.#random);
    this.#rules = rules;
    this.states = [
      initiateRatchet(new Uint8Array(32).fill(9), prekey.publicKey),
      respondRatchet(new Uint8Array(32).fill(9), prekey),
    ];
  }

  send(side: 0 | 1): Sent {
    const step = expectOk(ratchetForward(this.states[side], this.#rules.rootInfo, this.#random));
    this.states[side] = step.state;
    return { header: step.header, key: step.messageKey };
  }

  lose(side: 0 | 1, count: number): Sent[] {
    return Array.from({ length: count }, () => this.send(side));
  }

  /** What became of it; after a refusal the state is the very same. */
  receive(side: 0 | 1, { header, key }: Sent): string {
    const before = this.states[side];
    const frozen = structuredClone(before);
    const result = ratchetReceive(before, header, this.#rules, (found) =>
      Buffer.from(found).equals(key) ? 'opened' : null,
    );
    expect(before).toEqual(frozen);
    if (!result.ok) return result.error.code.slice('encryption.'.length);
    this.states[side] = result.value.state;
    return `${result.value.late ? 'late' : 'new'}${result.value.heartbeatDue ? ', heartbeat' : ''}`;
  }

  /** There and back, so that both ends have new ratchet keys. */
  turn(): Sent[] {
    const there = this.send(0);
    expect(this.receive(1, there)).toBe('new');
    const back = this.send(1);
    expect(this.receive(0, back)).toBe('new');
    return [there, back];
  }

  skipped(side: 0 | 1): number {
    return countSkipped(this.states[side].skipped);
  }
}

const both = [
  ['omemo2', wireOmemo2.ratchet],
  ['omemo-legacy', wireLegacy.ratchet],
] as const;
const spoilt = (sent: Sent): Sent => ({ ...sent, key: new Uint8Array(32) });

test('the limits are those of the documents', () => {
  expect(wireOmemo2.ratchet).toMatchObject({ maxSkip: 1000, pastChains: 0 });
  expect(wireLegacy.ratchet).toMatchObject({ maxSkip: 2000, pastChains: 5 });
  expect(MAX_PAST_REMOTES).toBe(100);
});

describe.each(both)('%s', (_name, rules) => {
  test('headers count from 0 in each chain, and say how long the one before was', () => {
    const ends = new Ends(rules);
    const numbers = ({ header }: Sent) => [header.n, header.pn];
    const first = ends.lose(0, 3);
    expect(first.map(numbers)).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ]);
    for (const sent of first) ends.receive(1, sent);
    const back = ends.lose(1, 2);
    expect(back.map(numbers)).toEqual([
      [0, 0],
      [1, 0],
    ]);
    for (const sent of back) ends.receive(0, sent);
    expect(ends.lose(0, 2).map(numbers)).toEqual([
      [0, 3],
      [1, 3],
    ]);
    // An end that has had nothing to say in between says the same again.
    ends.receive(1, ends.send(0));
    expect(numbers(ends.send(1))).toEqual([0, 2]);
    expect(new Set([...first, ...back].map(({ key }) => Buffer.from(key).toString('hex'))).size).toBe(5);
  });

  test('a chain that had no message of ours between two of theirs keeps its length', () => {
    const ends = new Ends(rules);
    ends.turn();
    // Both of theirs come before we say anything more.
    const [theirs] = [ends.send(1)];
    expect(ends.receive(0, theirs)).toBe('new');
    ends.lose(0, 4);
    expect(ends.receive(1, ends.send(0))).toBe('new');
    expect(ends.receive(0, ends.send(1))).toBe('new');
    expect(ends.send(0).header).toMatchObject({ n: 0, pn: 5 });
  });

  test('what is lost is read when it comes, once, in whatever order', () => {
    const ends = new Ends(rules);
    const [a, b, c, d, e] = ends.lose(0, 5);
    if (!a || !b || !c || !d || !e) throw new Error('missing');
    expect(ends.receive(1, c)).toBe('new');
    expect(ends.skipped(1)).toBe(2);
    expect(ends.receive(1, b)).toBe('late');
    expect(ends.receive(1, e)).toBe('new');
    expect(ends.receive(1, a)).toBe('late');
    expect(ends.receive(1, d)).toBe('late');
    expect(ends.skipped(1)).toBe(0);
    for (const again of [a, b, c, d, e]) expect(ends.receive(1, again)).toBe('replayed');
  });

  test('the end of an earlier chain is read after the next one has begun, and known as a replay after that', () => {
    const ends = new Ends(rules);
    const [there] = ends.turn();
    const [read, late, never] = ends.lose(0, 3);
    if (!there || !read || !late || !never) throw new Error('missing');
    expect(ends.receive(1, read)).toBe('new');
    expect(ends.receive(0, ends.send(1))).toBe('new');
    const next = ends.send(0);
    expect(ends.receive(1, next)).toBe('new');
    expect(ends.receive(1, late)).toBe('late');
    for (const again of [there, read, late, next]) expect(ends.receive(1, again)).toBe('replayed');
    expect(ends.receive(1, never)).toBe('late');
  });

  test('messages of one number in two chains are told apart, and a first answer leaves no chain behind it', () => {
    const ends = new Ends(rules);
    expect(ends.receive(1, ends.send(0))).toBe('new');
    const [first] = ends.lose(0, 2);
    expect(ends.receive(0, ends.send(1))).toBe('new');
    expect(ends.states[0].pastChains).toEqual([]);
    expect(ends.receive(1, ends.send(0))).toBe('new');
    const [second] = ends.lose(0, 1);
    expect(ends.receive(1, ends.send(0))).toBe('new');
    if (!first || !second) throw new Error('missing');
    expect(second.header.n).toBe(first.header.n);
    expect(ends.receive(1, second)).toBe('late');
    expect(ends.receive(1, first)).toBe('late');
  });

  test('a forgery changes nothing, wherever it claims to belong', () => {
    const ends = new Ends(rules);
    const first = ends.send(0);
    expect(ends.receive(1, spoilt(first))).toBe('forged');
    expect(ends.receive(1, first)).toBe('new');
    ends.receive(0, ends.send(1));
    const [lost, current, ahead] = ends.lose(0, 3);
    if (!lost || !current || !ahead) throw new Error('missing');
    expect(ends.receive(1, spoilt(current))).toBe('forged');
    expect(ends.receive(1, current)).toBe('new');
    expect(ends.receive(1, spoilt(lost))).toBe('forged');
    expect(ends.receive(1, spoilt(ahead))).toBe('forged');
    expect(ends.receive(1, lost)).toBe('late');
    ends.receive(0, ends.send(1));
    const turned = ends.send(0);
    expect(ends.receive(1, spoilt(turned))).toBe('forged');
    expect(ends.receive(1, turned)).toBe('new');
    // The one left out of the chain before is still there.
    expect(ends.receive(1, spoilt(ahead))).toBe('forged');
    expect(ends.receive(1, ahead)).toBe('late');
  });

  test('a ratchet key of small order is refused, received or in a bundle', () => {
    const ends = new Ends(rules);
    ends.turn();
    const { header, key } = ends.send(0);
    expect(ends.receive(1, { header: { ...header, ratchetKey: new Uint8Array(32) }, key })).toBe('forged');
    const started = initiateRatchet(new Uint8Array(32), new Uint8Array(32));
    expect(ratchetForward(started, rules.rootInfo, seededRandom(1))).toMatchObject({
      error: { code: 'encryption.forged' },
    });
  });

  test('an answer to what was never sent is refused; a responder cannot speak first', () => {
    const ends = new Ends(rules);
    const [initiator, responder] = ends.states;
    if (initiator.remote === null) throw new Error('no key');
    const header = { ratchetKey: initiator.remote, n: 0, pn: 0 };
    expect(ends.receive(0, { header, key: new Uint8Array(32) })).toBe('forged');
    const other = { ...header, ratchetKey: newKeyPair(seededRandom(2)).publicKey };
    expect(ends.receive(0, { header: other, key: new Uint8Array(32) })).toBe('forged');
    expect(() => ratchetForward(responder, rules.rootInfo, seededRandom(1))).toThrow('has received before it sends');
  });

  test('as many may be missing as the limit says, at the start of a chain and within it', () => {
    for (const read of [0, 1]) {
      const ends = new Ends(rules);
      for (const sent of ends.lose(0, read)) expect(ends.receive(1, sent)).toBe('new');
      ends.lose(0, rules.maxSkip);
      const [reachable, tooFar] = ends.lose(0, 2);
      if (!reachable || !tooFar) throw new Error('missing');
      expect(ends.receive(1, tooFar)).toBe('too-far-ahead');
      expect(ends.receive(1, reachable)).toBe('new, heartbeat');
      expect(ends.receive(1, tooFar)).toBe('new');
      expect(ends.skipped(1)).toBe(rules.maxSkip);
    }
  });

  test('no more keys are kept than the limit says, and the oldest go first', () => {
    const ends = new Ends(rules);
    const oldest = ends.send(0);
    const second = ends.send(0);
    ends.lose(0, rules.maxSkip - 2);
    expect(ends.receive(1, ends.send(0))).toBe('new, heartbeat');
    const [third] = ends.lose(0, 1);
    expect(ends.receive(1, ends.send(0))).toBe('new');
    expect(ends.skipped(1)).toBe(rules.maxSkip);
    expect(ends.receive(1, oldest)).toBe('replayed');
    expect(ends.receive(1, second)).toBe('late');
    expect(third && ends.receive(1, third)).toBe('late');
  });

  test('a key is kept while two thousand later messages come, and no longer', () => {
    for (const [later, outcome] of [
      [1_999, 'late'],
      [2_000, 'replayed'],
    ] as const) {
      const ends = new Ends(rules);
      const lost = ends.send(0);
      // The message it was skipped by is the first later one.
      const lostToo = ends.send(0);
      expect(ends.receive(1, ends.send(0))).toBe('new');
      const state = ends.states[1];
      // As if so many had come: the clock is the count of messages alone.
      ends.states[1] = { ...state, received: state.received + later };
      expect(ends.receive(1, ends.send(0))).toBe('new');
      expect(ends.receive(1, lost)).toBe(outcome);
      if (outcome === 'late') expect(ends.receive(1, lostToo)).toBe('replayed');
    }
  });

  test('a heartbeat is due at number 53 of each ratchet key, or the first one after it', () => {
    const ends = new Ends(rules);
    for (const sent of ends.lose(0, 53)) expect(ends.receive(1, sent)).toBe('new');
    expect(ends.receive(1, ends.send(0))).toBe('new, heartbeat');
    expect(ends.receive(1, ends.send(0))).toBe('new');
    ends.receive(0, ends.send(1));
    expect(ends.receive(1, ends.send(0))).toBe('new');
    ends.lose(0, 60);
    expect(ends.receive(1, ends.send(0))).toBe('new, heartbeat');
    expect(ends.receive(1, ends.send(0))).toBe('new');
  });

  test('earlier ratchet keys are remembered, a hundred of them', () => {
    const ends = new Ends(rules);
    const turns = Array.from({ length: 103 }, () => ends.turn()[0]);
    const outcomes = turns.map((sent) => sent && ends.receive(1, sent));
    // The newest is the current one; before the hundred that are remembered, nobody can say what it was.
    const forgotten = 103 - 1 - MAX_PAST_REMOTES;
    expect(outcomes).toEqual([...Array(forgotten).fill('forged'), ...Array(103 - forgotten).fill('replayed')]);
    // A key that only begins like one of them is not one of them.
    const last = turns.at(-3);
    if (!last) throw new Error('missing');
    for (let byte = 0; byte < 8; byte += 1) {
      const ratchetKey = last.header.ratchetKey.with(byte, (last.header.ratchetKey[byte] ?? 0) ^ 1);
      expect(ends.receive(1, { ...last, header: { ...last.header, ratchetKey } })).toBe('forged');
    }
  });
});

describe('the length of the chain before', () => {
  /** A responder who has read one message of a chain; the next turn claims `pn`. */
  function claim(rules: RatchetRules, missing: number, pn: number): [ends: Ends, outcome: string, lost: Sent[]] {
    const ends = new Ends(rules);
    expect(ends.receive(1, ends.send(0))).toBe('new');
    const lost = ends.lose(0, missing);
    expect(ends.receive(0, ends.send(1))).toBe('new');
    const next = ends.send(0);
    return [ends, ends.receive(1, { ...next, header: { ...next.header, pn } }), lost];
  }

  test.each([
    ['exact', 3, 4, 3],
    ['of a chain read to its end', 0, 1, 0],
    ['too small', 3, 0, 0],
    ['one too small', 3, 3, 2],
  ])('in OMEMO 2 says which keys are kept: %s', (_name, missing, pn, kept) => {
    const [ends, outcome, lost] = claim(wireOmemo2.ratchet, missing, pn);
    expect(outcome).toBe('new');
    expect(ends.skipped(1)).toBe(kept);
    expect(lost.map((sent) => ends.receive(1, sent))).toEqual([
      ...Array(kept).fill('late'),
      ...Array(missing - kept).fill('replayed'),
    ]);
  });

  test('in OMEMO 2 may skip as many as the limit says, in the old format any number, since it is not looked at', () => {
    const { maxSkip } = wireOmemo2.ratchet;
    expect(claim(wireOmemo2.ratchet, 0, 1 + maxSkip)[1]).toBe('new');
    expect(claim(wireOmemo2.ratchet, 0, 2 + maxSkip)[1]).toBe('too-far-ahead');
    const [ends, outcome] = claim(wireLegacy.ratchet, 3, 0xffffffff);
    expect([outcome, ends.skipped(1)]).toEqual(['new', 0]);
  });
});

describe('chains that stay open, in the old format', () => {
  test('keep what is skipped in them within the limit, age it, and refuse what is too far', () => {
    const ends = new Ends(wireLegacy.ratchet);
    expect(ends.receive(1, ends.send(0))).toBe('new');
    const lost = ends.lose(0, 2002);
    expect(ends.receive(0, ends.send(1))).toBe('new');
    expect(ends.receive(1, ends.send(0))).toBe('new');
    const [first, second] = lost;
    const [reachable, beyond] = lost.slice(2000);
    if (!first || !second || !reachable || !beyond) throw new Error('missing');
    expect(ends.receive(1, beyond)).toBe('too-far-ahead');
    expect(ends.receive(1, spoilt(reachable))).toBe('forged');
    expect(ends.receive(1, reachable)).toBe('late');
    expect(ends.skipped(1)).toBe(2000);
    expect(ends.receive(1, reachable)).toBe('replayed');
    expect(ends.receive(1, first)).toBe('late');
    // Late messages are later messages, too.
    const state = ends.states[1];
    ends.states[1] = { ...state, received: state.received + 2000 };
    expect(ends.receive(1, beyond)).toBe('late');
    expect(ends.skipped(1)).toBe(0);
    expect(ends.receive(1, second)).toBe('replayed');
  });

  test('each goes on by itself', () => {
    const ends = new Ends(wireLegacy.ratchet);
    const kept: Sent[][] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      expect(ends.receive(1, ends.send(0))).toBe('new');
      kept.push(ends.lose(0, 3));
      expect(ends.receive(0, ends.send(1))).toBe('new');
    }
    expect(ends.receive(1, ends.send(0))).toBe('new');
    for (const at of [0, 1, 2]) {
      for (const chain of kept) {
        const sent = chain[at];
        expect(sent && ends.receive(1, sent)).toBe('late');
        expect(sent && ends.receive(1, sent)).toBe('replayed');
      }
    }
  });
});
