/** The command line of the hosts that have a window. Chromium's own switches may stand beside ours. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type NetworkOptions, type NetworkValues, networkFlags, readNetworkOptions } from '../network-options.ts';

export interface WindowOptions {
  /** Absolute path; null: the usual place. */
  readonly profileDirectory: string | null;
  readonly headless: boolean;
  /** An `xmpp:` link among the words, as the system hands them over; not looked at any closer here. */
  readonly link: string | null;
  readonly network: NetworkOptions;
}

/** Throws a plain message for whoever typed it. */
export function readWindowOptions(words: readonly string[]): WindowOptions {
  const { values, positionals } = parseArgs({
    args: [...words],
    options: { profile: { type: 'string' }, headless: { type: 'boolean' }, ...networkFlags },
    strict: false,
    allowPositionals: true,
  });
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  const network: NetworkValues = {
    nearby: text(values['nearby']),
    'mdns-port': text(values['mdns-port']),
    'xmpp-host': text(values['xmpp-host']),
    'xmpp-port': text(values['xmpp-port']),
    'xmpp-direct-tls': values['xmpp-direct-tls'] === true,
    'xmpp-ca': text(values['xmpp-ca']),
  };
  const profile = text(values['profile']);
  return {
    profileDirectory: profile === undefined ? null : resolve(profile),
    headless: values['headless'] === true,
    link: positionals.find((word) => /^xmpp:/i.test(word)) ?? null,
    network: readNetworkOptions(network),
  };
}
