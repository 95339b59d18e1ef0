/**
 * `npm run mutation [-- --only PATH-PART]… [-- --incremental] [-- --workers N]`: changes the encryption in every small
 * way that Stryker knows, one at a time, and counts the changes that no test notices. Fails when fewer than 90 % are
 * noticed.
 *
 * `--only`: files with this in their path, seen from src/main/e2ee. `--incremental`: what has not changed since the last
 * run with this word is not tried again. `--workers`: how many are tried at once, 2 if it is not given.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { LogLevel, MutantResult, PartialStrykerOptions } from '@stryker-mutator/api/core';
import { Stryker } from '@stryker-mutator/core';

const leastPercent = 90;
const folder = 'src/main/e2ee';

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [''] },
    incremental: { type: 'boolean', default: false },
    workers: { type: 'string', default: '2' },
  },
});

/** What is needed in the copy that is changed. */
const inTheCopy = [
  `${folder}/**`,
  'src/shared/**',
  'src/main/tsconfig.json',
  'test/**',
  'scripts/mutation/**',
  'package.json',
  'tsconfig.json',
  'tsconfig.base.json',
];

const temporary = mkdtempSync(join(tmpdir(), 'bothy-mutation-'));
process.once('exit', () => rmSync(temporary, { recursive: true, force: true }));

const plugin = (name: string) => fileURLToPath(new URL(`./mutation/${name}.ts`, import.meta.url));

const options: PartialStrykerOptions = {
  // The worker of the passphrase hash runs in a thread of its own, where no mutant can be switched on.
  mutate: [...values.only.map((part) => `${folder}/**/*${part}*`), '!**/password-hash-worker.ts'],
  testRunner: 'vitest',
  vitest: { configFile: 'scripts/mutation/vitest.config.ts', related: false },
  plugins: [
    fileURLToPath(import.meta.resolve('@stryker-mutator/vitest-runner')),
    plugin('wording'),
    plugin('progress'),
  ],
  ignorers: ['wording'],
  reporters: ['progress-lines'],
  logLevel: 'warn' as LogLevel,
  coverageAnalysis: 'perTest',
  concurrency: Number(values.workers),
  // A mutant that runs for ever is mostly told by how often it is come by; this is for the rest. A minute, since tests
  // that are only slow, on a computer that has other things to do, must not count as having noticed anything.
  timeoutMS: 60_000,
  timeoutFactor: 2,
  ignorePatterns: ['**', ...inTheCopy.map((name) => `!${name}`)],
  tempDirName: temporary,
  cleanTempDir: 'always',
  incremental: values.incremental,
  incrementalFile: 'node_modules/.cache/mutation.json',
  // TypeScript 7 has no interface that Stryker could rewrite this file with, and nothing here reads it.
  tsconfigFile: 'none.json',
  allowConsoleColors: false,
  warnings: { slow: false, preprocessorErrors: true, unknownOptions: true, unserializableOptions: true },
};

interface Count {
  readonly killed: number;
  readonly timedOut: number;
  readonly survived: number;
  readonly uncovered: number;
  readonly failed: number;
  readonly excluded: number;
}

function countOf(mutants: readonly MutantResult[]): Count {
  const having = (...statuses: MutantResult['status'][]) =>
    mutants.filter(({ status }) => statuses.includes(status)).length;
  return {
    killed: having('Killed'),
    timedOut: having('Timeout'),
    survived: having('Survived'),
    uncovered: having('NoCoverage'),
    // Not even loaded: neither noticed nor unnoticed.
    failed: having('RuntimeError', 'CompileError', 'Pending'),
    excluded: having('Ignored'),
  };
}

function percentOf({ killed, timedOut, survived, uncovered }: Count): number {
  const noticed = killed + timedOut;
  const all = noticed + survived + uncovered;
  return all === 0 ? 100 : (100 * noticed) / all;
}

const columns = ['killed', 'timedOut', 'survived', 'uncovered', 'failed', 'excluded'] as const;

function row(name: string, count: Count): string {
  const figures = columns.map((column) => String(count[column]).padStart(10));
  return `${name.padEnd(40)}${percentOf(count).toFixed(1).padStart(7)} %${figures.join('')}`;
}

function locationOf({ fileName, location }: MutantResult): string {
  return `${relative(process.cwd(), fileName)}:${location.start.line}:${location.start.column}`;
}

const started = performance.now();
const mutants = await new Stryker(options).runMutationTest();

if (mutants.length === 0) {
  console.error(`nothing to change in ${folder}: no file there has ${values.only.join(' or ')} in its path`);
  process.exit(1);
}

const unnoticed = mutants.filter(({ status }) => status === 'Survived' || status === 'NoCoverage');
for (const mutant of unnoticed) {
  const replacement = mutant.replacement.replaceAll(/\s+/g, ' ').slice(0, 70);
  console.log(
    `${mutant.status === 'Survived' ? 'survived ' : 'uncovered'} ${locationOf(mutant)} ${mutant.mutatorName} → ${replacement}`,
  );
}

const files = Map.groupBy(mutants, ({ fileName }) => relative(process.cwd(), fileName));
console.log(`\n${'file'.padEnd(40)}${'noticed'.padStart(9)}${columns.map((column) => column.padStart(10)).join('')}`);
for (const [name, of] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
  console.log(row(name.slice(folder.length + 1), countOf(of)));
}
const all = countOf(mutants);
console.log(row('all', all));
const minutes = ((performance.now() - started) / 60_000).toFixed(1);
const percent = percentOf(all);
console.log(`\nmutation score ${percent.toFixed(2)} % in ${minutes} minutes; at least ${leastPercent} % is asked for`);
process.exitCode = percent >= leastPercent ? 0 : 1;
