/** The encryption alone, in both versions, against python-omemo (Debian: python3-oldmemo, python3-twomemo). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { archiveSessions, fingerprintOf, ready } from '../../src/main/e2ee/omemo.ts';
import type { Bundle } from '../../src/main/e2ee/types.ts';
import { type Envelope, expectOk, systemRandom, TestDevice } from '../support/e2ee-device.ts';
import { BareOmemo } from '../support/omemo-bare.ts';
import { PythonProcess, pythonOmemoMissing } from '../support/python-omemo.ts';

const text = (content: string) => new TextEncoder().encode(content);
const missing = pythonOmemoMissing();

let shared: PythonProcess | null = null;
beforeAll(() => {
  if (!missing) shared = new PythonProcess();
});
afterAll(() => shared?.stop());

function start(ours: TestDevice): Promise<BareOmemo> {
  if (!shared) throw new Error('not started');
  return BareOmemo.start(shared, ours);
}

describe.each(['omemo2', 'omemo-legacy'] as const)('python-omemo and Bothy, %s', (wire) => {
  let python: BareOmemo | null = null;
  let ours: TestDevice;
  let bundle: Bundle;

  beforeAll(() => ready());

  beforeEach(async (context) => {
    if (missing) context.skip(missing);
    ours = new TestDevice(systemRandom, undefined, 1_000, wire);
    python = await start(ours);
    bundle = await python.bundle();
  });

  afterEach(async () => {
    await python?.stop();
    python = null;
  });

  function theirs(): BareOmemo {
    if (python === null) throw new Error('not started');
    return python;
  }

  const arrives = async (envelope: Envelope, content: string): Promise<void> =>
    expect((await theirs().receive(envelope)).content).toEqual(text(content));
  const comes = (envelope: Envelope, content: string): void =>
    expect(expectOk(ours.receive(envelope, theirs().omemo.deviceId)).content).toEqual(text(content));
  const fromUs = async (content: string) => arrives(ours.send(bundle, text(content)), content);
  const fromThem = async (content: string) => comes(await theirs().send(text(content)), content);

  test('our first message, a second before any answer, then ping-pong with restarts on both sides', async () => {
    expect(fingerprintOf(bundle.identityKey)).toBe(theirs().omemo.fingerprint);
    await fromUs('first');
    await fromUs('second, before any answer');
    await fromThem('answer');
    for (let turn = 0; turn < 12; turn += 1) {
      await fromUs(`ping ${turn}`);
      await fromThem(`pong ${turn}`);
      ours.restart();
      if (turn % 6 === 5) await theirs().restart();
    }
  });

  test('their first message with our bundle, repeated before an answer, then ping-pong', async () => {
    const first = await theirs().send(text('first'));
    expect(first.keyExchange).toBe(true);
    const got = expectOk(ours.receive(first, theirs().omemo.deviceId));
    expect(got.content).toEqual(text('first'));
    expect(got.newSession).toBe(true);
    expect(got.identityKey).toEqual(bundle.identityKey);
    expect(got.own?.prekeys).toHaveLength(99);
    const second = await theirs().send(text('second'));
    expect(second.keyExchange).toBe(true);
    expect(expectOk(ours.receive(second, theirs().omemo.deviceId)).newSession).toBe(false);
    for (let turn = 0; turn < 12; turn += 1) {
      await fromUs(`ping ${turn}`);
      await fromThem(`pong ${turn}`);
    }
  });

  test('identity keys with either sign bit: their bundles are valid and a session works', async () => {
    // The sign bit of a fresh identity of theirs is a coin toss.
    for (let device = 0; device < 5; device += 1) {
      await fromUs(`hello ${device}`);
      await fromThem(`hello back ${device}`);
      await theirs().stop();
      ours = new TestDevice(systemRandom, undefined, 1_000, wire);
      python = await start(ours);
      bundle = await python.bundle();
    }
  });

  test('messages without content move the session on and say nothing, in both directions', async () => {
    expect((await theirs().receive(ours.send(bundle, null))).content).toBeNull();
    await fromUs('after it');
    await fromThem('likewise');
    expect((await theirs().receive(ours.send(bundle, null))).content).toBeNull();
    await fromUs('after another');
  });

  test('messages out of order and lost ones, over several ratchet keys, in both directions', async () => {
    await fromUs('start');
    await fromThem('start');
    let stragglers: { readonly ours: Envelope; readonly theirs: Envelope; readonly round: number } | null = null;
    for (let round = 0; round < 3; round += 1) {
      const outgoing: Envelope[] = [];
      const incoming: Envelope[] = [];
      for (let n = 0; n < 6; n += 1) outgoing.push(ours.send(bundle, text(`out ${round} ${n}`)));
      for (let n = 0; n < 6; n += 1) incoming.push(await theirs().send(text(`in ${round} ${n}`)));
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

  test('a replay is refused by both', async () => {
    const envelope = ours.send(bundle, text('once'));
    await arrives(envelope, 'once');
    await expect(theirs().receive(envelope)).rejects.toThrow();
    const back = await theirs().send(text('once, too'));
    comes(back, 'once, too');
    expect(ours.receive(back, theirs().omemo.deviceId)).toMatchObject({
      ok: false,
      error: { code: 'encryption.replayed' },
    });
    await fromUs('and on');
    await fromThem('and on');
  });

  test('their signed prekey rotated meanwhile', async () => {
    await theirs().omemo.rotate();
    await fromUs('to the old signed prekey');
    await fromThem('still here');
    expect((await theirs().bundle()).signedPrekey).not.toEqual(bundle.signedPrekey);
  });

  test('content of every length around the block size, and of several scripts', async () => {
    for (const length of [1, 15, 16, 17, 31, 32, 33, 1000]) {
      await fromUs('x'.repeat(length));
      await fromThem('y'.repeat(length));
    }
    await fromUs('Grüße, 你好, 🜂');
    await fromThem('Grüße, 你好, 🜂');
  });

  test('when both start at once, one message each way heals it', async () => {
    const ourStart = ours.send(bundle, text('ours'));
    comes(await theirs().send(text('theirs')), 'theirs');
    await arrives(ourStart, 'ours');
    // They replaced their session by ours and speak on it; so do we, once we heard them.
    await fromThem('on your session');
    await fromUs('on the same');
    await fromThem('good');
  });

  test('a session they lost is begun anew from a bundle, whoever does it', async () => {
    await fromUs('one');
    await fromThem('two');
    await theirs().forget();
    await expect(theirs().receive(ours.send(bundle, text('lost')))).rejects.toThrow(/NoSession/);
    if (ours.record === null) throw new Error('no record');
    ours.record = archiveSessions(ours.record, wire);
    // As anybody would: the prekey of an old bundle may be the one that was used.
    bundle = await theirs().bundle();
    await fromUs('renewed by us');
    await fromThem('good');
    await theirs().forget();
    const renewed = await theirs().send(text('renewed by them'));
    expect(expectOk(ours.receive(renewed, theirs().omemo.deviceId)).newSession).toBe(true);
    await fromUs('good');
    await fromThem('good');
  });
});
