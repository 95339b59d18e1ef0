/** A python-oldmemo device (Debian: python3-oldmemo) as a process of its own: legacy OMEMO that shares no code with ours. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LegacyBundle } from '../../src/main/e2ee/types.ts';
import type { Envelope } from './e2ee-device.ts';

const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('./e2ee-oldmemo.py', import.meta.url));

export const OLDMEMO_MISSING = 'python3-oldmemo is not installed (apt-get install python3-oldmemo)';

export function oldmemoPresent(): boolean {
  return spawnSync(PYTHON, ['-c', 'import oldmemo, omemo, x3dh, xeddsa']).status === 0;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

interface WireBundle {
  readonly deviceId: number;
  readonly identityKey: string;
  readonly signedPrekeyId: number;
  readonly signedPrekey: string;
  readonly signedPrekeySignature: string;
  readonly prekeys: readonly { readonly id: number; readonly key: string }[];
}

export class OldmemoDevice {
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
    if (done) throw new Error('python-oldmemo ended');
    return JSON.parse(value);
  }

  async start(): Promise<this> {
    await this.#line();
    return this;
  }

  async #call<T>(call: string, parameters: object = {}): Promise<T> {
    this.#process.stdin?.write(`${JSON.stringify({ call, ...parameters })}\n`);
    const answer = (await this.#line()) as { ok: true; value: T } | { ok: false; error: string };
    if (!answer.ok) throw new Error(answer.error);
    return answer.value;
  }

  async bundle(): Promise<LegacyBundle> {
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

  /** Starts a session when a bundle is given. */
  async send(content: Uint8Array | null, bundle?: LegacyBundle): Promise<Envelope> {
    const wire = bundle && {
      deviceId: bundle.deviceId,
      identityKey: base64(bundle.identityKey),
      signedPrekeyId: bundle.signedPrekeyId,
      signedPrekey: base64(bundle.signedPrekey),
      signedPrekeySignature: base64(bundle.signedPrekeySignature),
      prekeys: bundle.prekeys.map(({ id, key }) => ({ id, key: base64(key) })),
    };
    const sent = await this.#call<{ keyExchange: boolean; data: string; iv: string; payload: string | null }>(
      'encrypt',
      { content: content === null ? null : base64(content), ...(wire === undefined ? {} : { bundle: wire }) },
    );
    return {
      keyExchange: sent.keyExchange,
      data: bytesOf(sent.data),
      iv: bytesOf(sent.iv),
      payload: sent.payload === null ? null : bytesOf(sent.payload),
    };
  }

  /** `keyBytes`: of a key-transport message. Rejects when it cannot be read. */
  async receive(envelope: Envelope, senderDeviceId: number): Promise<{ content: string | null; keyBytes?: number }> {
    const got = await this.#call<{ content: string | null; keyBytes?: number }>('decrypt', {
      senderDeviceId,
      keyExchange: envelope.keyExchange,
      data: base64(envelope.data),
      iv: envelope.iv ? base64(envelope.iv) : '',
      payload: envelope.payload === null ? null : base64(envelope.payload),
    });
    return got.content === null ? got : { content: Buffer.from(got.content, 'base64').toString() };
  }

  restart(): Promise<{ loaded: boolean }> {
    return this.#call('restart');
  }

  forget(): Promise<object> {
    return this.#call('forget');
  }

  rotate(): Promise<object> {
    return this.#call('rotate');
  }

  stop(): void {
    this.#process.kill();
  }
}
