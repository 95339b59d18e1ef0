/** The one card on the page that every screen before the main window is. */
import { ArrowLeft } from 'lucide-react';
import type { ReactNode } from 'react';
import { ui } from '../../i18n/ui.ts';
import { IconButton } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Lamp } from './lamp.tsx';
import './onboarding.css';

interface CardProps {
  readonly title: string;
  readonly text?: string;
  readonly onBack?: () => void;
  readonly children: ReactNode;
}

export function Card({ title, text, onBack, children }: CardProps) {
  return (
    <main className="card-page">
      <div className="card">
        {onBack === undefined ? (
          <Lamp />
        ) : (
          <div className="card-back">
            <IconButton label={ui.back} onPress={onBack}>
              <Icon of={ArrowLeft} />
            </IconButton>
          </div>
        )}
        <h1>{title}</h1>
        {text === undefined ? null : <p className="muted">{text}</p>}
        <div className="card-content">{children}</div>
      </div>
    </main>
  );
}
