/** Something that did not go as hoped and is nobody's failure: what it is, and what to do. */
import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { Icon } from './icon.tsx';
import './problem.css';

export function Notice({ what, action, children }: { what: string; action: string; children?: ReactNode }) {
  return (
    <div className="problem" data-mild role="alert">
      <Icon of={CircleAlert} />
      <div className="problem-text">
        <p className="problem-what">{what}</p>
        <p>{action}</p>
        {children}
      </div>
    </div>
  );
}
