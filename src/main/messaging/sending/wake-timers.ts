/** One timer per contact: the earliest moment at which its queue wants to be looked at again. */
import type { ContactId } from '../../../shared/model.ts';

export class WakeTimers {
  readonly #timers = new Map<ContactId, { readonly at: number; readonly timer: ReturnType<typeof setTimeout> }>();
  readonly #now: () => number;
  readonly #wake: (contactId: ContactId) => void;
  readonly #signal: AbortSignal;

  constructor(now: () => number, wake: (contactId: ContactId) => void, signal: AbortSignal) {
    this.#now = now;
    this.#wake = wake;
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      for (const contactId of [...this.#timers.keys()]) this.cancel(contactId);
    });
  }

  wakeAt(contactId: ContactId, at: number): void {
    if (this.#signal.aborted) return;
    const current = this.#timers.get(contactId);
    if (current && current.at <= at) return;
    this.cancel(contactId);
    const timer = setTimeout(
      () => {
        this.#timers.delete(contactId);
        this.#wake(contactId);
      },
      Math.max(1, at - this.#now()),
    );
    this.#timers.set(contactId, { at, timer });
  }

  cancel(contactId: ContactId): void {
    clearTimeout(this.#timers.get(contactId)?.timer);
    this.#timers.delete(contactId);
  }
}
