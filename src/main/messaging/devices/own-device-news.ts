/**
 * News about the devices of our own account, which get a copy of everything that is written: one appeared, and only the
 * server says that it is ours; or one that was removed is back. The person is told, until they say that they have seen
 * it.
 */
import type { Store } from '../../storage/records.ts';
import type { AfterCommit, MessagingContext } from '../context.ts';

const valueNames = { appeared: 'own-device-news', back: 'removed-device-news' } as const;

export type OwnDeviceNews = keyof typeof valueNames;

/** Inside the transaction that learned of the device. */
export function ownDeviceAppeared(context: MessagingContext, after: AfterCommit): void {
  tell(context, 'appeared', after);
}

/** Likewise. */
export function removedDeviceCameBack(context: MessagingContext, after: AfterCommit): void {
  tell(context, 'back', after);
}

function tell(context: MessagingContext, news: OwnDeviceNews, after: AfterCommit): void {
  context.store.settings.setValue(valueNames[news], String(context.now()));
  after(() => context.events.ownDevices());
}

/** When the newest one that the person was not told about happened (Unix ms); null: there is none. */
export function ownDeviceNews(store: Store, news: OwnDeviceNews = 'appeared'): number | null {
  const at = Number(store.settings.getValue(valueNames[news]) ?? 0);
  return at > 0 ? at : null;
}

export function ownDeviceNewsSeen(store: Store, news: OwnDeviceNews = 'appeared'): void {
  store.settings.setValue(valueNames[news], '0');
}
