import { Switch as AriaSwitch } from 'react-aria-components/Switch';
import './controls.css';

interface SwitchProps {
  readonly label: string;
  readonly hint?: string;
  readonly selected: boolean;
  readonly onChange: (selected: boolean) => void;
}

export function Switch({ label, hint, selected, onChange }: SwitchProps) {
  return (
    <AriaSwitch className="switch" isSelected={selected} onChange={onChange}>
      <span className="switch-text">
        {label}
        {hint === undefined ? null : <small>{hint}</small>}
      </span>
      <span className="switch-track" />
    </AriaSwitch>
  );
}
