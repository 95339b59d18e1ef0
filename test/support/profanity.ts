/**
 * The profanity client (Debian: profanity), which speaks legacy OMEMO with libsignal-protocol-c, in a real terminal
 * (tmux), with folders of its own. What is asserted is what a person sees on its screen, what it wrote to its chat log, and
 * the XML in its debug log.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const patience = 60_000;

function found(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return [...folders, '/usr/bin'].some((folder) => existsSync(join(folder, program)));
}

/** Null when it can be had here, else one line that says why not. */
export function profanityMissing(): string | null {
  if (!found('profanity')) return 'profanity is not installed (apt-get install profanity)';
  if (!found('tmux')) return 'tmux, the terminal for profanity, is not installed (apt-get install tmux)';
  const version = execFileSync('profanity', ['--version'], { encoding: 'utf8' });
  return /OMEMO support: Enabled/.test(version) ? null : 'this profanity was built without OMEMO';
}

export interface ProfanityOptions {
  /** Its configuration, keys and logs: of one installation. */
  readonly folder: string;
  readonly jid: string;
  readonly password: string;
  readonly host: string;
  readonly port: number;
}

export class Profanity {
  readonly jid: string;
  readonly #options: ProfanityOptions;
  readonly #socket: string;
  /** The terminal is a process of its own that would outlive this one. */
  readonly #endOnExit = () => void spawnSync('tmux', ['-S', this.#socket, 'kill-server']);
  #running = false;

  private constructor(options: ProfanityOptions) {
    this.jid = options.jid;
    this.#options = options;
    mkdirSync(options.folder, { recursive: true });
    this.#socket = join(options.folder, 'tmux');
  }

  /** Signed in for the first time: the certificate accepted and the account kept, as a person would. */
  static async install(options: ProfanityOptions, atEnd: (end: () => Promise<unknown>) => void): Promise<Profanity> {
    const profanity = new Profanity(options);
    atEnd(() => profanity.stop());
    const { jid, password, host, port } = options;
    await profanity.#open([]);
    await profanity.sees(/Type '\/help' to show complete help/);
    for (const line of ['/logging chat on', '/omemo log on', '/omemo policy manual']) {
      await profanity.type(line);
    }
    await profanity.type(`/connect ${jid} server ${host} port ${port} tls force`);
    // The password is asked for without an echo or a prompt that could be waited for; the log has the command.
    await profanity.logs(/Input received: \/connect/);
    await profanity.type(password);
    await profanity.sees(/Use '\/tls always' to accept this certificate permanently/);
    await profanity.type('/tls always');
    await profanity.sees(/logged in successfully/);
    await profanity.type(`/account set ${jid} password ${password}`);
    await profanity.sees(/Updated password for account/);
    return profanity;
  }

  /**
   * Keys of its own; its device id. The first device of an account needs its list made: this profanity begins one only
   * where the server says `code="404"` beside `<item-not-found/>`, which RFC 6120 did away with and Prosody does not.
   */
  async generateKeys(first = true): Promise<number> {
    const from = this.wire().length;
    await this.type('/win 1');
    await this.type('/omemo gen');
    const [, id = ''] = await this.sees(/Your Device ID is (\d+)/);
    await this.logs(/can't get OMEMO device list|Setting device list/, from);
    if (first) await this.type('/omemo clear_device_list');
    await this.logs(new RegExp(`<list[^>]*>.*<device id="${id}"/>`), from);
    return Number(id);
  }

  /** It was told a list with so many devices of this person. */
  async knowsDevices(jid: string, count: number): Promise<void> {
    const told = new RegExp(`RECV: <[^\\n]*from="${jid}[^\\n]*<list xmlns="eu.siacs[^\\n]*?</list>`, 'g');
    await this.#until(`knew ${count} devices`, () =>
      this.wire()
        .match(told)
        ?.at(-1)
        ?.match(/<device /g)?.length === count
        ? true
        : null,
    );
  }

  /** Encrypts to this person from now on; done when there are sessions with so many of their devices. In a window of its own. */
  async startOmemo(jid: string, devices = 1): Promise<void> {
    const from = this.wire().length;
    await this.type(`/msg ${jid}`);
    // It may have remembered it.
    const [, state] = await this.sees(new RegExp(`^ *${jid}[^\\n]*\\[(OMEMO|unencrypted)\\]`));
    if (state === 'unencrypted') await this.type('/omemo start');
    const withThem = new RegExp(`(?:create )?session with ${jid} device (\\d+)`, 'g');
    await this.#until(`started with ${devices} devices`, () => {
      const ids = new Set([...this.wire().slice(from).matchAll(withThem)].map(([, id]) => id));
      return ids.size >= devices ? true : null;
    });
  }

  async endOmemo(jid: string): Promise<void> {
    await this.type('/omemo end');
    // Until its title says so, the old one would pass for a session that was begun since.
    await this.sees(new RegExp(`^ *${jid}[^\\n]*\\[unencrypted\\]`));
  }

  async #open(words: readonly string[]): Promise<void> {
    const { folder } = this.#options;
    const environment = {
      HOME: join(folder, 'home'),
      XDG_CONFIG_HOME: join(folder, 'config'),
      XDG_DATA_HOME: join(folder, 'data'),
      TERM: 'screen-256color',
      LANG: 'C.UTF-8',
      LC_ALL: 'C.UTF-8',
    };
    for (const name of ['home', 'config', 'data']) mkdirSync(join(folder, name), { recursive: true });
    const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    const command = ['env', ...assignments, 'profanity', '-l', 'DEBUG', ...words];
    process.on('exit', this.#endOnExit);
    // So tall that nothing a test waits for scrolls away.
    const size = ['-x', '200', '-y', '250'];
    await this.#tmux('-f', '/dev/null', 'new-session', '-d', '-s', 'profanity', ...size, ...command);
    this.#running = true;
  }

  async #tmux(...words: readonly string[]): Promise<string> {
    const { stdout } = await run('tmux', ['-u', '-S', this.#socket, ...words]);
    return stdout;
  }

  /** A line as a person types it. */
  async type(line: string): Promise<void> {
    await this.#tmux('send-keys', '-t', 'profanity', '-l', '--', line);
    await this.#tmux('send-keys', '-t', 'profanity', 'Enter');
  }

  async screen(): Promise<string> {
    const text = await this.#tmux('capture-pane', '-t', 'profanity', '-p', '-J');
    return text.replaceAll(/[ \t]+\n/g, '\n');
  }

  async #until<T>(what: string, look: () => Promise<T | null> | T | null): Promise<T> {
    const end = Date.now() + patience;
    for (;;) {
      const result = await look();
      if (result !== null) return result;
      if (Date.now() > end) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const screen = this.#running ? await this.screen().catch(() => '(gone)') : '(not running)';
    throw new Error(`profanity of ${this.jid}: never ${what}; its screen:\n${screen.replaceAll(/\n{2,}/g, '\n')}`);
  }

  /** On the window that is shown, now or later. */
  sees(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#until(`showed ${pattern}`, async () => pattern.exec(await this.screen()));
  }

  #data(): string {
    return join(this.#options.folder, 'data', 'profanity');
  }

  /** Its debug log with every stanza of this installation, decrypted from TLS but not from OMEMO. */
  wire(): string {
    return read(join(this.#data(), 'logs', 'profanity.log'));
  }

  /** Beyond this position in the log, which `wire().length` gives. */
  logs(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    return this.#until(`logged ${pattern}`, () => pattern.exec(this.wire().slice(from)));
  }

  /** The stanzas alone, as they were on the stream inside TLS. */
  stanzas(): string {
    return this.wire()
      .split('\n')
      .filter((line) => /: (RECV|SENT): </.test(line))
      .join('\n');
  }

  /** What its chat log says was said with this person, in order: `address: text` or `me: text`. */
  chat(jid: string): string[] {
    const folder = join(this.#data(), 'chatlogs', inName(this.jid), inName(jid));
    if (!existsSync(folder)) return [];
    const files = readdirSync(folder).filter((name) => name.endsWith('.log'));
    const lines = files.sort().flatMap((name) => read(join(folder, name)).split('\n'));
    return lines.flatMap((line) => /^\S+ - (.*)$/.exec(line)?.[1] ?? []);
  }

  /** Its chat log with this person holds this text, now or later. */
  async reads(jid: string, text: string, by: 'them' | 'me' = 'them'): Promise<void> {
    const wanted = `${by === 'me' ? 'me' : jid}: ${text}`;
    await this.#until(`read "${text}"`, () => this.chat(jid).find((line) => line === wanted) ?? null);
  }

  /** In each other's contact lists, when the other has asked. */
  async accept(jid: string): Promise<void> {
    await this.#until('was asked', () => (/RECV: <presence[^>]*type="subscribe"/.test(this.wire()) ? true : null));
    await this.type(`/sub allow ${jid}`);
    await this.type(`/sub request ${jid}`);
  }

  get keyFolder(): string {
    return join(this.#data(), 'omemo', inName(this.jid));
  }

  /** Without the program: the keys, or the sessions alone, are gone. */
  lose(what: 'keys' | 'sessions'): void {
    if (this.#running) throw new Error('it keeps them in memory');
    if (what === 'keys') rmSync(this.keyFolder, { recursive: true });
    else rmSync(join(this.keyFolder, 'sessions.txt'));
  }

  async quit(): Promise<void> {
    await this.type('/save');
    await this.type('/quit');
    await this.#until('ended', async () => ((await this.#alive()) ? null : true));
    this.#ended();
  }

  async #alive(): Promise<boolean> {
    return this.#tmux('list-sessions').then(
      () => true,
      () => false,
    );
  }

  /** The same installation again, signing in by itself. */
  async start(): Promise<void> {
    const before = this.wire().length;
    await this.#open(['-a', this.jid]);
    await this.#until('signed in', () => (/logged in successfully/.test(this.wire().slice(before)) ? true : null));
    await this.sees(/logged in successfully/);
  }

  #ended(): void {
    this.#running = false;
    process.off('exit', this.#endOnExit);
  }

  async stop(): Promise<void> {
    this.#ended();
    await this.#tmux('kill-server').catch(() => {});
  }
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function inName(jid: string): string {
  return jid.replace('@', '_at_');
}
