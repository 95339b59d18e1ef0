import { useState } from 'react';
import { Form } from 'react-aria-components/Form';
import { onboarding } from '../../i18n/onboarding.ts';
import { useAsk } from '../../state/use-ask.ts';
import { Button } from '../../ui/button.tsx';
import { Problem } from '../../ui/problem.tsx';
import { SecretField, TextField } from '../../ui/text-field.tsx';
import { minimumLength, passphraseStrength, strengthBars } from './passphrase-strength.ts';

export function CreateProfile({ needsPassphrase }: { needsPassphrase: boolean }) {
  const [name, setName] = useState('');
  const [passphrase, setPassphrase] = useState('');
  const [again, setAgain] = useState('');
  const { ask, busy, error } = useAsk('profile.create');

  const strength = passphraseStrength(passphrase);
  const passphraseReady = !needsPassphrase || ([...passphrase].length >= minimumLength && passphrase === again);
  const ready = name.trim() !== '' && passphraseReady;

  function submit(): void {
    if (!ready || busy) return;
    void ask(needsPassphrase ? { name: name.trim(), passphrase } : { name: name.trim() });
  }
  return (
    <Form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <TextField label={onboarding.nameLabel} hint={onboarding.nameHint} value={name} onChange={setName} autoFocus />
      {needsPassphrase ? (
        <>
          <p className="muted small">{onboarding.passphraseWhy}</p>
          <SecretField
            label={onboarding.passphraseLabel}
            hint={onboarding.strength[strength]}
            value={passphrase}
            onChange={setPassphrase}
            autoComplete="new-password"
          />
          <div className="strength" data-strength={strength} aria-hidden="true">
            {[1, 2, 3].map((bar) => (
              <span key={bar} data-lit={bar <= strengthBars(strength) || undefined} />
            ))}
          </div>
          <SecretField
            label={onboarding.passphraseAgain}
            hint={again !== '' && again !== passphrase ? onboarding.passphraseDiffers : ''}
            value={again}
            onChange={setAgain}
            autoComplete="new-password"
          />
        </>
      ) : null}
      {error === null ? null : <Problem error={error} />}
      <Button type="submit" kind="primary" isDisabled={!ready || busy}>
        {busy ? onboarding.creating : onboarding.create}
      </Button>
    </Form>
  );
}
