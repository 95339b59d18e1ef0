/**
 * Own devices the person removed: taken off the account's lists with their bundles, and not trusted any more. One that
 * still runs announces itself again, as XEP-0384 §4.2 has it do; then it stays on the list, since two devices that undo
 * each other's changes would never end, but it is not let in, and the person is told once (docs/decisions/0082).
 */
import type { DeviceId } from '../../../shared/model.ts';
import type { WireFormat } from '../../e2ee/types.ts';
import type { DeviceRecord, Store } from '../../storage/records.ts';
import { type AfterCommit, accountOf, type MessagingContext } from '../context.ts';
import { removedDeviceCameBack } from './own-device-news.ts';

const valueName = 'removed-devices';

interface Removal {
  readonly deviceId: DeviceId;
  /** What is still to be done on the account. */
  readonly lists: readonly WireFormat[];
  readonly bundles: readonly WireFormat[];
  /** The person knows that it came back. */
  readonly told: boolean;
}

function removals(store: Store): Removal[] {
  return JSON.parse(store.settings.getValue(valueName) ?? '[]') as Removal[];
}

function keep(store: Store, all: readonly Removal[]): void {
  store.settings.setValue(valueName, JSON.stringify(all));
}

/** The person removes it. Inside a transaction; what is to be done on the account, `announceKeys` does. */
export function removeOwnDevice(context: MessagingContext, device: DeviceRecord): void {
  const { store } = context;
  const isListed = device.active && accountOf(context) !== null;
  store.devices.put({ ...device, trust: 'distrusted', active: isListed });
  const wires: readonly WireFormat[] = accountOf(context) ? ['omemo2', 'omemo-legacy'] : [];
  const { deviceId } = device;
  const others = removals(store).filter((removal) => removal.deviceId !== deviceId);
  keep(store, [...others, { deviceId, lists: wires, bundles: wires, told: false }]);
}

/** It was removed, and the person has not let it in since. */
export function isRemoved(store: Store, device: DeviceRecord): boolean {
  return device.trust === 'distrusted' && removals(store).some((removal) => removal.deviceId === device.deviceId);
}

/** What this version of the list, or its bundles, shall not hold any more. */
export function toWithdraw(store: Store, what: 'lists' | 'bundles', wire: WireFormat): DeviceId[] {
  const isMeant = (id: DeviceId): boolean => store.devices.get('self', id)?.trust === 'distrusted';
  return removals(store)
    .filter((removal) => removal[what].includes(wire) && isMeant(removal.deviceId))
    .map((removal) => removal.deviceId);
}

export function withdrawn(store: Store, what: 'lists' | 'bundles', wire: WireFormat, ids: readonly DeviceId[]): void {
  if (ids.length === 0) return;
  keep(
    store,
    removals(store).map((removal) =>
      ids.includes(removal.deviceId)
        ? { ...removal, [what]: removal[what].filter((pending) => pending !== wire) }
        : removal,
    ),
  );
}

/** The account's list as it is now. Inside the transaction that takes it. */
export function lookForRemoved(
  context: MessagingContext,
  wire: WireFormat,
  listed: ReadonlySet<DeviceId>,
  after: AfterCommit,
): void {
  const { store } = context;
  // Whom the person has let in again was not removed.
  const all = removals(store).filter(({ deviceId }) => store.devices.get('self', deviceId)?.trust === 'distrusted');
  const isBack = ({ deviceId, lists, told }: Removal): boolean =>
    !told && !lists.includes(wire) && listed.has(deviceId);
  const cameBack = all.some(isBack);
  if (!cameBack && all.length === removals(store).length) return;
  keep(
    store,
    all.map((removal) => (isBack(removal) ? { ...removal, told: true } : removal)),
  );
  if (cameBack) removedDeviceCameBack(context, after);
}
