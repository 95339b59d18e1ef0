import { useState } from 'react';
import type { AccountStatus } from '../../../shared/model.ts';
import { conversations } from '../../i18n/conversations.ts';
import { onboarding } from '../../i18n/onboarding.ts';
import { settings as words } from '../../i18n/settings.ts';
import { ui } from '../../i18n/ui.ts';
import { useAsk } from '../../state/use-ask.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Name } from '../../ui/name.tsx';
import { Problem } from '../../ui/problem.tsx';
import { SignInAgain } from '../onboarding/sign-in-again.tsx';
import { SignInForm } from '../onboarding/sign-in-form.tsx';

export function AccountSettings({ account }: { account: AccountStatus | null }) {
  return account === null ? <NoAccount /> : <Account account={account} />;
}

function NoAccount() {
  const [signingIn, setSigningIn] = useState(false);
  if (signingIn) {
    return (
      <>
        <p className="muted small">{onboarding.signInText}</p>
        <SignInForm onSignedIn={() => setSigningIn(false)} />
        <Button kind="quiet" onPress={() => setSigningIn(false)}>
          {ui.cancel}
        </Button>
      </>
    );
  }
  return (
    <div className="settings-row">
      <p className="muted">{words.accountNone}</p>
      <Button onPress={() => setSigningIn(true)}>{words.signIn}</Button>
    </div>
  );
}

const stateWords = {
  online: conversations.accountOnline,
  connecting: conversations.accountConnecting,
  failing: conversations.accountOffline,
  off: conversations.accountOffline,
};

function Account({ account }: { account: AccountStatus }) {
  const [asking, setAsking] = useState<'password' | 'sign-out' | null>(null);
  const retry = useAsk('account.retry');
  const { transport } = account;
  return (
    <>
      <div className="settings-row">
        <div className="settings-account">
          <Name>{account.jid}</Name>
          <span className="muted small">{stateWords[transport.state]}</span>
        </div>
        <Button onPress={() => setAsking('sign-out')}>{words.signOut}</Button>
      </div>
      {transport.state === 'failing' && transport.error !== null ? (
        <Problem error={transport.error}>
          <div className="settings-problem-action">
            {transport.error.code === 'account.wrong-password' ? (
              <Button small onPress={() => setAsking('password')}>
                {conversations.enterPassword}
              </Button>
            ) : (
              <Button small isDisabled={retry.busy} onPress={() => void retry.ask({})}>
                {words.tryNow}
              </Button>
            )}
          </div>
        </Problem>
      ) : null}
      {asking === 'password' ? <SignInAgain jid={account.jid} onClose={() => setAsking(null)} /> : null}
      {asking === 'sign-out' ? <SignOut onClose={() => setAsking(null)} /> : null}
    </>
  );
}

function SignOut({ onClose }: { onClose: () => void }) {
  const { ask, busy, error } = useAsk('account.signOut');
  async function signOut(): Promise<void> {
    const result = await ask({});
    if (result.ok) onClose();
  }
  return (
    <Dialog role="alertdialog" title={words.signOutTitle} onClose={onClose}>
      <p>{words.signOutText}</p>
      {error === null ? null : <Problem error={error} />}
      <div className="actions">
        <Button onPress={onClose} autoFocus>
          {ui.cancel}
        </Button>
        <Button kind="danger" isDisabled={busy} onPress={() => void signOut()}>
          {words.signOut}
        </Button>
      </div>
    </Dialog>
  );
}
