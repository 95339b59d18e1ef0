/**
 * `npm run fuzz [-- --seconds N] [-- --target NAME] [-- --seed S]`: changed messages against every decoder. With a seed
 * and a target, that one input alone is tried again. It runs in a worker, so that a decoder that hangs or takes all
 * memory is told from here.
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import * as v from 'valibot';
import { type FuzzReport, runTarget } from '../test/support/fuzz/run-target.ts';
import { fuzzTargets } from '../test/support/fuzz/targets.ts';

interface Job {
  readonly target: string;
  readonly firstSeed: number;
  readonly count: number;
  readonly seconds: number;
  /** The seed being tried, and how many were. */
  readonly progress: SharedArrayBuffer;
}

/** An input that takes a second is reported by the worker; one that never ends cannot be. */
const hangsAfterMs = 30_000;

async function work(): Promise<void> {
  const { target, firstSeed, count, seconds, progress } = workerData as Job;
  const [found] = fuzzTargets.filter(({ name }) => name === target);
  if (!found) throw new Error(`no target ${target}`);
  const tried = new Uint32Array(progress);
  const report = await runTarget(found, {
    firstSeed,
    count,
    until: performance.now() + seconds * 1000,
    onInput: (seed) => {
      Atomics.store(tried, 0, seed);
      Atomics.add(tried, 1, 1);
    },
  });
  parentPort?.postMessage(report);
}

/** The report, or what befell the worker. */
function runInWorker(job: Omit<Job, 'progress'>): Promise<FuzzReport> {
  const progress = new SharedArrayBuffer(8);
  const tried = new Uint32Array(progress);
  const data: Job = { ...job, progress };
  const worker = new Worker(new URL(import.meta.url), {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: 1024 },
  });
  return new Promise((resolve) => {
    let [last, since] = [0, performance.now()];
    const lost = (what: string): void => {
      const seed = Atomics.load(tried, 0);
      const inputs = Atomics.load(tried, 1);
      finish({
        target: job.target,
        inputs,
        outcomes: new Map(),
        slowestMs: 0,
        largestBytes: 0,
        grownBytes: 0,
        findings: [{ target: job.target, seed, what, input: '' }],
      });
    };
    const watch = setInterval(() => {
      const now = Atomics.load(tried, 1);
      if (now !== last) [last, since] = [now, performance.now()];
      else if (performance.now() - since > hangsAfterMs) lost('does not come to an end');
    }, 500);
    function finish(report: FuzzReport): void {
      clearInterval(watch);
      resolve(report);
      void worker.terminate();
    }
    worker.once('message', finish);
    worker.once('error', (error) => lost(error instanceof Error ? (error.stack ?? error.message) : String(error)));
  });
}

function row(report: FuzzReport): string {
  const outcomes = [...report.outcomes].sort((a, b) => b[1] - a[1]).map(([name, times]) => `${name} ${times}`);
  const figures = [
    report.target.padEnd(22),
    String(report.inputs).padStart(8),
    `${report.slowestMs.toFixed(0)} ms`.padStart(9),
    `${(report.largestBytes / (1 << 20)).toFixed(1)} MiB`.padStart(10),
    `${(report.grownBytes / (1 << 20)).toFixed(1)} MiB`.padStart(10),
    String(report.findings.length).padStart(9),
  ];
  return `${figures.join(' ')}  ${outcomes.join(', ')}`;
}

async function main(): Promise<void> {
  const number = v.pipe(v.string(), v.regex(/^[0-9]+$/), v.transform(Number));
  const { values } = parseArgs({
    options: { seconds: { type: 'string' }, target: { type: 'string' }, seed: { type: 'string' } },
  });
  const seconds = v.parse(number, values.seconds ?? '60');
  const seed = values.seed === undefined ? null : v.parse(number, values.seed);
  const targets = fuzzTargets.filter(({ name }) => values.target === undefined || name === values.target);
  if (targets.length === 0) {
    console.log(`There is no such target. These are: ${fuzzTargets.map(({ name }) => name).join(', ')}`);
    process.exit(2);
  }
  // One input alone, or from there on.
  const count = seed !== null && values.target !== undefined && values.seconds === undefined ? 1 : 2 ** 31;
  const firstSeed = seed ?? Date.now() % 2 ** 31;
  console.log(`seed ${firstSeed}`);
  console.log(`${'target'.padEnd(22)}   inputs   slowest    largest   held more  findings  outcomes`);
  let [inputs, findings] = [0, 0];
  for (const { name } of targets) {
    const report = await runInWorker({ target: name, firstSeed, count, seconds: seconds / targets.length });
    inputs += report.inputs;
    findings += report.findings.length;
    console.log(row(report));
    for (const { seed: at, what, input } of report.findings) {
      const again =
        at === null ? `--target ${name} --seed ${firstSeed} --seconds ${seconds}` : `--target ${name} --seed ${at}`;
      console.log(`\nFOUND in ${name}: ${what}\n  input: ${input}\n  again: npm run fuzz -- ${again}\n`);
    }
  }
  console.log(`${inputs} inputs, ${findings} findings`);
  process.exitCode = findings > 0 ? 1 : 0;
}

await (isMainThread ? main() : work());
