/** Two ends of an in-memory link that record every byte, for tests of recognition. */
import type { LinkChannel } from '../../src/main/nearby/types.ts';

export interface ChannelEnd extends LinkChannel {
  /** Every write of this end, in order. */
  readonly written: Uint8Array[];
  /** The other end reads no more. */
  close(): void;
}

class Pipe {
  #bytes: number[] = [];
  #closed = false;
  #wake: () => void = () => {};

  push(bytes: Uint8Array): void {
    this.#bytes.push(...bytes);
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async read(length: number, signal: AbortSignal): Promise<Uint8Array> {
    while (this.#bytes.length < length) {
      signal.throwIfAborted();
      if (this.#closed) throw new Error('closed');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    return Uint8Array.from(this.#bytes.splice(0, length));
  }
}

export interface LinkOptions {
  readonly dialerPeerId?: Uint8Array;
  readonly listenerPeerId?: Uint8Array;
}

export function channelPair(options: LinkOptions = {}): { dialer: ChannelEnd; listener: ChannelEnd } {
  const dialerPeerId = options.dialerPeerId ?? Uint8Array.from({ length: 38 }, () => 1);
  const listenerPeerId = options.listenerPeerId ?? Uint8Array.from({ length: 38 }, () => 2);
  const toListener = new Pipe();
  const toDialer = new Pipe();
  return {
    dialer: end('dialer', dialerPeerId, listenerPeerId, toDialer, toListener),
    listener: end('listener', listenerPeerId, dialerPeerId, toListener, toDialer),
  };
}

function end(
  role: 'dialer' | 'listener',
  localPeerId: Uint8Array,
  remotePeerId: Uint8Array,
  source: Pipe,
  sink: Pipe,
): ChannelEnd {
  const written: Uint8Array[] = [];
  return {
    role,
    localPeerId,
    remotePeerId,
    written,
    read: (length, signal) => source.read(length, signal),
    async write(bytes) {
      written.push(bytes.slice());
      sink.push(bytes);
    },
    close: () => sink.close(),
  };
}

export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
