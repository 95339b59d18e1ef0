/** One of one's own devices: its name, when it was last used, what it may do, and what can be done about it. */
import { Monitor, Pencil, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { Group } from 'react-aria-components/Group';
import type { Device } from '../../../shared/model.ts';
import { formatListMoment } from '../../i18n/dates.ts';
import { devices as words } from '../../i18n/devices.ts';
import { useNavigation } from '../../state/navigation.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useNow } from '../../state/use-now.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { Name } from '../../ui/name.tsx';
import { Problem } from '../../ui/problem.tsx';
import { deviceName, effectiveTrust, standingOf } from './device-standing.ts';
import { Fingerprint } from './fingerprint.tsx';
import { RemoveDevices } from './remove-devices.tsx';
import { RenameDevice } from './rename-device.tsx';
import { TrustBadge } from './trust-badge.tsx';

export function OwnDevice({ device }: { device: Device }) {
  const [doing, setDoing] = useState<'rename' | 'remove' | null>(null);
  const now = useNow();
  const name = deviceName(device);
  const standing = standingOf(device);
  return (
    <li className="device" data-standing={device.isThisDevice ? undefined : standing}>
      {doing === 'rename' ? (
        <RenameDevice device={device} onDone={() => setDoing(null)} />
      ) : (
        <div className="device-head">
          <Icon of={Monitor} />
          <Name className="device-name">{name}</Name>
          <span className="device-tools">
            <IconButton label={words.page.renameOf(name)} onPress={() => setDoing('rename')}>
              <Icon of={Pencil} size={16} />
            </IconButton>
            {device.isThisDevice || device.stale ? null : (
              <IconButton label={words.page.removeOf(name)} onPress={() => setDoing('remove')}>
                <Icon of={Trash2} size={16} />
              </IconButton>
            )}
          </span>
        </div>
      )}
      {device.isThisDevice ? (
        <p className="muted small">{words.page.thisMay}</p>
      ) : (
        <>
          <p className="device-gets small" data-standing={standing}>
            {standing === 'gets' ? words.page.mayDo.copy : words.page.mayDo[standing]}
          </p>
          <p className="device-facts muted small">
            {device.fingerprint === null ? null : <TrustBadge trust={effectiveTrust(device)} />}
            {standing === 'gets' && device.encryption === 'omemo-legacy' ? (
              <span title={words.olderMeans}>{words.older}</span>
            ) : null}
            {device.lastSeenAt === null ? null : (
              <span>{words.lastSeen(formatListMoment(device.lastSeenAt, now))}</span>
            )}
          </p>
        </>
      )}
      {device.isThisDevice ? (
        <Fingerprint fingerprint={device.fingerprint} />
      ) : device.stale ? (
        <div className="device-actions">
          <Button small kind="danger" aria-label={words.page.removeOf(name)} onPress={() => setDoing('remove')}>
            {words.page.remove}
          </Button>
        </div>
      ) : (
        <>
          {device.fingerprint === null ? null : (
            <details className="device-key">
              <summary className="muted small">{words.showFingerprint}</summary>
              <Fingerprint fingerprint={device.fingerprint} />
            </details>
          )}
          <Decision device={device} name={name} />
        </>
      )}
      {doing === 'remove' ? <RemoveDevices devices={[device]} onClose={() => setDoing(null)} /> : null}
    </li>
  );
}

function Decision({ device, name }: { device: Device; name: string }) {
  const { ask, busy, error } = useAsk('devices.setTrust');
  const { go } = useNavigation();
  const decide = (trust: 'distrusted' | 'undecided') => void ask({ ref: device.ref, trust });
  if (device.fingerprint === null) return null;
  return (
    <>
      {error === null ? null : <Problem error={error} />}
      <Group className="device-actions" aria-label={name}>
        {device.trust === 'verified' || device.trust === 'distrusted' ? (
          <Button small isDisabled={busy} aria-label={words.resetOf(name)} onPress={() => decide('undecided')}>
            {words.reset}
          </Button>
        ) : (
          <>
            <Button
              small
              aria-label={words.checkOf(name)}
              onPress={() => go({ type: 'dialog', dialog: { name: 'verify', owner: 'self', device: device.ref } })}
            >
              {words.check}
            </Button>
            <Button
              small
              kind="danger"
              isDisabled={busy}
              aria-label={words.distrustOf(name)}
              onPress={() => decide('distrusted')}
            >
              {words.distrust}
            </Button>
          </>
        )}
      </Group>
    </>
  );
}
