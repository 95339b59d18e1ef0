/** Opens Bothy on a throw-away profile in a real window that can be driven: Electron where one can be had. */
import { join } from 'node:path';
import process from 'node:process';
import { type Display, startDisplay } from '../../test/support/display.ts';
import { ElectronWindow, electronExecutable } from '../../test/support/electron-window.ts';
import type { OpenWindow } from './person.ts';

export interface Windows {
  /** What the windows run in, in words. */
  readonly kind: string;
  open(name: string, words: readonly string[]): Promise<OpenWindow>;
  close(): Promise<void>;
}

/** Null with a reason where no Electron can be had. */
export async function electronWindows(folder: string): Promise<Windows | string> {
  let executable: string;
  try {
    executable = await electronExecutable();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const displays: Display[] = [];
  /** A window that another one covers draws nothing, so each gets a virtual screen of its own where there is none. */
  const environment = async (): Promise<NodeJS.ProcessEnv> => {
    if (process.platform !== 'linux' || process.env['DISPLAY']) return process.env;
    const display = await startDisplay();
    displays.push(display);
    return display.environment;
  };
  return {
    kind: 'Electron',
    async open(name, words) {
      const profileDirectory = join(folder, name.toLowerCase());
      const window = new ElectronWindow({
        executable,
        application: '.',
        profileDirectory,
        environment: await environment(),
        words,
      });
      return {
        driver: await window.page(),
        async close() {
          await window.quit();
        },
      };
    },
    async close() {
      await Promise.all(displays.map((display) => display.stop()));
    },
  };
}
