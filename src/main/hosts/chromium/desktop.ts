/** What the desktop does for an app that runs outside Electron: links in the browser, notifications. */
import { spawn } from 'node:child_process';
import process from 'node:process';
import type { LinkOpener, Notifier } from '../../app/ports.ts';
import { externalLink } from '../window/external-link.ts';
import { noticeText } from '../window/notice-text.ts';

/** `confirm` asks the person; nothing opens without a yes. */
export function desktopLinks(confirm: (question: string) => Promise<boolean>): LinkOpener {
  return {
    async open(url) {
      const link = externalLink(url);
      if (link === null || !(await confirm(`Open this link in your browser?\n\n${link}`))) return;
      if (process.platform === 'darwin') run('open', [link]);
      else if (process.platform === 'win32') run('rundll32.exe', ['url.dll,FileProtocolHandler', link]);
      else run('xdg-open', [link]);
    },
  };
}

/** `looking`: whether the person has the window in front of them. */
export function desktopNotifier(looking: () => Promise<boolean>): Notifier {
  return {
    message(message, conversation, detail) {
      const text = noticeText(message, conversation, detail);
      if (text === null || process.platform !== 'linux') return;
      void looking().then((seen) => {
        // The body is markup to notification servers: what a contact wrote has to arrive as text.
        const body = text.body.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
        if (!seen) run('notify-send', ['--app-name=Bothy', '--', text.title, body]);
      });
    },
  };
}

/** No shell in between; a desktop that lacks the program does without. */
function run(program: string, args: readonly string[]): void {
  const child = spawn(program, args, { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}
