import { useState } from 'react';
import type { Device } from '../../../shared/model.ts';
import { devices as words } from '../../i18n/devices.ts';
import { ui } from '../../i18n/ui.ts';
import { useAsk } from '../../state/use-ask.ts';
import { Button } from '../../ui/button.tsx';
import { Problem } from '../../ui/problem.tsx';
import { TextField } from '../../ui/text-field.tsx';

export function RenameDevice({ device, onDone }: { device: Device; onDone: () => void }) {
  const [label, setLabel] = useState(device.label);
  const { ask, busy, error } = useAsk('devices.rename');

  async function rename(): Promise<void> {
    if (busy) return;
    const result = await ask({ ref: device.ref, label: label.trim() });
    if (result.ok) onDone();
  }
  return (
    <form
      className="device-rename"
      onSubmit={(event) => {
        event.preventDefault();
        void rename();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.preventDefault();
        event.stopPropagation();
        onDone();
      }}
    >
      <TextField
        label={words.page.renameLabel}
        hint={device.isThisDevice ? words.page.renameHintThis : words.page.renameHintOther}
        value={label}
        onChange={setLabel}
        maxLength={52}
        autoFocus
      />
      {error === null ? null : <Problem error={error} />}
      <div className="device-actions">
        <Button small onPress={onDone}>
          {ui.cancel}
        </Button>
        <Button small kind="primary" type="submit" isDisabled={busy}>
          {ui.save}
        </Button>
      </div>
    </form>
  );
}
