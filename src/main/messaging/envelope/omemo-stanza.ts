/** `<encrypted xmlns="urn:xmpp:omemo:2"/>` (XEP-0384 0.9.1 §4.4) and the outer stanza around it. */
import xml, { type Element } from '@xmpp/xml';
import { fail, ok, type Result } from '../../../shared/errors.ts';
import type { DeviceId, MessageId } from '../../../shared/model.ts';
import type { EncryptedKey } from '../../e2ee/types.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';

export const omemoNamespace = 'urn:xmpp:omemo:2';

/** The keys for the devices of one person, under the address they are reached by. */
export interface KeysFor {
  readonly jid: string;
  readonly keys: readonly EncryptedKey[];
}

export interface EncryptedElement {
  /** Device id of the sender. */
  readonly sid: DeviceId;
  readonly recipients: readonly KeysFor[];
  /** Null: an empty message, which only moves sessions on. */
  readonly payload: Uint8Array | null;
}

const maxKeys = 500;

export function parseDeviceId(text: unknown): DeviceId | null {
  if (typeof text !== 'string' || !/^[1-9][0-9]{0,9}$/.test(text)) return null;
  const id = Number(text);
  return id <= 0x7fffffff ? id : null;
}

export function writeEncrypted(encrypted: EncryptedElement): Element {
  const header = xml('header', { sid: String(encrypted.sid) });
  for (const { jid, keys } of encrypted.recipients) {
    if (keys.length === 0) continue;
    const group = xml('keys', { jid });
    for (const key of keys) {
      const attributes = key.keyExchange ? { rid: String(key.deviceId), kex: 'true' } : { rid: String(key.deviceId) };
      group.append(xml('key', attributes, encodeBase64(key.data)));
    }
    header.append(group);
  }
  const element = xml('encrypted', { xmlns: omemoNamespace }, header);
  if (encrypted.payload) element.append(xml('payload', {}, encodeBase64(encrypted.payload)));
  return element;
}

export function readEncrypted(element: Element): Result<EncryptedElement> {
  if (!element.is('encrypted', omemoNamespace)) return malformed('not an encrypted element');
  const header = element.getChild('header', omemoNamespace);
  const sid = parseDeviceId(header?.attrs['sid']);
  if (!header || sid === null) return malformed('no sender device');
  const recipients: KeysFor[] = [];
  let count = 0;
  for (const group of header.getChildren('keys', omemoNamespace)) {
    const jid: unknown = group.attrs['jid'];
    if (typeof jid !== 'string') return malformed('keys without address');
    const keys: EncryptedKey[] = [];
    for (const key of group.getChildren('key', omemoNamespace)) {
      count += 1;
      if (count > maxKeys) return malformed('too many keys');
      const deviceId = parseDeviceId(key.attrs['rid']);
      const data = decodeBase64(key.getText());
      if (deviceId === null || data === null) return malformed('bad key');
      keys.push({ deviceId, data, keyExchange: key.attrs['kex'] === 'true' || key.attrs['kex'] === '1' });
    }
    if (keys.length > 0) recipients.push({ jid, keys });
  }
  const payloadElement = element.getChild('payload', omemoNamespace);
  const payload = payloadElement ? decodeBase64(payloadElement.getText()) : null;
  if (payloadElement && payload === null) return malformed('bad payload');
  return ok({ sid, recipients, payload });
}

/**
 * The whole stanza: no readable content, a store hint (XEP-0334 §3.4) because there is no body, and what it is
 * encrypted with (XEP-0380) for clients that cannot read it. `id` is the one inside receipts and markers too.
 */
export function writeEncryptedMessage(message: {
  readonly id: MessageId;
  readonly from: string;
  readonly to: string;
  /** Null: no device reads this format. */
  readonly encrypted: EncryptedElement | null;
  /** The element for devices that read only the legacy format (see legacy-stanza.ts). */
  readonly legacy?: Element | null;
}): Element {
  const { encrypted, legacy } = message;
  const namespace = legacy?.getNS() ?? omemoNamespace;
  const stanza = xml('message', { type: 'chat', id: message.id, from: message.from, to: message.to });
  // A client of the legacy format's time (lurch 0.7.0) takes the first element of the name, whatever its namespace.
  if (legacy) stanza.append(legacy);
  if (encrypted) stanza.append(writeEncrypted(encrypted));
  stanza.append(xml('encryption', { xmlns: 'urn:xmpp:eme:0', namespace, name: 'OMEMO' }));
  stanza.append(xml('store', { xmlns: 'urn:xmpp:hints' }));
  // Servers and clients of the legacy format's time know a message by its body.
  if (legacy?.getChild('payload')) stanza.append(xml('body', {}, unreadableHere));
  return stanza;
}

/**
 * The same without what it is encrypted with: clients that cannot read it show a line for each message that says so
 * (XEP-0380), and in this one is nothing that a person could miss.
 */
export function withoutHint(stanza: Element): Element {
  const hint = stanza.getChild('encryption', 'urn:xmpp:eme:0');
  if (hint) stanza.remove(hint);
  return stanza;
}

const unreadableHere = 'This message is encrypted (OMEMO), and this app cannot show it.';

function malformed(detail: string): Result<EncryptedElement> {
  return fail('encryption.malformed', 'A message was malformed and could not be decrypted.', '', detail);
}
