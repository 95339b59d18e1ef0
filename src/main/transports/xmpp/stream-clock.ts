/** Time and chance as inputs, so that waiting can be tested without waiting. */

export interface StreamClock {
  /** Unix milliseconds. */
  now(): number;
  /** Calls back once after so many milliseconds; the answer cancels. */
  after(milliseconds: number, callback: () => void): () => void;
  /** Uniform in [0, 1); for jitter and for the weights of RFC 2782, not for secrets. */
  random(): number;
}

export const systemClock: StreamClock = {
  now: () => Date.now(),
  after: (milliseconds, callback) => {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};
