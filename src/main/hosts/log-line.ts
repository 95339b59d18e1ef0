/** One line of a log. What does not look like a code, a place in the program or a count stays out, whoever passed it. */
import type { LogLevel } from '../app/ports.ts';

type LogValue = string | number | boolean | null;

const plainWords = /^[A-Za-z0-9 _.:<-]{0,300}$/;
/** Keys and identifiers are longer than any word of ours. */
const longRun = /[A-Za-z0-9_-]{28}/;

function sayable(value: LogValue): LogValue {
  if (typeof value !== 'string') return value;
  return plainWords.test(value) && !longRun.test(value) ? value : 'withheld';
}

/** JSON without the line's end. `stamp`: what the time is called. */
export function logLine(
  stamp: 'at' | 'time',
  level: LogLevel,
  event: string,
  fields: Readonly<Record<string, LogValue>> = {},
): string {
  const said = Object.entries(fields).map(([name, value]) => [name, sayable(value)]);
  return JSON.stringify({ [stamp]: new Date().toISOString(), level, event, ...Object.fromEntries(said) });
}
