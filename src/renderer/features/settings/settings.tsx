/** Everything one can choose, on one page. */
import { type ReactNode, useState } from 'react';
import { Form } from 'react-aria-components/Form';
import type { Settings as SettingsModel } from '../../../shared/model.ts';
import { devices } from '../../i18n/devices.ts';
import { settings as words } from '../../i18n/settings.ts';
import { ui } from '../../i18n/ui.ts';
import { useAsk } from '../../state/use-ask.ts';
import { useOwnDevices, useSettings, useStatus, useStore } from '../../state/use-window.ts';
import { Button } from '../../ui/button.tsx';
import { Choices } from '../../ui/choices.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Switch } from '../../ui/switch.tsx';
import { TextField } from '../../ui/text-field.tsx';
import { standingOf } from '../devices/device-standing.ts';
import { OwnDevices } from '../devices/own-devices.tsx';
import { AccountSettings } from './account-settings.tsx';
import { LinkSettings, useLinkHandler } from './link-settings.tsx';
import './settings.css';

const themes = [
  { value: 'system', label: words.themeSystem },
  { value: 'light', label: words.themeLight },
  { value: 'dark', label: words.themeDark },
] as const;

const newDevices = [
  { value: 'automatic', label: words.newDevicesAutomatic, hint: words.newDevicesAutomaticHint },
  { value: 'checked', label: words.newDevicesChecked, hint: words.newDevicesCheckedHint },
] as const;

const notifications = [
  { value: 'full', label: words.notifyFull },
  { value: 'name', label: words.notifyName },
  { value: 'none', label: words.notifyNone },
] as const;

interface SettingsProps {
  /** Null: all of them. */
  readonly page: 'devices' | null;
  readonly onClose: () => void;
}

export function Settings({ page, onClose }: SettingsProps) {
  const [onDevices, setOnDevices] = useState(page === 'devices');
  if (!onDevices) return <AllSettings onDevices={() => setOnDevices(true)} onClose={onClose} />;
  return (
    <Dialog title={words.devices} size="large" onBack={() => setOnDevices(false)} onClose={onClose}>
      <OwnDevices />
    </Dialog>
  );
}

function AllSettings({ onDevices, onClose }: { onDevices: () => void; onClose: () => void }) {
  const status = useStatus();
  const settings = useSettings();
  const store = useStore();
  const { ask, error } = useAsk('settings.set');
  const [linkHandler, setLinkHandler] = useLinkHandler();

  async function change(changed: Partial<SettingsModel>): Promise<void> {
    const result = await ask({ settings: changed });
    if (result.ok) store.apply({ type: 'settings', settings: result.value });
  }
  return (
    <Dialog title={words.title} size="large" onClose={onClose}>
      <div className="settings">
        {error === null ? null : <Problem error={error} />}
        <Section title={words.you}>
          <OwnName key={status.self?.name} name={status.self?.name ?? ''} />
        </Section>
        <Section title={words.account}>
          <AccountSettings account={status.account} />
        </Section>
        <Section title={words.nearby}>
          <NearbySettings />
        </Section>
        <Section title={words.appearance}>
          <Choices
            label={words.theme}
            labelHidden
            value={settings.theme}
            choices={themes}
            onChange={(theme) => void change({ theme })}
          />
        </Section>
        <Section title={words.notifications}>
          <Choices
            label={words.notifications}
            labelHidden
            value={settings.notifications}
            choices={notifications}
            onChange={(value) => void change({ notifications: value })}
          />
        </Section>
        <Section title={words.privacy}>
          <Switch
            label={words.readMarkers}
            hint={words.readMarkersHint}
            selected={settings.sendReadMarkers}
            onChange={(sendReadMarkers) => void change({ sendReadMarkers })}
          />
          <Choices
            label={words.newDevices}
            value={settings.blindTrust ? 'automatic' : 'checked'}
            choices={newDevices}
            onChange={(value) => void change({ blindTrust: value === 'automatic' })}
          />
        </Section>
        {linkHandler === null ? null : (
          <Section title={words.links}>
            <LinkSettings handler={linkHandler} onChange={setLinkHandler} />
          </Section>
        )}
        <Section title={words.devices}>
          <DevicesSummary onOpen={onDevices} />
        </Section>
        <p className="muted small">{words.about(status.version)}</p>
      </div>
    </Dialog>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="settings-section">
      <h3 className="section-title">{title}</h3>
      <div className="settings-content">{children}</div>
    </section>
  );
}

function DevicesSummary({ onOpen }: { onOpen: () => void }) {
  const others = useOwnDevices().filter((device) => !device.isThisDevice && device.active);
  const unchecked = others.filter((device) => standingOf(device) === 'unchecked').length;
  const stale = others.filter((device) => device.stale).length;
  return (
    <div className="settings-row">
      <div>
        <p>{devices.page.summary(others.length)}</p>
        {unchecked === 0 ? null : <p className="settings-heed small">{devices.page.summaryUnchecked(unchecked)}</p>}
        {stale === 0 ? null : <p className="settings-heed small">{devices.page.summaryStale(stale)}</p>}
      </div>
      <Button onPress={onOpen}>{devices.page.open}</Button>
    </div>
  );
}

function OwnName({ name }: { name: string }) {
  const [draft, setDraft] = useState(name);
  const { ask, busy, error } = useAsk('profile.rename');
  const changed = draft.trim() !== '' && draft.trim() !== name;
  return (
    <Form
      className="own-name-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (changed && !busy) void ask({ name: draft.trim() });
      }}
    >
      <TextField label={words.name} value={draft} onChange={setDraft} />
      {changed ? (
        <Button kind="primary" type="submit" isDisabled={busy}>
          {ui.save}
        </Button>
      ) : null}
      {error === null ? null : <Problem error={error} />}
    </Form>
  );
}

function NearbySettings() {
  const nearby = useStatus().nearby;
  const { ask, error } = useAsk('nearby.setEnabled');
  const problem = error ?? (nearby.enabled && nearby.transport.state === 'failing' ? nearby.transport.error : null);
  return (
    <>
      <Switch
        label={words.nearbySwitch}
        hint={words.nearbyHint}
        selected={nearby.enabled}
        onChange={(enabled) => void ask({ enabled })}
      />
      {problem === null ? null : <Problem error={problem} />}
    </>
  );
}
