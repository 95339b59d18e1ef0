/**
 * Devices of python-omemo (Debian: python3-oldmemo, python3-twomemo) in a process of their own: OMEMO in either version, or
 * both, that shares no code with ours. It reads and writes the XML itself; what it wants of the network is asked of
 * `OmemoNetwork`. Everything a device knows is in one file, from which another process can go on.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bounded } from './bounded-wait.ts';

const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('./python-omemo.py', import.meta.url));

export const LEGACY = 'eu.siacs.conversations.axolotl';
export const OMEMO2 = 'urn:xmpp:omemo:2';
export type Namespace = typeof LEGACY | typeof OMEMO2;

let missing: string | null | undefined;

/** Null when it can be had here, else one line that says why not. */
export function pythonOmemoMissing(): string | null {
  if (missing === undefined) {
    const tried = spawnSync(PYTHON, ['-c', 'import oldmemo.etree, twomemo.etree'], { encoding: 'utf8' });
    const why = 'python-omemo cannot be used (apt-get install python3-oldmemo python3-twomemo python3-xmlschema)';
    missing = tried.status === 0 ? null : `${why}: ${(tried.stderr ?? '').trim().split('\n').at(-1) ?? ''}`;
  }
  return missing;
}

/** XML as text everywhere. */
export interface OmemoNetwork {
  publish(node: string, item: string, many: boolean, xml: string): Promise<void>;
  /** The payload of the item, or of the newest one; null when there is none. */
  fetch(jid: string, node: string, item: string | null): Promise<string | null>;
  /** An empty message it wants sent by itself. */
  send(to: string, encrypted: string): Promise<void>;
}

export interface Read {
  readonly forUs: boolean;
  readonly namespace?: Namespace;
  /** Null: an empty message. */
  readonly content?: Uint8Array | null;
  readonly deviceId?: number;
}

export interface KnownDevice {
  readonly id: number;
  readonly namespaces: readonly Namespace[];
  readonly fingerprint: string;
}

export interface PythonOmemoOptions {
  readonly jid: string;
  readonly file: string;
  readonly namespaces: readonly Namespace[];
}

interface Question {
  readonly ask: number;
  readonly device: number;
  readonly what: 'publish' | 'fetch' | 'send';
  readonly node: string;
  readonly item: string | null;
  readonly many: boolean;
  readonly xml: string;
  readonly jid: string;
  readonly to: string;
}

interface Answer {
  readonly id: number;
  readonly ok: boolean;
  readonly value: unknown;
  readonly error: string;
}

/** Holds as many devices as are started in it: starting Python costs more than starting a device. */
export class PythonProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly #networks = new Map<number, OmemoNetwork>();
  #lastId = 0;

  constructor() {
    this.#child = spawn(PYTHON, [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#exited = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.stdout === null) throw new Error('no pipe');
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#take(JSON.parse(line)));
    this.#child.once('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('python-omemo ended'));
      this.#waiting.clear();
    });
    this.#child.stdin?.on('error', () => {});
  }

  /** Its number. */
  add(network: OmemoNetwork): number {
    const device = this.#networks.size + 1;
    this.#networks.set(device, network);
    return device;
  }

  call<T>(device: number, call: string, parameters: object): Promise<T> {
    const answer = new Promise<T>((resolve, reject) => {
      if (this.#child.exitCode !== null) return reject(new Error('python-omemo ended before'));
      this.#lastId += 1;
      this.#waiting.set(this.#lastId, { resolve: (value) => resolve(value as T), reject });
      this.#write({ id: this.#lastId, device, call, ...parameters });
    });
    return bounded(`the answer of python-omemo to ${call}`, answer);
  }

  #take(message: Question | Answer): void {
    if ('ask' in message) {
      void this.#answer(message).then((value) => this.#write({ answer: message.ask, value }));
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.ok) waiting?.resolve(message.value);
    else waiting?.reject(new Error(message.error));
  }

  async #answer(question: Question): Promise<string | null> {
    const network = this.#networks.get(question.device);
    const { node, item } = question;
    if (question.what === 'fetch') return (await network?.fetch(question.jid, node, item)) ?? null;
    if (question.what === 'send') await network?.send(question.to, question.xml);
    else await network?.publish(node, item ?? 'current', question.many, question.xml);
    return null;
  }

  #write(message: object): void {
    this.#child.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await this.#exited;
  }
}

export class PythonOmemo {
  deviceId = 0;
  /** Of its identity, as it shows it itself: 64 hex digits. */
  fingerprint = '';
  readonly #process: PythonProcess;
  readonly #number: number;
  readonly #namespaces: readonly Namespace[];
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(process: PythonProcess, network: OmemoNetwork, namespaces: readonly Namespace[]) {
    this.#process = process;
    this.#number = process.add(network);
    this.#namespaces = namespaces;
  }

  /** With its keys published: new ones, or those in the file. */
  static async start(process: PythonProcess, options: PythonOmemoOptions, network: OmemoNetwork): Promise<PythonOmemo> {
    const device = new PythonOmemo(process, network, options.namespaces);
    const started = await device.#call<{ deviceId: number; fingerprint: string }>('start', { ...options });
    device.deviceId = started.deviceId;
    device.fingerprint = started.fingerprint;
    return device;
  }

  /** One at a time: the library does not expect two calls to change a session at once. */
  #call<T>(call: string, parameters: object = {}): Promise<T> {
    const result = this.#queue.then(() => this.#process.call<T>(this.#number, call, parameters));
    this.#queue = result.catch(() => {});
    return result;
  }

  /** Until then it answers no key exchange. */
  synced(): Promise<void> {
    return this.#call('synced');
  }

  /** Reads this person's device lists again. */
  refresh(jid: string): Promise<void> {
    return this.#call('refresh', { jid });
  }

  devices(jid: string): Promise<KnownDevice[]> {
    return this.#call('devices', { jid });
  }

  /** One `<encrypted/>` for each version that the devices need. */
  async encrypt(to: readonly string[], contentIn: (namespace: Namespace) => Uint8Array): Promise<string[]> {
    const content = Object.fromEntries(
      this.#namespaces.map((namespace) => [namespace, Buffer.from(contentIn(namespace)).toString('base64')]),
    );
    const { elements, errors } = await this.#call<{ elements: string[]; errors: string[] }>('encrypt', { to, content });
    if (errors.length > 0) throw new Error(errors.join(', '));
    return elements;
  }

  /** Rejects with the library's own words when a message for this device cannot be read. */
  async decrypt(from: string, encrypted: string): Promise<Read> {
    const read = await this.#call<Omit<Read, 'content'> & { content?: string | null }>('decrypt', {
      from,
      xml: encrypted,
    });
    const { content = null, ...rest } = read;
    return { ...rest, content: content === null ? null : new Uint8Array(Buffer.from(content, 'base64')) };
  }

  empty(jid: string, deviceId: number, namespace: Namespace): Promise<void> {
    return this.#call('empty', { jid, deviceId, namespace });
  }

  /** All sessions with this person are gone. */
  forget(jid: string): Promise<void> {
    return this.#call('forget', { jid });
  }

  /** New sessions with this device, as when a person asks for them; names of what went wrong. */
  replace(jid: string, deviceId: number): Promise<string[]> {
    return this.#call('replace', { jid, deviceId });
  }

  /** A new signed prekey, published. */
  rotate(): Promise<void> {
    return this.#call('rotate');
  }

  /** What it knows is in the file then, and nowhere else. */
  stop(): Promise<void> {
    return this.#call('end');
  }
}
