/** Runs a decoder over many changed samples and watches what it does besides answering: time, memory, exceptions. */
import { inspect } from 'node:util';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FuzzRandom } from './random.ts';

/** One input, made and ready. */
export interface FuzzCase {
  /** Shown when something is found. */
  readonly input: unknown;
  /** Answers in one word what came of it; throws where a property does not hold. */
  run(): string | Promise<string>;
}

export interface FuzzTarget {
  readonly name: string;
  /** Much the same share of time for each: how many inputs in `npm test`. */
  readonly count: number;
  /** Everything that `npm test` must see happen, so that a target cannot end up testing nothing. */
  readonly expected: readonly string[];
  /** Makes the samples; the same ones each time. */
  prepare(): Promise<(random: FuzzRandom) => FuzzCase>;
}

export interface Finding {
  readonly target: string;
  /** Null: of the run as a whole. */
  readonly seed: number | null;
  readonly what: string;
  readonly input: string;
}

export interface FuzzReport {
  readonly target: string;
  readonly inputs: number;
  readonly outcomes: ReadonlyMap<string, number>;
  readonly slowestMs: number;
  readonly largestBytes: number;
  readonly grownBytes: number;
  readonly findings: readonly Finding[];
}

export interface FuzzLimits {
  readonly firstSeed: number;
  readonly count: number;
  /** `performance.now()` at which to stop. */
  readonly until?: number;
  /** Called with each seed before its input is tried. */
  readonly onInput?: (seed: number) => void;
}

const slowestAllowedMs = 1000;
/** What one input may leave on the heap before it is collected. The largest ones have a megabyte. */
const largestAllowedBytes = 128 << 20;
const growthAllowedBytes = 24 << 20;
const enoughFindings = 10;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function inUse(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

function inUseNow(): number {
  collect();
  collect();
  return inUse();
}

export async function runTarget(target: FuzzTarget, limits: FuzzLimits): Promise<FuzzReport> {
  const makeCase = await target.prepare();
  const outcomes = new Map<string, number>();
  const findings: Finding[] = [];
  let [inputs, slowestMs, largestBytes] = [0, 0, 0];
  // Caches of bounded size fill up first.
  const warmUp = Math.min(2000, Math.floor(limits.count / 2));
  let settled: number | null = null;
  for (; inputs < limits.count && performance.now() < (limits.until ?? Number.POSITIVE_INFINITY); inputs += 1) {
    if (inputs === warmUp) settled = inUseNow();
    const seed = (limits.firstSeed + inputs) >>> 0;
    limits.onInput?.(seed);
    const fuzzCase = makeCase(new FuzzRandom(seed));
    const found = (what: string) => findings.push({ target: target.name, seed, what, input: describe(fuzzCase.input) });
    const [before, started, cpu] = [inUse(), performance.now(), process.cpuUsage()];
    try {
      const outcome = await fuzzCase.run();
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    } catch (error) {
      found(error instanceof Error ? (error.stack ?? error.message) : inspect(error));
    }
    // Of this process: others must not make an input slow.
    const spent = process.cpuUsage(cpu);
    const tookMs = Math.min(performance.now() - started, (spent.user + spent.system) / 1000);
    const allocated = inUse() - before;
    slowestMs = Math.max(slowestMs, tookMs);
    largestBytes = Math.max(largestBytes, allocated);
    if (tookMs > slowestAllowedMs) found(`took ${Math.round(tookMs)} ms`);
    if (allocated > largestAllowedBytes) found(`took ${allocated >> 20} MiB of memory`);
    if (findings.length >= enoughFindings) break;
  }
  const grownBytes = settled === null ? 0 : inUseNow() - settled;
  if (grownBytes > growthAllowedBytes) {
    const what = `${grownBytes >> 20} MiB of memory still held after ${inputs} inputs`;
    findings.push({ target: target.name, seed: null, what, input: '' });
  }
  return { target: target.name, inputs, outcomes, slowestMs, largestBytes, grownBytes, findings };
}

function describe(input: unknown): string {
  if (input instanceof Uint8Array)
    return `${input.length} bytes: ${Buffer.from(input.subarray(0, 2000)).toString('hex')}`;
  return inspect(input, { depth: 6, maxStringLength: 2000, maxArrayLength: 200 });
}
