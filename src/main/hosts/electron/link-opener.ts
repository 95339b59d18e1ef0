/** Opens a web link in the person's browser, after a native dialog that no page can draw or answer. */
import { type BrowserWindow, dialog, shell } from 'electron';
import type { LinkOpener } from '../../app/ports.ts';
import { externalLink } from '../window/external-link.ts';

export function linkOpener(window: () => BrowserWindow | null): LinkOpener {
  return {
    async open(url) {
      const link = externalLink(url);
      const parent = window();
      if (link === null || parent === null || parent.isDestroyed()) return;
      const answer = await dialog.showMessageBox(parent, {
        type: 'question',
        message: `Open this link in your browser?`,
        detail: link,
        buttons: ['Cancel', 'Open'],
        defaultId: 0,
        cancelId: 0,
        noLink: true,
      });
      if (answer.response === 1) await shell.openExternal(link);
    },
  };
}
