/** What may be said about an error that nobody expected, in a log that a person may show to others. */

const frame = /^\s+at .*?([\w.-]+\.(?:ts|js|mjs|cjs):\d+:\d+)\)?$/;
const places = 4;

/**
 * Its kind, its code and the places in the code it came through. Never its message: those of libraries quote addresses,
 * names of files and what they could not read.
 */
export function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return `thrown ${typeof error}`;
  const code = 'code' in error && typeof error.code === 'string' && /^[A-Z][A-Z0-9_]{0,40}$/.test(error.code);
  const what = [nameOf(error), ...(code ? [error.code] : [])].join(' ');
  const where = framesOf(error);
  return where.length === 0 ? what : `${what} at ${where.join(' < ')}`;
}

/** Anything can be called `name`: only a class of the program, or of its libraries, is one. */
function nameOf(error: Error): string {
  return /^[A-Za-z]{1,40}$/.test(error.name) ? error.name : 'Error';
}

/** The stack begins with the message, which may have lines that look like places. */
function framesOf({ message, stack = '' }: Error): string[] {
  const end = stack.indexOf(message);
  if (end < 0) return [];
  const lines = stack.slice(end + message.length).split('\n');
  return lines.flatMap((line) => frame.exec(line)?.[1] ?? []).slice(0, places);
}
