/** An expected failure, told: what happened, what to do; the technical view one click deeper. */
import { TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import type { AppError } from '../../shared/errors.ts';
import { ui } from '../i18n/ui.ts';
import { cleanText } from './clean-text.ts';
import { Icon } from './icon.tsx';
import './problem.css';

export function Problem({ error, children }: { error: AppError; children?: ReactNode }) {
  return (
    <div className="problem" role="alert">
      <Icon of={TriangleAlert} />
      <div className="problem-text">
        <p className="problem-what">{cleanText(error.what)}</p>
        {error.action === '' ? null : <p>{cleanText(error.action)}</p>}
        <ProblemDetails error={error} />
        {children}
      </div>
    </div>
  );
}

/** `reachable`: false in a row of a list that has not the focus; it keeps its place, so that nothing moves under a click. */
export function ProblemDetails({ error, reachable = true }: { error: AppError; reachable?: boolean }) {
  return (
    <details className="problem-details">
      <summary tabIndex={reachable ? undefined : -1}>{ui.technicalDetails}</summary>
      <code dir="ltr">{error.detail === undefined ? error.code : `${error.code}: ${cleanText(error.detail)}`}</code>
    </details>
  );
}
