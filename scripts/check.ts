/** Everything that can be found wrong without running the product, all at once; says what failed, and how to mend it. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import process from 'node:process';

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

const checks: readonly Check[] = [
  { name: 'types: tests and scripts', command: ['tsc', '-p', '.'] },
  { name: 'dead code', command: ['knip', '--no-progress'] },
  { name: 'lint and format', command: ['biome', 'ci', '--error-on-warnings', '.'] },
  { name: 'types: main', command: ['tsc', '-p', 'src/main'] },
  { name: 'types: renderer', command: ['tsc', '-p', 'src/renderer'] },
  { name: 'types: preload', command: ['tsc', '-p', 'src/main/hosts/electron'] },
  { name: 'types: shared', command: ['tsc', '-p', 'src/shared'] },
  { name: 'imports', command: ['node', 'scripts/check-imports.ts'] },
  { name: 'lock file', command: ['node', 'scripts/lock-platforms.ts', '--check'] },
];

interface Outcome {
  readonly ok: boolean;
  readonly output: string;
  readonly seconds: number;
}

function run([program, ...words]: Check['command']): Promise<Outcome> {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(program, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    });
    let output = '';
    const take = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => resolve({ ok: false, output: error.message, seconds: 0 }));
    child.on('close', (code) => resolve({ ok: code === 0, output, seconds: (performance.now() - started) / 1000 }));
  });
}

const waiting = [...checks];
let failed = 0;

async function work(): Promise<void> {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
    const { ok, output, seconds } = await run(check.command);
    console.log(`${ok ? 'ok    ' : 'FAILED'} ${check.name} (${seconds.toFixed(1)} s)`);
    if (ok) continue;
    failed += 1;
    console.log(output.trimEnd().replace(/^/gm, '       '));
  }
}

await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, work));
console.log(
  failed === 0 ? 'All checks passed.' : `${failed} of ${checks.length} checks failed; npm run fix mends some.`,
);
process.exitCode = failed === 0 ? 0 : 1;
