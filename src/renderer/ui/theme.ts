/** The chosen theme, remembered so that the next start does not flash the other one before the settings are read. */
import type { Settings } from '../../shared/model.ts';

type Theme = Settings['theme'];
const key = 'theme';

export function rememberedTheme(): Theme {
  try {
    const theme = localStorage.getItem(key);
    return theme === 'light' || theme === 'dark' ? theme : 'system';
  } catch {
    return 'system';
  }
}

export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
  try {
    localStorage.setItem(key, theme);
  } catch {
    // A page without storage: the next start follows the system until the settings are read.
  }
}
