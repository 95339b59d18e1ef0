/** Fingerprints of both sides next to each other, with a decision for each of theirs. */
import { useEffect, useRef } from 'react';
import { Group } from 'react-aria-components/Group';
import type { Device, DeviceRef } from '../../../shared/model.ts';
import { devices as deviceWords } from '../../i18n/devices.ts';
import { trust as words } from '../../i18n/trust.ts';
import { useAsk } from '../../state/use-ask.ts';
import { Button } from '../../ui/button.tsx';
import { Name } from '../../ui/name.tsx';
import { Problem } from '../../ui/problem.tsx';
import { deviceName, effectiveTrust } from '../devices/device-standing.ts';
import { Fingerprint } from '../devices/fingerprint.tsx';
import { TrustBadge } from '../devices/trust-badge.tsx';

interface CompareProps {
  /** Null: these are devices of one's own. */
  readonly name: string | null;
  readonly theirs: readonly Device[];
  readonly mine: readonly Device[];
  /** The one that raised the question: brought into view. */
  readonly focused: DeviceRef | null;
}

export function Compare({ name, theirs, mine, focused }: CompareProps) {
  const known = theirs.filter((device) => device.active && device.fingerprint !== null);
  return (
    <div className="compare">
      <p className="muted small compare-how">{name === null ? words.compare.howSelf : words.compare.how(name)}</p>
      <section className="compare-side" aria-labelledby="compare-theirs">
        <h3 id="compare-theirs" className="code-title">
          {name === null ? words.compare.yourOthers : words.compare.theirs(name)}
        </h3>
        {known.length === 0 ? (
          <p className="muted small">{name === null ? words.compare.noneSelf : words.compare.none}</p>
        ) : (
          <ul className="compare-list">
            {known.map((device) => (
              <Theirs key={device.ref} device={device} focused={device.ref === focused && known.length > 1} />
            ))}
          </ul>
        )}
      </section>
      <section className="compare-side" aria-labelledby="compare-mine">
        <h3 id="compare-mine" className="code-title">
          {name === null ? deviceWords.thisDevice : words.compare.yours}
        </h3>
        <ul className="compare-list">
          {mine.map((device) => (
            <li key={device.ref} className="compare-device">
              <div className="device-head">
                <Name className="device-name">{deviceName(device)}</Name>
                {device.isThisDevice ? <span className="trust">{deviceWords.thisDevice}</span> : null}
              </div>
              <Fingerprint fingerprint={device.fingerprint} />
            </li>
          ))}
        </ul>
        <p className="muted small">{name === null ? words.compare.thisHint : words.compare.yoursHint(name)}</p>
      </section>
    </div>
  );
}

function Theirs({ device, focused }: { device: Device; focused: boolean }) {
  const { ask, busy, error } = useAsk('devices.setTrust');
  const item = useRef<HTMLLIElement>(null);
  const name = deviceName(device);
  useEffect(() => {
    if (focused) item.current?.scrollIntoView({ block: 'nearest' });
  }, [focused]);
  const decide = (trust: 'verified' | 'distrusted' | 'undecided') => void ask({ ref: device.ref, trust });
  const decided = device.trust === 'verified' || device.trust === 'distrusted';
  return (
    <li ref={item} className="compare-device" data-focused={focused || undefined}>
      <div className="device-head">
        <Name className="device-name">{name}</Name>
        <TrustBadge trust={effectiveTrust(device)} />
      </div>
      <Fingerprint fingerprint={device.fingerprint} />
      {device.trust === 'distrusted' ? (
        <p className="compare-alarm small" role="alert">
          {words.compare.differed}
        </p>
      ) : null}
      {error === null ? null : <Problem error={error} />}
      <Group className="device-actions" aria-label={name}>
        {decided ? (
          <Button small isDisabled={busy} aria-label={deviceWords.resetOf(name)} onPress={() => decide('undecided')}>
            {deviceWords.reset}
          </Button>
        ) : (
          <>
            <Button small isDisabled={busy} aria-label={words.compare.matchOf(name)} onPress={() => decide('verified')}>
              {words.compare.match}
            </Button>
            <Button
              small
              kind="danger"
              isDisabled={busy}
              aria-label={words.compare.differOf(name)}
              onPress={() => decide('distrusted')}
            >
              {words.compare.differ}
            </Button>
          </>
        )}
      </Group>
    </li>
  );
}
