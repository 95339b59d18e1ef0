/**
 * A real, throw-away Prosody (0.12 or later) on free loopback ports, with its data in a temporary folder and a
 * certificate authority of its own. Also used by the demo and the benchmark, so nothing of the test runner is here.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { bounded } from './bounded-wait.ts';
import { createTestAuthority, type TestAuthority } from './prosody-certificates.ts';

export interface ProsodyOptions {
  /** Default `bothy.test`. */
  readonly domain?: string;
  /** Local part → password. */
  readonly users?: Readonly<Record<string, string>>;
  /** The address listened on; default 127.0.0.1. */
  readonly address?: string;
  /** Fixed ports; default: free ones. */
  readonly port?: number;
  readonly directTlsPort?: number;
  /** Listen for other servers on this port (default: no federation). */
  readonly serverPort?: number;
  /** Prefix of the command, e.g. `ip netns exec NAME`. */
  readonly command?: readonly string[];
  /** Shared authority (federation); default: one of its own. */
  readonly authority?: TestAuthority;
  readonly modulesDisabled?: readonly string[];
  /** For clients in a browser: XMPP over WebSocket (RFC 7395) on loopback, without TLS. */
  readonly browsers?: boolean;
  /** More lines for the global section of the configuration (Lua). */
  readonly configuration?: string;
}

export interface Prosody {
  readonly domain: string;
  readonly address: string;
  /** STARTTLS. */
  readonly port: number;
  readonly directTlsPort: number;
  /** Null without `ProsodyOptions.browsers`. */
  readonly httpPort: number | null;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  readonly directory: string;
  readonly pid: number | null;
  addUser(local: string, password: string): Promise<void>;
  /** What the server logged so far (level info and above). */
  log(): readonly string[];
  /** Ends cleanly and removes the folder. */
  stop(): Promise<void>;
  /** SIGKILL: sockets die, data stays, `restart` brings it back. */
  kill(): Promise<void>;
  /** Stops cleanly if it runs, then starts again on the same ports and data. */
  restart(): Promise<void>;
}

export const PROSODY_MISSING = 'Prosody is not installed (Debian: apt-get install prosody)';

/** Null when a Prosody can be started here, else one line that says why not. */
export function prosodyMissing(): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      accessSync(join(folder, 'prosody'), constants.X_OK);
      return null;
    } catch {
      // not in this folder
    }
  }
  return PROSODY_MISSING;
}

export async function freePort(address = '127.0.0.1'): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, address, resolve));
  const bound = server.address();
  await new Promise((closed) => server.close(closed));
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return bound.port;
}

export async function startProsody(options: ProsodyOptions = {}): Promise<Prosody> {
  const missing = prosodyMissing();
  if (missing !== null) throw new Error(missing);
  const directory = await mkdtemp(join(tmpdir(), 'bothy-prosody-'));
  try {
    const server = new ProsodyProcess(options, directory, options.authority ?? (await createTestAuthority(directory)));
    await server.begin();
    return server;
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

class ProsodyProcess implements Prosody {
  readonly domain: string;
  readonly address: string;
  readonly directory: string;
  port = 0;
  directTlsPort = 0;
  httpPort: number | null = null;
  readonly #options: ProsodyOptions;
  readonly #authority: TestAuthority;
  readonly #log: string[] = [];
  #certificate: { keyPath: string; certificatePath: string } | null = null;
  #child: ChildProcess | null = null;
  readonly #killOnExit = () => this.#child?.kill('SIGKILL');

  constructor(options: ProsodyOptions, directory: string, authority: TestAuthority) {
    this.#options = options;
    this.#authority = authority;
    this.directory = directory;
    this.domain = options.domain ?? 'bothy.test';
    this.address = options.address ?? '127.0.0.1';
  }

  get ca(): string {
    return this.#authority.ca;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  log(): readonly string[] {
    return this.#log;
  }

  /** First start: chooses ports, and others again if somebody else took them in between. */
  async begin(): Promise<void> {
    this.#certificate = await this.#authority.issue([this.domain]);
    await mkdir(join(this.directory, 'data', encodeName(this.domain), 'accounts'), { recursive: true });
    for (const [local, password] of Object.entries(this.#options.users ?? {})) await this.addUser(local, password);
    for (let attempt = 1; ; attempt++) {
      this.port = this.#options.port ?? (await freePort(this.address));
      this.directTlsPort = this.#options.directTlsPort ?? (await freePort(this.address));
      // The system may hand out the same one twice; Prosody then leaves out one of the two services.
      if (this.directTlsPort === this.port) continue;
      if (this.#options.browsers) this.httpPort = await freePort();
      try {
        await this.#launch();
        return;
      } catch (error) {
        await this.kill();
        if (attempt === 3) throw error;
      }
    }
  }

  async addUser(local: string, password: string): Promise<void> {
    // mod_auth_internal_hashed turns this into salted hashes at the first sign-in
    const path = join(this.directory, 'data', encodeName(this.domain), 'accounts', `${encodeName(local)}.dat`);
    await writeFile(path, `return { ["password"] = ${luaString(password)}; };\n`);
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    await rm(this.directory, { recursive: true, force: true });
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.#end('SIGTERM');
    await this.#launch();
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await bounded('the end of Prosody', gone).finally(() => clearTimeout(late));
    }
    this.#child = null;
    process.off('exit', this.#killOnExit);
  }

  async #launch(): Promise<void> {
    const configurationPath = join(this.directory, 'prosody.cfg.lua');
    await writeFile(configurationPath, this.#configuration());
    const [command = 'prosody', ...args] = [...(this.#options.command ?? []), 'prosody', '-F'];
    const child = spawn(command, [...args, '--config', configurationPath], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    process.on('exit', this.#killOnExit);
    const wanted = new Set(['c2s', 'c2s_direct_tls', ...(this.#options.serverPort === undefined ? [] : ['s2s'])]);
    if (this.httpPort !== null) wanted.add('http');
    const listening = new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => reject(new Error(`Prosody ended (${code ?? signal}): ${this.#tail()}`)));
      const hear = (line: string) => {
        this.#log.push(line);
        const service = /Activated service '(\w+)' on \[/.exec(line)?.[1];
        if (service !== undefined) wanted.delete(service);
        if (wanted.size === 0) resolve();
        if (/Failed to open server port/.test(line)) reject(new Error(line));
      };
      for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', hear);
    });
    await bounded('Prosody listening', listening, { about: () => this.#tail() });
  }

  #tail(): string {
    return this.#log.slice(-5).join(' | ');
  }

  #configuration(): string {
    const federated = this.#options.serverPort !== undefined;
    const enabled = [
      ...['roster', 'saslauth', 'tls', 'disco', 'carbons', 'pep', 'mam', 'smacks', 'csi_simple', 'blocklist', 'ping'],
      ...(federated ? ['dialback'] : []),
      ...(this.httpPort === null ? [] : ['websocket']),
    ];
    const key = luaString(this.#certificate?.keyPath ?? '');
    const certificate = luaString(this.#certificate?.certificatePath ?? '');
    const disabled = [...(federated ? [] : ['s2s', 's2s_auth_certs']), ...(this.#options.modulesDisabled ?? [])];
    return `
run_as_root = true
daemonize = false
data_path = ${luaString(join(this.directory, 'data'))}
log = { { to = "stdout", levels = { min = "info" } } }
interfaces = { ${luaString(this.address)} }
use_ipv6 = false
c2s_ports = { ${this.port} }
c2s_direct_tls_ports = { ${this.directTlsPort} }
s2s_ports = { ${this.#options.serverPort ?? ''} }
c2s_direct_tls_ssl = { key = ${key}; certificate = ${certificate} }
c2s_require_encryption = true
s2s_require_encryption = true
s2s_secure_auth = true
modules_enabled = { ${enabled.map(luaString).join('; ')} }
modules_disabled = { ${disabled.map(luaString).join('; ')} }
authentication = "internal_hashed"
password_hash = "SHA-256"
storage = "internal"
default_archive_policy = true
archive_expires_after = "never"
storage_archive_item_limit = 100000
smacks_hibernation_time = 300
smacks_max_queue_size = 5000
http_ports = { ${this.httpPort ?? ''} }
http_interfaces = { "127.0.0.1" }
https_ports = { }
consider_websocket_secure = true
${this.#options.configuration ?? ''}
VirtualHost ${luaString(this.domain)}
ssl = { key = ${key}; certificate = ${certificate}; cafile = ${luaString(this.#authority.caPath)} }
`;
  }
}

/** Prosody's own encoding of names in its data folder. */
function encodeName(name: string): string {
  return [...Buffer.from(name)]
    .map((byte) =>
      /[0-9A-Za-z]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');
}

function luaString(text: string): string {
  return `"${[...Buffer.from(text)].map((byte) => (byte > 31 && byte < 127 && byte !== 34 && byte !== 92 ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`)).join('')}"`;
}
