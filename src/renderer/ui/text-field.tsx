import { Eye, EyeOff } from 'lucide-react';
import { type ReactNode, type Ref, useState } from 'react';
import { FieldError } from 'react-aria-components/FieldError';
import { Input } from 'react-aria-components/Input';
import { Label } from 'react-aria-components/Label';
import { Text } from 'react-aria-components/Text';
import { TextField as AriaTextField, type TextFieldProps as AriaTextFieldProps } from 'react-aria-components/TextField';
import { ui } from '../i18n/ui.ts';
import { IconButton } from './button.tsx';
import { Icon } from './icon.tsx';
import './controls.css';

interface TextFieldProps extends Omit<AriaTextFieldProps, 'className' | 'children' | 'style' | 'type'> {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly placeholder?: string;
  /** The field itself, to give the focus back to. */
  readonly inputRef?: Ref<HTMLInputElement>;
}

export function TextField({ label, hint, placeholder, inputRef = null, ...props }: TextFieldProps) {
  return (
    <AriaTextField {...props} className="field">
      <Label>{label}</Label>
      <Input ref={inputRef} className="input" placeholder={placeholder ?? ''} />
      {hint === undefined ? null : (
        <Text slot="description" className="field-hint">
          {hint}
        </Text>
      )}
      <FieldError className="field-hint" />
    </AriaTextField>
  );
}

/** A secret that can be looked at on request. */
export function SecretField({ label, hint, placeholder, inputRef = null, ...props }: TextFieldProps) {
  const [shown, setShown] = useState(false);
  return (
    <AriaTextField {...props} type={shown ? 'text' : 'password'} className="field">
      <Label>{label}</Label>
      <div className="field-password">
        <Input
          ref={inputRef}
          className="input"
          placeholder={placeholder ?? ''}
          spellCheck="false"
          autoCapitalize="off"
        />
        <IconButton label={shown ? ui.hideSecret : ui.showSecret} onPress={() => setShown(!shown)}>
          <Icon of={shown ? EyeOff : Eye} />
        </IconButton>
      </div>
      {hint === undefined ? null : (
        <Text slot="description" className="field-hint">
          {hint}
        </Text>
      )}
    </AriaTextField>
  );
}
