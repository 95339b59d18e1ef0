/** A new password for the account that is already here. */
import { useRef, useState } from 'react';
import { Form } from 'react-aria-components/Form';
import { onboarding } from '../../i18n/onboarding.ts';
import { useAsk } from '../../state/use-ask.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Problem } from '../../ui/problem.tsx';
import { SecretField } from '../../ui/text-field.tsx';

export function SignInAgain({ jid, onClose }: { jid: string; onClose: () => void }) {
  const [password, setPassword] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const { ask, busy, error } = useAsk('account.retry');

  async function signIn(): Promise<void> {
    if (password === '' || busy) return;
    const result = await ask({ password });
    if (result.ok) {
      onClose();
      return;
    }
    field.current?.focus();
    field.current?.select();
  }
  return (
    <Dialog title={onboarding.signInAgainTitle} onClose={onClose}>
      <Form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void signIn();
        }}
      >
        <p className="muted">{onboarding.signInAgainText(jid)}</p>
        <SecretField
          inputRef={field}
          label={onboarding.passwordLabel}
          value={password}
          onChange={setPassword}
          autoComplete="current-password"
          autoFocus
        />
        {error === null ? null : <Problem error={error} />}
        <Button type="submit" kind="primary" isDisabled={password === '' || busy}>
          {busy ? onboarding.signingIn : onboarding.signIn}
        </Button>
      </Form>
    </Dialog>
  );
}
