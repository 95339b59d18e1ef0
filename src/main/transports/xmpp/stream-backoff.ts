/** How long to wait before the next attempt: exponential with full jitter, so that clients do not return in step. */

const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;

/**
 * @param failures attempts that failed in a row, 0 after a connection that had been good
 * @param random uniform in [0, 1)
 * @returns milliseconds in [0, min(60 000, 1000 · 2^failures))
 */
export function backoffDelay(failures: number, random: number): number {
  return Math.floor(random * Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 16)));
}
