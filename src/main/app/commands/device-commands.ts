/** Commands about devices and whom they are trusted as. */
import { fail, ok } from '../../../shared/errors.ts';
import type { ContactId } from '../../../shared/model.ts';
import type { RunningProfile } from '../running-profile.ts';
import type { Handlers } from './command-types.ts';

export function deviceCommands(profile: RunningProfile): Handlers<'devices.ofSelf' | 'devices.setTrust'> {
  const { store, context } = profile;
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
      store.devices.put({ ...record, trust });
      if (owner === 'self') {
        profile.outbox.kickAll();
      } else {
        context.events.contact(owner);
        profile.outbox.kick(owner);
      }
      return ok(null);
    },
  };
}
