/** Runs asynchronous work strictly one after the other, in the order of calls. */
export class DeliveryOrder {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#tail.then(work);
    // a failure is told to its own caller and does not stop those behind it
    this.#tail = mine.catch(() => {});
    return mine;
  }
}
