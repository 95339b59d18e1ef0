/**
 * A client that speaks nothing but legacy OMEMO, as many in use do: python-oldmemo for the encryption, our XMPP
 * connection for the transport, and stanzas written and read here by the letter of XEP-0384 0.3.0, not by Bothy's code.
 */
import type { Element } from '@xmpp/xml';
import xml from '@xmpp/xml';
import type { LegacyBundle } from '../../src/main/e2ee/types.ts';
import { OldmemoDevice } from './e2ee-oldmemo.ts';
import { type ClientOptions, TestClient } from './xmpp-client.ts';

const axolotl = 'eu.siacs.conversations.axolotl';
const pubsub = 'http://jabber.org/protocol/pubsub';
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const bytesOf = (text: string | null | undefined): Uint8Array => new Uint8Array(Buffer.from(text ?? '', 'base64'));

export interface Heard {
  /** Null: a key-transport message. */
  readonly text: string | null;
  readonly stanza: Element;
}

export class LegacyClient {
  readonly client: TestClient;
  readonly omemo: OldmemoDevice;
  readonly heard: Heard[] = [];
  /** Messages with a key for this device that could not be decrypted. */
  readonly unreadable: string[] = [];
  readonly #listeners = new Set<() => void>();
  #reading: Promise<void> = Promise.resolve();

  private constructor(client: TestClient, omemo: OldmemoDevice) {
    this.client = client;
    this.omemo = omemo;
  }

  /** Signed in, with its list and bundle published. */
  static async start(options: ClientOptions): Promise<LegacyClient> {
    const omemo = await new OldmemoDevice().start();
    const legacy = new LegacyClient(new TestClient(options), omemo);
    legacy.client.onStanza = async ({ stanza }) => {
      legacy.#reading = legacy.#reading.then(() => legacy.#read(stanza));
      await legacy.#reading;
    };
    await legacy.client.start().ready();
    await legacy.#publishKeys();
    return legacy;
  }

  async #publishKeys(): Promise<void> {
    const bundle = await this.omemo.bundle();
    const prekeys = xml(
      'prekeys',
      {},
      ...bundle.prekeys.map(({ id, key }) => xml('preKeyPublic', { preKeyId: String(id) }, base64(key))),
    );
    await this.#publish(
      `${axolotl}.bundles:${bundle.deviceId}`,
      xml(
        'bundle',
        { xmlns: axolotl },
        xml('signedPreKeyPublic', { signedPreKeyId: String(bundle.signedPrekeyId) }, base64(bundle.signedPrekey)),
        xml('signedPreKeySignature', {}, base64(bundle.signedPrekeySignature)),
        xml('identityKey', {}, base64(bundle.identityKey)),
        prekeys,
      ),
    );
    const list = xml('list', { xmlns: axolotl }, xml('device', { id: String(bundle.deviceId) }));
    await this.#publish(`${axolotl}.devicelist`, list);
  }

  async #publish(node: string, payload: Element): Promise<void> {
    const open = (name: string, value: string): Element => xml('field', { var: name }, xml('value', {}, value));
    const options = xml(
      'publish-options',
      {},
      xml(
        'x',
        { xmlns: 'jabber:x:data', type: 'submit' },
        open('FORM_TYPE', 'http://jabber.org/protocol/pubsub#publish-options'),
        open('pubsub#access_model', 'open'),
      ),
    );
    const publish = xml('publish', { node }, xml('item', { id: 'current' }, payload));
    const iq = xml('iq', { type: 'set' }, xml('pubsub', { xmlns: pubsub }, publish, options));
    const answer = await this.client.request(this.client.jid, iq);
    if (!answer.ok) throw new Error(`${node}: ${answer.error.code}`);
  }

  async #fetch(owner: string, node: string): Promise<Element> {
    const items = xml('items', { node });
    const iq = xml('iq', { type: 'get', to: owner }, xml('pubsub', { xmlns: pubsub }, items));
    const answer = await this.client.request(owner, iq);
    if (!answer.ok) throw new Error(`${node}: ${answer.error.code}`);
    const found = answer.value.getChild('pubsub', pubsub)?.getChild('items')?.getChild('item')?.getChildElements()[0];
    if (!found) throw new Error(`${node} is empty`);
    return found;
  }

  async devicesOf(owner: string): Promise<number[]> {
    const list = await this.#fetch(owner, `${axolotl}.devicelist`);
    return list.getChildren('device').map((device) => Number(device.attrs['id']));
  }

  async bundleOf(owner: string, deviceId: number): Promise<LegacyBundle> {
    const bundle = await this.#fetch(owner, `${axolotl}.bundles:${deviceId}`);
    const signed = bundle.getChild('signedPreKeyPublic');
    return {
      deviceId,
      identityKey: bytesOf(bundle.getChildText('identityKey')),
      signedPrekeyId: Number(signed?.attrs['signedPreKeyId']),
      signedPrekey: bytesOf(signed?.getText()),
      signedPrekeySignature: bytesOf(bundle.getChildText('signedPreKeySignature')),
      prekeys: (bundle.getChild('prekeys')?.getChildren('preKeyPublic') ?? []).map((prekey) => ({
        id: Number(prekey.attrs['preKeyId']),
        key: bytesOf(prekey.getText()),
      })),
    };
  }

  /** To one device of theirs; a bundle starts a session. Null text: a key-transport message. */
  async say(to: string, deviceId: number, text: string | null, bundle?: LegacyBundle): Promise<string> {
    const content = text === null ? null : new TextEncoder().encode(text);
    const sealed = await this.omemo.send(content, bundle);
    const key = xml('key', { rid: String(deviceId) }, base64(sealed.data));
    if (sealed.keyExchange) key.attrs['prekey'] = 'true';
    // Somebody else's device may have the same id.
    const decoy = xml('key', { rid: String(deviceId) }, base64(sealed.data.slice(0, -1)));
    const iv = xml('iv', {}, base64(sealed.iv ?? new Uint8Array()));
    const header = xml('header', { sid: String(this.omemo.deviceId) }, decoy, key, iv);
    const encrypted = xml('encrypted', { xmlns: axolotl }, header);
    if (sealed.payload) encrypted.append(xml('payload', {}, base64(sealed.payload)));
    const id = crypto.randomUUID();
    const hint = xml('encryption', { xmlns: 'urn:xmpp:eme:0', namespace: axolotl });
    const fallback = xml('body', {}, 'an encrypted message');
    const stanza = xml(
      'message',
      { type: 'chat', id, to },
      encrypted,
      hint,
      fallback,
      xml('store', { xmlns: 'urn:xmpp:hints' }),
    );
    const sent = await this.client.send(to, stanza);
    if (!sent.ok) throw new Error(sent.error.code);
    return id;
  }

  async #read(stanza: Element): Promise<void> {
    const encrypted = stanza.getChild('encrypted', axolotl);
    const header = encrypted?.getChild('header');
    const key = header?.getChildren('key').find((one) => one.attrs['rid'] === String(this.omemo.deviceId));
    if (!encrypted || !header || !key) return;
    const payload = encrypted.getChildText('payload');
    const envelope = {
      keyExchange: key.attrs['prekey'] === 'true',
      data: bytesOf(key.getText()),
      iv: bytesOf(header.getChildText('iv')),
      payload: payload === null ? null : bytesOf(payload),
    };
    try {
      const { content } = await this.omemo.receive(envelope, Number(header.attrs['sid']));
      this.heard.push({ text: content, stanza });
    } catch (error) {
      this.unreadable.push(error instanceof Error ? error.message : 'unknown');
    }
    for (const listener of [...this.#listeners]) listener();
  }

  /** The first that fits, now or later. Rejects at once when something could not be decrypted. */
  hears(fits: (heard: Heard) => boolean): Promise<Heard> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = this.heard.find(fits);
        if (!found && this.unreadable.length === 0) return;
        this.#listeners.delete(check);
        if (found) resolve(found);
        else reject(new Error(`not decrypted: ${this.unreadable.join(', ')}`));
      };
      this.#listeners.add(check);
      check();
    });
  }

  async stop(): Promise<void> {
    await this.client.stop();
    this.omemo.stop();
  }
}
