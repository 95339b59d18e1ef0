/** Finding, making and opening the profile's database, in the application's terms. */
import { type AppError, appError, ok, type Result } from '../../shared/errors.ts';
import type { Notice } from '../../shared/model.ts';
import { ownDeviceNews, ownDeviceNewsSeen } from '../messaging/devices/own-device-news.ts';
import { ownDeviceJudged, ownDeviceJudgedSeen } from '../messaging/devices/trust-news.ts';
import { rollbackNews, rollbackNewsSeen } from '../messaging/repair/rollback-guard.ts';
import { inspectProfile, openProfile } from '../storage/open-profile.ts';
import type { Store } from '../storage/records.ts';
import { forgetSalvage, salvageError } from '../storage/salvage-report.ts';
import { faultOf } from '../storage/storage-fault.ts';
import type { Ports } from './ports.ts';
import { createStorageCrypto } from './storage-crypto.ts';

export interface OpenedProfile {
  readonly store: Store;
  readonly notices: readonly Notice[];
}

/** `openable`: without asking the person anything. */
export type FoundProfile = 'none' | 'openable' | 'locked' | AppError;

/** The notice of a salvage: once dismissed, the next start is silent. */
export const salvageNotice = 'salvage';

const ownDeviceNotice = 'own-device';
const removedDeviceNotice = 'removed-device';

const judgedNotice = 'own-device-judged';

const newOwnDevice = appError(
  'encryption.new-own-device',
  'Your account has another device, which gets a copy of what you write.',
  'If it is not yours, say in your list of devices that you do not trust it, and change your password.',
);

const rolledBackNotice = 'rolled-back';

const rolledBack = appError(
  'profile.rolled-back',
  'An older copy of your Bothy data was put back.',
  'Encryption was set up anew, and what can be had of the messages since then is fetched again. Look through your verified devices, and do not use copies of the same data on two computers.',
);

const removedDeviceBack = appError(
  'encryption.removed-device-back',
  'A device that you removed is still in use and has announced itself again.',
  'It gets nothing of what you write here, but others may still write to it. If it is not in your hands, change your password.',
);

const newer = appError(
  'profile.newer-version',
  'This profile was used by a newer version of Bothy.',
  'Install the newest version to open it; nothing was changed.',
);

export function findProfile(directory: string): FoundProfile {
  switch (inspectProfile(directory)) {
    case 'none':
      return 'none';
    case 'needs-passphrase':
      return 'locked';
    case 'newer-version':
      return newer;
    case 'needs-vault':
    case 'unreadable':
      // Opening says in its own words why it cannot.
      return 'openable';
  }
}

/** Opens the profile, or makes it where there is none. `passphrase` null where the system keeps the secret. */
export async function openFoundProfile(
  directory: string,
  ports: Ports,
  passphrase: string | null,
): Promise<Result<OpenedProfile>> {
  const opened = await openProfile({
    directory,
    vault: ports.vault,
    passphrase,
    crypto: await createStorageCrypto(),
    now: () => ports.clock.now(),
  });
  if (!opened.ok) return opened;
  const { store, salvage } = opened.value;
  const notices: Notice[] = salvage
    ? [{ id: salvageNotice, level: 'warning', error: salvageError(salvage), at: salvage.at }]
    : [];
  return ok({ store, notices });
}

/** What came up while the profile was open, or in an earlier run. */
export function profileNotices(store: Store): Notice[] {
  const notices: Notice[] = [];
  const device = ownDeviceNews(store, 'appeared');
  if (device !== null) notices.push({ id: ownDeviceNotice, level: 'warning', error: newOwnDevice, at: device });
  const returned = ownDeviceNews(store, 'back');
  if (returned !== null) {
    notices.push({ id: removedDeviceNotice, level: 'warning', error: removedDeviceBack, at: returned });
  }
  const judged = ownDeviceJudged(store);
  if (judged) {
    const action = 'If you did not do this, look at your list of devices.';
    const error = appError('encryption.own-device-judged', judged.what, action);
    notices.push({ id: judgedNotice, level: 'info', error, at: judged.at });
  }
  const back = rollbackNews(store);
  if (back !== null) notices.push({ id: rolledBackNotice, level: 'warning', error: rolledBack, at: back });
  return notices;
}

export function noticeDismissed(store: Store, id: string): void {
  if (id === salvageNotice) forgetSalvage(store);
  if (id === ownDeviceNotice) ownDeviceNewsSeen(store, 'appeared');
  if (id === removedDeviceNotice) ownDeviceNewsSeen(store, 'back');
  if (id === judgedNotice) ownDeviceJudgedSeen(store);
  if (id === rolledBackNotice) rollbackNewsSeen(store);
}

/** The error a person should see when the disk is to blame; null when it is a bug. */
export function storageFault(error: unknown): AppError | null {
  return faultOf(error)?.error ?? null;
}
