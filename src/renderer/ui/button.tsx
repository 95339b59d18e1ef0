import type { ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from 'react-aria-components/Button';
import './controls.css';

interface ButtonProps extends Omit<AriaButtonProps, 'className' | 'children' | 'style'> {
  readonly kind?: 'primary' | 'secondary' | 'quiet' | 'danger';
  readonly small?: boolean;
  readonly children: ReactNode;
}

export function Button({ kind = 'secondary', small = false, children, ...props }: ButtonProps) {
  return (
    <AriaButton {...props} className="button" data-kind={kind} data-small={small || undefined}>
      {children}
    </AriaButton>
  );
}

interface IconButtonProps extends Omit<AriaButtonProps, 'className' | 'children' | 'style'> {
  /** What it does: its name for screen readers and its tooltip. */
  readonly label: string;
  readonly children: ReactNode;
}

export function IconButton({ label, children, ...props }: IconButtonProps) {
  return (
    <AriaButton {...props} className="button" data-kind="icon" aria-label={label}>
      <span title={label} className="icon-button-face">
        {children}
      </span>
    </AriaButton>
  );
}
