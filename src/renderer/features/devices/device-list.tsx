/** Someone's devices, each with its fingerprint and whether the person trusts it. */
import { Check, CircleHelp, Monitor, ShieldCheck, ShieldOff } from 'lucide-react';
import { Group } from 'react-aria-components/Group';
import type { Device } from '../../../shared/model.ts';
import { formatListMoment } from '../../i18n/dates.ts';
import { devices as words } from '../../i18n/devices.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useNow } from '../../state/use-now.ts';
import { Button } from '../../ui/button.tsx';
import { cleanLine } from '../../ui/clean-text.ts';
import { Icon } from '../../ui/icon.tsx';
import { Name } from '../../ui/name.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Fingerprint } from './fingerprint.tsx';
import './devices.css';

interface DeviceListProps {
  readonly label: string;
  readonly devices: readonly Device[];
  /** After a trust decision; only own devices need it, others come by event. */
  readonly onChanged?: () => void;
}

export function DeviceList({ label, devices, onChanged }: DeviceListProps) {
  if (devices.length === 0) return <p className="muted">{words.none}</p>;
  const inOrder = devices.toSorted(
    (a, b) => Number(b.isThisDevice) - Number(a.isThisDevice) || Number(b.active) - Number(a.active),
  );
  return (
    <ul className="device-list" aria-label={label}>
      {inOrder.map((device) => (
        <DeviceItem key={device.ref} device={device} onChanged={onChanged} />
      ))}
    </ul>
  );
}

const trustIcons = { undecided: CircleHelp, blind: Check, verified: ShieldCheck, distrusted: ShieldOff };

function DeviceItem({ device, onChanged }: { device: Device; onChanged: (() => void) | undefined }) {
  const { ask, busy, error } = useAsk('devices.setTrust');
  const now = useNow();
  const lastSeenAt = device.isThisDevice ? null : device.lastSeenAt;
  const name = device.label === '' ? words.unnamed(device.deviceId) : cleanLine(device.label);

  async function decide(trust: 'verified' | 'distrusted' | 'undecided'): Promise<void> {
    const result = await ask({ ref: device.ref, trust });
    if (result.ok) onChanged?.();
  }
  return (
    <li className="device" data-inactive={!device.active || undefined}>
      <div className="device-head">
        <Icon of={Monitor} />
        <Name className="device-name">{name}</Name>
        {device.isThisDevice ? (
          <span className="trust">{words.thisDevice}</span>
        ) : (
          <span className="trust" data-trust={device.trust}>
            <Icon of={trustIcons[device.trust]} size={14} />
            {words.trust[device.trust]}
          </span>
        )}
      </div>
      {device.active && lastSeenAt === null ? null : (
        <p className="muted small">
          {[
            device.active ? null : words.inactive,
            lastSeenAt === null ? null : words.lastSeen(formatListMoment(lastSeenAt, now)),
          ]
            .filter((part) => part !== null)
            .join(' · ')}
        </p>
      )}
      <Fingerprint fingerprint={device.fingerprint} />
      {error === null ? null : <Problem error={error} />}
      {device.isThisDevice || device.fingerprint === null ? null : (
        <Group className="device-actions" aria-label={name}>
          {device.trust === 'verified' || device.trust === 'distrusted' ? (
            <Button small isDisabled={busy} onPress={() => void decide('undecided')}>
              {words.reset}
            </Button>
          ) : (
            <>
              <Button small isDisabled={busy} onPress={() => void decide('verified')}>
                {words.verify}
              </Button>
              <Button small kind="danger" isDisabled={busy} onPress={() => void decide('distrusted')}>
                {words.distrust}
              </Button>
            </>
          )}
        </Group>
      )}
    </li>
  );
}
