/** A clock that only moves when told, and remembers what was asked of it. */
import type { StreamClock } from '../../src/main/transports/xmpp/stream-clock.ts';

export class ManualClock implements StreamClock {
  #now = 1_000_000;
  #timers: { readonly at: number; readonly delay: number; readonly callback: () => void }[] = [];
  /** What `random()` answers. */
  chance = 0.5;

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.chance;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + milliseconds, delay: milliseconds, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Delays of the timers that are set now. */
  get pending(): readonly number[] {
    return this.#timers.map((timer) => timer.delay);
  }

  /** Moves on, firing what falls due in order. */
  advance(milliseconds: number): void {
    const until = this.#now + milliseconds;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
    }
    this.#now = until;
  }
}
