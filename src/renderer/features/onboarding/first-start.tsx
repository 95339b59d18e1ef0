/** First start: a name (and a passphrase where the system keeps no secrets), then how to begin. */
import { ChevronRight, Globe, Wifi } from 'lucide-react';
import { useState } from 'react';
import { Button as AriaButton } from 'react-aria-components/Button';
import { onboarding } from '../../i18n/onboarding.ts';
import { useStatus } from '../../state/use-window.ts';
import { cleanLine } from '../../ui/clean-text.ts';
import { Icon } from '../../ui/icon.tsx';
import { Card } from './card.tsx';
import { CreateProfile } from './create-profile.tsx';
import { SignInForm } from './sign-in-form.tsx';

export function FirstStart({ onDone }: { onDone: () => void }) {
  const status = useStatus();
  const [signingIn, setSigningIn] = useState(false);

  if (status.phase !== 'ready') {
    return (
      <Card title={onboarding.welcomeTitle} text={onboarding.welcomeText}>
        <CreateProfile needsPassphrase={status.needsPassphrase} />
      </Card>
    );
  }
  if (signingIn) {
    return (
      <Card title={onboarding.signInTitle} text={onboarding.signInText} onBack={() => setSigningIn(false)}>
        <SignInForm onSignedIn={onDone} />
      </Card>
    );
  }
  return (
    <Card title={onboarding.choiceTitle(cleanLine(status.self?.name ?? ''))}>
      <BeginChoice
        icon={Globe}
        title={onboarding.choiceAccount}
        text={onboarding.choiceAccountText}
        onPress={() => setSigningIn(true)}
      />
      <BeginChoice icon={Wifi} title={onboarding.choiceNearby} text={onboarding.choiceNearbyText} onPress={onDone} />
    </Card>
  );
}

interface BeginChoiceProps {
  readonly icon: typeof Globe;
  readonly title: string;
  readonly text: string;
  readonly onPress: () => void;
}

function BeginChoice({ icon, title, text, onPress }: BeginChoiceProps) {
  return (
    <AriaButton className="begin-choice" onPress={onPress}>
      <span className="begin-choice-icon">
        <Icon of={icon} />
      </span>
      <span>
        <strong>{title}</strong>
        <small>{text}</small>
      </span>
      <Icon of={ChevronRight} />
    </AriaButton>
  );
}
