/**
 * Two Prosody servers, each in a network namespace of its own, that find each other by DNS and federate with verified
 * certificates, and a third namespace for clients. Needs root; everything made is removed by `stop`.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Prosody, prosodyMissing, startProsody } from './prosody.ts';
import { createTestAuthority } from './prosody-certificates.ts';
import type { DnsRecord } from './test-dns.ts';

const run = promisify(execFile);

export interface FederatedPair {
  readonly one: Prosody;
  readonly two: Prosody;
  /** PEM of the authority that both servers' certificates come from. */
  readonly ca: string;
  readonly caPath: string;
  /** Prefix of a command that runs it where clients live: both domains resolve there, and nothing else exists. */
  readonly clientCommand: readonly string[];
  stop(): Promise<void>;
}

/** Null when a federated pair can be started here, else one line that says why not. */
export function federationMissing(): string | null {
  if (process.platform !== 'linux') return 'network namespaces exist on Linux only';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  try {
    execFileSync('ip', ['netns', 'list'], { stdio: 'ignore' });
  } catch {
    return 'the ip command is not installed (Debian: apt-get install iproute2)';
  }
  const probe = `bothy-${randomBytes(3).toString('hex')}`;
  try {
    execFileSync('ip', ['netns', 'add', probe], { stdio: 'ignore' });
    execFileSync('ip', ['netns', 'delete', probe], { stdio: 'ignore' });
  } catch {
    return 'this machine does not allow network namespaces to be made';
  }
  return prosodyMissing();
}

const HUB = '10.77.0.1';
const ADDRESSES = { one: '10.77.0.11', two: '10.77.0.12', client: '10.77.0.13' } as const;
const DOMAINS = { one: 'one.test', two: 'two.test' } as const;

export async function startFederatedPair(
  users: { readonly one?: Record<string, string>; readonly two?: Record<string, string> } = {},
): Promise<FederatedPair> {
  const missing = federationMissing();
  if (missing !== null) throw new Error(missing);
  const network = new NamespaceNetwork(`bothy-${randomBytes(3).toString('hex')}`);
  const directory = await mkdtemp(join(tmpdir(), 'bothy-federation-'));
  const servers: Prosody[] = [];
  const stop = async () => {
    for (const server of servers.splice(0)) await server.stop();
    await network.remove();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await network.make();
    const authority = await createTestAuthority(directory);
    const start = async (name: 'one' | 'two') => {
      const server = await startProsody({
        domain: DOMAINS[name],
        users: users[name] ?? {},
        address: ADDRESSES[name],
        port: 5222,
        directTlsPort: 5223,
        serverPort: 5269,
        authority,
        command: network.command(name),
      });
      servers.push(server);
      return server;
    };
    const [one, two] = [await start('one'), await start('two')];
    const { ca, caPath } = authority;
    return { one, two, ca, caPath, clientCommand: network.command('client'), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Namespaces on a bridge that lives in a namespace too, so that this computer's own network is not touched. */
class NamespaceNetwork {
  readonly #prefix: string;
  #dns: ChildProcess | null = null;
  readonly #removeOnExit = () => this.#removeNow();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  command(name: keyof typeof ADDRESSES): string[] {
    return ['ip', 'netns', 'exec', this.#namespace(name)];
  }

  async make(): Promise<void> {
    process.on('exit', this.#removeOnExit);
    const hub = this.#namespace('hub');
    await run('ip', ['netns', 'add', hub]);
    await run('ip', ['-n', hub, 'link', 'add', 'br0', 'type', 'bridge']);
    await run('ip', ['-n', hub, 'address', 'add', `${HUB}/24`, 'dev', 'br0']);
    await run('ip', ['-n', hub, 'link', 'set', 'br0', 'up']);
    for (const [name, address] of Object.entries(ADDRESSES)) {
      const namespace = this.#namespace(name);
      const settings = join('/etc/netns', namespace);
      await mkdir(settings, { recursive: true });
      await writeFile(join(settings, 'resolv.conf'), `nameserver ${HUB}\noptions timeout:2 attempts:2\n`);
      await writeFile(join(settings, 'hosts'), '127.0.0.1 localhost\n');
      await run('ip', ['netns', 'add', namespace]);
      await run('ip', ['-n', hub, 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]);
      await run('ip', ['-n', hub, 'link', 'set', name, 'master', 'br0', 'up']);
      await run('ip', ['-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0']);
      await run('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
      await run('ip', ['-n', namespace, 'link', 'set', 'eth0', 'up']);
    }
    await this.#startDns(hub);
  }

  async remove(): Promise<void> {
    process.off('exit', this.#removeOnExit);
    const dns = this.#dns;
    if (dns !== null && dns.exitCode === null && dns.signalCode === null) {
      const gone = new Promise((resolve) => dns.once('exit', resolve));
      dns.kill('SIGKILL');
      await gone;
    }
    for (const name of ['hub', ...Object.keys(ADDRESSES)]) {
      await run('ip', ['netns', 'delete', this.#namespace(name)]).catch(() => {});
      await rm(join('/etc/netns', this.#namespace(name)), { recursive: true, force: true });
    }
  }

  #removeNow(): void {
    this.#dns?.kill('SIGKILL');
    for (const name of ['hub', ...Object.keys(ADDRESSES)]) {
      const namespace = this.#namespace(name);
      try {
        execFileSync('ip', ['netns', 'delete', namespace], { stdio: 'ignore' });
        execFileSync('rm', ['-rf', join('/etc/netns', namespace)], { stdio: 'ignore' });
      } catch {
        // it was not made yet
      }
    }
  }

  async #startDns(hub: string): Promise<void> {
    const records = (['one', 'two'] as const).flatMap((name): DnsRecord[] => {
      const domain = DOMAINS[name];
      const target = `xmpp.${domain}`;
      return [
        { name: `_xmpp-client._tcp.${domain}`, type: 'SRV', port: 5222, target },
        { name: `_xmpps-client._tcp.${domain}`, type: 'SRV', port: 5223, target },
        { name: `_xmpp-server._tcp.${domain}`, type: 'SRV', port: 5269, target },
        { name: target, type: 'A', address: ADDRESSES[name] },
      ];
    });
    const script = join(import.meta.dirname, 'test-dns.ts');
    const table = JSON.stringify({ address: HUB, records });
    const dns = spawn('ip', ['netns', 'exec', hub, process.execPath, script, table], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#dns = dns;
    await new Promise<void>((resolve, reject) => {
      dns.stdout.once('data', () => resolve());
      dns.once('error', reject);
      dns.once('exit', (code) => reject(new Error(`the name server ended (${code})`)));
    });
  }

  #namespace(name: string): string {
    return `${this.#prefix}-${name}`;
  }
}
