/** The last thing between the program and its logs. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { logLine } from '../../src/main/hosts/log-line.ts';
import { openLogFile } from '../../src/main/hosts/window/log-file.ts';
import { traceOf } from '../../src/shared/error-trace.ts';

const fieldsOf = (fields: Parameters<typeof logLine>[3]): unknown => {
  const { at, level, event, ...rest } = JSON.parse(logLine('at', 'info', 'tested', fields));
  expect([level, event, Number.isNaN(Date.parse(at))]).toEqual(['info', 'tested', false]);
  return rest;
};

test('codes, counts and places are said', () => {
  const fields = {
    code: 'encryption.too-far-ahead',
    wire: 'omemo-legacy',
    problem: 'ENETUNREACH',
    command: 'conversations.allowClearSignals',
    devices: 3,
    on: true,
    none: null,
    reason: traceOf(new TypeError('x')),
  };
  expect(fieldsOf(fields)).toEqual(fields);
});

test('addresses, texts and keys are not', () => {
  const key = Buffer.alloc(32, 0xa5);
  const unsayable = [
    'juliet@capulet.example',
    '/ip4/192.0.2.7/tcp/4001',
    `00${'ab'.repeat(32)}`,
    key.toString('hex'),
    key.toString('base64'),
    key.toString('base64url'),
    'no; “wherefore”',
    'two\nlines',
    '你好',
    'x '.repeat(200),
  ];
  for (const value of unsayable) expect(fieldsOf({ value })).toEqual({ value: 'withheld' });
});

test('the file of the window is private, of bounded size, and says no more', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bothy-log-'));
  try {
    const log = openLogFile(folder, 'info');
    log.log('debug', 'not-important');
    log.log('warn', 'important', { who: 'juliet@capulet.example', code: 'internal' });
    const path = join(folder, 'bothy.log');
    const line: unknown = JSON.parse(readFileSync(path, 'utf8'));
    expect(line).toMatchObject({ level: 'warn', event: 'important', who: 'withheld', code: 'internal' });
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600);
    for (let count = 0; count < 20_000; count += 1) log.log('error', 'again', { count });
    expect(statSync(path).size).toBeLessThanOrEqual(1024 * 1024);
    expect(statSync(`${path}.1`).size).toBeLessThanOrEqual(1024 * 1024);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.each([
  'throw new Error(text)',
  'await Promise.reject(new Error(text))',
  'setTimeout(() => { throw new Error(text) })',
  'void (async () => { throw text })()',
])('an error that nobody caught is logged without what it says: %s', (accident) => {
  const unexpected = new URL('../../src/main/hosts/unexpected.ts', import.meta.url).href;
  const line = new URL('../../src/main/hosts/log-line.ts', import.meta.url).href;
  const program = `
    import { logUnexpected } from '${unexpected}';
    import { logLine } from '${line}';
    const log = (...words) => process.stderr.write(logLine('at', ...words));
    logUnexpected({ log }, () => process.exit(1));
    const text = ['jul', 'iet says'].join('');
    ${accident};
    setTimeout(() => {}, 60_000);`;
  const words = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program];
  const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/^\{.*"level":"error","event":"unexpected","reason":"[^"]+"\}$/),
  ]);
  expect(stderr).not.toContain('juliet');
});
