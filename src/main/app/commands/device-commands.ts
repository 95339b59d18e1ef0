/** Commands about devices and whom they are trusted as. */
import { fail, ok } from '../../../shared/errors.ts';
import type { ContactId, DeviceRef } from '../../../shared/model.ts';
import type { DeviceRecord } from '../../storage/records.ts';
import { cleanName } from '../clean-name.ts';
import type { RunningProfile } from '../running-profile.ts';
import type { Handlers } from './command-types.ts';

export function deviceCommands(
  profile: RunningProfile,
): Handlers<'devices.ofSelf' | 'devices.setTrust' | 'devices.rename' | 'devices.remove'> {
  const { store, context } = profile;
  const ownDevice = (ref: DeviceRef): DeviceRecord | null => {
    const [owner, deviceId] = ref.split('/');
    return owner === 'self' ? store.devices.get('self', Number(deviceId)) : null;
  };
  return {
    'devices.ofSelf': () => ok(profile.views.ownDevices()),

    'devices.setTrust'({ ref, trust }) {
      const slash = ref.lastIndexOf('/');
      const owner = ref.slice(0, slash) as ContactId | 'self';
      const record = store.devices.get(owner, Number(ref.slice(slash + 1)));
      if (!record) return fail('contact.unknown', 'This device does not exist any more.');
      if (trust === 'verified' && !record.identityKey) {
        return fail('encryption.no-devices', 'The keys of this device are not known yet.', 'Try again in a moment.');
      }
      profile.trust.judge(owner, [{ device: record, trust }]);
      return ok(null);
    },

    'devices.rename'({ ref, label }) {
      const record = ownDevice(ref);
      if (!record) return fail('contact.unknown', 'This device does not exist any more.');
      store.devices.put({ ...record, localName: cleanName(label) });
      profile.tellOwnDevices();
      return ok(null);
    },

    'devices.remove'({ ref }) {
      const { owner, deviceId } = partsOf(ref);
      if (isThisDevice(owner, deviceId)) {
        return fail('device.is-this-one', 'This is the device you are using.', 'Sign out of the account instead.');
      }
      const record = owner === 'self' ? store.devices.get('self', deviceId) : null;
      if (!record) return unknown;
      profile.trust.judge('self', [{ device: record, trust: 'distrusted' }]);
      inTransaction(context, (after) => {
        profile.trust.judgeIn('self', [{ device: record, trust: 'distrusted' }], [], after);
        removeOwnDevice(context, record);
      });
      void profile.directory.announce();
      return ok(null);
    },
  };
}
