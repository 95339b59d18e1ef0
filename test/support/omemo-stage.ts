/** One Prosody for a file of tests, and in it, for each test, people of their own: Bothys, and clients of others. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { Conversation, ConversationId } from '../../src/shared/model.ts';
import { Headless } from './headless.ts';
import { OmemoClient } from './omemo-client.ts';
import { Profanity } from './profanity.ts';
import { type Prosody, type ProsodyOptions, startProsody } from './prosody.ts';
import { type Namespace, PythonProcess } from './python-omemo.ts';

/** The stage of a file of tests, emptied after each. `missing`: why there can be none here; its tests are skipped then. */
export function omemoStageOfFile(missing: string | null, options: ProsodyOptions = {}): () => OmemoStage {
  let opened: OmemoStage | null = null;
  beforeAll(async () => {
    if (!missing) opened = await OmemoStage.open(options);
  });
  beforeEach((context) => {
    if (missing) context.skip(missing);
  });
  afterEach(() => opened?.clear());
  afterAll(() => opened?.close());
  return () => {
    if (!opened) throw new Error('not open');
    return opened;
  };
}

export class OmemoStage {
  readonly prosody: Prosody;
  readonly folder: string;
  readonly #ends: (() => Promise<unknown>)[] = [];
  #python: PythonProcess | null = null;
  #count = 0;

  private constructor(prosody: Prosody, folder: string) {
    this.prosody = prosody;
    this.folder = folder;
  }

  static async open(options: ProsodyOptions = {}): Promise<OmemoStage> {
    const folder = mkdtempSync(join(tmpdir(), 'bothy-stage-'));
    const prosody = await startProsody(options);
    writeFileSync(join(folder, 'ca.pem'), prosody.ca);
    return new OmemoStage(prosody, folder);
  }

  /** A new account; the address. */
  async account(name: string): Promise<string> {
    this.#count += 1;
    const local = `${name}${this.#count}`;
    await this.prosody.addUser(local, `${local}-password`);
    return `${local}@${this.prosody.domain}`;
  }

  passwordOf(jid: string): string {
    return `${jid.split('@')[0]}-password`;
  }

  /** Done before the next test, the last first. */
  atEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end);
  }

  /** A Bothy from this folder, as it was left there. */
  bothy(folderName: string): Headless {
    const { address, port } = this.prosody;
    const words = ['--nearby', 'off', '--xmpp-host', address, '--xmpp-port', String(port)];
    const process = new Headless({
      folder: join(this.folder, folderName),
      arguments: [...words, '--xmpp-ca', join(this.folder, 'ca.pem')],
    });
    this.atEnd(() => process.stop());
    return process;
  }

  /** A new one, signed in. */
  async newBothy(jid: string, folderName = jid): Promise<Headless> {
    const process = this.bothy(folderName);
    await process.get('profile.create', { name: 'Anna' });
    await process.get('account.signIn', { jid, password: this.passwordOf(jid) });
    return process;
  }

  async client(jid: string, namespaces: readonly Namespace[], name = jid): Promise<OmemoClient> {
    const { address, port, ca } = this.prosody;
    const folder = join(this.folder, 'python');
    mkdirSync(folder, { recursive: true });
    const override = { host: address, port, ca };
    this.#python ??= new PythonProcess();
    const options = { jid, password: this.passwordOf(jid), override, folder, name, namespaces, python: this.#python };
    const client = await OmemoClient.start(options);
    this.atEnd(() => client.stop());
    return client;
  }

  /** An installation of profanity, signed in, without OMEMO keys yet. */
  async profanity(jid: string, folderName = jid): Promise<Profanity> {
    const { address: host, port } = this.prosody;
    const folder = join(this.folder, 'profanity', folderName);
    const profanity = await Profanity.install({ folder, jid, password: this.passwordOf(jid), host, port }, (end) =>
      this.atEnd(end),
    );
    return profanity;
  }

  /** Whether this text is anywhere in what the server keeps: archives, offline messages, published items. */
  kept(text: string): boolean {
    const data = join(this.prosody.directory, 'data');
    const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return files.some((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8').includes(text));
  }

  async clear(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await Promise.allSettled([end()]);
  }

  async close(): Promise<void> {
    await this.clear();
    await this.#python?.stop();
    await this.prosody.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Each is in the other's contact list, and the Bothy knows what the other's devices speak. */
export async function befriend(
  bothy: Headless,
  other: OmemoClient,
  encryption: Conversation['encryption'],
): Promise<ConversationId> {
  const { client } = other;
  await bothy.get('contacts.addByJid', { jid: client.jid });
  await client.until(() => client.subscriptionRequests.length > 0);
  await client.transport.subscribe(client.subscriptionRequests.at(-1)?.jid ?? client.jid);
  return (await bothy.conversationWhere('a device of theirs', (one) => one.encryption === encryption)).id;
}

/** It knows so many devices of its own account. */
export async function ownDevices(bothy: Headless, count: number): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await setTimeout(50)) {
    if ((await bothy.get('devices.ofSelf', {})).length >= count) return;
  }
  throw new Error(`never knew ${count} devices of its own account`);
}
