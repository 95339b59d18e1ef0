/** What a log may say of an unexpected error: its kind and where it happened, never what it says. */
import { expect, test } from 'vitest';
import { traceOf } from '../../src/shared/error-trace.ts';

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

test('says the kind, the code and the place, not the message', () => {
  const trace = traceOf(thrown(() => JSON.parse('juliet: my secret')));
  expect(trace).toMatch(/^SyntaxError at .*error-trace\.test\.ts:\d+:\d+/);
  expect(trace).not.toMatch(/juliet|secret/);
  const failed = Object.assign(new TypeError('getaddrinfo ENOTFOUND capulet.example'), { code: 'ENOTFOUND' });
  expect(traceOf(failed)).toMatch(/^TypeError ENOTFOUND at error-trace\.test\.ts:/);
  expect(traceOf(failed)).not.toContain('capulet');
});

test('is not led to say more by what an error holds', () => {
  const places = new Error('first\n    at juliet@capulet.example (balcony.ts:1:1)\n    at romeo (tomb.ts:2:2)');
  expect(traceOf(places)).not.toMatch(/balcony|tomb|juliet|romeo/);
  const named = new Error('x');
  named.name = 'juliet@capulet.example';
  expect(traceOf(named)).toMatch(/^Error/);
  expect(traceOf(named)).not.toContain('capulet');
  const coded = Object.assign(new Error('x'), { code: 'juliet@capulet.example' });
  expect(traceOf(coded)).not.toContain('capulet');
  const changed = new Error('before');
  expect(changed.stack).toContain('before');
  changed.message = 'after';
  expect(traceOf(changed)).toBe('Error');
  expect(traceOf('juliet')).toBe('thrown string');
  expect(traceOf(null)).toBe('thrown object');
});

test('names files without the folders they are in', () => {
  expect(traceOf(new Error('x'))).not.toMatch(/[/\\]/);
});
