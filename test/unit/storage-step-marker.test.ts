/** What is kept outside a profile of how far its ratchets moved: never in the way, whatever the folder is like. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStepMarker, type StepMarker } from '../../src/main/storage/step-marker.ts';

let folder = '';
const open: StepMarker[] = [];
const profile = '00ff';
function marker(directory = folder): StepMarker {
  const opened = openStepMarker(directory);
  open.push(opened);
  return opened;
}
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bothy-marker-'));
});
afterEach(() => {
  for (const one of open.splice(0)) one.close();
  rmSync(folder, { recursive: true, force: true });
});
const file = (): string => join(folder, readdirSync(folder)[0] ?? '');

test('nothing is known at first, then the last number, also in the next run', () => {
  const first = marker(join(folder, 'not', 'there', 'yet'));
  expect(first.read(profile)).toBeNull();
  for (const steps of [1, 2, 99, 1_000_000, Number.MAX_SAFE_INTEGER]) {
    first.write(profile, steps);
    expect(first.read(profile)).toBe(steps);
  }
  first.write(profile, 7);
  first.close();
  expect(marker(join(folder, 'not', 'there', 'yet')).read(profile)).toBe(7);
});

test('each profile has its own', () => {
  const one = marker();
  one.write('aa', 1);
  one.write('bb', 2);
  expect([one.read('aa'), one.read('bb'), one.read('cc')]).toEqual([1, 2, null]);
});

test.each(['', 'x', '12', '12345678901234567890\n', '000000000000000x\n'])(
  'a spoilt file says nothing: %j',
  (content) => {
    marker().write(profile, 5);
    writeFileSync(file(), content);
    expect(marker().read(profile)).toBeNull();
    const next = marker();
    next.write(profile, 6);
    expect(readFileSync(file(), 'latin1').startsWith('0000000000000006\n')).toBe(true);
  },
);

test('a folder that cannot be made or written is as if there were none', () => {
  writeFileSync(join(folder, 'file'), '');
  const nowhere = marker(join(folder, 'file', 'below'));
  expect(nowhere.read(profile)).toBeNull();
  expect(() => nowhere.write(profile, 1)).not.toThrow();
  expect(nowhere.read(profile)).toBeNull();
});

test('a name is never a path', () => {
  expect(() => marker().read('../../etc/passwd')).toThrow(RangeError);
});
