/** Events to whoever listens. What is computed from much (a conversation, the status) is told once per turn. */
import type { BridgeEvent } from '../../shared/bridge/contract.ts';

export class EventHub {
  readonly #listeners = new Set<(event: BridgeEvent) => void>();
  readonly #due = new Map<string, () => BridgeEvent | null>();
  #scheduled = false;
  #closed = false;

  subscribe(listener: (event: BridgeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: BridgeEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Emits what `make` gives a turn later; the same `name` again before that changes nothing. */
  emitSoon(name: string, make: () => BridgeEvent | null): void {
    if (this.#closed) return;
    this.#due.set(name, make);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  flush(): void {
    this.#scheduled = false;
    const due = [...this.#due.values()];
    this.#due.clear();
    for (const make of due) {
      const event = make();
      if (event) this.emit(event);
    }
  }

  /** Nothing more is computed: the store is about to close. */
  close(): void {
    this.#closed = true;
    this.#due.clear();
  }
}
