/** Limits against a hostile neighbour. Per address, never per PeerId: PeerIds are free. */

export const limits = {
  /** Incoming connections open at once: from one address, in all, and before Noise has finished. */
  connectionsPerAddress: 16,
  connections: 512,
  handshakes: 64,
  /** New connections from one address: at once, and per second after that. */
  connectionBurst: 24,
  connectionsPerSecond: 2,
  /** Peers seen on the network: from one address and in all. */
  sightingsPerAddress: 16,
  sightings: 256,
  /** Our own dials: at the same time, at the same time to one address, at once, per second after that. */
  dials: 12,
  dialsPerAddress: 4,
  dialBurst: 24,
  dialsPerSecond: 8,
  /** Incoming stanzas of one link: at once, and per second after that (reading waits). */
  stanzaBurst: 4_000,
  stanzasPerSecond: 1_000,
  /** Stanzas of one link read but not yet taken: how many, and bytes. */
  queuedStanzas: 256,
  queuedBytes: 2 * 1024 * 1024,
  /** Requests of one link being answered. */
  requests: 32,
  /** A connection that has not been recognised by then is closed, ms. */
  recognitionMs: 8_000,
} as const;

/** Fills at a steady rate up to a burst. Times are monotonic milliseconds. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perMs: number;
  #tokens: number;
  #at: number;

  constructor(burst: number, perSecond: number, now: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1000;
    this.#tokens = burst;
    this.#at = now;
  }

  take(now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  get full(): boolean {
    return this.#tokens >= this.#burst;
  }

  /** Milliseconds until one token is there. */
  wait(): number {
    return this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) / this.#perMs);
  }
}

/** Admits incoming connections by remote address. */
export class Doorkeeper {
  readonly #open = new Map<string, number>();
  readonly #rates = new Map<string, TokenBucket>();
  #total = 0;

  /** True when a connection from this address may come in; then `leave` must be called once. */
  enter(address: string, now: number): boolean {
    const open = this.#open.get(address) ?? 0;
    if (open >= limits.connectionsPerAddress || this.#total >= limits.connections) return false;
    let rate = this.#rates.get(address);
    if (rate === undefined) {
      if (this.#rates.size >= 1024) this.#forget(now);
      rate = new TokenBucket(limits.connectionBurst, limits.connectionsPerSecond, now);
      this.#rates.set(address, rate);
    }
    if (!rate.take(now)) return false;
    this.#open.set(address, open + 1);
    this.#total += 1;
    return true;
  }

  /** The connection was closed. */
  leave(address: string): void {
    const open = this.#open.get(address) ?? 0;
    if (open <= 1) this.#open.delete(address);
    else this.#open.set(address, open - 1);
    this.#total = Math.max(0, this.#total - 1);
  }

  /** Buckets that have nothing to remember go; if none has, the oldest half. */
  #forget(now: number): void {
    for (const [address, rate] of this.#rates) {
      if (rate.take(now) && !this.#open.has(address)) this.#rates.delete(address);
      if (this.#rates.size < 512) return;
    }
  }
}
