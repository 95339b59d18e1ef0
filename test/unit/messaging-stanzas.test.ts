import xml from '@xmpp/xml';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../../src/main/e2ee/types.ts';
import {
  bundlesNode,
  fetchedItem,
  readBundle,
  readDeviceList,
  writeBundle,
  writeDeviceList,
} from '../../src/main/messaging/devices/key-nodes.ts';
import { decodeBase64 } from '../../src/main/messaging/envelope/base64.ts';
import {
  readEncrypted,
  writeEncrypted,
  writeEncryptedMessage,
} from '../../src/main/messaging/envelope/omemo-stanza.ts';
import { orderElement, orderIn } from '../../src/main/messaging/envelope/order.ts';
import { displayTime } from '../../src/main/messaging/timeline/conversation-timeline.ts';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import type { MessageId } from '../../src/shared/model.ts';

const deviceId = fc.integer({ min: 1, max: 0x7fffffff });
const someBytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
function reparsed(element: { toString(): string }) {
  const parsed = parseElement(element.toString());
  if (!parsed.ok) throw new Error('not XML');
  return parsed.value;
}

describe('<encrypted/> (XEP-0384)', () => {
  const key = fc.record({ deviceId, keyExchange: fc.boolean(), data: fc.uint8Array({ minLength: 1, maxLength: 200 }) });
  const encrypted = fc.record({
    sid: deviceId,
    recipients: fc.array(
      fc.record({
        jid: fc.constantFrom('a@b.example', 'c@d.example'),
        keys: fc.array(key, { minLength: 1, maxLength: 4 }),
      }),
      { maxLength: 3 },
    ),
    payload: fc.option(fc.uint8Array({ minLength: 1, maxLength: 500 })),
  });

  test('what is written is read', () => {
    fc.assert(
      fc.property(encrypted, (value) => {
        expect(readEncrypted(reparsed(writeEncrypted(value)))).toEqual({ ok: true, value });
      }),
    );
  });

  test('the example of the specification, with white space in its base64', () => {
    const parsed = parseElement(
      `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='27183'><keys jid='juliet@capulet.lit'>
       <key rid='31415'>YWJj</key></keys><keys jid='romeo@montague.lit'><key rid='1337' kex='true'>\n YW\nJj </key></keys>
       </header><payload>\n  YWJj\n</payload></encrypted>`,
    );
    const abc = new TextEncoder().encode('abc');
    expect(parsed.ok && readEncrypted(parsed.value)).toEqual({
      ok: true,
      value: {
        sid: 27183,
        recipients: [
          { jid: 'juliet@capulet.lit', keys: [{ deviceId: 31415, keyExchange: false, data: abc }] },
          { jid: 'romeo@montague.lit', keys: [{ deviceId: 1337, keyExchange: true, data: abc }] },
        ],
        payload: abc,
      },
    });
  });

  test('what is malformed is refused', () => {
    const bad = [
      `<encrypted xmlns='urn:xmpp:omemo:1'><header sid='1'/></encrypted>`,
      `<encrypted xmlns='urn:xmpp:omemo:2'/>`,
      `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='0'/></encrypted>`,
      `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='2147483648'/></encrypted>`,
      `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1e3'/></encrypted>`,
      `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'><keys><key rid='1'>YWJj</key></keys></header></encrypted>`,
      `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'><keys jid='a'><key rid='1'>YW-j</key></keys></header></encrypted>`,
      `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'/><payload>YWJ</payload></encrypted>`,
    ];
    for (const text of bad) {
      const parsed = parseElement(text);
      expect(parsed.ok && readEncrypted(parsed.value)).toMatchObject({
        ok: false,
        error: { code: 'encryption.malformed' },
      });
    }
  });

  test('the stanza around it holds hints and nothing readable', () => {
    const message = writeEncryptedMessage({
      id: 'id-1' as MessageId,
      from: 'a@b.example',
      to: 'c@d.example',
      encrypted: { sid: 1, recipients: [], payload: Uint8Array.of(1, 2, 3) },
    });
    expect(message.attrs).toEqual({ type: 'chat', id: 'id-1', from: 'a@b.example', to: 'c@d.example' });
    expect(message.getChildElements().map((child) => [child.name, child.getNS()])).toEqual([
      ['encrypted', 'urn:xmpp:omemo:2'],
      ['encryption', 'urn:xmpp:eme:0'],
      ['store', 'urn:xmpp:hints'],
    ]);
  });
});

describe('device lists and bundles', () => {
  const bundle: fc.Arbitrary<Bundle> = fc.record({
    deviceId,
    identityKey: someBytes(32),
    signedPrekeyId: deviceId,
    signedPrekey: someBytes(32),
    signedPrekeySignature: someBytes(64),
    prekeys: fc.uniqueArray(fc.record({ id: deviceId, key: someBytes(32) }), {
      minLength: 1,
      maxLength: 10,
      selector: (prekey) => prekey.id,
    }),
  });

  test('a bundle survives the wire', () => {
    fc.assert(
      fc.property(bundle, (value) => {
        expect(readBundle(reparsed(writeBundle(value)), value.deviceId)).toEqual({ ok: true, value });
      }),
    );
  });

  test('a bundle with a key of a wrong length, or without prekeys, is refused; a bad prekey is left out', () => {
    const [good] = fc.sample(bundle, 1);
    if (!good) throw new Error('no sample');
    const short = { ...good, identityKey: good.identityKey.slice(1) };
    expect(readBundle(writeBundle(short), 1)).toMatchObject({ ok: false, error: { code: 'encryption.bad-bundle' } });
    expect(readBundle(writeBundle({ ...good, prekeys: [] }), 1).ok).toBe(false);
    const odd = { id: 77, key: Uint8Array.of(1) };
    const read = readBundle(writeBundle({ ...good, prekeys: [odd, ...good.prekeys] }), good.deviceId);
    expect(read).toEqual({ ok: true, value: { ...good, prekeys: good.prekeys.filter(({ id }) => id !== 77) } });
  });

  test('a device list keeps signed labels of others as they are', () => {
    const devices = [
      { id: 1, label: null, labelSignature: null },
      { id: 2, label: 'Phone & more', labelSignature: 'c2ln' },
    ];
    expect(readDeviceList(reparsed(writeDeviceList(devices)))).toEqual({ ok: true, value: devices });
    expect(readDeviceList(undefined).ok).toBe(false);
  });

  test('a label without its signature, and the other way round, is republished as it is', () => {
    const devices = [
      { id: 1, label: 'Laptop', labelSignature: null },
      { id: 2, label: null, labelSignature: 'AAAA' },
    ];
    expect(readDeviceList(reparsed(writeDeviceList(devices)))).toEqual({ ok: true, value: devices });
  });

  test('only the item asked for, from the node asked for, is taken', () => {
    const result = xml(
      'iq',
      { type: 'result' },
      xml(
        'pubsub',
        { xmlns: 'http://jabber.org/protocol/pubsub' },
        xml(
          'items',
          { node: bundlesNode },
          xml('item', { id: '1' }, xml('one', { xmlns: 'x' })),
          xml('item', { id: '2' }, xml('two', { xmlns: 'x' })),
        ),
      ),
    );
    expect(fetchedItem(result, bundlesNode, '2')?.name).toBe('two');
    expect(fetchedItem(result, bundlesNode, '3')).toBeUndefined();
    expect(fetchedItem(result, 'another', '2')).toBeUndefined();
  });
});

describe('order', () => {
  test('counter and what was seen survive; nonsense is no order', () => {
    const order = { counter: 12, after: 'm-1' as MessageId };
    expect(orderIn([orderElement(order)])).toEqual(order);
    for (const n of ['0', '-1', '1.5', '', '99999999999999999999']) {
      expect(orderIn([xml('order', { xmlns: 'urn:bothy:order:0', n })])).toBeNull();
    }
  });

  const receivedAt = Date.UTC(2026, 10, 23);
  test('a message stands where its sender says, within what is possible', () => {
    expect(displayTime({ sentAt: receivedAt - 5000, receivedAt, seenAt: null })).toBe(receivedAt - 5000);
    expect(displayTime({ sentAt: receivedAt + 86_400_000, receivedAt, seenAt: null })).toBe(receivedAt);
    expect(displayTime({ sentAt: receivedAt - 5000, receivedAt, seenAt: receivedAt - 10 })).toBe(receivedAt - 10);
    expect(displayTime({ sentAt: 0, receivedAt, seenAt: null })).toBe(receivedAt);
  });
});

test('base64 is exact', () => {
  expect(decodeBase64('YWJj', 3)).toEqual(new TextEncoder().encode('abc'));
  for (const bad of ['YWJ', 'YW=j', 'Y', '*', 'YWJj=']) expect(decodeBase64(bad)).toBeNull();
  expect(decodeBase64('YWJj', 4)).toBeNull();
});
