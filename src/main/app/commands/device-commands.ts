/** Commands about devices and whom they are trusted as. */
import { fail, ok } from '../../../shared/errors.ts';
import type { ContactId, DeviceId, DeviceRef } from '../../../shared/model.ts';
import { inTransaction, selfOf } from '../../messaging/context.ts';
import { cleanLabel, setOwnLabel } from '../../messaging/devices/device-labels.ts';
import { removeOwnDevice } from '../../messaging/devices/removed-devices.ts';
import type { RunningProfile } from '../running-profile.ts';
import type { Handlers } from './command-types.ts';

export function deviceCommands(
  profile: RunningProfile,
): Handlers<'devices.ofSelf' | 'devices.setTrust' | 'devices.rename' | 'devices.remove'> {
  const { store, context } = profile;
  const unknown = fail('device.unknown', 'This device does not exist any more.');
  const isThisDevice = (owner: ContactId | 'self', deviceId: DeviceId): boolean =>
    owner === 'self' && deviceId === selfOf(context).deviceId;
  return {
    'devices.ofSelf': () => ok(profile.views.ownDevices()),

    'devices.setTrust'({ ref, trust }) {
      const { owner, deviceId } = partsOf(ref);
      const record = isThisDevice(owner, deviceId) ? null : store.devices.get(owner, deviceId);
      if (!record) return unknown;
      if (trust === 'verified' && !record.identityKey) {
        return fail('encryption.no-devices', 'The keys of this device are not known yet.', 'Try again in a moment.');
      }
      profile.trust.judge(owner, [{ device: record, trust }]);
      return ok(null);
    },

    'devices.rename'({ ref, label }) {
      const { owner, deviceId } = partsOf(ref);
      if (isThisDevice(owner, deviceId)) {
        setOwnLabel(store, label);
        context.events.ownDevices();
        void profile.directory.announce();
        return ok(null);
      }
      const record = store.devices.get(owner, deviceId);
      if (!record) return unknown;
      store.devices.put({ ...record, localName: cleanLabel(label) });
      if (owner === 'self') context.events.ownDevices();
      else context.events.contact(owner);
      return ok(null);
    },

    'devices.remove'({ ref }) {
      const { owner, deviceId } = partsOf(ref);
      if (isThisDevice(owner, deviceId)) {
        return fail('device.is-this-one', 'This is the device you are using.', 'Sign out of the account instead.');
      }
      const record = owner === 'self' ? store.devices.get('self', deviceId) : null;
      if (!record) return unknown;
      inTransaction(context, (after) => {
        profile.trust.judgeIn('self', [{ device: record, trust: 'distrusted' }], [], after);
        removeOwnDevice(context, record);
      });
      void profile.directory.announce();
      return ok(null);
    },
  };
}

function partsOf(ref: DeviceRef): { readonly owner: ContactId | 'self'; readonly deviceId: DeviceId } {
  const slash = ref.lastIndexOf('/');
  return { owner: ref.slice(0, slash) as ContactId | 'self', deviceId: Number(ref.slice(slash + 1)) };
}
