/** The command line of the headless host. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parseCrashPoint } from '../../app/crash-points.ts';
import type { CrashPoint, LogLevel, SecretVault } from '../../app/ports.ts';
import { type NetworkOptions, networkFlags, networkUsage, readNetworkOptions } from '../network-options.ts';
import { keyFileVault, noVault } from './key-file-vault.ts';

export const usage = `usage: npm run -s headless -- --profile DIR [options]
  --profile DIR        folder of the profile (made if it does not exist)
  --key-file FILE      64 hex digits that seal the profile's key; without it a passphrase is asked for
  --log-level LEVEL    debug, info (default), warn or error; the log goes to standard error, one JSON object a line
${networkUsage}`;

export interface StdioOptions extends NetworkOptions {
  readonly profileDirectory: string;
  readonly vault: SecretVault;
  readonly logLevel: LogLevel;
  readonly crashPoint: CrashPoint;
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Throws a plain message for whoever typed it. */
export function readOptions(words: readonly string[], environment: NodeJS.ProcessEnv): StdioOptions {
  const { values } = parseArgs({
    args: [...words],
    options: {
      profile: { type: 'string' },
      'key-file': { type: 'string' },
      'log-level': { type: 'string', default: 'info' },
      ...networkFlags,
    },
  });
  if (!values.profile) throw new Error('--profile is needed');
  const logLevel = levels.find((level) => level === values['log-level']);
  if (!logLevel) throw new Error('--log-level is debug, info, warn or error');
  return {
    profileDirectory: resolve(values.profile),
    vault: values['key-file'] ? keyFileVault(values['key-file']) : noVault,
    logLevel,
    ...readNetworkOptions(values),
    crashPoint: crashAt(environment['BOTHY_CRASH_AT']),
  };
}

/** Fault tests: the process kills itself, as hard as anything could, at the named point. */
function crashAt(text: string | undefined): CrashPoint {
  const point = parseCrashPoint(text);
  if (text && !point) throw new Error('BOTHY_CRASH_AT names no crash point');
  let times = 0;
  return (name) => {
    if (name !== point?.name) return;
    times += 1;
    if (times === point.at) process.kill(process.pid, 'SIGKILL');
  };
}
