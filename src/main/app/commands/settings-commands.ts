/** Commands about settings and the person's own name. */
import { fail, ok } from '../../../shared/errors.ts';
import { cleanName } from '../clean-name.ts';
import type { EventHub } from '../event-hub.ts';
import type { RunningProfile } from '../running-profile.ts';
import type { Handlers } from './command-types.ts';

export function settingsCommands(
  profile: RunningProfile,
  hub: EventHub,
  onStatus: () => void,
): Handlers<'profile.rename' | 'settings.get' | 'settings.set'> {
  const { store } = profile;
  return {
    'profile.rename'({ name }) {
      const cleaned = cleanName(name);
      if (cleaned === '') return fail('request.malformed', 'A name is needed.', 'Enter a name.');
      store.self.rename(cleaned);
      onStatus();
      return ok(null);
    },
    'settings.get': () => ok(store.settings.get()),
    'settings.set'({ settings: changed }) {
      const before = store.settings.get();
      const settings = { ...before, ...changed };
      store.settings.set(settings);
      hub.emit({ type: 'settings', settings });
      if (settings.blindTrust !== before.blindTrust) profile.trustPolicyChanged();
      return ok(settings);
    },
  };
}
