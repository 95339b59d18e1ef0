/** Commands about the XMPP account and the nearby network. */
import { fail, ok } from '../../../shared/errors.ts';
import { parseUserJid } from '../../../shared/jid.ts';
import type { RunningProfile } from '../running-profile.ts';
import type { Handlers } from './command-types.ts';

export function accountCommands(
  profile: RunningProfile,
): Handlers<'account.signIn' | 'account.signOut' | 'account.retry' | 'nearby.setEnabled'> {
  return {
    async 'account.signIn'({ jid, password }) {
      const parsed = parseUserJid(jid);
      if (!parsed.ok) return parsed;
      if (password === '') return fail('account.wrong-password', 'The password is empty.', 'Enter your password.');
      const outcome = await profile.account.signIn(parsed.value, password);
      return outcome.ok ? ok(null) : outcome;
    },
    async 'account.signOut'() {
      await profile.account.signOut();
      return ok(null);
    },
    'account.retry'({ password }) {
      const retried = profile.account.retry(password ?? null);
      return retried.ok ? ok(null) : retried;
    },
    async 'nearby.setEnabled'({ enabled }) {
      await profile.setNearbyEnabled(enabled);
      return ok(null);
    },
  };
}
