/**
 * python-omemo with no network around it: what it would fetch is given to it, what it publishes is kept, and one device of
 * ours stands at the other end. For tests of the encryption alone.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { legacyBundleOf, readLegacyBundle } from '../../src/main/e2ee/omemo.ts';
import type { Bundle } from '../../src/main/e2ee/types.ts';
import { readBundle, writeBundle, writeDeviceList } from '../../src/main/messaging/devices/key-nodes.ts';
import {
  readLegacyBundleElement,
  writeLegacyBundle,
  writeLegacyDeviceList,
} from '../../src/main/messaging/devices/legacy-nodes.ts';
import { readLegacy, writeLegacy } from '../../src/main/messaging/envelope/legacy-stanza.ts';
import { readEncrypted, writeEncrypted } from '../../src/main/messaging/envelope/omemo-stanza.ts';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import { type Envelope, expectOk, type TestDevice } from './e2ee-device.ts';
import { LEGACY, OMEMO2, type OmemoNetwork, PythonOmemo, type PythonProcess, type Read } from './python-omemo.ts';

const OURS = 'ours@example.org';
const THEIRS = 'theirs@example.org';

export class BareOmemo {
  readonly #ours: TestDevice;
  readonly #process: PythonProcess;
  readonly #folder = mkdtempSync(join(tmpdir(), 'bothy-omemo-'));
  readonly #published = new Map<string, string>();
  omemo!: PythonOmemo;

  private constructor(process: PythonProcess, ours: TestDevice) {
    this.#process = process;
    this.#ours = ours;
  }

  static async start(process: PythonProcess, ours: TestDevice): Promise<BareOmemo> {
    const bare = new BareOmemo(process, ours);
    await bare.#begin();
    return bare;
  }

  async #begin(): Promise<void> {
    const namespaces = [this.#ours.wire === 'omemo2' ? OMEMO2 : LEGACY] as const;
    const file = join(this.#folder, 'theirs.json');
    this.omemo = await PythonOmemo.start(this.#process, { jid: THEIRS, file, namespaces }, this.#network);
    await this.omemo.synced();
  }

  readonly #network: OmemoNetwork = {
    publish: async (node, item, _, text) => void this.#published.set(`${node}#${item}`, text),
    fetch: async (jid, node, item) => {
      if (jid === THEIRS) return this.#published.get(`${node}#${item ?? 'current'}`) ?? null;
      const { own, wire, bundle } = this.#ours;
      const { deviceId } = own;
      if (wire === 'omemo2') {
        const list = writeDeviceList([{ id: deviceId, label: null, labelSignature: null }]);
        return (node.endsWith(':devices') ? list : writeBundle(bundle)).toString();
      }
      const list = writeLegacyDeviceList([deviceId]);
      return (node.endsWith('.devicelist') ? list : writeLegacyBundle(legacyBundleOf(own))).toString();
    },
    // Its answers to key exchanges are lost, as messages are.
    send: async () => {},
  };

  async bundle(): Promise<Bundle> {
    const { deviceId } = this.omemo;
    if (this.#ours.wire === 'omemo2') {
      return expectOk(readBundle(element(this.#published.get(`${OMEMO2}:bundles#${deviceId}`)), deviceId));
    }
    const published = element(this.#published.get(`${LEGACY}.bundles:${deviceId}#current`));
    return expectOk(readLegacyBundle(expectOk(readLegacyBundleElement(published, deviceId))));
  }

  async send(content: Uint8Array): Promise<Envelope> {
    await this.omemo.refresh(OURS);
    const [encrypted = ''] = await this.omemo.encrypt([OURS], () => content);
    const { deviceId } = this.#ours.own;
    if (this.#ours.wire === 'omemo2') {
      const { recipients, payload } = expectOk(readEncrypted(element(encrypted)));
      const key = recipients.find(({ jid }) => jid === OURS)?.keys.find((one) => one.deviceId === deviceId);
      if (!key) throw new Error('not for us');
      return { ...key, payload };
    }
    const { keys, payload, iv } = expectOk(readLegacy(element(encrypted)));
    const key = keys.find((one) => one.deviceId === deviceId);
    if (!key) throw new Error('not for us');
    return { ...key, payload, iv };
  }

  /** Rejects when it cannot be read. */
  async receive(envelope: Envelope): Promise<Read> {
    await this.omemo.refresh(OURS);
    const { keyExchange, data, payload, iv = null } = envelope;
    const sid = this.#ours.own.deviceId;
    const key = { deviceId: this.omemo.deviceId, keyExchange, data };
    const encrypted =
      this.#ours.wire === 'omemo2'
        ? writeEncrypted({ sid, recipients: [{ jid: THEIRS, keys: [key] }], payload })
        : writeLegacy({ sid, keys: [key], iv, payload });
    return this.omemo.decrypt(OURS, encrypted.toString());
  }

  /** The session is gone, as after a restored old backup. */
  forget(): Promise<void> {
    return this.omemo.forget(OURS);
  }

  /** Begun again, with everything from the file. */
  async restart(): Promise<void> {
    await this.omemo.stop();
    await this.#begin();
  }

  async stop(): Promise<void> {
    await this.omemo.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function element(text = '') {
  return expectOk(parseElement(text));
}
