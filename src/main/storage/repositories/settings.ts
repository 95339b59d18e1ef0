/** The person's settings, and small values of the application's own. */
import type { Settings } from '../../../shared/model.ts';
import type { Connection } from '../connection.ts';
import type { Store } from '../records.ts';

const settingsName = 'settings';

const defaults: Settings = { theme: 'system', sendReadMarkers: true, notifications: 'full', blindTrust: true };

/** What is stored, field by field: a value this version does not know falls back to the default. */
function settingsOf(json: string | null): Settings {
  let stored: Record<string, unknown> = {};
  try {
    const value: unknown = JSON.parse(json ?? '{}');
    if (typeof value === 'object' && value !== null) stored = { ...value };
  } catch {
    // A preference is not worth a failure.
  }
  const { theme, sendReadMarkers, notifications, blindTrust } = stored;
  return {
    theme: theme === 'light' || theme === 'dark' ? theme : defaults.theme,
    sendReadMarkers: typeof sendReadMarkers === 'boolean' ? sendReadMarkers : defaults.sendReadMarkers,
    notifications: notifications === 'name' || notifications === 'none' ? notifications : defaults.notifications,
    blindTrust: typeof blindTrust === 'boolean' ? blindTrust : defaults.blindTrust,
  };
}

export function settingsRepository(connection: Connection): Store['settings'] {
  const getValue = (name: string) => {
    const value = connection.value('SELECT value FROM setting WHERE name = ?', [name]);
    return typeof value === 'string' ? value : null;
  };
  const setValue = (name: string, value: string) => {
    connection.run(
      'INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
      [name, value],
    );
  };
  // The application's own names are kept apart from ours.
  return {
    get: () => settingsOf(getValue(settingsName)),
    set: (settings) => setValue(settingsName, JSON.stringify(settings)),
    getValue: (name) => getValue(`app:${name}`),
    setValue: (name, value) => setValue(`app:${name}`, value),
  };
}
