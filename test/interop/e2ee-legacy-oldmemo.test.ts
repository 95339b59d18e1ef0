/** Legacy OMEMO against python-oldmemo (Debian: python3-oldmemo), which shares no code with ours. */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { archiveSessions, legacyBundleOf, readLegacyBundle, ready } from '../../src/main/e2ee/omemo.ts';
import type { Bundle } from '../../src/main/e2ee/types.ts';
import { type Envelope, expectOk, systemRandom, TestDevice } from '../support/e2ee-device.ts';
import { OLDMEMO_MISSING, OldmemoDevice, oldmemoPresent } from '../support/e2ee-oldmemo.ts';

const text = (content: string) => new TextEncoder().encode(content);
const present = oldmemoPresent();

describe('python-oldmemo and Bothy', () => {
  let theirs: OldmemoDevice | null = null;
  let ours: TestDevice;
  let bundle: Bundle;

  beforeAll(() => ready());

  beforeEach(async (context) => {
    if (!present) context.skip(OLDMEMO_MISSING);
    theirs = await new OldmemoDevice().start();
    ours = new TestDevice(systemRandom, undefined, 1_000, 'omemo-legacy');
    bundle = expectOk(readLegacyBundle(await theirs.bundle()));
  });

  afterEach(() => {
    theirs?.stop();
    theirs = null;
  });

  function python(): OldmemoDevice {
    if (theirs === null) throw new Error('not started');
    return theirs;
  }

  async function arrives(envelope: Envelope, content: string): Promise<void> {
    expect((await python().receive(envelope, ours.own.deviceId)).content).toBe(content);
  }

  function comes(envelope: Envelope, content: string): void {
    expect(expectOk(ours.receive(envelope)).content).toEqual(text(content));
  }

  const fromUs = async (content: string) => arrives(ours.send(bundle, text(content)), content);
  const fromThem = async (content: string) => comes(await python().send(text(content)), content);

  test('our first message, a second before any answer, then ping-pong with restarts on both sides', async () => {
    await fromUs('first');
    await fromUs('second, before any answer');
    await fromThem('answer');
    for (let turn = 0; turn < 12; turn += 1) {
      await fromUs(`ping ${turn}`);
      await fromThem(`pong ${turn}`);
      ours.restart();
      if (turn % 4 === 3) expect((await python().restart()).loaded).toBe(true);
    }
  });

  test('their first message with our bundle, repeated before an answer, then ping-pong', async () => {
    const first = await python().send(text('first'), legacyBundleOf(ours.own));
    expect(first.keyExchange).toBe(true);
    const got = expectOk(ours.receive(first));
    expect(got.content).toEqual(text('first'));
    expect(got.newSession).toBe(true);
    expect(got.identityKey).toEqual(bundle.identityKey);
    expect(got.own?.prekeys).toHaveLength(99);
    const second = await python().send(text('second'));
    expect(second.keyExchange).toBe(true);
    expect(expectOk(ours.receive(second)).newSession).toBe(false);
    for (let turn = 0; turn < 12; turn += 1) {
      await fromUs(`ping ${turn}`);
      await fromThem(`pong ${turn}`);
    }
  });

  test('identity keys with either sign bit: their bundles are valid and a session works', async () => {
    // The sign bit of a fresh oldmemo identity is a coin toss.
    for (let device = 0; device < 6; device += 1) {
      const other = await new OldmemoDevice().start();
      try {
        const raw = await other.bundle();
        const read = expectOk(readLegacyBundle(raw));
        const sender = new TestDevice(systemRandom, ours.own, 1_000, 'omemo-legacy');
        const got = await other.receive(sender.send(read, text('hello')), sender.own.deviceId);
        expect(got.content).toBe('hello');
      } finally {
        other.stop();
      }
    }
  });

  test('key-transport messages carry a key and no content, in both directions', async () => {
    expect(await python().receive(ours.send(bundle, null), ours.own.deviceId)).toEqual({ content: null, keyBytes: 16 });
    expect(expectOk(ours.receive(await python().send(null))).content).toBeNull();
    await fromUs('after it');
    await fromThem('likewise');
  });

  test('messages out of order and lost ones, over several ratchet keys, in both directions', async () => {
    await fromUs('start');
    await fromThem('start');
    let stragglers: { readonly ours: Envelope; readonly theirs: Envelope; readonly round: number } | null = null;
    for (let round = 0; round < 3; round += 1) {
      const outgoing: Envelope[] = [];
      const incoming: Envelope[] = [];
      for (let n = 0; n < 6; n += 1) outgoing.push(ours.send(bundle, text(`out ${round} ${n}`)));
      for (let n = 0; n < 6; n += 1) incoming.push(await python().send(text(`in ${round} ${n}`)));
      // Number 3 never arrives; the last comes only when both have gone on to other ratchet keys.
      for (const n of [4, 0, 1, 2]) {
        const [sent, came] = [outgoing[n], incoming[n]];
        if (sent === undefined || came === undefined) throw new Error('missing');
        await arrives(sent, `out ${round} ${n}`);
        comes(came, `in ${round} ${n}`);
        ours.restart();
      }
      if (stragglers) {
        await arrives(stragglers.ours, `out ${stragglers.round} 5`);
        comes(stragglers.theirs, `in ${stragglers.round} 5`);
      }
      const [sent, came] = [outgoing[5], incoming[5]];
      if (sent === undefined || came === undefined) throw new Error('missing');
      stragglers = { ours: sent, theirs: came, round };
      await fromUs(`turn ${round}`);
      await fromThem(`turn ${round}`);
    }
    await fromUs('end');
    await fromThem('end');
  });

  test('their signed prekey rotated meanwhile', async () => {
    await python().rotate();
    await fromUs('to the old signed prekey');
    await fromThem('still here');
  });

  test('text of every length around the block size, and of several scripts', async () => {
    for (const length of [1, 15, 16, 17, 1000]) {
      await fromUs('x'.repeat(length));
      await fromThem('y'.repeat(length));
    }
    await fromUs('Grüße, 你好, 🜂');
    await fromThem('Grüße, 你好, 🜂');
  });

  test('when both start at once, one message each way heals it', async () => {
    const ourStart = ours.send(bundle, text('ours'));
    const theirStart = await python().send(text('theirs'), legacyBundleOf(ours.own));
    comes(theirStart, 'theirs');
    await arrives(ourStart, 'ours');
    await fromThem('on your session');
    await fromUs('on the same');
    await fromThem('good');
  });

  test('a session they lost is begun anew from a bundle, whoever does it', async () => {
    await fromUs('one');
    await fromThem('two');
    await python().forget();
    await expect(python().receive(ours.send(bundle, text('lost')), ours.own.deviceId)).rejects.toThrow();
    if (ours.record === null) throw new Error('no record');
    ours.record = archiveSessions(ours.record, 'omemo-legacy');
    await fromUs('renewed by us');
    await fromThem('good');
    await python().forget();
    const renewed = await python().send(text('renewed by them'), legacyBundleOf(ours.own));
    expect(expectOk(ours.receive(renewed)).newSession).toBe(true);
    await fromUs('good');
    await fromThem('good');
  });
});
