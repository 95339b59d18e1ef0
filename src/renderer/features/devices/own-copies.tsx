/** Which of one's own other devices get a copy of what is written here. */
import { MonitorSmartphone } from 'lucide-react';
import { devices as words } from '../../i18n/devices.ts';
import { useNavigation } from '../../state/navigation.ts';
import { useOwnDevices } from '../../state/use-window.ts';
import { Button } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Name } from '../../ui/name.tsx';
import { deviceName, standingOf } from './device-standing.ts';
import './devices.css';

export function OwnCopies() {
  const { go } = useNavigation();
  const others = useOwnDevices().filter((device) => !device.isThisDevice);
  if (others.length === 0) return <p className="muted small">{words.copiesNone}</p>;
  return (
    <>
      <p className="muted small">{words.copiesText}</p>
      <ul className="copies" aria-label={words.copiesLabel}>
        {others.map((device) => {
          const standing = standingOf(device);
          return (
            <li key={device.ref} className="copy">
              <Icon of={MonitorSmartphone} size={16} />
              <Name className="device-name">{deviceName(device)}</Name>
              <span className="device-gets small" data-standing={standing}>
                {standing === 'gets' ? words.gets.copy : words.gets[standing]}
              </span>
            </li>
          );
        })}
      </ul>
      <div>
        <Button small onPress={() => go({ type: 'dialog', dialog: { name: 'settings', page: 'devices' } })}>
          {words.manage}
        </Button>
      </div>
    </>
  );
}
