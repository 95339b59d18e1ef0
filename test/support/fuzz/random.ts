/** Where a fuzz case comes from: one 32-bit seed decides all of it, so that the seed alone brings it back. */

export class FuzzRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 … 2³²−1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 … limit−1; 0 where there is nothing to choose from. */
  below(limit: number): number {
    return limit < 1 ? 0 : this.next() % limit;
  }

  oneIn(chance: number): boolean {
    return this.below(chance) === 0;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next() >>> 24);
  }
}

/** Several changes now and then, mostly one or two: the fewer there are, the deeper the decoder looks. */
export function changes(random: FuzzRandom): number {
  return random.pick([1, 1, 1, 1, 2, 2, 3, 8]);
}
