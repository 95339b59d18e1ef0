/** Whether the page may have the camera now: between its asking and its giving back, and never across a page load. */
import process from 'node:process';
import { type BrowserWindow, ipcMain, systemPreferences } from 'electron';
import { isOurFrame } from './bridge-ipc.ts';
import { cameraChannel } from './channels.ts';

export interface CameraGate {
  readonly isOpen: () => boolean;
  /** Lets this window's own page ask. */
  answer(window: BrowserWindow): void;
}

export function cameraGate(): CameraGate {
  let open = false;
  return {
    isOpen: () => open,
    answer(window) {
      ipcMain.handle(cameraChannel, async (event, wanted: unknown) => {
        if (!isOurFrame(event, window)) throw new Error('Refused: not the window of this app');
        open = false;
        if (wanted === true) open = await systemAllowsCamera();
        return open;
      });
      const shut = (): void => {
        open = false;
      };
      window.webContents.on('did-start-navigation', (details) => {
        if (details.isMainFrame && !details.isSameDocument) shut();
      });
      window.webContents.on('render-process-gone', shut);
      window.once('closed', shut);
    },
  };
}

/** macOS asks the person once; the other systems have no such question, and say no when the camera is opened. */
async function systemAllowsCamera(): Promise<boolean> {
  return process.platform !== 'darwin' || systemPreferences.askForMediaAccess('camera');
}
