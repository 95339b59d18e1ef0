/** Tells of new messages through the system's notifications, unless the person is looking at the window. */
import { type BrowserWindow, Notification } from 'electron';
import type { Notifier } from '../../app/ports.ts';
import { noticeText } from '../window/notice-text.ts';

export function notifier(window: () => BrowserWindow | null): Notifier {
  return {
    message(message, conversation, detail) {
      const current = window();
      if (current === null || current.isDestroyed() || current.isFocused() || !Notification.isSupported()) return;
      const text = noticeText(message, conversation, detail);
      if (text === null) return;
      const notification = new Notification({ ...text, silent: true });
      notification.on('click', () => {
        if (current.isDestroyed()) return;
        current.show();
        current.focus();
      });
      notification.show();
    },
  };
}
