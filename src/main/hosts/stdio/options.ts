/** The command line of the headless host. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parseCrashPoint } from '../../app/crash-points.ts';
import type { AppOptions } from '../../app/create-app.ts';
import type { CrashPoint, LogLevel, SecretVault } from '../../app/ports.ts';
import { keyFileVault, noVault } from './key-file-vault.ts';

export const usage = `usage: npm run -s headless -- --profile DIR [options]
  --profile DIR        folder of the profile (made if it does not exist)
  --key-file FILE      64 hex digits that seal the profile's key; without it a passphrase is asked for
  --log-level LEVEL    debug, info (default), warn or error; the log goes to standard error, one JSON object a line
  --nearby MODE        on (default: as the profile was left), loopback (this computer only), or off
  --mdns-port PORT     another multicast port than 5353
  --xmpp-host HOST     connect here instead of asking DNS for the account's server
  --xmpp-port PORT     with --xmpp-host
  --xmpp-direct-tls    with --xmpp-host: TLS from the first byte
  --xmpp-ca FILE       a certificate authority (PEM) to trust besides the system's`;

export interface StdioOptions {
  readonly profileDirectory: string;
  readonly vault: SecretVault;
  readonly logLevel: LogLevel;
  readonly nearby: NonNullable<AppOptions['nearby']>;
  /** Null: as the profile was left. */
  readonly nearbyEnabled: boolean | null;
  readonly xmppOverride: AppOptions['xmppOverride'];
  readonly crashPoint: CrashPoint;
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const loopback = { name: 'lo', address: '127.0.0.1', netmask: '255.0.0.0' };

/** Throws a plain message for whoever typed it. */
export function readOptions(words: readonly string[], environment: NodeJS.ProcessEnv): StdioOptions {
  const { values } = parseArgs({
    args: [...words],
    options: {
      profile: { type: 'string' },
      'key-file': { type: 'string' },
      'log-level': { type: 'string', default: 'info' },
      nearby: { type: 'string', default: '' },
      'mdns-port': { type: 'string' },
      'xmpp-host': { type: 'string' },
      'xmpp-port': { type: 'string' },
      'xmpp-direct-tls': { type: 'boolean', default: false },
      'xmpp-ca': { type: 'string' },
    },
  });
  if (!values.profile) throw new Error('--profile is needed');
  const logLevel = levels.find((level) => level === values['log-level']);
  if (!logLevel) throw new Error('--log-level is debug, info, warn or error');
  if (!['', 'on', 'off', 'loopback'].includes(values.nearby)) throw new Error('--nearby is on, loopback or off');
  const mdnsPort = port(values['mdns-port'], '--mdns-port');
  return {
    profileDirectory: resolve(values.profile),
    vault: values['key-file'] ? keyFileVault(values['key-file']) : noVault,
    logLevel,
    nearby: {
      ...(mdnsPort === undefined ? {} : { mdnsPort }),
      ...(values.nearby === 'loopback' ? { interfaces: () => [loopback] } : {}),
    },
    nearbyEnabled: values.nearby === '' ? null : values.nearby !== 'off',
    xmppOverride: xmppOverride(values),
    crashPoint: crashAt(environment['BOTHY_CRASH_AT']),
  };
}

function xmppOverride(values: {
  readonly 'xmpp-host'?: string | undefined;
  readonly 'xmpp-port'?: string | undefined;
  readonly 'xmpp-direct-tls': boolean;
  readonly 'xmpp-ca'?: string | undefined;
}): AppOptions['xmppOverride'] {
  const host = values['xmpp-host'];
  const number = port(values['xmpp-port'], '--xmpp-port');
  const ca = values['xmpp-ca'];
  if (host === undefined && ca === undefined) return undefined;
  return {
    ...(host === undefined ? {} : { host, directTls: values['xmpp-direct-tls'] }),
    ...(number === undefined ? {} : { port: number }),
    ...(ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') }),
  };
}

function port(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 65535) throw new Error(`${option} is a port number`);
  return number;
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
