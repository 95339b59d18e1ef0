/** OMEMO 2 and trust messages as QXmpp writes them: captured, not made by us. */
import type { Element } from '@xmpp/xml';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  checkBundle,
  decrypt,
  fingerprintOf,
  identityOf,
  parseOwnDevice,
  ready,
  type SessionRecord,
} from '../../src/main/e2ee/omemo.ts';
import { readBundle, readDeviceList } from '../../src/main/messaging/devices/key-nodes.ts';
import { displayedIn, isMarkable } from '../../src/main/messaging/envelope/markers.ts';
import { readEncrypted } from '../../src/main/messaging/envelope/omemo-stanza.ts';
import { asksForReceipt } from '../../src/main/messaging/envelope/receipts.ts';
import { type Envelope, readEnvelope } from '../../src/main/messaging/envelope/sce-envelope.ts';
import { bodyIn } from '../../src/main/messaging/envelope/text-body.ts';
import { trustMessageIn } from '../../src/main/messaging/trust/trust-message.ts';
import { readTrustUri } from '../../src/main/messaging/trust/trust-uri.ts';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import { expectOk } from '../support/e2ee-device.ts';
import { bundle, deviceList, messages, ownDevice, uri } from '../support/qxmpp-captures.ts';

const element = (text: string): Element => expectOk(parseElement(text));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const theirDevice = 12944;
/** As its own program names it. */
const theirKey = '28de57ec264a79a5e8ee092778517fa0ffac05118b8f2e3f4d8424467e790375';
const theirOtherKey = '519c77f63d083d85af1e477b4c8cdab70a2c847db1b5fe1890fe6b6ee27a952b';

/** Reads these messages, each as it was sent, with one device; what is in their envelopes. */
function read(names: readonly (keyof typeof messages)[]): Envelope[] {
  let own = parseOwnDevice(new Uint8Array(Buffer.from(ownDevice, 'base64')));
  let record: SessionRecord | null = null;
  return names.map((name) => {
    const encrypted = expectOk(readEncrypted(element(messages[name]).getChild('encrypted') ?? element('<none/>')));
    const [key] = encrypted.recipients.flatMap(({ keys }) => keys).filter(({ deviceId }) => deviceId === own.deviceId);
    if (key === undefined) throw new Error('not for this device');
    expect(encrypted.sid).toBe(theirDevice);
    expect(hex(expectOk(identityOf(key.data)))).toBe(theirKey);
    const decrypted = expectOk(
      decrypt(own, record, { senderDeviceId: theirDevice, payload: encrypted.payload, ...key }, 0),
    );
    record = decrypted.record;
    own = decrypted.own ?? own;
    return expectOk(readEnvelope(decrypted.content ?? new Uint8Array(0)));
  });
}

beforeAll(ready);

test('the device list and the bundle', () => {
  expect(expectOk(readDeviceList(element(deviceList)))).toEqual([
    { id: theirDevice, label: 'Kaidan - Debian', labelSignature: null },
  ]);
  const read = expectOk(readBundle(element(bundle), theirDevice));
  expect(checkBundle(read).ok).toBe(true);
  expect(hex(read.identityKey)).toBe(theirKey);
});

describe('messages', () => {
  const wrote = { from: 'ruth2@bothy.test', to: 'anna1@bothy.test' };

  test('are read one after the other, though only the first key exchange is marked as one', () => {
    const [first, second, displayed] = read(['first', 'second', 'displayed', 'trust']);
    expect(first).toMatchObject({ ...wrote, time: Date.parse('2026-11-28T00:06:58.971Z') });
    expect(bodyIn(first?.content ?? [])).toBe('first');
    expect([asksForReceipt(first?.content ?? []), isMarkable(first?.content ?? [])]).toEqual([true, true]);
    expect(bodyIn(second?.content ?? [])).toBe('second');
    expect(displayedIn(displayed?.content ?? [])).toEqual(['b7a1f2c0-0000-4000-8000-000000000001']);
  });

  test('are read when the marked one is lost, or comes after the others', () => {
    expect(read(['second', 'displayed', 'first']).map(({ content }) => bodyIn(content))).toEqual([
      'second',
      null,
      'first',
    ]);
  });

  test('a trust message names the Ed25519 keys', () => {
    const [trust] = read(['trust']);
    expect(trust).toMatchObject(wrote);
    const owners = trustMessageIn(trust?.content ?? []) ?? [];
    expect(owners.map(({ jid, trusted, distrusted }) => [jid, trusted.map(hex), distrusted])).toEqual([
      ['ruth2@bothy.test', [theirOtherKey], []],
    ]);
  });
});

test('the link in the code of Kaidan names them too', () => {
  const { address, trusted, distrusted } = expectOk(readTrustUri(uri));
  expect(address).toBe('ruth2@bothy.test');
  expect(trusted.map(({ deviceId, keyId }) => [deviceId, hex(keyId)])).toEqual([
    [null, theirKey],
    [null, theirOtherKey],
  ]);
  expect(distrusted).toEqual([]);
  expect(fingerprintOf(trusted[0]?.keyId ?? new Uint8Array(0))).toMatch(/^[0-9a-f]{64}$/);
});
