/** What a device gets of what is written now, and why not. Pure. */
import type { Contact, Device, TrustState } from '../../../shared/model.ts';
import { devices as words } from '../../i18n/devices.ts';
import { cleanLine } from '../../ui/clean-text.ts';

export type Standing = 'gets' | 'notUsed' | 'distrusted' | 'unchecked' | 'noKey' | 'unreachable';

export function standingOf(device: Device): Standing {
  if (device.receives) return 'gets';
  if (device.trust === 'distrusted') return 'distrusted';
  if (!device.active) return 'notUsed';
  if (device.fingerprint === null) return 'noKey';
  return device.trust === 'verified' ? 'unreachable' : 'unchecked';
}

/** As the policy takes it now: under the strict one, first use is no check. */
export function effectiveTrust(device: Device): TrustState {
  return standingOf(device) === 'unchecked' ? 'undecided' : device.trust;
}

/** Devices that get nothing only because the person has not checked them yet. */
export function waitingForCheck(contact: Contact | undefined): readonly Device[] {
  return (contact?.devices ?? []).filter((device) => standingOf(device) === 'unchecked');
}

export function deviceName(device: Device): string {
  const label = cleanLine(device.label);
  return label === '' ? words.unnamed(device.deviceId) : label;
}
