import { useState } from 'react';
import type { Device } from '../../../shared/model.ts';
import { devices as words } from '../../i18n/devices.ts';
import { useAsk } from '../../state/use-ask.ts';
import { InlineForm } from '../../ui/inline-form.tsx';
import { Problem } from '../../ui/problem.tsx';
import { TextField } from '../../ui/text-field.tsx';

export function RenameDevice({ device, onDone }: { device: Device; onDone: () => void }) {
  const [label, setLabel] = useState(device.label);
  const { ask, busy, error } = useAsk('devices.rename');

  async function rename(): Promise<void> {
    const result = await ask({ ref: device.ref, label: label.trim() });
    if (result.ok) onDone();
  }
  return (
    <InlineForm canSave={!busy} onSave={rename} onCancel={onDone}>
      <TextField
        label={words.page.renameLabel}
        hint={device.isThisDevice ? words.page.renameHintThis : words.page.renameHintOther}
        value={label}
        onChange={setLabel}
        maxLength={52}
        autoFocus
      />
      {error === null ? null : <Problem error={error} />}
    </InlineForm>
  );
}
