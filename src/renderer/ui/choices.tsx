/** One of several, each with a line that says what it means. */
import { Label } from 'react-aria-components/Label';
import { Radio, RadioGroup } from 'react-aria-components/RadioGroup';
import './controls.css';

export interface Choice<T extends string> {
  readonly value: T;
  readonly label: string;
  readonly hint?: string;
}

interface ChoicesProps<T extends string> {
  readonly label: string;
  readonly labelHidden?: boolean;
  readonly value: T;
  readonly choices: readonly Choice<T>[];
  readonly onChange: (value: T) => void;
}

export function Choices<T extends string>({ label, labelHidden = false, value, choices, onChange }: ChoicesProps<T>) {
  function change(next: string): void {
    const choice = choices.find((candidate) => candidate.value === next);
    if (choice !== undefined) onChange(choice.value);
  }
  return (
    <RadioGroup className="choices" value={value} onChange={change}>
      <Label className={labelHidden ? 'visually-hidden' : 'section-title'}>{label}</Label>
      {choices.map((choice) => (
        <Radio key={choice.value} value={choice.value} className="choice">
          <span className="choice-mark" />
          <span className="choice-text">
            {choice.label}
            {choice.hint === undefined ? null : <small>{choice.hint}</small>}
          </span>
        </Radio>
      ))}
    </RadioGroup>
  );
}
