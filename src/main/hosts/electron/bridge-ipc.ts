/** The Bridge over Electron's IPC: answers the one main frame of the one window, and nobody else. */
import { type BrowserWindow, type IpcMainEvent, type IpcMainInvokeEvent, ipcMain } from 'electron';
import type { App } from '../../app/create-app.ts';
import { callFromWindow } from '../window/bridge-envelope.ts';
import { batchEvents } from '../window/event-batch.ts';
import { isAppUrl } from './app-scheme.ts';
import { callChannel, eventsChannel, networkChannel } from './channels.ts';

export function answerWindow(window: BrowserWindow, starting: Promise<App>): void {
  ipcMain.handle(callChannel, async (event, command: unknown, args: unknown) => {
    if (!isOurFrame(event, window)) throw new Error('Refused: not the window of this app');
    return callFromWindow(await starting, command, args);
  });
  ipcMain.on(networkChannel, (event) => {
    if (isOurFrame(event, window)) void starting.then((app) => app.nudge());
  });
  void starting.then(
    (app) => {
      const unsubscribe = app.subscribe(
        batchEvents((events) => {
          if (!window.isDestroyed()) window.webContents.send(eventsChannel, events);
        }),
      );
      window.once('closed', unsubscribe);
    },
    () => undefined,
  );
}

/** Whether the one main frame of the one window speaks, showing our own page. */
export function isOurFrame(event: IpcMainEvent | IpcMainInvokeEvent, window: BrowserWindow): boolean {
  const frame = event.senderFrame;
  if (frame === null || window.isDestroyed() || event.sender !== window.webContents) return false;
  return frame === window.webContents.mainFrame && isAppUrl(frame.url);
}
