/** The part of every host's command line that says where the network is: for tests, demos, and unusual servers. */
import { readFileSync } from 'node:fs';
import type { AppOptions } from '../app/create-app.ts';

/** For `parseArgs` of node:util. */
export const networkFlags = {
  nearby: { type: 'string' },
  'mdns-port': { type: 'string' },
  'xmpp-host': { type: 'string' },
  'xmpp-port': { type: 'string' },
  'xmpp-direct-tls': { type: 'boolean' },
  'xmpp-ca': { type: 'string' },
} as const;

export const networkUsage = `  --nearby MODE        on (default: as the profile was left), loopback (this computer only), or off
  --mdns-port PORT     another multicast port than 5353
  --xmpp-host HOST     connect here instead of asking DNS for the account's server
  --xmpp-port PORT     with --xmpp-host
  --xmpp-direct-tls    with --xmpp-host: TLS from the first byte
  --xmpp-ca FILE       a certificate authority (PEM) to trust besides the system's`;

export interface NetworkValues {
  readonly nearby?: string | undefined;
  readonly 'mdns-port'?: string | undefined;
  readonly 'xmpp-host'?: string | undefined;
  readonly 'xmpp-port'?: string | undefined;
  readonly 'xmpp-direct-tls'?: boolean | undefined;
  readonly 'xmpp-ca'?: string | undefined;
}

export interface NetworkOptions {
  readonly nearby: NonNullable<AppOptions['nearby']>;
  /** Null: as the profile was left. */
  readonly nearbyEnabled: boolean | null;
  readonly xmppOverride: AppOptions['xmppOverride'];
}

const loopback = { name: 'lo', address: '127.0.0.1', netmask: '255.0.0.0' };

/** Throws a plain message for whoever typed it. */
export function readNetworkOptions(values: NetworkValues): NetworkOptions {
  const nearby = values.nearby ?? '';
  if (!['', 'on', 'off', 'loopback'].includes(nearby)) throw new Error('--nearby is on, loopback or off');
  const mdnsPort = port(values['mdns-port'], '--mdns-port');
  return {
    nearby: {
      ...(mdnsPort === undefined ? {} : { mdnsPort }),
      ...(nearby === 'loopback' ? { interfaces: () => [loopback] } : {}),
    },
    nearbyEnabled: nearby === '' ? null : nearby !== 'off',
    xmppOverride: xmppOverride(values),
  };
}

function xmppOverride(values: NetworkValues): AppOptions['xmppOverride'] {
  const host = values['xmpp-host'];
  const number = port(values['xmpp-port'], '--xmpp-port');
  const ca = values['xmpp-ca'];
  if (host === undefined && ca === undefined) return undefined;
  return {
    ...(host === undefined ? {} : { host, directTls: values['xmpp-direct-tls'] === true }),
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
