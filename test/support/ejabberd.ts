/**
 * A real, throw-away ejabberd on free loopback ports, with its data in a temporary folder. Its modules, limits and
 * traffic shaper are those Debian's package comes with, and an archive (mod_mam), which most operators add.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './prosody.ts';
import { createTestAuthority } from './prosody-certificates.ts';

export interface EjabberdOptions {
  /** Default `bothy.test`. */
  readonly domain?: string;
  /** Local part → password. */
  readonly users?: Readonly<Record<string, string>>;
  /** More lines for the end of the configuration (YAML, unindented). */
  readonly configuration?: string;
}

export interface Ejabberd {
  readonly domain: string;
  readonly address: string;
  /** STARTTLS. */
  readonly port: number;
  readonly directTlsPort: number;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  readonly directory: string;
  addUser(local: string, password: string): Promise<void>;
  /** A command of ejabberd's own (`ejabberdctl help`), with named arguments. */
  command(name: string, args: Readonly<Record<string, string>>): Promise<unknown>;
  log(): readonly string[];
  stop(): Promise<void>;
  /** Stops cleanly if it runs, then starts again on the same ports and data. */
  restart(): Promise<void>;
}

const control = '/usr/sbin/ejabberdctl';

/** Null when an ejabberd can be started here, else one line that says why not. */
export function ejabberdMissing(): string | null {
  return existsSync(control) && existsSync('/usr/bin/erl')
    ? null
    : 'ejabberd is not installed (Debian: apt-get install ejabberd)';
}

export async function startEjabberd(options: EjabberdOptions = {}): Promise<Ejabberd> {
  const missing = ejabberdMissing();
  if (missing !== null) throw new Error(missing);
  const server = new EjabberdProcess(options, await mkdtemp(join(tmpdir(), 'bothy-ejabberd-')));
  try {
    await server.begin();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

class EjabberdProcess implements Ejabberd {
  readonly domain: string;
  readonly address = '127.0.0.1';
  readonly directory: string;
  port = 0;
  directTlsPort = 0;
  ca = '';
  #controlPort = 0;
  #child: ChildProcess | null = null;
  readonly #options: EjabberdOptions;
  readonly #log: string[] = [];
  readonly #killOnExit = () => this.#child?.kill('SIGKILL');

  constructor(options: EjabberdOptions, directory: string) {
    this.#options = options;
    this.directory = directory;
    this.domain = options.domain ?? 'bothy.test';
  }

  log(): readonly string[] {
    return this.#log;
  }

  async begin(): Promise<void> {
    const authority = await createTestAuthority(this.directory);
    this.ca = authority.ca;
    const { keyPath, certificatePath } = await authority.issue([this.domain]);
    const pem = (await Promise.all([keyPath, certificatePath].map((path) => readFile(path, 'utf8')))).join('');
    await writeFile(join(this.directory, 'server.pem'), pem);
    this.port = await freePort();
    this.directTlsPort = await freePort();
    this.#controlPort = await freePort();
    await writeFile(join(this.directory, 'ejabberd.yml'), this.#configuration());
    await this.#launch();
    for (const [local, password] of Object.entries(this.#options.users ?? {})) await this.addUser(local, password);
  }

  async addUser(local: string, password: string): Promise<void> {
    await this.command('register', { user: local, host: this.domain, password });
  }

  async command(name: string, args: Readonly<Record<string, string>>): Promise<unknown> {
    const response = await fetch(`http://${this.address}:${this.#controlPort}/api/${name}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(args),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`ejabberd: ${name}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  async restart(): Promise<void> {
    await this.#end();
    await this.#launch();
  }

  async stop(): Promise<void> {
    await this.#end();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #end(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    process.off('exit', this.#killOnExit);
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(late);
  }

  /** Without a name in Erlang's network: no port mapper, nothing that outlives the process. */
  async #launch(): Promise<void> {
    const libraries = /^ERL_LIBS='?([^'\n]+)'?$/m.exec(readFileSync(control, 'utf8'))?.[1];
    const data = join(this.directory, 'data');
    const words = ['-noinput', '-mnesia', 'dir', `"${data}"`, '-s', 'ejabberd'];
    const child = spawn('/usr/bin/erl', words, {
      cwd: this.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...(libraries === undefined ? {} : { ERL_LIBS: libraries }),
        HOME: this.directory,
        EJABBERD_CONFIG_PATH: join(this.directory, 'ejabberd.yml'),
        EJABBERD_LOG_PATH: join(this.directory, 'ejabberd.log'),
        ERL_CRASH_DUMP_BYTES: '0',
      },
    });
    this.#child = child;
    process.on('exit', this.#killOnExit);
    await new Promise<void>((resolve, reject) => {
      const tail = () => this.#log.slice(-5).join(' | ');
      const late = setTimeout(() => reject(new Error(`ejabberd does not start: ${tail()}`)), 30_000);
      const settle = (error?: Error) => {
        clearTimeout(late);
        if (error) reject(error);
        else resolve();
      };
      child.once('error', settle);
      child.once('exit', (code, signal) => settle(new Error(`ejabberd ended (${code ?? signal}): ${tail()}`)));
      const waiting = new Set([this.port, this.directTlsPort, this.#controlPort].map(String));
      const hear = (line: string) => {
        this.#log.push(line);
        const port = /Start accepting \w+ connections at [^ ]*:(\d+) /.exec(line)?.[1];
        if (port !== undefined && waiting.delete(port) && waiting.size === 0) settle();
      };
      for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', hear);
    });
  }

  #configuration(): string {
    const client = `module: ejabberd_c2s
    ip: "${this.address}"
    max_stanza_size: 262144
    shaper: c2s_shaper
    access: c2s`;
    return `
loglevel: info
log_rotate_count: 0
hosts: ["${this.domain}"]
certfiles: ["${join(this.directory, 'server.pem')}"]
auth_password_format: scram
auth_scram_hash: sha256
disable_sasl_mechanisms: ["digest-md5", "X-OAUTH2"]
listen:
  - port: ${this.port}
    ${client}
    starttls_required: true
  - port: ${this.directTlsPort}
    ${client}
    tls: true
  - port: ${this.#controlPort}
    ip: "${this.address}"
    module: ejabberd_http
    request_handlers:
      /api: mod_http_api
acl:
  local:
    user_regexp: ""
access_rules:
  local:
    allow: local
  c2s:
    allow: all
  pubsub_createnode:
    allow: local
api_permissions:
  "the test":
    from: mod_http_api
    who:
      ip: 127.0.0.1/8
    what: "*"
shaper:
  normal:
    rate: 3000
    burst_size: 20000
shaper_rules:
  max_user_sessions: 10
  max_user_offline_messages: 100
  c2s_shaper:
    normal: all
modules:
  mod_adhoc: {}
  mod_admin_extra: {}
  mod_avatar: {}
  mod_blocking: {}
  mod_caps: {}
  mod_carboncopy: {}
  mod_client_state: {}
  mod_disco: {}
  mod_http_api: {}
  mod_last: {}
  mod_mam:
    default: always
    assume_mam_usage: true
  mod_offline:
    access_max_user_messages: max_user_offline_messages
  mod_ping: {}
  mod_privacy: {}
  mod_private: {}
  mod_pubsub:
    access_createnode: pubsub_createnode
    plugins: [flat, pep]
    force_node_config:
      "eu.siacs.conversations.axolotl.*":
        access_model: open
      storage:bookmarks:
        access_model: whitelist
  mod_roster:
    versioning: true
  mod_stream_mgmt:
    resend_on_timeout: if_offline
  mod_vcard:
    search: false
  mod_vcard_xupdate: {}
  mod_version: {}
${this.#options.configuration ?? ''}`;
  }
}
