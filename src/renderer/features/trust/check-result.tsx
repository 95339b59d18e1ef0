/** What comparing a code came to: certainty, or an alarm that says what it means, what was done, and what to do. */
import { type LucideIcon, ShieldAlert, ShieldCheck, ShieldQuestion } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Device, DeviceRef, TrustUriCheck } from '../../../shared/model.ts';
import { trust as words } from '../../i18n/trust.ts';
import { useContact, useOwnDevices } from '../../state/use-window.ts';
import { Button } from '../../ui/button.tsx';
import { cleanLine } from '../../ui/clean-text.ts';
import { Icon } from '../../ui/icon.tsx';
import { Name } from '../../ui/name.tsx';
import { deviceName } from '../devices/device-standing.ts';
import './trust.css';

interface CheckResultProps {
  readonly check: TrustUriCheck;
  readonly onClose: () => void;
  /** Shows one's own code, for the other side to scan; absent where that makes no sense. */
  readonly onShowMine?: () => void;
  readonly onAgain?: () => void;
}

export function CheckResult({ check, onClose, onShowMine, onAgain }: CheckResultProps) {
  const contact = useContact(check.owner === 'self' ? undefined : check.owner);
  const ownDevices = useOwnDevices();
  const devices = check.owner === 'self' ? ownDevices : (contact?.devices ?? []);
  const name = cleanLine(check.name);
  const named = (refs: readonly DeviceRef[]) => devices.filter((device) => refs.includes(device.ref));
  const { verified, mismatched, expected } = check;

  if (mismatched.length > 0) {
    return (
      <Outcome tone="danger" icon={ShieldAlert} title={words.result.mismatchTitle}>
        <p>{words.result.mismatchWhat(name, mismatched.length)}</p>
        <dl className="outcome-facts">
          <dt>{words.result.mismatched}</dt>
          <DeviceNames devices={named(mismatched)} />
          <dt>{words.result.done}</dt>
          <dd>{words.result.mismatchDone(mismatched.length)}</dd>
          <dt>{words.result.todo}</dt>
          <dd>{words.result.mismatchDo(name)}</dd>
          {verified.length === 0 ? null : (
            <>
              <dt>{words.result.matched}</dt>
              <DeviceNames devices={named(verified)} />
            </>
          )}
        </dl>
        <div className="actions">
          {onAgain === undefined ? null : <Button onPress={onAgain}>{words.result.again}</Button>}
          <Button kind="primary" autoFocus onPress={onClose}>
            {words.result.closeAlarm}
          </Button>
        </div>
      </Outcome>
    );
  }
  if (verified.length === 0) {
    const title = expected > 0 ? words.result.onlyExpectedTitle : words.result.nothingTitle;
    return (
      <Outcome tone="calm" icon={ShieldQuestion} title={title}>
        <p>{expected > 0 ? words.result.expected(expected) : words.result.nothingText}</p>
        <div className="actions">
          {onAgain === undefined || expected > 0 ? null : <Button onPress={onAgain}>{words.result.again}</Button>}
          <Button kind="primary" autoFocus onPress={onClose}>
            {words.result.close}
          </Button>
        </div>
      </Outcome>
    );
  }
  const self = check.owner === 'self';
  return (
    <Outcome tone="ok" icon={ShieldCheck} title={self ? words.result.verifiedSelf : words.result.verified(name)}>
      <p>{self ? words.result.verifiedTextSelf : words.result.verifiedText(verified.length)}</p>
      <Devices title={words.result.count(verified.length)} devices={named(verified)} />
      {expected === 0 ? null : <p className="muted">{words.result.expected(expected)}</p>}
      {self || onShowMine === undefined ? null : <p className="muted">{words.result.nowYours(name)}</p>}
      <div className="actions">
        {self || onShowMine === undefined ? null : <Button onPress={onShowMine}>{words.result.showMine}</Button>}
        <Button kind="primary" autoFocus onPress={onClose}>
          {words.result.close}
        </Button>
      </div>
    </Outcome>
  );
}

interface OutcomeProps {
  readonly tone: 'ok' | 'danger' | 'calm';
  readonly icon: LucideIcon;
  readonly title: string;
  readonly children: ReactNode;
}

function Outcome({ tone, icon, title, children }: OutcomeProps) {
  return (
    <section className="outcome" data-tone={tone} role={tone === 'danger' ? 'alert' : 'status'}>
      <span className="outcome-icon">
        <Icon of={icon} size={32} />
      </span>
      <h3 className="outcome-title">{title}</h3>
      {children}
    </section>
  );
}

function DeviceNames({ devices }: { devices: readonly Device[] }) {
  return devices.map((device) => (
    <dd key={device.ref}>
      <Name>{deviceName(device)}</Name>
    </dd>
  ));
}

function Devices({ title, devices }: { title: string; devices: readonly Device[] }) {
  return (
    <div className="outcome-devices">
      <p className="section-title">{title}</p>
      <ul>
        {devices.map((device) => (
          <li key={device.ref}>
            <Name>{deviceName(device)}</Name>
          </li>
        ))}
      </ul>
    </div>
  );
}
