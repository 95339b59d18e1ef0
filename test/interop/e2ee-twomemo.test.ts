/** Against python-twomemo (Debian: python3-twomemo), an OMEMO 2 implementation that shares no code with ours. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkBundle, ready } from '../../src/main/e2ee/omemo.ts';
import type { Bundle } from '../../src/main/e2ee/types.ts';
import { type Envelope, expectOk, TestDevice } from '../support/e2ee-device.ts';

const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('../support/e2ee-twomemo.py', import.meta.url));

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
const text = (content: string) => new TextEncoder().encode(content);

interface WireBundle {
  deviceId: number;
  identityKey: string;
  signedPrekeyId: number;
  signedPrekey: string;
  signedPrekeySignature: string;
  prekeys: { id: number; key: string }[];
}

class PythonDevice {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  deviceId = 0;

  constructor() {
    this.#process = spawn(PYTHON, [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#process.stdout === null) throw new Error('no pipe');
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async #line(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('python-twomemo ended');
    return JSON.parse(value);
  }

  async start(): Promise<void> {
    await this.#line();
  }

  async #call<T>(call: string, parameters: object = {}): Promise<T> {
    this.#process.stdin?.write(`${JSON.stringify({ call, ...parameters })}\n`);
    const answer = (await this.#line()) as { ok: true; value: T } | { ok: false; error: string };
    if (!answer.ok) throw new Error(answer.error);
    return answer.value;
  }

  async bundle(): Promise<Bundle> {
    const wire = await this.#call<WireBundle>('bundle');
    this.deviceId = wire.deviceId;
    return {
      deviceId: wire.deviceId,
      identityKey: bytesOf(wire.identityKey),
      signedPrekeyId: wire.signedPrekeyId,
      signedPrekey: bytesOf(wire.signedPrekey),
      signedPrekeySignature: bytesOf(wire.signedPrekeySignature),
      prekeys: wire.prekeys.map(({ id, key }) => ({ id, key: bytesOf(key) })),
    };
  }

  async send(content: Uint8Array | null, bundle?: Bundle): Promise<Envelope> {
    const wire = bundle && {
      deviceId: bundle.deviceId,
      identityKey: base64(bundle.identityKey),
      signedPrekeyId: bundle.signedPrekeyId,
      signedPrekey: base64(bundle.signedPrekey),
      signedPrekeySignature: base64(bundle.signedPrekeySignature),
      prekeys: bundle.prekeys.map(({ id, key }) => ({ id, key: base64(key) })),
    };
    const sent = await this.#call<{ keyExchange: boolean; data: string; payload: string | null }>('encrypt', {
      content: content === null ? null : base64(content),
      ...(wire === undefined ? {} : { bundle: wire }),
    });
    return {
      keyExchange: sent.keyExchange,
      data: bytesOf(sent.data),
      payload: sent.payload === null ? null : bytesOf(sent.payload),
    };
  }

  async receive(envelope: Envelope, senderDeviceId: number): Promise<{ content: string | null; empty?: boolean }> {
    return this.#call('decrypt', {
      senderDeviceId,
      keyExchange: envelope.keyExchange,
      data: base64(envelope.data),
      payload: envelope.payload === null ? null : base64(envelope.payload),
    });
  }

  rotate(): Promise<object> {
    return this.#call('rotate');
  }

  stop(): void {
    this.#process.kill();
  }
}

const present = spawnSync(PYTHON, ['-c', 'import twomemo, omemo, x3dh']).status === 0;

describe('python-twomemo and Bothy', () => {
  let theirs: PythonDevice | null = null;
  let ours: TestDevice;

  beforeAll(() => ready());

  beforeEach(async (context) => {
    if (!present) context.skip('python3-twomemo is not installed (apt-get install python3-twomemo)');
    theirs = new PythonDevice();
    await theirs.start();
    ours = new TestDevice();
  });

  afterEach(() => {
    theirs?.stop();
    theirs = null;
  });

  function python(): PythonDevice {
    if (theirs === null) throw new Error('not started');
    return theirs;
  }

  async function fromUs(content: string, bundle: Bundle): Promise<void> {
    const got = await python().receive(ours.send(bundle, text(content)), ours.own.deviceId);
    expect(got.content).toBe(base64(text(content)));
  }

  async function fromThem(content: string, bundle?: Bundle): Promise<void> {
    const got = expectOk(ours.receive(await python().send(text(content), bundle), python().deviceId));
    expect(got.content).toEqual(text(content));
  }

  test('their bundle is valid, our key exchange is understood, and the conversation goes both ways', async () => {
    const bundle = expectOk(checkBundle(await python().bundle()));
    await fromUs('first', bundle);
    await fromUs('second, before any answer', bundle);
    await fromThem('answer');
    for (let turn = 0; turn < 20; turn += 1) {
      await fromUs(`ping ${turn}`, bundle);
      await fromThem(`pong ${turn}`);
      ours.restart();
    }
  });

  test('our bundle is accepted, their key exchange is understood, and the conversation goes both ways', async () => {
    await python().bundle();
    const first = await python().send(text('first'), ours.bundle);
    expect(first.keyExchange).toBe(true);
    const got = expectOk(ours.receive(first, python().deviceId));
    expect(got.content).toEqual(text('first'));
    expect(got.newSession).toBe(true);
    expect(got.own?.prekeys).toHaveLength(99);

    const second = await python().send(text('second'));
    expect(second.keyExchange).toBe(true);
    expect(expectOk(ours.receive(second)).newSession).toBe(false);

    const bundle = await python().bundle();
    expect(got.identityKey).toEqual(bundle.identityKey);
    for (let turn = 0; turn < 20; turn += 1) {
      await fromUs(`ping ${turn}`, bundle);
      await fromThem(`pong ${turn}`);
    }
  });

  test('empty messages are empty on both sides', async () => {
    const bundle = await python().bundle();
    expect(await python().receive(ours.send(bundle, null), ours.own.deviceId)).toEqual({ content: null, empty: true });
    expect(expectOk(ours.receive(await python().send(null))).content).toBeNull();
    await fromUs('after it', bundle);
    await fromThem('likewise');
  });

  test('messages out of order and lost ones, over several ratchet keys, in both directions', async () => {
    const bundle = await python().bundle();
    await fromUs('start', bundle);
    await fromThem('start');
    for (let round = 0; round < 3; round += 1) {
      const outgoing: Envelope[] = [];
      const incoming: Envelope[] = [];
      for (let n = 0; n < 6; n += 1) outgoing.push(ours.send(bundle, text(`out ${n}`)));
      for (let n = 0; n < 6; n += 1) incoming.push(await python().send(text(`in ${n}`)));
      // Number 3 never arrives, the others in another order.
      for (const n of [5, 0, 4, 1, 2]) {
        const sent = outgoing[n];
        const came = incoming[n];
        if (sent === undefined || came === undefined) throw new Error('missing');
        expect((await python().receive(sent, ours.own.deviceId)).content).toBe(base64(text(`out ${n}`)));
        expect(expectOk(ours.receive(came)).content).toEqual(text(`in ${n}`));
        ours.restart();
      }
    }
    await fromUs('end', bundle);
    await fromThem('end');
  });

  test('a key exchange with a signed prekey rotated meanwhile, on either side', async () => {
    const before = await python().bundle();
    await python().rotate();
    await fromUs('to the old signed prekey', before);
    await fromThem('still here');
  });

  test('content of every length around the block size', async () => {
    const bundle = await python().bundle();
    for (const length of [0, 1, 15, 16, 17, 31, 32, 33, 1000]) {
      const content = new Uint8Array(length).fill(length);
      expect((await python().receive(ours.send(bundle, content), ours.own.deviceId)).content).toBe(base64(content));
      expect(expectOk(ours.receive(await python().send(content))).content).toEqual(content);
    }
  });

  test('when both start at once, one message each way heals it', async () => {
    const bundle = await python().bundle();
    const ourStart = ours.send(bundle, text('ours'));
    const theirStart = await python().send(text('theirs'), ours.bundle);
    expect(expectOk(ours.receive(theirStart)).content).toEqual(text('theirs'));
    expect((await python().receive(ourStart, ours.own.deviceId)).content).toBe(base64(text('ours')));
    // They replaced their session by ours and speak on it; so do we, once we heard them.
    await fromThem('on your session');
    await fromUs('on the same', bundle);
    await fromThem('good');
  });
});
