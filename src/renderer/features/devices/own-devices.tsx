/** The page of one's own devices: this one, the others, and those that nobody has used for long. */
import { CalendarOff } from 'lucide-react';
import { useState } from 'react';
import type { Device } from '../../../shared/model.ts';
import { devices as words } from '../../i18n/devices.ts';
import { useOwnDevices, useStatus } from '../../state/use-window.ts';
import { Button } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { OwnDevice } from './own-device.tsx';
import { RemoveDevices } from './remove-devices.tsx';
import './devices.css';

export function OwnDevices() {
  const devices = useOwnDevices();
  const hasAccount = useStatus().account !== null;
  const here = devices.filter((device) => device.isThisDevice);
  const stale = devices.filter((device) => device.stale && !device.isThisDevice);
  const others = devices
    .filter((device) => !device.isThisDevice && !device.stale)
    .toSorted((a, b) => Number(b.active) - Number(a.active) || (b.lastSeenAt ?? 0) - (a.lastSeenAt ?? 0));
  return (
    <div className="own-devices">
      {devices.length === here.length ? null : <p className="muted">{words.page.text}</p>}
      <List title={words.thisDevice} devices={here} />
      {stale.length === 0 ? null : <Stale devices={stale} />}
      {others.length > 0 ? (
        <List title={words.page.others} devices={others} />
      ) : stale.length === 0 ? (
        <p className="muted small">{hasAccount ? words.page.noOthers : words.page.nobodyYet}</p>
      ) : null}
    </div>
  );
}

function List({ title, devices }: { title: string; devices: readonly Device[] }) {
  return (
    <section className="own-devices-part">
      <h3 className="section-title">{title}</h3>
      <ul className="device-list" aria-label={title}>
        {devices.map((device) => (
          <OwnDevice key={device.ref} device={device} />
        ))}
      </ul>
    </section>
  );
}

function Stale({ devices }: { devices: readonly Device[] }) {
  const [removing, setRemoving] = useState(false);
  const title = words.page.staleTitle(devices.length);
  return (
    <section className="stale" aria-label={title}>
      <div className="stale-head">
        <Icon of={CalendarOff} />
        <div className="stale-text">
          <h3>{title}</h3>
          <p className="muted small">{words.page.staleText}</p>
        </div>
        {devices.length === 1 ? null : (
          <Button small kind="danger" onPress={() => setRemoving(true)}>
            {words.page.removeAll(devices.length)}
          </Button>
        )}
      </div>
      <ul className="device-list" aria-label={title}>
        {devices.map((device) => (
          <OwnDevice key={device.ref} device={device} />
        ))}
      </ul>
      {removing ? <RemoveDevices devices={devices} onClose={() => setRemoving(false)} /> : null}
    </section>
  );
}
