/**
 * Which devices what is written now is really encrypted for: those it is meant for, without those whose keys cannot be
 * had. The window shows this beside each device, so it must be what sealing would do (seal.ts).
 */
import type { ContactRecord, DeviceRecord } from '../../storage/records.ts';
import { accountOf, type MessagingContext } from '../context.ts';
import { isLeftOut } from '../timeline/left-out.ts';
import type { KeyDirectory } from './key-directory.ts';
import { contactDevices, linkedDevices, ownOtherDevices, serverReaches } from './recipients.ts';

export function receivingDevices(
  context: MessagingContext,
  directory: KeyDirectory,
  contact: ContactRecord,
): DeviceRecord[] {
  const meant = contactDevices(context, contact).filter(
    (device) => !isKnownToFail(context, directory, device) || hasKeys(context, directory, device),
  );
  const server = serverReaches(context, contact.jid);
  const linked = linkedDevices(context, contact);
  const now = meant.filter((device) => server || linked.has(device.deviceId) || hasKeys(context, directory, device));
  // What can be encrypted for nobody yet waits until it can.
  return now.length > 0 ? now : meant;
}

export function ownReceivingDevices(context: MessagingContext, directory: KeyDirectory): DeviceRecord[] {
  const server = serverReaches(context, accountOf(context)?.jid ?? null);
  return ownOtherDevices(context).filter(
    (device) => (server && !isKnownToFail(context, directory, device)) || hasKeys(context, directory, device),
  );
}

function isKnownToFail(context: MessagingContext, directory: KeyDirectory, device: DeviceRecord): boolean {
  return directory.bundles.isWithoutKeys(device.owner, device.deviceId) || isLeftOut(context.store, device);
}

function hasKeys({ cipher }: MessagingContext, directory: KeyDirectory, device: DeviceRecord): boolean {
  const { owner, deviceId, identityKey, wire } = device;
  if (identityKey && cipher.hasSession(identityKey, deviceId, wire)) return true;
  return directory.bundles.cached(owner, deviceId, wire) !== null;
}
