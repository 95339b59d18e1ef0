/** Reads columns of a row as the types they must have: a stored value is checked, never cast. */
import type { Row } from './connection.ts';
import { MalformedRow } from './storage-fault.ts';

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new MalformedRow(column);
  return value;
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

/** A whole number within ±(2⁵³−1). */
export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new MalformedRow(column);
  return value;
}

export function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integer(row, column);
}

export function boolean(row: Row, column: string): boolean {
  const value = row[column];
  if (value !== 0 && value !== 1) throw new MalformedRow(column);
  return value === 1;
}

/** A copy of its own; `length` in bytes where it is fixed. */
export function bytes(row: Row, column: string, length?: number): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array) || (length !== undefined && value.length !== length))
    throw new MalformedRow(column);
  return new Uint8Array(value);
}

export function bytesOrNull(row: Row, column: string, length?: number): Uint8Array | null {
  return row[column] === null ? null : bytes(row, column, length);
}

export function oneOf<const T extends string>(row: Row, column: string, allowed: readonly T[]): T {
  const value = row[column];
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new MalformedRow(column);
  return found;
}

export function oneOfOrNull<const T extends string>(row: Row, column: string, allowed: readonly T[]): T | null {
  return row[column] === null ? null : oneOf(row, column, allowed);
}
