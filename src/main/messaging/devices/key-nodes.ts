/**
 * Device lists and bundles as XML, and the pubsub requests around them (XEP-0384 §4.2–4.3, XEP-0060). The same
 * `<iq/>` is asked of a server (PEP, XEP-0163) and of a libp2p peer itself.
 */
import xml, { type Element } from '@xmpp/xml';
import { type AppError, fail, ok, type Result } from '../../../shared/errors.ts';
import type { DeviceId } from '../../../shared/model.ts';
import type { Bundle } from '../../e2ee/types.ts';
import { decodeBase64, encodeBase64 } from '../envelope/base64.ts';
import { omemoNamespace, parseDeviceId } from '../envelope/omemo-stanza.ts';

export const devicesNode = 'urn:xmpp:omemo:2:devices';
export const bundlesNode = 'urn:xmpp:omemo:2:bundles';
export const pubsubNamespace = 'http://jabber.org/protocol/pubsub';
export const pubsubEventNamespace = 'http://jabber.org/protocol/pubsub#event';

const maxDevices = 200;
const maxPrekeys = 500;

/** One announced device. The label is kept as it is written, so that a list we republish loses nothing. */
export interface ListedDevice {
  readonly id: DeviceId;
  readonly label: string | null;
  readonly labelSignature: string | null;
}

export function writeDeviceList(devices: readonly ListedDevice[]): Element {
  const list = xml('devices', { xmlns: omemoNamespace });
  for (const device of devices) {
    const element = xml('device', { id: String(device.id) });
    if (device.label !== null) element.attrs['label'] = device.label;
    if (device.labelSignature !== null) element.attrs['labelsig'] = device.labelSignature;
    list.append(element);
  }
  return list;
}

export function readDeviceList(list: Element | undefined): Result<ListedDevice[]> {
  if (!list?.is('devices', omemoNamespace)) return malformed('not a device list');
  const devices = new Map<DeviceId, ListedDevice>();
  for (const element of list.getChildren('device', omemoNamespace)) {
    const id = parseDeviceId(element.attrs['id']);
    if (id === null) return malformed('bad device id');
    const label: unknown = element.attrs['label'];
    const signature: unknown = element.attrs['labelsig'];
    devices.set(id, {
      id,
      label: typeof label === 'string' ? label : null,
      labelSignature: typeof signature === 'string' ? signature : null,
    });
    if (devices.size > maxDevices) return malformed('too many devices');
  }
  return ok([...devices.values()]);
}

export function writeBundle(bundle: Bundle): Element {
  return xml(
    'bundle',
    { xmlns: omemoNamespace },
    xml('spk', { id: String(bundle.signedPrekeyId) }, encodeBase64(bundle.signedPrekey)),
    xml('spks', {}, encodeBase64(bundle.signedPrekeySignature)),
    xml('ik', {}, encodeBase64(bundle.identityKey)),
    xml(
      'prekeys',
      {},
      ...bundle.prekeys.map((prekey) => xml('pk', { id: String(prekey.id) }, encodeBase64(prekey.key))),
    ),
  );
}

/** Shape and sizes only; the signature is the e2ee module's to check. */
export function readBundle(element: Element | undefined, deviceId: DeviceId): Result<Bundle> {
  if (!element?.is('bundle', omemoNamespace)) return malformed('not a bundle');
  const bytes = (name: string, length: number): Uint8Array | null =>
    decodeBase64(element.getChildText(name, omemoNamespace) ?? '!', length);
  const signedPrekeyId = parsePrekeyId(element.getChild('spk', omemoNamespace)?.attrs['id']);
  const signedPrekey = bytes('spk', 32);
  const signedPrekeySignature = bytes('spks', 64);
  const identityKey = bytes('ik', 32);
  if (signedPrekeyId === null || !signedPrekey || !signedPrekeySignature || !identityKey)
    return malformed('bad bundle');
  const prekeys = new Map<number, Uint8Array>();
  for (const prekey of element.getChild('prekeys', omemoNamespace)?.getChildren('pk', omemoNamespace) ?? []) {
    const id = parsePrekeyId(prekey.attrs['id']);
    const key = decodeBase64(prekey.getText(), 32);
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

/** XEP-0384 says 1…2³¹−1; clients in use also write 0 and beyond. Whatever fits the protobuf is taken. */
export function parsePrekeyId(text: unknown): number | null {
  if (typeof text !== 'string' || !/^[0-9]{1,10}$/.test(text)) return null;
  const id = Number(text);
  return id <= 0xffffffff ? id : null;
}

let requestCounter = 0;
function requestId(): string {
  requestCounter += 1;
  return `k${requestCounter.toString(36)}-${Date.now().toString(36)}`;
}

/** Asks for a node, or for one item of it. `to` null: our own account. */
export function fetchRequest(to: string | null, node: string, itemId: string | null): Element {
  const items = xml('items', { node });
  if (itemId !== null) items.append(xml('item', { id: itemId }));
  const iq = xml('iq', { type: 'get', id: requestId() }, xml('pubsub', { xmlns: pubsubNamespace }, items));
  if (to !== null) iq.attrs['to'] = to;
  return iq;
}

/** The payload of the item asked for (or of the newest one) in a result `<iq/>`. */
export function fetchedItem(result: Element, node: string, itemId: string | null): Element | undefined {
  const items = result.getChild('pubsub', pubsubNamespace)?.getChild('items');
  if (items?.attrs['node'] !== node) return undefined;
  const found = items.getChildren('item').filter((item) => itemId === null || item.attrs['id'] === itemId);
  return found.at(-1)?.getChildElements()[0];
}

/**
 * Publishes to our own account with an open access model (XEP-0384 §4.3 requires it). How many items the node keeps is
 * not said here: ejabberd 23 knows that option only when a node is configured. `bare`: for servers that know no other.
 */
export function publishRequest(node: string, itemId: string, payload: Element, bare = false): Element {
  const options: [string, string][] = [
    ['FORM_TYPE', 'http://jabber.org/protocol/pubsub#publish-options'],
    ['pubsub#access_model', 'open'],
  ];
  if (!bare) options.push(['pubsub#persist_items', 'true']);
  return xml(
    'iq',
    { type: 'set', id: requestId() },
    xml(
      'pubsub',
      { xmlns: pubsubNamespace },
      xml('publish', { node }, xml('item', { id: itemId }, payload)),
      xml('publish-options', {}, dataForm('submit', options)),
    ),
  );
}

/** Settings of a node that exists (XEP-0060 §8.2). `maxItems` null: as many as it keeps now. */
export function configureRequest(node: string, maxItems: string | null): Element {
  const options: [string, string][] = [
    ['FORM_TYPE', 'http://jabber.org/protocol/pubsub#node_config'],
    ['pubsub#access_model', 'open'],
    ['pubsub#persist_items', 'true'],
  ];
  if (maxItems !== null) options.push(['pubsub#max_items', maxItems]);
  return xml(
    'iq',
    { type: 'set', id: requestId() },
    xml('pubsub', { xmlns: `${pubsubNamespace}#owner` }, xml('configure', { node }, dataForm('submit', options))),
  );
}

/** Takes an item off a node of our own account (XEP-0060 §7.2). */
export function retractRequest(node: string, itemId: string): Element {
  return xml(
    'iq',
    { type: 'set', id: requestId() },
    xml('pubsub', { xmlns: pubsubNamespace }, xml('retract', { node, notify: 'true' }, xml('item', { id: itemId }))),
  );
}

/** Removes a node of our own account (XEP-0060 §8.4). */
export function deleteNodeRequest(node: string): Element {
  return xml(
    'iq',
    { type: 'set', id: requestId() },
    xml('pubsub', { xmlns: `${pubsubNamespace}#owner` }, xml('delete', { node })),
  );
}

function dataForm(type: string, fields: readonly (readonly [string, string])[]): Element {
  return xml(
    'x',
    { xmlns: 'jabber:x:data', type },
    ...fields.map(([name, value]) =>
      xml('field', name === 'FORM_TYPE' ? { var: name, type: 'hidden' } : { var: name }, xml('value', {}, value)),
    ),
  );
}

function malformed(detail: string): { readonly ok: false; readonly error: AppError } {
  return fail('encryption.bad-bundle', 'A device published encryption keys that cannot be used.', '', detail);
}
