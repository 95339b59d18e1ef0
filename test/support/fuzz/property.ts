/** What targets promise of a decoder, and how a broken promise is said. */
import { inspect, isDeepStrictEqual } from 'node:util';
import type { AppError, ErrorCode, Result } from '../../../src/shared/errors.ts';

export function promise(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

export function promiseEqual(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Error(
    `${what}\nexpected ${inspect(expected, { depth: 6, maxArrayLength: 16 })}\nfound    ${inspect(actual, { depth: 6, maxArrayLength: 16 })}`,
  );
}

/** An expected failure: one of these codes, and words for a person. */
export function refused(error: AppError, codes: readonly ErrorCode[]): string {
  promise(codes.includes(error.code), `an undocumented failure: ${error.code}`);
  promise(error.what !== '', 'a failure without words');
  return error.code;
}

/** The value, or the thrown error that `isDocumented` knows. */
export function unlessThrown<T>(decode: () => T, isDocumented: (error: unknown) => boolean): Result<T> {
  try {
    return { ok: true, value: decode() };
  } catch (error) {
    if (!isDocumented(error)) throw error;
    return { ok: false, error: { code: 'internal', what: 'as documented', action: '' } };
  }
}
