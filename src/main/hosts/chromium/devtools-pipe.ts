/**
 * The DevTools protocol over `--remote-debugging-pipe`: JSON messages ended by NUL, on file descriptors 3 (to the
 * browser) and 4 (from it). Nothing listens on a port, so no other program can join in.
 * https://chromedevtools.github.io/devtools-protocol/
 */
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import * as v from 'valibot';

const messageSchema = v.object({
  id: v.optional(v.number()),
  method: v.optional(v.string()),
  params: v.optional(v.record(v.string(), v.unknown())),
  sessionId: v.optional(v.string()),
  result: v.optional(v.record(v.string(), v.unknown())),
  error: v.optional(v.object({ message: v.string() })),
});

export type DevtoolsParams = Readonly<Record<string, unknown>>;
export type DevtoolsListener = (method: string, params: DevtoolsParams, sessionId: string | null) => void;

interface Waiting {
  resolve(result: DevtoolsParams): void;
  reject(error: Error): void;
}

export class DevtoolsPipe {
  /** Resolves when the browser closed its end. */
  readonly ended: Promise<void>;
  readonly #toBrowser: Writable;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<DevtoolsListener>();
  readonly #decoder = new StringDecoder('utf8');
  #nextId = 1;
  #rest = '';
  #open = true;

  constructor(toBrowser: Writable, fromBrowser: Readable) {
    this.#toBrowser = toBrowser;
    toBrowser.on('error', () => undefined);
    fromBrowser.on('error', () => undefined);
    fromBrowser.on('data', (chunk: Buffer) => this.#read(chunk));
    this.ended = new Promise((resolve) => {
      fromBrowser.once('close', () => {
        this.#open = false;
        for (const waiting of this.#waiting.values()) waiting.reject(new Error('The browser closed'));
        this.#waiting.clear();
        resolve();
      });
    });
  }

  /** Asks the browser (or, with a session, one page) and waits for the answer; rejects when it refuses or closes. */
  send(method: string, params: DevtoolsParams = {}, sessionId?: string): Promise<DevtoolsParams> {
    if (!this.#open) return Promise.reject(new Error('The browser closed'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#toBrowser.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** Returns the function that ends listening. */
  listen(listener: DevtoolsListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #read(chunk: Buffer): void {
    const parts = (this.#rest + this.#decoder.write(chunk)).split('\0');
    this.#rest = parts.pop() ?? '';
    for (const part of parts) this.#receive(part);
  }

  #receive(text: string): void {
    const message = v.parse(v.pipe(v.string(), v.parseJson(), messageSchema), text);
    if (message.id === undefined) {
      if (message.method === undefined) return;
      for (const listener of [...this.#listeners]) {
        listener(message.method, message.params ?? {}, message.sessionId ?? null);
      }
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error === undefined) waiting?.resolve(message.result ?? {});
    else waiting?.reject(new Error(message.error.message));
  }
}
