/** Exact reads and writes with back-pressure on a libp2p stream. */
import type { Stream, StreamMessageEvent } from '@libp2p/interface';

/** Bytes taken from the stream before it is paused. */
const HIGH_WATER = 256 * 1024;

export class ChannelClosed extends Error {}

export class StreamChannel {
  readonly #stream: Stream;
  #chunks: Uint8Array[] = [];
  #buffered = 0;
  #ended = false;
  #wake: (() => void) | null = null;

  constructor(stream: Stream) {
    this.#stream = stream;
    stream.addEventListener('message', this.#onMessage);
    stream.addEventListener('remoteCloseWrite', this.#onEnd);
    stream.addEventListener('close', this.#onEnd);
    if (stream.status !== 'open') this.#ended = true;
  }

  /** Exactly `length` bytes; one reader at a time. Rejects when the stream ends before, or the signal aborts. */
  async read(length: number, signal?: AbortSignal): Promise<Uint8Array> {
    while (this.#buffered < length) {
      signal?.throwIfAborted();
      if (this.#stream.readStatus === 'paused') {
        this.#stream.resume();
        continue;
      }
      if (this.#ended) throw new ChannelClosed('the stream ended');
      await this.#more(signal);
    }
    const bytes = this.#take(length);
    if (this.#buffered < HIGH_WATER && this.#stream.readStatus === 'paused') this.#stream.resume();
    return bytes;
  }

  /** Resolves when the stream takes more. Rejects when it is closed. */
  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#stream.send(bytes)) await this.#stream.onDrain();
  }

  async close(): Promise<void> {
    await this.#stream.close({ signal: AbortSignal.timeout(2_000) });
  }

  abort(): void {
    this.#stream.abort(new ChannelClosed('ended here'));
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    const bytes = event.data.subarray();
    this.#chunks.push(bytes);
    this.#buffered += bytes.length;
    if (this.#buffered > HIGH_WATER && this.#stream.readStatus === 'readable') this.#stream.pause();
    this.#wake?.();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake?.();
  };

  async #more(signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#wake = null;
  }

  #take(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) throw new Error('fewer bytes than counted');
      const part = chunk.subarray(0, length - filled);
      bytes.set(part, filled);
      filled += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.#buffered -= length;
    return bytes;
  }
}
