/** Asks before own devices are removed: what that does, and what it does not do. */
import type { Device } from '../../../shared/model.ts';
import { devices as words } from '../../i18n/devices.ts';
import { ui } from '../../i18n/ui.ts';
import { useAsk } from '../../state/use-ask.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Name } from '../../ui/name.tsx';
import { Problem } from '../../ui/problem.tsx';
import { deviceName } from './device-standing.ts';

export function RemoveDevices({ devices, onClose }: { devices: readonly Device[]; onClose: () => void }) {
  const { ask, busy, error } = useAsk('devices.remove');
  const [first] = devices;
  if (first === undefined) return null;

  async function remove(): Promise<void> {
    for (const device of devices) {
      const result = await ask({ ref: device.ref });
      if (!result.ok) return;
    }
    onClose();
  }
  const count = devices.length;
  const title = count === 1 ? words.page.removeTitle(deviceName(first)) : words.page.removeAllTitle(count);
  return (
    <Dialog role="alertdialog" title={title} onClose={onClose}>
      <div className="remove-devices">
        {count === 1 ? null : (
          <ul className="remove-list">
            {devices.map((device) => (
              <li key={device.ref}>
                <Name>{deviceName(device)}</Name>
              </li>
            ))}
          </ul>
        )}
        <p>{words.page.removeDoes(count)}</p>
        <p className="muted">{words.page.removeDoesNot(count)}</p>
        {error === null ? null : <Problem error={error} />}
      </div>
      <div className="actions">
        <Button onPress={onClose} autoFocus>
          {ui.cancel}
        </Button>
        <Button kind="danger" isDisabled={busy} onPress={() => void remove()}>
          {words.page.remove}
        </Button>
      </div>
    </Dialog>
  );
}
