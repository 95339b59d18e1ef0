/** A small form in place of what it changes: Enter saves, Escape leaves everything as it was. */
import type { ReactNode } from 'react';
import { ui } from '../i18n/ui.ts';
import { Button } from './button.tsx';
import './inline-form.css';

interface InlineFormProps {
  readonly canSave: boolean;
  readonly onSave: () => Promise<void>;
  readonly onCancel: () => void;
  readonly children: ReactNode;
}

export function InlineForm({ canSave, onSave, onCancel, children }: InlineFormProps) {
  return (
    <form
      className="inline-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (canSave) void onSave();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.preventDefault();
        event.stopPropagation();
        onCancel();
      }}
    >
      {children}
      <div className="inline-form-actions">
        <Button small onPress={onCancel}>
          {ui.cancel}
        </Button>
        <Button small kind="primary" type="submit" isDisabled={!canSave}>
          {ui.save}
        </Button>
      </div>
    </form>
  );
}
