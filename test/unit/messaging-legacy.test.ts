/** Legacy OMEMO in conversations: stanzas and nodes by the letter, and two device lists that make one picture. */
import xml, { type Element } from '@xmpp/xml';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { selfOf } from '../../src/main/messaging/context.ts';
import {
  legacyDevicesNode,
  readLegacyBundleElement,
  readLegacyDeviceList,
  writeLegacyBundle,
  writeLegacyDeviceList,
} from '../../src/main/messaging/devices/legacy-nodes.ts';
import { conversationEncryption } from '../../src/main/messaging/devices/recipients.ts';
import { readLegacy, writeLegacy } from '../../src/main/messaging/envelope/legacy-stanza.ts';
import { writeEncryptedMessage } from '../../src/main/messaging/envelope/omemo-stanza.ts';
import { encryptedIn } from '../../src/main/messaging/receiving/incoming-encrypted.ts';
import { forOwnDevices } from '../../src/main/messaging/sending/transmission.ts';
import type { Arrival } from '../../src/main/transports/transport.ts';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import type { BareJid, ContactId, MessageId } from '../../src/shared/model.ts';
import { MessagingPerson } from '../support/messaging-person.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const ruth = 'ruth@bothy.test' as BareJid;

function element(text: string): Element {
  const parsed = parseElement(text);
  if (!parsed.ok) throw new Error('not XML');
  return parsed.value;
}

describe('the legacy element', () => {
  test('what is written is read, and looks as the specification has it', () => {
    const value = {
      sid: 27183,
      keys: [
        { deviceId: 31415, keyExchange: false, data: bytes(1, 2, 3) },
        { deviceId: 12321, keyExchange: true, data: bytes(4) },
      ],
      iv: bytes(5, 6),
      payload: bytes(7),
    };
    const text = writeLegacy(value).toString();
    expect(text).toBe(
      '<encrypted xmlns="eu.siacs.conversations.axolotl"><header sid="27183"><key rid="31415">AQID</key>' +
        '<key rid="12321" prekey="true">BA==</key><iv>BQY=</iv></header><payload>Bw==</payload></encrypted>',
    );
    expect(readLegacy(element(text))).toEqual({ ok: true, value });
  });

  test("other devices' bad keys are left out; a message without sender, or a payload without IV, is refused", () => {
    const around = (header: string, rest = '') =>
      readLegacy(
        element(`<encrypted xmlns="eu.siacs.conversations.axolotl"><header ${header}</header>${rest}</encrypted>`),
      );
    const read = around('sid="1"><key rid="x">AQID</key><key rid="2">*</key><key rid="3" prekey="1">AQID</key>');
    expect(read.ok && read.value.keys.map((key) => [key.deviceId, key.keyExchange])).toEqual([[3, true]]);
    for (const [header, rest] of [
      ['>', ''],
      ['sid="0">', ''],
      ['sid="1">', '<payload>AQID</payload>'],
      ['sid="1"><iv>AQID</iv>', '<payload>*</payload>'],
      [`sid="1">${'<key rid="1">AQID</key>'.repeat(501)}`, ''],
    ] as const) {
      expect(around(header, rest)).toMatchObject({ ok: false, error: { code: 'encryption.malformed' } });
    }
  });

  test('lists and bundles are read as they were written; bad ids and prekeys are left out', () => {
    const list = writeLegacyDeviceList([1, 2]).toString();
    expect(list).toBe('<list xmlns="eu.siacs.conversations.axolotl"><device id="1"/><device id="2"/></list>');
    expect(readLegacyDeviceList(element(list.replace('"1"', '"-1"')))).toEqual({ ok: true, value: [2] });
    const key = (value: number) => new Uint8Array(33).fill(value);
    const bundle = {
      deviceId: 5,
      identityKey: key(1),
      signedPrekeyId: 0,
      signedPrekey: key(2),
      signedPrekeySignature: new Uint8Array(64).fill(3),
      prekeys: [
        { id: 1, key: key(4) },
        { id: 2, key: key(5) },
      ],
    };
    const written = writeLegacyBundle(bundle).toString();
    expect(readLegacyBundleElement(element(written), 5)).toEqual({ ok: true, value: bundle });
    const spoilt = readLegacyBundleElement(element(written.replace('preKeyId="1"', 'preKeyId="x"')), 5);
    expect(spoilt.ok && spoilt.value.prekeys.map(({ id }) => id)).toEqual([2]);
    const short = Buffer.from(key(1).subarray(1)).toString('base64');
    const without = written.replace(Buffer.from(key(1)).toString('base64'), short);
    expect(readLegacyBundleElement(element(without), 5)).toMatchObject({ ok: false });
  });
});

describe('in a conversation', () => {
  let anna: MessagingPerson;
  let contactId: ContactId;

  beforeEach(() => {
    anna = new MessagingPerson('Anna');
    contactId = crypto.randomUUID() as string as ContactId;
    anna.store.contacts.put({
      id: contactId,
      name: 'Ruth',
      jid: ruth,
      xid: null,
      subscription: 'both',
      xidShared: false,
      addedAt: 0,
    });
  });

  afterEach(() => anna.close());

  const arrival = (): Arrival => ({
    transport: 'xmpp',
    route: 'server',
    to: 'anna@bothy.test' as BareJid,
    from: ruth,
    device: null,
    kind: 'live',
    archiveId: null,
    delayedSince: null,
  });

  /** As Ruth's account would notify us. */
  function announce(node: string, list: Element): void {
    const items = xml('items', { node }, xml('item', { id: 'current' }, list));
    const event = xml('event', { xmlns: 'http://jabber.org/protocol/pubsub#event' }, items);
    anna.directory.handleEvent(element(xml('message', { from: ruth }, event).toString()), arrival());
  }

  const older = (...ids: number[]) => announce(legacyDevicesNode, writeLegacyDeviceList(ids));
  const newer = (...ids: number[]) =>
    announce(
      'urn:xmpp:omemo:2:devices',
      xml('devices', { xmlns: 'urn:xmpp:omemo:2' }, ...ids.map((id) => xml('device', { id: String(id) }))),
    );
  const devices = () =>
    anna.store.devices
      .of(contactId)
      .filter((device) => device.active)
      .map((device) => `${device.deviceId} ${device.wire}`)
      .sort();
  const encryption = () => {
    const contact = anna.store.contacts.get(contactId);
    if (!contact) throw new Error('no contact');
    return conversationEncryption(anna.context, contact, (id) => anna.directory.announcesNothing(id));
  };

  test('a device on both lists is written to in the newer format, and gone only when its own list says so', () => {
    older(5, 7);
    expect(devices()).toEqual(['5 omemo-legacy', '7 omemo-legacy']);
    expect([encryption(), anna.directory.listKnown(contactId)]).toEqual(['omemo-legacy', false]);
    newer(5);
    expect(devices()).toEqual(['5 omemo2', '7 omemo-legacy']);
    expect([encryption(), anna.directory.listKnown(contactId)]).toEqual(['omemo2', true]);
    // The app on device 5 was changed for one that speaks the older version alone.
    newer();
    expect(devices()).toEqual(['5 omemo-legacy', '7 omemo-legacy']);
    older(7);
    expect(devices()).toEqual(['7 omemo-legacy']);
    expect(anna.directory.announcesNothing(contactId)).toBe(false);
  });

  test('after signing in again, the older list alone takes no device of the newer away, nor moves it', () => {
    newer(5);
    older();
    anna.directory.forgetLists();
    older(5, 7);
    expect(devices()).toEqual(['5 omemo2', '7 omemo-legacy']);
    anna.directory.forgetLists();
    older();
    expect(devices()).toEqual(['5 omemo2']);
  });

  test('only two known and empty lists mean that somebody announces nothing', () => {
    older();
    expect([anna.directory.announcesNothing(contactId), encryption()]).toEqual([false, 'pending']);
    newer();
    expect([anna.directory.announcesNothing(contactId), encryption()]).toEqual([true, 'none']);
  });

  test('our key is looked for in the newer element first, then in the older; over a link only in the newer', () => {
    const { deviceId } = selfOf(anna.context);
    anna.store.accounts.put({ jid: 'anna@bothy.test' as BareJid, password: 'x', state: '', archiveCursor: null });
    const key = { deviceId, keyExchange: false, data: bytes(1) };
    const stanza = (newerFor: number, olderFor: number): Element =>
      writeEncryptedMessage({
        id: 'id' as MessageId,
        from: ruth,
        to: 'anna@bothy.test',
        encrypted: {
          sid: 9,
          recipients: [{ jid: 'anna@bothy.test', keys: [{ ...key, deviceId: newerFor }] }],
          payload: bytes(2),
        },
        legacy: writeLegacy({ sid: 9, keys: [{ ...key, deviceId: olderFor }, key], iv: bytes(3), payload: bytes(4) }),
      });
    // Which of both stands first is nothing to us, but to clients that look at names alone (lurch 0.7.0).
    const written = stanza(5, 5)
      .getChildren('encrypted')
      .map((child) => child.getNS());
    expect(written).toEqual(['eu.siacs.conversations.axolotl', 'urn:xmpp:omemo:2']);
    const found = (made: Element, given = arrival()) => {
      const result = encryptedIn(anna.context, element(made.toString()), given);
      return result?.ok ? [result.value.wire, result.value.keys.length] : null;
    };
    expect(found(stanza(deviceId, 5))).toEqual(['omemo2', 1]);
    expect(found(stanza(5, 5))).toEqual(['omemo-legacy', 1]);
    expect(found(stanza(5, deviceId))).toEqual(['omemo-legacy', 2]);
    expect(found(stanza(5, deviceId), { ...arrival(), transport: 'libp2p' })).toEqual(['omemo2', 0]);
    const copy = forOwnDevices(element(stanza(5, 5).toString()), 'anna@bothy.test' as BareJid);
    expect(copy.getChildren('encrypted').map((child) => child.getNS())).toEqual(['urn:xmpp:omemo:2']);
    expect(copy.getChild('body')).toBeUndefined();
  });
});
