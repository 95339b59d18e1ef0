/** `<encrypted xmlns="eu.siacs.conversations.axolotl"/>` (XEP-0384 0.3.0 §4.4), which most clients read. */
import xml, { type Element } from '@xmpp/xml';
import { fail, ok, type Result } from '../../../shared/errors.ts';
import type { DeviceId } from '../../../shared/model.ts';
import type { EncryptedKey } from '../../e2ee/types.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { parseDeviceId } from './omemo-stanza.ts';

export const legacyNamespace = 'eu.siacs.conversations.axolotl';

export interface LegacyElement {
  /** Device id of the sender. */
  readonly sid: DeviceId;
  /** Of the devices of everybody at once: `rid` does not say whose device it is, and several may have the same id. */
  readonly keys: readonly EncryptedKey[];
  readonly iv: Uint8Array | null;
  /** Null: a key-transport message, which only moves sessions on. */
  readonly payload: Uint8Array | null;
}

const maxKeys = 500;

export function writeLegacy(encrypted: LegacyElement): Element {
  const header = xml('header', { sid: String(encrypted.sid) });
  for (const key of encrypted.keys) {
    const attributes = key.keyExchange ? { rid: String(key.deviceId), prekey: 'true' } : { rid: String(key.deviceId) };
    header.append(xml('key', attributes, encodeBase64(key.data)));
  }
  if (encrypted.iv) header.append(xml('iv', {}, encodeBase64(encrypted.iv)));
  const element = xml('encrypted', { xmlns: legacyNamespace }, header);
  if (encrypted.payload) element.append(xml('payload', {}, encodeBase64(encrypted.payload)));
  return element;
}

/** Keys that cannot be read are left out: they are other devices' business as long as ours is fine. */
export function readLegacy(element: Element): Result<LegacyElement> {
  const header = element.getChild('header', legacyNamespace);
  const sid = parseDeviceId(header?.attrs['sid']);
  if (!element.is('encrypted', legacyNamespace) || !header || sid === null) return malformed('no sender device');
  const written = header.getChildren('key', legacyNamespace);
  if (written.length > maxKeys) return malformed('too many keys');
  const keys = written.flatMap((key): EncryptedKey[] => {
    const deviceId = parseDeviceId(key.attrs['rid']);
    const data = decodeBase64(key.getText());
    const prekey: unknown = key.attrs['prekey'];
    return deviceId === null || !data ? [] : [{ deviceId, data, keyExchange: prekey === 'true' || prekey === '1' }];
  });
  const ivElement = header.getChild('iv', legacyNamespace);
  const iv = ivElement ? decodeBase64(ivElement.getText()) : null;
  const payloadElement = element.getChild('payload', legacyNamespace);
  const payload = payloadElement ? decodeBase64(payloadElement.getText()) : null;
  if (payloadElement && (payload === null || iv === null)) return malformed('bad payload');
  return ok({ sid, keys, iv, payload });
}

function malformed(detail: string): Result<LegacyElement> {
  return fail('encryption.malformed', 'A message was malformed and could not be decrypted.', '', detail);
}
