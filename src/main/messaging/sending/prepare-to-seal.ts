/** What has to be asked of the network before something can be encrypted: device lists and bundles. */
import type { ContactId, DeviceId } from '../../../shared/model.ts';
import type { ContactRecord, DeviceRecord } from '../../storage/records.ts';
import type { MessagingContext } from '../context.ts';
import type { Owner } from '../devices/device-records.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import {
  contactDevices,
  linkedDevices,
  ownOtherDevices,
  ownQueue,
  partyOf,
  serverReaches,
} from '../devices/recipients.ts';
import { withPatience } from './patience.ts';

/** Asks the network for what encryption needs. Afterwards `seal` can be tried. */
export async function prepareToSeal(
  context: MessagingContext,
  directory: KeyDirectory,
  contactId: ContactId,
  mayAskServer: boolean,
): Promise<void> {
  const contact = partyOf(context, contactId);
  if (!contact) return;
  const server = mayAskServer && serverReaches(context, contact.jid);
  const someone = (): boolean =>
    contactDevices(context, contact).some((device) => canEncryptTo(context, directory, device));
  if (server && contact.jid && directory.listDoubtful(contact.id)) {
    await withPatience([{ answer: directory.fetchList(contact.id, contact.jid) }], someone);
  }
  const known = new Set(context.store.devices.of(contact.id).map((device) => device.deviceId));
  const asked: { readonly owner: Owner; readonly deviceId: DeviceId; readonly answer: Promise<unknown> }[] = [];
  const ask = (owner: Owner, record: ContactRecord | null, deviceId: DeviceId): void => {
    if (directory.bundles.recentlyFailed(owner, deviceId)) return;
    asked.push({ owner, deviceId, answer: directory.fetchBundle(owner, record, deviceId) });
  };
  const linked = contactId === ownQueue ? new Set<DeviceId>() : linkedDevices(context, contact);
  for (const deviceId of linked) if (!known.has(deviceId)) ask(contact.id, contact, deviceId);
  for (const device of contactId === ownQueue ? [] : contactDevices(context, contact)) {
    const reachable = linked.has(device.deviceId) || server;
    if (reachable && !isReady(context, directory, device)) ask(contact.id, contact, device.deviceId);
  }
  if (server) {
    for (const device of ownOtherDevices(context)) {
      if (!isReady(context, directory, device)) ask('self', null, device.deviceId);
    }
  }
  // One whose keys do not come, or come late, does not keep the others waiting.
  for (const { owner, deviceId } of await withPatience(asked, someone)) directory.bundles.isLate(owner, deviceId);
}

/** Nothing has to be asked first: sealing now reaches every device it should. */
export function readyToSeal(context: MessagingContext, directory: KeyDirectory, contact: ContactRecord): boolean {
  const server = serverReaches(context, contact.jid);
  if (server && directory.listDoubtful(contact.id)) return false;
  const devices = contactDevices(context, contact);
  const known = new Set(context.store.devices.of(contact.id).map((device) => device.deviceId));
  for (const id of linkedDevices(context, contact)) if (!known.has(id)) return false;
  const ready = (device: DeviceRecord): boolean => isReady(context, directory, device);
  if (devices.length === 0 || !devices.some(ready)) return false;
  const own = server ? ownOtherDevices(context) : [];
  return [...devices, ...own].every(
    (device) => ready(device) || directory.bundles.recentlyFailed(device.owner, device.deviceId),
  );
}

/** With nothing to ask that could make it better. */
function isReady(context: MessagingContext, directory: KeyDirectory, device: DeviceRecord): boolean {
  if (directory.bundles.isNewerDue(device.owner, device.deviceId)) return false;
  return canEncryptTo(context, directory, device);
}

function canEncryptTo(context: MessagingContext, directory: KeyDirectory, device: DeviceRecord): boolean {
  if (device.identityKey && context.cipher.hasSession(device.identityKey, device.deviceId, device.wire)) return true;
  return directory.bundles.cached(device.owner, device.deviceId, device.wire) !== null;
}
