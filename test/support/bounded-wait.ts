/**
 * Whatever a test waits for has a bound of its own, and says what it was and what came before it: the runner's time
 * limit says nothing but that it was reached. Nothing of the test runner is here.
 */

/** Milliseconds. Long: a full disk cache alone can hold a program up for a good part of it. */
export const longestWait = 60_000;
/**
 * The runner's limit for a test of many waits: each has its own, so it is no measure of anything. A commit to the disk may
 * take a second on a computer that is doing other things, and there are some hundred and fifty in such a test.
 */
export const longEnough = 600_000;
/** Of what came, the slowest are told of: one that never came looks different from a computer on which all is slow. */
const mostTold = 5;
/** Milliseconds below which it is not worth telling. */
const noticeable = 1_000;

interface Wait {
  readonly what: string;
  readonly since: number;
  readonly about: () => readonly string[];
}

const open = new Set<Wait>();
let slowest: { readonly what: string; readonly took: number }[] = [];

export interface Bound {
  readonly longest?: number;
  /** What is known when it is over, such as the end of a log. */
  readonly about?: () => string;
}

/** As `work`, or an error that names `what` when it takes too long. */
export async function bounded<T>(what: string, work: Promise<T>, bound: Bound = {}): Promise<T> {
  const { longest = longestWait } = bound;
  const about = () => (bound.about ? [bound.about()] : []);
  const wait = { what, since: performance.now(), about };
  // Made here, so that it says which line of the test waits.
  const failure = new Error();
  Error.captureStackTrace(failure, bounded);
  open.add(wait);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      failure.message = [`never saw ${what} (${seconds(longest)})`, ...slowWaits(), ...about()].join('; ');
      reject(failure);
    }, longest);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    open.delete(wait);
    ended(wait);
  }
}

/** Asks over and over, until the answer is as it should be. */
export async function askUntil<T>(what: string, ask: () => Promise<T>, fits: (answer: T) => boolean): Promise<T> {
  let over = false;
  const asking = async (): Promise<T> => {
    for (;;) {
      const answer = await ask();
      if (over || fits(answer)) return answer;
    }
  };
  return bounded(what, asking()).finally(() => {
    over = true;
  });
}

/** Another test begins. What an earlier one left open is no concern of its. */
export function forgetWaits(): void {
  open.clear();
  slowest = [];
}

/** What is being waited for, and what took long; one line each. */
export function waitsNow(): readonly string[] {
  const now = performance.now();
  const waiting = [...open].map(({ what, since, about }) =>
    [`waits for ${what} since ${seconds(now - since)}`, ...about()].join('; '),
  );
  return [...waiting, ...slowWaits()];
}

function ended({ what, since }: Wait): void {
  const took = performance.now() - since;
  if (took < noticeable) return;
  slowest = [...slowest, { what, took }].sort((a, b) => b.took - a.took).slice(0, mostTold);
}

function slowWaits(): readonly string[] {
  return slowest.map(({ what, took }) => `${what} took ${seconds(took)}`);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
