/**
 * Devices that do not get what is said, because their keys could not be had when it was encrypted. The others do not
 * wait for them (docs/decisions/0040), so it is said in the conversation: once when it begins, once when it ends.
 */
import type { ContactRecord, DeviceRecord, OutboxTarget, Store } from '../../storage/records.ts';
import type { AfterCommit, MessagingContext } from '../context.ts';
import { conversationWith, insertSystemMessage } from './conversation-timeline.ts';

const valueName = 'devices-left-out';

function leftOut(store: Store): Set<string> {
  return new Set<string>(JSON.parse(store.settings.getValue(valueName) ?? '[]') as string[]);
}

/** It did not get what was encrypted last. */
export function isLeftOut(store: Store, device: DeviceRecord): boolean {
  return leftOut(store).has(nameOf(device));
}

const nameOf = (device: DeviceRecord): string => `${device.owner}/${device.deviceId}`;

/** Inside the transaction of the encryption. */
export function tellWhoIsLeftOut(
  context: MessagingContext,
  contact: ContactRecord,
  devices: readonly DeviceRecord[],
  reached: readonly Pick<OutboxTarget, 'owner' | 'deviceId'>[],
  after: AfterCommit,
): void {
  const { settings } = context.store;
  const before = leftOut(context.store);
  const now = new Set(before);
  for (const device of devices) {
    const name = nameOf(device);
    const isReached = reached.some(({ owner, deviceId }) => owner === device.owner && deviceId === device.deviceId);
    if (isReached === !before.has(name)) continue;
    const what = isReached
      ? `A device of ${contact.name} gets messages again.`
      : `A device of ${contact.name} gets no messages for now: its keys could not be fetched.`;
    insertSystemMessage(context, after, conversationWith(context, contact.id).id, 'info', what, device);
    if (isReached) now.delete(name);
    else now.add(name);
  }
  if (now.size === before.size && [...now].every((name) => before.has(name))) return;
  settings.setValue(valueName, JSON.stringify([...now]));
  after(() => context.events.contact(contact.id));
}
