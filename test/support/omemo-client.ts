/**
 * A client of somebody else's: python-omemo for the encryption and its XML, our XMPP connection for the transport, and
 * between them only what XEP-0384 leaves to clients, written here and not with Bothy's code: the outer stanza, the SCE
 * envelope, device lists read before writing. Legacy OMEMO, OMEMO 2, or both, as it is started.
 */
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Element } from '@xmpp/xml';
import xml from '@xmpp/xml';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import {
  LEGACY,
  type Namespace,
  OMEMO2,
  type OmemoNetwork,
  PythonOmemo,
  PythonProcess,
  type Read,
} from './python-omemo.ts';
import { type ClientOptions, TestClient } from './xmpp-client.ts';

const pubsub = 'http://jabber.org/protocol/pubsub';
const sce = 'urn:xmpp:sce:1';
const receipts = 'urn:xmpp:receipts';
/** Milliseconds for anything to happen; a machine may be busy. */
const patience = 60_000;

export interface Heard {
  /** Null: nothing to show; an empty message or, in the newer version, a receipt or the like. */
  readonly text: string | null;
  /** What was in the envelope, in the newer version. */
  readonly content: readonly Element[];
  readonly namespace: Namespace;
  readonly from: string;
  readonly deviceId: number;
  readonly stanza: Element;
}

export interface Unreadable {
  readonly why: string;
  readonly from: string;
  readonly deviceId: number;
  /** Nothing to show was lost with it. */
  readonly empty: boolean;
}

export interface OmemoClientOptions extends ClientOptions {
  /** Where its keys are kept. */
  readonly folder: string;
  /** Its file there: another name is another device. */
  readonly name: string;
  readonly namespaces: readonly Namespace[];
  /** Where it begins; after a restart it has a process of its own. */
  readonly python: PythonProcess;
}

export class OmemoClient {
  client: TestClient;
  omemo!: PythonOmemo;
  readonly heard: Heard[] = [];
  /** Messages for this device that could not be decrypted, and why in the library's words. */
  readonly unreadable: Unreadable[] = [];
  /** While set, what comes is kept here unread. */
  held: Element[] | null = null;
  readonly #options: OmemoClientOptions;
  readonly #listeners = new Set<() => void>();
  #own: PythonProcess | null = null;
  #reading: Promise<void> = Promise.resolve();

  private constructor(options: OmemoClientOptions) {
    this.#options = options;
    this.client = new TestClient(options);
  }

  /** Signed in, with its list and bundle published and the archive read. */
  static async start(options: OmemoClientOptions): Promise<OmemoClient> {
    const client = new OmemoClient(options);
    await client.#begin();
    return client;
  }

  async #begin(): Promise<void> {
    const { jid, folder, name, namespaces, python } = this.#options;
    const early: Element[] = [];
    this.client.onStanza = async ({ stanza }) => void early.push(stanza);
    await this.client.start().ready();
    const file = join(folder, `${name}.json`);
    this.omemo = await PythonOmemo.start(this.#own ?? python, { jid, file, namespaces }, this.#network);
    this.client.onStanza = async ({ stanza }) => this.#arrived(stanza);
    for (const stanza of early) this.#arrived(stanza);
    await this.#reading;
    await this.omemo.synced();
  }

  /** A new process with what the old one knew; what came meanwhile is read from the archive. */
  async restart(): Promise<void> {
    await this.leave();
    await this.comeBack();
  }

  async leave(): Promise<void> {
    await this.#reading;
    await this.stop();
  }

  async comeBack(): Promise<void> {
    this.#own = new PythonProcess();
    const { cursor, state } = this.client;
    this.client = new TestClient({ ...this.#options, cursor, state });
    await this.#begin();
  }

  readonly #network: OmemoNetwork = {
    publish: async (node, item, many, text) => {
      const options: [string, string][] = [
        ['FORM_TYPE', 'http://jabber.org/protocol/pubsub#publish-options'],
        ['pubsub#access_model', 'open'],
      ];
      if (many) options.push(['pubsub#max_items', 'max']);
      const fields = options.map(([name, value]) => xml('field', { var: name }, xml('value', {}, value)));
      const form = xml('x', { xmlns: 'jabber:x:data', type: 'submit' }, ...fields);
      const publish = xml('publish', { node }, xml('item', { id: item }, element(text)));
      const request = xml('pubsub', { xmlns: pubsub }, publish, xml('publish-options', {}, form));
      const answer = await this.client.request(this.client.jid, xml('iq', { type: 'set' }, request));
      if (!answer.ok) throw new Error(`${node}: ${answer.error.code}`);
    },
    fetch: async (jid, node, item) => {
      const items = xml('items', { node }, ...(item === null ? [] : [xml('item', { id: item })]));
      const iq = xml('iq', { type: 'get', to: jid }, xml('pubsub', { xmlns: pubsub }, items));
      const answer = await this.client.request(jid, iq);
      if (!answer.ok) {
        if (answer.error.code === 'stanza.not-found') return null;
        throw new Error(`${node} of ${jid}: ${answer.error.code}`);
      }
      const found = answer.value.getChild('pubsub', pubsub)?.getChild('items')?.getChildren('item') ?? [];
      return found.at(-1)?.getChildElements()[0]?.toString() ?? null;
    },
    send: async (to, encrypted) => void (await this.deliver(this.#stanza(to, [encrypted]))),
  };

  fetch(jid: string, node: string, item: string | null): Promise<string | null> {
    return this.#network.fetch(jid, node, item);
  }

  #stanza(to: string, encrypted: readonly string[], id: string = crypto.randomUUID()): Element {
    const elements = encrypted.map(element);
    const namespace = elements[0]?.getNS() ?? '';
    const stanza = xml('message', { type: 'chat', id, to }, ...elements);
    stanza.append(xml('encryption', { xmlns: 'urn:xmpp:eme:0', namespace }));
    stanza.append(xml('store', { xmlns: 'urn:xmpp:hints' }));
    if (elements.some((one) => one.getNS() === LEGACY && one.getChild('payload'))) {
      stanza.append(xml('body', {}, 'I sent you an OMEMO encrypted message'));
    }
    return stanza;
  }

  /** Its lists read until the device with this fingerprint is on them. */
  async knows(jid: string, fingerprint: string | null | undefined): Promise<void> {
    for (const end = Date.now() + patience; Date.now() < end; ) {
      await this.omemo.refresh(jid);
      if ((await this.omemo.devices(jid)).some((device) => device.fingerprint === fingerprint)) return;
      await setTimeout(50);
    }
    throw new Error(`never knew ${fingerprint} of ${jid}`);
  }

  /** A finished stanza, not sent yet. */
  async write(to: string, text: string, askForReceipt = false): Promise<Element> {
    const body = xml('body', { xmlns: 'jabber:client' }, text);
    return this.#seal(to, text, askForReceipt ? [body, xml('request', { xmlns: receipts })] : [body]);
  }

  /** Content of the newer version alone is `bare` for the older one. */
  async #seal(to: string, bare: string, content: readonly Element[]): Promise<Element> {
    await this.omemo.refresh(to);
    await this.omemo.refresh(this.client.jid);
    const envelope = xml(
      'envelope',
      { xmlns: sce },
      xml('content', {}, ...content),
      xml('rpad', {}, 'z'.repeat(17)),
      xml('time', { stamp: new Date().toISOString() }),
      xml('to', { jid: to }),
      xml('from', { jid: this.client.jid }),
    );
    const bytes = { [OMEMO2]: envelope.toString(), [LEGACY]: bare };
    const elements = await this.omemo.encrypt([to], (namespace) => new TextEncoder().encode(bytes[namespace]));
    return this.#stanza(to, elements);
  }

  /** Resolves when the server has it. */
  async deliver(stanza: Element): Promise<string> {
    const sent = await this.client.send(String(stanza.attrs['to']), stanza);
    if (!sent.ok) throw new Error(sent.error.code);
    return String(stanza.attrs['id']);
  }

  async say(to: string, text: string): Promise<string> {
    return this.deliver(await this.write(to, text));
  }

  /** A receipt inside the envelope; only the newer version has a place for it. */
  async confirm(to: string, id: string): Promise<void> {
    await this.deliver(await this.#seal(to, '', [xml('received', { xmlns: receipts, id })]));
  }

  #arrived(stanza: Element): void {
    if (this.held) this.held.push(stanza);
    else this.take(stanza);
  }

  /** Reads a stanza after those that came before it. */
  take(stanza: Element): void {
    this.#reading = this.#reading.then(() => this.#read(stanza));
  }

  async #read(stanza: Element): Promise<void> {
    const from = String(stanza.attrs['from'] ?? this.client.jid).split('/')[0] ?? '';
    const namespaces = this.#options.namespaces;
    for (const encrypted of stanza.getChildren('encrypted')) {
      if (!namespaces.some((namespace) => encrypted.getNS() === namespace)) continue;
      try {
        const read = await this.omemo.decrypt(from, encrypted.toString());
        if (read.forUs) this.heard.push(understood(read, from, stanza));
      } catch (error) {
        this.unreadable.push({
          why: error instanceof Error ? error.message : 'unknown',
          from,
          deviceId: Number(encrypted.getChild('header')?.attrs['sid']),
          empty: !encrypted.getChild('payload'),
        });
      }
    }
    for (const listener of [...this.#listeners]) listener();
  }

  /** The first that fits, now or later. Rejects when more texts could not be decrypted than were `expected`. */
  hears(what: string | ((heard: Heard) => boolean), expected = 0): Promise<Heard> {
    const fits = typeof what === 'string' ? ({ text }: Heard) => text === what : what;
    return this.#until(`heard ${what}`, () => this.heard.find(fits), expected);
  }

  /** So many texts for this device could not be decrypted. */
  cannotRead(count: number): Promise<readonly Unreadable[]> {
    return this.#until(`lost ${count}`, () => (this.lost().length >= count ? this.lost() : undefined), count);
  }

  lost(): readonly Unreadable[] {
    return this.unreadable.filter(({ empty }) => !empty);
  }

  #until<T>(what: string, look: () => T | undefined, allowed: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#listeners.delete(check);
        clearTimeout(late);
      };
      const check = (): void => {
        const found = look();
        if (found === undefined && this.lost().length <= allowed) return;
        done();
        if (found !== undefined) resolve(found);
        else reject(new Error(`not decrypted: ${JSON.stringify(this.unreadable)}`));
      };
      const late = globalThis.setTimeout(() => {
        done();
        const heard = this.heard.map(({ text, content }) => text ?? content.map((one) => one.getName()));
        reject(new Error(`never ${what}; heard: ${JSON.stringify(heard)}, not: ${JSON.stringify(this.unreadable)}`));
      }, patience);
      this.#listeners.add(check);
      check();
    });
  }

  /** Held stanzas with these ids, in this order, once all are there; they are held no longer. */
  async release(ids: readonly string[]): Promise<Element[]> {
    const find = (id: string): Element | undefined => this.held?.find((stanza) => stanza.attrs['id'] === id);
    await this.client.until(() => ids.every((id) => find(id)));
    const found = ids.flatMap((id) => find(id) ?? []);
    this.held = this.held?.filter((stanza) => !found.includes(stanza)) ?? null;
    return found;
  }

  /** Reads what is held, and from now on what comes as it comes. */
  letGo(): void {
    const held = this.held ?? [];
    this.held = null;
    for (const stanza of held) this.take(stanza);
  }

  async stop(): Promise<void> {
    await this.client.stop();
    try {
      await this.omemo.stop();
    } finally {
      await this.#own?.stop();
      this.#own = null;
    }
  }
}

function element(text: string): Element {
  const parsed = parseElement(text);
  if (!parsed.ok) throw new Error(parsed.error.detail ?? parsed.error.code);
  return parsed.value;
}

/** As a careful client reads it: XEP-0420 has what it needs, and the addresses are true. */
function understood(read: Read, from: string, stanza: Element): Heard {
  const { content = null, namespace = LEGACY, deviceId = 0 } = read;
  const base = { namespace, from, deviceId, stanza };
  if (content === null) return { ...base, text: null, content: [] };
  const text = new TextDecoder('utf-8', { fatal: true }).decode(content);
  if (namespace === LEGACY) return { ...base, text, content: [] };
  const envelope = element(text);
  const inside = envelope.getChild('content', sce)?.getChildElements() ?? [];
  const addressed = envelope.getChild('from', sce)?.attrs['jid'] === from && envelope.getChild('rpad', sce);
  if (!envelope.is('envelope', sce) || !addressed || !envelope.getChild('time', sce)) throw new Error('bad envelope');
  const body = inside.find((one) => one.is('body', 'jabber:client'));
  return { ...base, text: body?.getText() ?? null, content: inside };
}
