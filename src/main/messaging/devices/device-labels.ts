/**
 * What a device is called by its owner (XEP-0384 §5.3.1): a label in its entry of the device list, signed with its
 * identity key. Ours is empty until the person chooses one: the list can be read by everybody (docs/decisions/0081).
 */
import type { DeviceRecord, Store } from '../../storage/records.ts';
import { type AfterCommit, type MessagingContext, selfOf } from '../context.ts';
import { decodeBase64, encodeBase64 } from '../envelope/base64.ts';
import type { ListedDevice } from './key-nodes.ts';

const valueName = 'device-label';
/** XEP-0384 §5.3.1: "under 53 Unicode code points". */
const maxCodePoints = 52;

/** At most 52 code points, nothing that breaks a line or turns text around. */
export function cleanLabel(label: string): string {
  const plain = label.normalize('NFC').replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '');
  return [...plain.trim()].slice(0, maxCodePoints).join('').trim();
}

/** This device's, or ''. */
export function ownLabel(store: Store): string {
  return store.settings.getValue(valueName) ?? '';
}

/** Announced at the next `KeyDirectory.announce`. */
export function setOwnLabel(store: Store, label: string): void {
  store.settings.setValue(valueName, cleanLabel(label));
}

/** This device's entry of the list. */
export function ownEntry(context: MessagingContext): ListedDevice {
  const id = selfOf(context).deviceId;
  const label = ownLabel(context.store);
  if (label === '') return { id, label: null, labelSignature: null };
  return { id, label, labelSignature: encodeBase64(context.cipher.signLabel(label)) };
}

export function isSameEntry(a: ListedDevice, b: ListedDevice): boolean {
  return a.id === b.id && a.label === b.label && a.labelSignature === b.labelSignature;
}

/** Keeps what the device's owner calls it, if its own key says so. Inside a transaction. */
export function takeLabel(
  context: MessagingContext,
  after: AfterCommit,
  record: DeviceRecord,
  listed: ListedDevice,
): void {
  const label = provenLabel(context, record, listed);
  if (label === null || label === record.label) return;
  context.store.devices.put({ ...record, label });
  const { owner } = record;
  after(() => (owner === 'self' ? context.events.ownDevices() : context.events.contact(owner)));
}

/** Null: nothing can be said, its key is not known yet. */
function provenLabel(context: MessagingContext, { identityKey }: DeviceRecord, listed: ListedDevice): string | null {
  if (listed.label === null || listed.labelSignature === null) return '';
  if (!identityKey) return null;
  const signature = decodeBase64(listed.labelSignature, 64);
  const isProven = signature !== null && context.cipher.verifyLabel(identityKey, listed.label, signature);
  return isProven ? cleanLabel(listed.label) : '';
}
