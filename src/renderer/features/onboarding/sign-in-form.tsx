/** Signing in: one try a press, each failure in its own words, never a loop that locks the account. */
import { useRef, useState } from 'react';
import { Form } from 'react-aria-components/Form';
import { onboarding } from '../../i18n/onboarding.ts';
import { useAsk } from '../../state/use-ask.ts';
import { Button } from '../../ui/button.tsx';
import { Problem } from '../../ui/problem.tsx';
import { SecretField, TextField } from '../../ui/text-field.tsx';

export function SignInForm({ onSignedIn }: { onSignedIn: () => void }) {
  const [jid, setJid] = useState('');
  const [password, setPassword] = useState('');
  const addressField = useRef<HTMLInputElement>(null);
  const passwordField = useRef<HTMLInputElement>(null);
  const { ask, busy, error } = useAsk('account.signIn');
  const ready = jid.trim() !== '' && password !== '';

  async function signIn(): Promise<void> {
    if (!ready || busy) return;
    const result = await ask({ jid: jid.trim(), password });
    if (result.ok) {
      onSignedIn();
      return;
    }
    // The button that was pressed is disabled meanwhile and has lost the focus.
    const field = result.error.code === 'account.unknown-host' ? addressField : passwordField;
    field.current?.focus();
    field.current?.select();
  }
  return (
    <Form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        void signIn();
      }}
    >
      <TextField
        inputRef={addressField}
        label={onboarding.addressLabel}
        placeholder={onboarding.addressPlaceholder}
        value={jid}
        onChange={setJid}
        autoComplete="username"
        inputMode="email"
        spellCheck="false"
        autoFocus
      />
      <SecretField
        inputRef={passwordField}
        label={onboarding.passwordLabel}
        value={password}
        onChange={setPassword}
        autoComplete="current-password"
      />
      {error === null ? null : <Problem error={error} />}
      <Button type="submit" kind="primary" isDisabled={!ready || busy}>
        {busy ? onboarding.signingIn : onboarding.signIn}
      </Button>
    </Form>
  );
}
