/** Before there is anything to do: starting, refused, not connected. */
import { useEffect, useState } from 'react';
import type { AppError } from '../../../shared/errors.ts';
import { onboarding } from '../../i18n/onboarding.ts';
import { Problem } from '../../ui/problem.tsx';
import { Card } from './card.tsx';

/** Says nothing for the first 300 ms: a fast start should not flash words. */
export function Starting() {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), 300);
    return () => clearTimeout(timer);
  }, []);
  return (
    <main className="starting" aria-busy="true">
      <h1 className="visually-hidden">Bothy</h1>
      {slow ? <p className="muted">{onboarding.starting}</p> : null}
    </main>
  );
}

export function Refused({ error }: { error: AppError | null }) {
  return (
    <Card title={onboarding.refusedTitle}>
      {error === null ? null : <Problem error={error} />}
      <p className="muted">{onboarding.refusedSafe}</p>
    </Card>
  );
}

export function NoBridge() {
  return (
    <Card title={onboarding.noBridgeTitle}>
      <p className="muted">{onboarding.noBridgeText}</p>
    </Card>
  );
}
