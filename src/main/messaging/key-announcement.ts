/** Publishing this device's keys to our own account (XEP-0384 §4.2–4.3), in each of the two versions. */
import type { Element } from '@xmpp/xml';
import { ok, type Result } from '../../shared/errors.ts';
import type { BareJid, DeviceId } from '../../shared/model.ts';
import type { WireFormat } from '../e2ee/types.ts';
import type { SendTarget } from '../transports/transport.ts';
import { type MessagingContext, selfOf } from './context.ts';
import {
  bundlesNode,
  configureRequest,
  devicesNode,
  fetchedItem,
  fetchRequest,
  type ListedDevice,
  publishRequest,
  readDeviceList,
  writeBundle,
  writeDeviceList,
} from './key-nodes.ts';
import {
  legacyBundleNode,
  legacyDevicesNode,
  readLegacyDeviceList,
  writeLegacyBundle,
  writeLegacyDeviceList,
} from './legacy-nodes.ts';

type Ask = (target: SendTarget, iq: Element) => Promise<Result<Element>>;

export interface Announcement {
  readonly wire: WireFormat;
  /** Our own account. */
  readonly jid: BareJid;
  readonly ask: Ask;
  /** What our own list says before we are put on it. */
  readonly listed: (ids: readonly DeviceId[]) => void;
}

export async function announceKeys(context: MessagingContext, to: Announcement): Promise<Result<void>> {
  const { wire, jid, ask } = to;
  const target: SendTarget = { address: jid, devices: [] };
  const { deviceId } = selfOf(context);
  const current = wire === 'omemo2';
  const { cipher, store } = context;
  const bundle = current ? writeBundle(cipher.ownBundle()) : writeLegacyBundle(cipher.ownLegacyBundle());
  const bundleNode = current ? bundlesNode : legacyBundleNode(deviceId);
  const listNode = current ? devicesNode : legacyDevicesNode;
  const name = current ? 'published-bundle' : 'published-legacy-bundle';
  // The bundle goes first: nobody shall find a listed device without one.
  const fingerprint = `${jid} ${bundle.toString()}`;
  if (store.settings.getValue(name) !== JSON.stringify(fingerprint)) {
    const itemId = current ? String(deviceId) : 'current';
    const published = await publish(ask, target, bundleNode, itemId, bundle, current);
    if (!published.ok) return published;
    store.settings.setValue(name, JSON.stringify(fingerprint));
  }
  const answer = await ask(target, fetchRequest(null, listNode, null));
  if (!answer.ok && answer.error.code !== 'stanza.not-found') return answer;
  const item = answer.ok ? fetchedItem(answer.value, listNode, null) : undefined;
  const read = item ? readIds(item, wire) : ok<DeviceId[]>([]);
  const listed = read.ok ? read.value : [];
  to.listed(listed);
  if (listed.includes(deviceId)) return ok();
  const list = current ? listWith(item, deviceId) : writeLegacyDeviceList([...listed, deviceId]);
  return publish(ask, target, listNode, 'current', list, false);
}

async function publish(
  ask: Ask,
  target: SendTarget,
  node: string,
  itemId: string,
  payload: Element,
  manyItems: boolean,
): Promise<Result<void>> {
  const first = await ask(target, publishRequest(node, itemId, payload, manyItems));
  if (first.ok) return ok();
  const configured = await ask(target, configureRequest(node, manyItems));
  if (!configured.ok) return first;
  const second = await ask(target, publishRequest(node, itemId, payload, manyItems));
  return second.ok ? ok() : second;
}

/** The device ids of a list in either version. */
export function readIds(list: Element, wire: WireFormat): Result<DeviceId[]> {
  if (wire === 'omemo-legacy') return readLegacyDeviceList(list);
  const read = readDeviceList(list);
  return read.ok ? ok(read.value.map((device) => device.id)) : read;
}

/** The list with one device more; the labels of the others stay as they are. */
function listWith(list: Element | undefined, deviceId: DeviceId): Element {
  const read = readDeviceList(list);
  const listed: readonly ListedDevice[] = read.ok ? read.value : [];
  return writeDeviceList([...listed, { id: deviceId, label: null, labelSignature: null }]);
}
