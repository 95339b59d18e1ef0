/**
 * Runs every test and ends with one line: `N passed, N failed`, and `, N skipped` where something was skipped, the
 * reasons being printed above it. What follows on the command line goes to Vitest: `npm test -- --project unit`.
 */
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { installDebianPackages } from './debian-packages.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { summaryVariable } from './test-summary.ts';

const summarySchema = v.object({
  passed: v.number(),
  failed: v.number(),
  skipped: v.array(v.object({ name: v.string(), reason: v.string() })),
  failures: v.array(v.string()),
});

function vitest(words: readonly string[], folder: string, summaryFile: string): Promise<number> {
  const reporter = fileURLToPath(new URL('test-summary.ts', import.meta.url));
  const child = spawn('vitest', ['run', '--reporter=default', `--reporter=${reporter}`, ...words], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env: { ...process.env, TMPDIR: folder, TMP: folder, TEMP: folder, [summaryVariable]: summaryFile },
  });
  // The runner ends itself; what it has left is removed after that.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill());
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

installDebianPackages();
const folder = temporaryFolder();
const summaryFile = join(folder, 'summary.json');
const code = await vitest(process.argv.slice(2), folder, summaryFile);
let text = '{"passed":0,"failed":1,"skipped":[],"failures":["the test runner ended before it could report"]}';
try {
  text = readFileSync(summaryFile, 'utf8');
} catch {
  // Said by the text above.
}
rmSync(folder, { recursive: true, force: true });
const summary = v.parse(v.pipe(v.string(), v.parseJson(), summarySchema), text);
if (code !== 0 && summary.failed === 0) {
  summary.failed = 1;
  summary.failures.push(`the test runner ended with code ${code}`);
}
for (const { name, reason } of summary.skipped) console.log(`skipped ${name}: ${reason}`);
for (const name of summary.failures) console.log(`failed ${name}`);
const skipped = summary.skipped.length > 0 ? `, ${summary.skipped.length} skipped` : '';
process.exitCode = summary.failed > 0 || summary.passed === 0 ? 1 : 0;
console.log(`${summary.passed} passed, ${summary.failed} failed${skipped}`);
