/** A real Bothy without a window, as its own process, driven as docs/headless.md says. Also used by `npm run chaos`. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { BridgeEvent, CommandArguments, CommandName, CommandValue } from '../../src/shared/bridge/contract.ts';
import type { AppError, Result } from '../../src/shared/errors.ts';
import type { Conversation, ConversationId, Message, MessageId } from '../../src/shared/model.ts';
import { routeConversation } from '../../src/shared/routing.ts';
import { bounded, longestWait } from './bounded-wait.ts';

const host = fileURLToPath(new URL('../../src/main/hosts/stdio/stdio.ts', import.meta.url));

export interface HeadlessOptions {
  /** Folder of its own: holds the profile and the key file. */
  readonly folder: string;
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Without it the profile is kept by a passphrase instead of a key file. */
  readonly keyFile?: boolean;
}

/** Milliseconds. Longer than a command gives itself: signing in gives up after a minute. */
const longestCommand = 90_000;
/** From SIGKILL to the end, which waits for a disk that is written to. */
const longestEnd = 60_000;

/** The process ended before it answered. */
export class Died extends Error {}

interface Answer {
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly data?: AppError };
}

export class Headless {
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Set<(event: BridgeEvent) => void>();
  readonly #log: string[] = [];
  #lastId = 0;

  constructor(options: HeadlessOptions) {
    mkdirSync(options.folder, { recursive: true });
    const keyFile = join(options.folder, 'key');
    if (options.keyFile !== false && !existsSync(keyFile)) writeFileSync(keyFile, randomBytes(32).toString('hex'));
    const words = [host, '--profile', join(options.folder, 'profile'), ...(options.arguments ?? [])];
    if (options.keyFile !== false) words.push('--key-file', keyFile);
    const own = { XDG_STATE_HOME: join(options.folder, 'state') };
    this.#child = spawn(process.execPath, words, { env: { ...process.env, ...own, ...options.environment } });
    this.exited = new Promise((resolve) => this.#child.once('exit', (code) => resolve(code)));
    this.#child.once('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Died(`ended: ${this.#log.slice(-5).join(' | ')}`));
      this.#waiting.clear();
    });
    this.#child.stdin.on('error', () => {});
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#take(line));
    createInterface({ input: this.#child.stderr }).on('line', (line) => {
      this.#log.push(line);
      if (this.#log.length > 5000) this.#log.shift();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it wrote to its log. */
  get log(): readonly string[] {
    return this.#log;
  }

  #lastOfLog(): string {
    return `log: ${this.#log.slice(-8).join(' | ')}`;
  }

  #take(line: string): void {
    const message: unknown = JSON.parse(line);
    if (typeof message !== 'object' || message === null) throw new Error('not an object on standard output');
    if ('method' in message && 'params' in message) {
      for (const listener of [...this.#listeners]) listener(message.params as BridgeEvent);
      return;
    }
    const id = 'id' in message ? message.id : null;
    if (typeof id !== 'number') return;
    this.#waiting.get(id)?.resolve(message as Answer);
    this.#waiting.delete(id);
  }

  /** One line as it is, and the whole answer with the id that was in it. */
  raw(id: number, line: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return reject(new Died('ended before'));
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin.write(`${line}\n`);
    });
  }

  /** As on any Bridge; rejects with `Died` when the process ends first. */
  async call<C extends CommandName>(command: C, args: CommandArguments<C>): Promise<Result<CommandValue<C>>> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = await bounded(
      `the answer to ${command}`,
      this.raw(id, JSON.stringify({ jsonrpc: '2.0', id, method: command, params: args })),
      { longest: longestCommand, about: () => this.#lastOfLog() },
    );
    if (!answer.error) return { ok: true, value: answer.result as CommandValue<C> };
    if (answer.error.data) return { ok: false, error: answer.error.data };
    throw new Error(answer.error.message);
  }

  /** The value, or an error that a test fails with. */
  async get<C extends CommandName>(command: C, args: CommandArguments<C>): Promise<CommandValue<C>> {
    const result = await this.call(command, args);
    if (!result.ok) {
      const { code, detail = '' } = result.error;
      throw new Error(`${command}: ${code} ${detail} (log: ${this.#log.slice(-3).join(' | ')})`);
    }
    return result.value;
  }

  subscribe(listener: (event: BridgeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first event, from now on, that `pick` makes something of. */
  when<T>(
    what: string,
    pick: (event: BridgeEvent) => T | null | undefined,
    timeoutMs: number = longestWait,
  ): Promise<T> {
    let end = (): void => {};
    const seen = new Promise<T>((resolve, reject) => {
      end = this.subscribe((event) => {
        const picked = pick(event);
        if (picked !== null && picked !== undefined) resolve(picked);
      });
      void this.exited.then(() => reject(new Died(`ended while waiting for ${what}; ${this.#lastOfLog()}`)));
    });
    return bounded(what, seen, { longest: timeoutMs, about: () => this.#lastOfLog() }).finally(end);
  }

  /** The first conversation, now or later, for which `test` holds. */
  async conversationWhere(what: string, test: (conversation: Conversation) => boolean): Promise<Conversation> {
    const later = this.when(what, (event) =>
      event.type === 'conversation' && test(event.conversation) ? event.conversation : null,
    );
    later.catch(() => {});
    return (await this.get('conversations.list', {})).find(test) ?? later;
  }

  /** The incoming message with this text, now or later. */
  async shown(conversationId: ConversationId, body: string): Promise<Message> {
    const wanted = (message: Message): boolean => message.direction === 'in' && message.body === body;
    const later = this.when(`"${body}"`, (event) =>
      event.type === 'message' && wanted(event.message) ? event.message : null,
    );
    later.catch(() => {});
    return (await this.history(conversationId)).find(wanted) ?? later;
  }

  /** The message with this text, whoever said it, now or later. */
  async has(conversationId: ConversationId, body: string): Promise<Message> {
    const later = this.when(`"${body}"`, (event) =>
      event.type === 'message' && event.message.body === body ? event.message : null,
    );
    later.catch(() => {});
    return (await this.history(conversationId)).find((message) => message.body === body) ?? later;
  }

  /** The outgoing message, now or later, in one of these states. */
  async reaches(id: MessageId, conversationId: ConversationId, states: readonly Message['state'][]): Promise<Message> {
    const wanted = (message: Message): boolean => message.id === id && states.includes(message.state);
    const later = this.when(`${states.join('/')} of ${id}`, (event) =>
      event.type === 'message' && wanted(event.message) ? event.message : null,
    );
    later.catch(() => {});
    return (await this.history(conversationId)).find(wanted) ?? later;
  }

  async history(conversationId: ConversationId): Promise<Message[]> {
    let all: Message[] = [];
    for (;;) {
      const first = all[0];
      const before = first ? { before: { sortAt: first.sortAt, sequence: first.sequence } } : {};
      const page = await this.get('messages.page', { conversationId, ...before, limit: 500 });
      all = [...page.messages, ...all];
      if (!page.hasOlder) return all;
    }
  }

  /** Sends as a window would: by the routes the policy gives for what is reachable now. */
  async send(conversationId: ConversationId, body: string, id: string = crypto.randomUUID()): Promise<Message> {
    const conversation = (await this.get('conversations.list', {})).find((one) => one.id === conversationId);
    if (!conversation) throw new Error('no such conversation');
    const { routePreference: preference, reach } = conversation;
    const { direct, server } = routeConversation(preference, reach);
    const route = { preference, direct, server };
    return this.get('messages.send', { conversationId, id: id as MessageId, body, route });
  }

  /** SIGKILL: as hard as anything can end it. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#end();
  }

  /** Ends cleanly, as at the end of input. */
  async stop(): Promise<number | null> {
    this.#child.stdin.end();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 15_000);
    const code = await this.#end();
    clearTimeout(late);
    return code;
  }

  #end(): Promise<number | null> {
    return bounded(`the end of process ${this.pid}`, this.exited, { longest: longestEnd });
  }
}
