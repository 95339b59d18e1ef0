/** Commands about comparing keys by link or code. */
import { ok } from '../../../shared/errors.ts';
import type { RunningProfile } from '../running-profile.ts';
import type { Handlers } from './command-types.ts';

export function trustCommands(profile: RunningProfile): Handlers<'trust.ownUri' | 'trust.checkUri'> {
  return {
    'trust.ownUri': () => ok({ uri: profile.trustCodes.own() }),
    'trust.checkUri': ({ uri, contactId }) => profile.trustCodes.check(uri, contactId ?? null),
  };
}
