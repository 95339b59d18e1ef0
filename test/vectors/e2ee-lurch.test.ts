/** The older OMEMO as Pidgin's plugin writes it: captured, not made by us. */
import type { Element } from '@xmpp/xml';
import { beforeAll, expect, test } from 'vitest';
import {
  decrypt,
  fingerprintOf,
  identityOf,
  parseOwnDevice,
  readLegacyBundle,
  ready,
  type SessionRecord,
} from '../../src/main/e2ee/omemo.ts';
import { readLegacyBundleElement, readLegacyDeviceList } from '../../src/main/messaging/devices/legacy-nodes.ts';
import { legacyNamespace, readLegacy } from '../../src/main/messaging/envelope/legacy-stanza.ts';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import { expectOk } from '../support/e2ee-device.ts';
import { bundle, deviceList, messages, ownDevice } from '../support/lurch-captures.ts';

const element = (text: string): Element => expectOk(parseElement(text));
const theirDevice = 1843768474;
/** As its own database has it. */
const theirFingerprint = '9f678b48b6adc2ab7c3af3fad3cb58ebc473a37b5e8b8aeaaca082b572309c58';

/** Reads these messages, each as it was sent, with one device. */
function read(order: readonly number[]): string[] {
  let own = parseOwnDevice(new Uint8Array(Buffer.from(ownDevice, 'base64')));
  let record: SessionRecord | null = null;
  return order.map((index) => {
    const stanza = element(messages[index] ?? '<none/>');
    const encrypted = expectOk(readLegacy(stanza.getChild('encrypted', legacyNamespace) ?? element('<none/>')));
    const [key] = encrypted.keys.filter(({ deviceId }) => deviceId === own.deviceId);
    if (key === undefined) throw new Error('not for this device');
    expect([encrypted.sid, key.keyExchange]).toEqual([theirDevice, false]);
    expect(fingerprintOf(expectOk(identityOf(key.data, 'omemo-legacy')))).toBe(theirFingerprint);
    const { payload, iv } = encrypted;
    const envelope = { wire: 'omemo-legacy', senderDeviceId: theirDevice, payload, iv, ...key } as const;
    const decrypted = expectOk(decrypt(own, record, envelope, 0));
    record = decrypted.record;
    own = decrypted.own ?? own;
    return new TextDecoder().decode(decrypted.content ?? new Uint8Array(0));
  });
}

beforeAll(ready);

test('the device list and the bundle', () => {
  expect(expectOk(readLegacyDeviceList(element(deviceList)))).toEqual([theirDevice]);
  const read = expectOk(readLegacyBundle(expectOk(readLegacyBundleElement(element(bundle), theirDevice))));
  expect(fingerprintOf(read.identityKey)).toBe(theirFingerprint);
});

test('messages are read in any order, though no key exchange is marked as one', () => {
  expect(read([0, 1, 2])).toEqual(['first', 'second', 'third & last']);
  expect(read([2, 0, 1])).toEqual(['third & last', 'first', 'second']);
});
