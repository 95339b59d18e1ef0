/** A log of bounded size in the profile: one JSON object a line, the older half in a second file. */
import { appendFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger, LogLevel } from '../../app/ports.ts';
import { logLine } from '../log-line.ts';

const largestFile = 1024 * 1024;
const order: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** `least`: what is less important than this is dropped. Losing the log is never a reason to fail. */
export function openLogFile(profileDirectory: string, least: LogLevel): Logger {
  const path = join(profileDirectory, 'bothy.log');
  let size = sizeOf(path);
  return {
    log(level, event, fields) {
      if (order.indexOf(level) < order.indexOf(least)) return;
      const line = `${logLine('time', level, event, fields)}\n`;
      try {
        if (size + line.length > largestFile) {
          renameSync(path, `${path}.1`);
          size = 0;
        }
        appendFileSync(path, line, { mode: 0o600 });
        size += line.length;
      } catch {
        // A full disk must not take the app down with it.
      }
    },
  };
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
