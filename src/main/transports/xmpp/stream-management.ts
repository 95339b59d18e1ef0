/** Counting for stream management (XEP-0198): what the server has of ours, and what we have of the server's. No I/O. */

const MODULUS = 2 ** 32;

export interface Outgoing {
  /** The stanza as it goes over the wire. */
  readonly text: string;
  readonly settle: (outcome: 'accepted' | 'unknown') => void;
}

/** Stanzas sent and not yet acknowledged, in order. */
export class OutgoingQueue {
  #unacknowledged: { readonly outgoing: Outgoing; abandoned: boolean }[] = [];
  /** `h` the server last said, modulo 2³² (XEP-0198 §4). */
  #acknowledged = 0;

  get size(): number {
    return this.#unacknowledged.length;
  }

  /** Number of stanzas sent, modulo 2³². */
  get sent(): number {
    return (this.#acknowledged + this.#unacknowledged.length) % MODULUS;
  }

  push(outgoing: Outgoing): void {
    this.#unacknowledged.push({ outgoing, abandoned: false });
  }

  /**
   * Takes a count from the server. `malformed`: not a number of 32 bits. `impossible`: more than we sent, or less than
   * it had already said; nothing is changed then.
   */
  acknowledge(handled: unknown): 'ok' | 'malformed' | 'impossible' {
    if (typeof handled !== 'string' || !/^\d{1,10}$/.test(handled) || Number(handled) >= MODULUS) return 'malformed';
    const count = (Number(handled) - this.#acknowledged + MODULUS) % MODULUS;
    if (count > this.#unacknowledged.length) return 'impossible';
    this.#acknowledged = Number(handled);
    for (const { outgoing } of this.#unacknowledged.splice(0, count)) outgoing.settle('accepted');
    return 'ok';
  }

  /** Tells everybody waiting that the fate of their stanza is unknown. They are not sent again: who sent them decides. */
  giveUp(): void {
    for (const entry of this.#unacknowledged.filter(({ abandoned }) => !abandoned)) {
      entry.abandoned = true;
      entry.outgoing.settle('unknown');
    }
  }

  /** After a resumption and its acknowledgement: what is to be sent again, in order. */
  forResending(): readonly string[] {
    this.#unacknowledged = this.#unacknowledged.filter(({ abandoned }) => !abandoned);
    return this.#unacknowledged.map(({ outgoing }) => outgoing.text);
  }
}

/** Stanzas received, counted as handled in the order they came, whatever the order in which handling ends. */
export class IncomingCount {
  #handled = 0;
  #pending: { done: boolean }[] = [];

  /** `h`: how many of the first stanzas are all handled, modulo 2³². */
  get handled(): number {
    return this.#handled;
  }

  get idle(): boolean {
    return this.#pending.length === 0;
  }

  /** A stanza came; call the answer when it is handled. After `forget` that call does nothing. */
  received(): () => void {
    const entry = { done: false };
    this.#pending.push(entry);
    return () => {
      entry.done = true;
      while (this.#pending[0]?.done) {
        this.#pending.shift();
        this.#handled = (this.#handled + 1) % MODULUS;
      }
    };
  }

  /** The connection is gone: what was not handled yet will come again (XEP-0198 §5). */
  forget(): void {
    this.#pending = [];
  }
}
