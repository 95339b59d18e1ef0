/** Publishing this device's keys to our own account (XEP-0384 §4.2–4.3), in each of the two versions. */
import type { Element } from '@xmpp/xml';
import { ok, type Result } from '../../../shared/errors.ts';
import type { BareJid, DeviceId } from '../../../shared/model.ts';
import type { Bundle, LegacyBundle, WireFormat } from '../../e2ee/types.ts';
import type { SendTarget } from '../../transports/transport.ts';
import { type MessagingContext, selfOf } from '../context.ts';
import { encodeBase64 } from '../envelope/base64.ts';
import { isSameEntry, ownEntry } from './device-labels.ts';
import {
  bundlesNode,
  configureRequest,
  deleteNodeRequest,
  devicesNode,
  fetchedItem,
  fetchRequest,
  type ListedDevice,
  publishRequest,
  readBundle,
  readDeviceList,
  retractRequest,
  writeBundle,
  writeDeviceList,
} from './key-nodes.ts';
import {
  legacyBundleNode,
  legacyDevicesNode,
  readLegacyBundleElement,
  readLegacyDeviceList,
  writeLegacyBundle,
  writeLegacyDeviceList,
} from './legacy-nodes.ts';
import { toWithdraw, withdrawn } from './removed-devices.ts';

type Ask = (target: SendTarget, iq: Element) => Promise<Result<Element>>;

export interface Announcement {
  readonly wire: WireFormat;
  /** Our own account. */
  readonly jid: BareJid;
  readonly ask: Ask;
  /** What our own list says, before and after it is changed. */
  readonly listed: (devices: readonly ListedDevice[]) => void;
  /** Ask whether the account still has the bundle: servers lose data, and accounts are made anew. */
  readonly check: boolean;
  /** The account has something else there. True: it was seen to, and keys are announced again. */
  readonly conflict: (what: Conflict) => boolean;
}

/** Under our device id the account keeps the keys of another device, or keys of ours that were made after those we have. */
export type Conflict = 'other-device' | 'newer-keys';

export async function announceKeys(context: MessagingContext, to: Announcement): Promise<Result<void>> {
  const { wire, jid, ask } = to;
  const target: SendTarget = { address: jid, devices: [] };
  const { deviceId } = selfOf(context);
  const current = wire === 'omemo2';
  const listNode = current ? devicesNode : legacyDevicesNode;
  // The bundle goes first: nobody shall find a listed device without one.
  const bundle = await announceBundle(context, to, to.check);
  if (!bundle.ok) return bundle;
  const answer = await ask(target, fetchRequest(null, listNode, null));
  if (!answer.ok && answer.error.code !== 'stanza.not-found') return answer;
  const item = answer.ok ? fetchedItem(answer.value, listNode, null) : undefined;
  const read = item ? readList(item, wire) : ok<ListedDevice[]>([]);
  const listed = read.ok ? read.value : [];
  to.listed(listed);
  // A removed device that still runs looks after its keys when it sees the list: they have to be gone by then.
  const bundles = await withdrawBundles(context, to);
  if (!bundles.ok) return bundles;
  const removed = toWithdraw(context.store, 'lists', wire);
  const wanted = listWith(context, wire, listed, removed);
  if (wanted !== listed) {
    if (!listed.some((device) => device.id === deviceId)) {
      // Whatever took us from the list may have taken the bundle too.
      const again = to.check ? bundle : await announceBundle(context, to, true);
      if (!again.ok) return again;
    }
    const list = current ? writeDeviceList(wanted) : writeLegacyDeviceList(wanted.map((device) => device.id));
    const published = await publishAlone(ask, target, listNode, 'current', list);
    if (!published.ok) return published;
  }
  withdrawn(context.store, 'lists', wire, removed);
  if (wanted !== listed) to.listed(wanted);
  return ok();
}

/** The list with this device as it is now, without those that were removed; the same one if it is so already. */
function listWith(
  context: MessagingContext,
  wire: WireFormat,
  listed: readonly ListedDevice[],
  removed: readonly DeviceId[],
): readonly ListedDevice[] {
  const own = ownEntry(context);
  const before = listed.find((device) => device.id === own.id);
  // The older list has no labels.
  const isOnIt = before !== undefined && (wire === 'omemo-legacy' || isSameEntry(before, own));
  if (isOnIt && !listed.some((device) => removed.includes(device.id))) return listed;
  const others = listed.filter((device) => !removed.includes(device.id) && device.id !== own.id);
  return [...others, own];
}

async function withdrawBundles(context: MessagingContext, { wire, jid, ask }: Announcement): Promise<Result<void>> {
  const target: SendTarget = { address: jid, devices: [] };
  for (const id of toWithdraw(context.store, 'bundles', wire)) {
    const request =
      wire === 'omemo2' ? retractRequest(bundlesNode, String(id)) : deleteNodeRequest(legacyBundleNode(id));
    const answer = await ask(target, request);
    if (!answer.ok && answer.error.code.startsWith('transport.')) return answer;
    // What the server does not have, or does not give up, cannot be withdrawn.
    withdrawn(context.store, 'bundles', wire, [id]);
  }
  return ok();
}

/** Publishes the bundle where it changed since it was published or, with `check`, where the account no longer has it. */
async function announceBundle(context: MessagingContext, to: Announcement, check: boolean): Promise<Result<void>> {
  const { wire, jid, ask } = to;
  const target: SendTarget = { address: jid, devices: [] };
  const { deviceId } = selfOf(context);
  const { cipher, store } = context;
  const current = wire === 'omemo2';
  const bundle = current ? writeBundle(cipher.ownBundle()) : writeLegacyBundle(cipher.ownLegacyBundle());
  const node = current ? bundlesNode : legacyBundleNode(deviceId);
  const itemId = current ? String(deviceId) : 'current';
  const name = current ? 'published-bundle' : 'published-legacy-bundle';
  const fingerprint = JSON.stringify(`${jid} ${bundle.toString()}`);
  const isPublished = store.settings.getValue(name) === fingerprint;
  if (isPublished && !check) return ok();
  if (check) {
    const answer = await ask(target, fetchRequest(null, node, current ? itemId : null));
    if (!answer.ok && answer.error.code !== 'stanza.not-found') return answer;
    const kept = answer.ok ? fetchedItem(answer.value, node, current ? itemId : null) : undefined;
    const own = current ? cipher.ownBundle() : cipher.ownLegacyBundle();
    if (isPublished && kept && isSameBundle(kept, wire, deviceId, own)) return ok();
    const conflict = kept ? conflictWith(context, kept, wire, deviceId) : null;
    if (conflict && to.conflict(conflict)) return ok();
  }
  const publish = current ? publishAmong : publishAlone;
  const published = await publish(ask, target, node, itemId, bundle);
  if (published.ok) store.settings.setValue(name, fingerprint);
  return published;
}

/** Only what is signed counts: anything else on our node is published over. */
function conflictWith(
  { cipher }: MessagingContext,
  kept: Element,
  wire: WireFormat,
  deviceId: DeviceId,
): Conflict | null {
  const current = wire === 'omemo2' ? readBundle(kept, deviceId) : null;
  const legacy = wire === 'omemo2' ? null : readLegacyBundleElement(kept, deviceId);
  const checked = current?.ok
    ? cipher.checkBundle(current.value)
    : legacy?.ok
      ? cipher.checkLegacyBundle(legacy.value)
      : null;
  if (!checked?.ok) return null;
  const isOurs = Buffer.from(cipher.canonicalIdentity(checked.value.identityKey)).equals(
    cipher.canonicalIdentity(cipher.ownBundle().identityKey),
  );
  if (!isOurs) return 'other-device';
  return cipher.isNewerThanOwn(checked.value) ? 'newer-keys' : null;
}

/** Servers may write XML otherwise than it was sent, so what it says is compared. */
function isSameBundle(kept: Element, wire: WireFormat, deviceId: DeviceId, own: Bundle | LegacyBundle): boolean {
  const read = wire === 'omemo2' ? readBundle(kept, deviceId) : readLegacyBundleElement(kept, deviceId);
  if (!read.ok) return false;
  const words = ({ identityKey, signedPrekeyId, signedPrekey, prekeys }: Bundle | LegacyBundle): string =>
    JSON.stringify([
      encodeBase64(identityKey),
      signedPrekeyId,
      encodeBase64(signedPrekey),
      prekeys.map(({ id }) => id),
    ]);
  return words(read.value) === words(own);
}

/** As servers understand it: `max` (XEP-0060 1.20), else a number, and the largest that they allow. */
const itemLimits = ['max', '255', '10'];

/**
 * The node of all bundles keeps one for each device. Servers make a node that keeps one item, so it is configured: before
 * publishing, which could push another device's bundle out, or after, when publishing made the node.
 */
async function publishAmong(
  ask: Ask,
  target: SendTarget,
  node: string,
  itemId: string,
  payload: Element,
): Promise<Result<void>> {
  const before = await configureMany(ask, target, node);
  const published = await publishAlone(ask, target, node, itemId, payload);
  if (published.ok && !before) await configureMany(ask, target, node);
  return published;
}

async function configureMany(ask: Ask, target: SendTarget, node: string): Promise<boolean> {
  for (const limit of itemLimits) {
    const configured = await ask(target, configureRequest(node, limit));
    if (configured.ok) return true;
    if (configured.error.code === 'stanza.not-found') return false;
  }
  return false;
}

/** A node with other settings is refused (XEP-0060 §7.1.5): configured, then published again. */
async function publishAlone(
  ask: Ask,
  target: SendTarget,
  node: string,
  itemId: string,
  payload: Element,
): Promise<Result<void>> {
  const first = await ask(target, publishRequest(node, itemId, payload));
  if (first.ok) return ok();
  if (first.error.code.startsWith('transport.')) return first;
  const configured = await ask(target, configureRequest(node, null));
  const second = await ask(target, publishRequest(node, itemId, payload, !configured.ok));
  return second.ok ? ok() : second;
}

/** The devices of a list in either version. */
export function readList(list: Element, wire: WireFormat): Result<ListedDevice[]> {
  if (wire === 'omemo2') return readDeviceList(list);
  const read = readLegacyDeviceList(list);
  return read.ok ? ok(read.value.map((id) => ({ id, label: null, labelSignature: null }))) : read;
}
