/** Device lists and bundles of `eu.siacs.conversations.axolotl` as XML (XEP-0384 0.3.0 §4.2, §4.3). */
import xml, { type Element } from '@xmpp/xml';
import { type AppError, fail, ok, type Result } from '../../../shared/errors.ts';
import type { DeviceId } from '../../../shared/model.ts';
import type { LegacyBundle } from '../../e2ee/types.ts';
import { decodeBase64, encodeBase64 } from '../envelope/base64.ts';
import { legacyNamespace } from '../envelope/legacy-stanza.ts';
import { parseDeviceId } from '../envelope/omemo-stanza.ts';
import { fetchRequest, parsePrekeyId } from './key-nodes.ts';

export const legacyDevicesNode = `${legacyNamespace}.devicelist`;

/** A node for each device, with one item. */
export function legacyBundleNode(deviceId: DeviceId): string {
  return `${legacyNamespace}.bundles:${deviceId}`;
}

const maxDevices = 200;
const maxPrekeys = 500;
const keyBytes = 33;

export function writeLegacyDeviceList(devices: readonly DeviceId[]): Element {
  return xml('list', { xmlns: legacyNamespace }, ...devices.map((id) => xml('device', { id: String(id) })));
}

/** Ids that are none are left out, as other clients do: the rest of the list is as good as ever. */
export function readLegacyDeviceList(list: Element | undefined): Result<DeviceId[]> {
  if (!list?.is('list', legacyNamespace)) return malformed('not a device list');
  const devices = new Set<DeviceId>();
  for (const element of list.getChildren('device', legacyNamespace)) {
    const id = parseDeviceId(element.attrs['id']);
    if (id !== null) devices.add(id);
    if (devices.size > maxDevices) return malformed('too many devices');
  }
  return ok([...devices]);
}

/** The newest item only: some servers keep old ones. */
export function legacyFetchRequest(to: string | null, node: string): Element {
  const request = fetchRequest(to, node, null);
  const items = request.getChild('pubsub')?.getChild('items');
  if (items) items.attrs['max_items'] = '1';
  return request;
}

export function writeLegacyBundle(bundle: LegacyBundle): Element {
  return xml(
    'bundle',
    { xmlns: legacyNamespace },
    xml('signedPreKeyPublic', { signedPreKeyId: String(bundle.signedPrekeyId) }, encodeBase64(bundle.signedPrekey)),
    xml('signedPreKeySignature', {}, encodeBase64(bundle.signedPrekeySignature)),
    xml('identityKey', {}, encodeBase64(bundle.identityKey)),
    xml(
      'prekeys',
      {},
      ...bundle.prekeys.map(({ id, key }) => xml('preKeyPublic', { preKeyId: String(id) }, encodeBase64(key))),
    ),
  );
}

/** Shape and sizes only; the signature is the e2ee module's to check. */
export function readLegacyBundleElement(element: Element | undefined, deviceId: DeviceId): Result<LegacyBundle> {
  if (!element?.is('bundle', legacyNamespace)) return malformed('not a bundle');
  const bytes = (name: string, length: number): Uint8Array | null =>
    decodeBase64(element.getChildText(name, legacyNamespace) ?? '!', length);
  const signedPrekeyId = parsePrekeyId(
    element.getChild('signedPreKeyPublic', legacyNamespace)?.attrs['signedPreKeyId'],
  );
  const signedPrekey = bytes('signedPreKeyPublic', keyBytes);
  const signedPrekeySignature = bytes('signedPreKeySignature', 64);
  const identityKey = bytes('identityKey', keyBytes);
  if (signedPrekeyId === null || !signedPrekey || !signedPrekeySignature || !identityKey) {
    return malformed('bad bundle');
  }
  const prekeys = new Map<number, Uint8Array>();
  const written = element.getChild('prekeys', legacyNamespace)?.getChildren('preKeyPublic', legacyNamespace) ?? [];
  for (const prekey of written) {
    const id = parsePrekeyId(prekey.attrs['preKeyId']);
    const key = decodeBase64(prekey.getText(), keyBytes);
    // Prekeys are not signed: one bad one must not shut the device out.
    if (id === null || !key || prekeys.has(id)) continue;
    prekeys.set(id, key);
    if (prekeys.size > maxPrekeys) return malformed('too many prekeys');
  }
  if (prekeys.size === 0) return malformed('no prekeys');
  return ok({
    deviceId,
    identityKey,
    signedPrekeyId,
    signedPrekey,
    signedPrekeySignature,
    prekeys: [...prekeys].map(([id, key]) => ({ id, key })),
  });
}

function malformed(detail: string): { readonly ok: false; readonly error: AppError } {
  return fail('encryption.bad-bundle', 'A device published encryption keys that cannot be used.', '', detail);
}
