/**
 * Devices that appeared on our own account. They get a copy of everything that is written, and only the server says
 * that they are ours: the person is told, until they say that they have seen it.
 */
import type { Store } from '../storage/records.ts';
import type { AfterCommit, MessagingContext } from './context.ts';

const valueName = 'own-device-news';

/** Inside the transaction that learned of the device. */
export function ownDeviceAppeared(context: MessagingContext, after: AfterCommit): void {
  context.store.settings.setValue(valueName, String(context.now()));
  after(() => context.events.ownDevices());
}

/** When the newest one that the person was not told about appeared (Unix ms); null: there is none. */
export function ownDeviceNews(store: Store): number | null {
  const at = Number(store.settings.getValue(valueName) ?? 0);
  return at > 0 ? at : null;
}

export function ownDeviceNewsSeen(store: Store): void {
  store.settings.setValue(valueName, '0');
}
