/** The known answers of test/support/e2ee-vectors.ts. */
import { beforeAll, expect, test } from 'vitest';
import { ready, wipe } from '../../src/main/e2ee/primitives/sodium.ts';
import { knownAnswers } from '../support/e2ee-vectors.ts';

beforeAll(() => ready());

test.each(knownAnswers())('$name', ({ expected, actual }) => {
  expect(actual()).toBe(expected);
});

test('wipe leaves zeros', () => {
  const secret = Uint8Array.of(1, 2, 3);
  wipe(secret);
  expect(secret).toEqual(new Uint8Array(3));
});
