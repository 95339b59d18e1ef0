/** Someone's devices: what each gets of what is written now, why not, and what can be decided about it. */
import { Monitor } from 'lucide-react';
import { Group } from 'react-aria-components/Group';
import type { ContactId, Device } from '../../../shared/model.ts';
import { formatListMoment } from '../../i18n/dates.ts';
import { devices as words } from '../../i18n/devices.ts';
import { useNavigation } from '../../state/navigation.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useNow } from '../../state/use-now.ts';
import { Button } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Name } from '../../ui/name.tsx';
import { Problem } from '../../ui/problem.tsx';
import { deviceName, effectiveTrust, type Standing, standingOf } from './device-standing.ts';
import { Fingerprint } from './fingerprint.tsx';
import { TrustBadge } from './trust-badge.tsx';
import './devices.css';

interface DeviceListProps {
  readonly label: string;
  readonly owner: ContactId;
  readonly devices: readonly Device[];
}

/** Those that need a decision first, those no longer used last. */
const order: Record<Standing, number> = { unchecked: 0, gets: 1, noKey: 2, unreachable: 3, distrusted: 4, notUsed: 5 };

export function DeviceList({ label, owner, devices }: DeviceListProps) {
  if (devices.length === 0) return <p className="muted small">{words.none}</p>;
  return (
    <ul className="device-list" aria-label={label}>
      {devices
        .toSorted((a, b) => order[standingOf(a)] - order[standingOf(b)])
        .map((device) => (
          <DeviceItem key={device.ref} owner={owner} device={device} />
        ))}
    </ul>
  );
}

function DeviceItem({ owner, device }: { owner: ContactId; device: Device }) {
  const { ask, busy, error } = useAsk('devices.setTrust');
  const { go } = useNavigation();
  const now = useNow();
  const name = deviceName(device);
  const standing = standingOf(device);
  const decide = (trust: 'distrusted' | 'undecided') => void ask({ ref: device.ref, trust });
  const decided = device.trust === 'verified' || device.trust === 'distrusted';
  return (
    <li className="device" data-standing={standing}>
      <div className="device-head">
        <Icon of={Monitor} />
        <Name className="device-name">{name}</Name>
      </div>
      <p className="device-gets small" data-standing={standing}>
        {standing === 'gets' ? words.gets.messages : words.gets[standing]}
      </p>
      <p className="device-facts muted small">
        {device.fingerprint === null ? null : <TrustBadge trust={effectiveTrust(device)} />}
        {standing === 'gets' ? (
          <span title={device.encryption === 'omemo2' ? words.newerMeans : words.olderMeans}>
            {device.encryption === 'omemo2' ? words.newer : words.older}
          </span>
        ) : null}
        {device.lastSeenAt === null ? null : <span>{words.lastSeen(formatListMoment(device.lastSeenAt, now))}</span>}
      </p>
      {error === null ? null : <Problem error={error} />}
      {device.fingerprint === null ? null : (
        <>
          <details className="device-key">
            <summary className="muted small">{words.showFingerprint}</summary>
            <Fingerprint fingerprint={device.fingerprint} />
          </details>
          <Group className="device-actions" aria-label={name}>
            {standing === 'unchecked' ? (
              <Button
                small
                aria-label={words.checkOf(name)}
                onPress={() => go({ type: 'dialog', dialog: { name: 'verify', owner, device: device.ref } })}
              >
                {words.check}
              </Button>
            ) : null}
            {decided ? (
              <Button small isDisabled={busy} aria-label={words.resetOf(name)} onPress={() => decide('undecided')}>
                {words.reset}
              </Button>
            ) : (
              <Button
                small
                kind="danger"
                isDisabled={busy}
                aria-label={words.distrustOf(name)}
                onPress={() => decide('distrusted')}
              >
                {words.distrust}
              </Button>
            )}
          </Group>
        </>
      )}
    </li>
  );
}
