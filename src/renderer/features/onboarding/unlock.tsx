import { useRef, useState } from 'react';
import { Form } from 'react-aria-components/Form';
import { onboarding } from '../../i18n/onboarding.ts';
import { useAsk } from '../../state/use-ask.ts';
import { Button } from '../../ui/button.tsx';
import { Problem } from '../../ui/problem.tsx';
import { SecretField } from '../../ui/text-field.tsx';
import { Card } from './card.tsx';

export function Unlock() {
  const [passphrase, setPassphrase] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const { ask, busy, error } = useAsk('profile.unlock');

  async function unlock(): Promise<void> {
    if (passphrase === '' || busy) return;
    const result = await ask({ passphrase });
    if (result.ok) return;
    setPassphrase('');
    // The button that was pressed is disabled meanwhile and has lost the focus.
    field.current?.focus();
  }
  return (
    <Card title={onboarding.unlockTitle} text={onboarding.unlockText}>
      <Form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void unlock();
        }}
      >
        <SecretField
          inputRef={field}
          label={onboarding.passphraseLabel}
          value={passphrase}
          onChange={setPassphrase}
          autoComplete="current-password"
          autoFocus
        />
        {error === null ? null : <Problem error={error} />}
        <Button type="submit" kind="primary" isDisabled={passphrase === '' || busy}>
          {busy ? onboarding.unlocking : onboarding.unlock}
        </Button>
      </Form>
    </Card>
  );
}
