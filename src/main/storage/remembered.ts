/** What was read from small tables, kept at hand: a message looks up its contact and devices a dozen times. */
import type { Connection } from './connection.ts';

/** Kept before everything is forgotten; more than anyone's contacts and their devices. */
const limit = 1_000;

/**
 * Values read from one table, by key; null is remembered too. Whoever writes to the table calls `forget`; what a
 * transaction made of it and took back is forgotten by itself.
 */
export class Remembered<T> {
  readonly #values = new Map<string, T>();

  constructor(connection: Connection) {
    connection.onRollBack(() => this.forget());
  }

  get(key: string, read: () => T): T {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const value = read();
    if (this.#values.size >= limit) this.#values.clear();
    this.#values.set(key, value);
    return value;
  }

  forget(): void {
    this.#values.clear();
  }
}
