/** Opens Bothy on throw-away profiles in real windows that can be driven: Electron where one can be had, or Chromium. */
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { createApp } from '../../src/main/app/create-app.ts';
import { openChromiumWindow } from '../../src/main/hosts/chromium/chromium-window.ts';
import { findChromium } from '../../src/main/hosts/chromium/find-chromium.ts';
import { readWindowOptions } from '../../src/main/hosts/window/window-options.ts';
import { type Display, startDisplay } from '../../test/support/display.ts';
import { ElectronWindow, electronExecutable } from '../../test/support/electron-window.ts';
import { WindowDriver } from '../../test/support/window-driver.ts';
import type { OpenWindow } from './person.ts';

export interface Windows {
  /** What the windows run in, in words. */
  readonly kind: string;
  open(name: string, words: readonly string[]): Promise<OpenWindow>;
  close(): Promise<void>;
}

const rendererFolder = fileURLToPath(new URL('../../out/renderer', import.meta.url));

/** Throws with a reason where there is neither. */
export async function openWindows(folder: string, say: (line: string) => void): Promise<Windows> {
  try {
    return electronWindows(folder, await electronExecutable());
  } catch (error) {
    say(`No Electron here (${error instanceof Error ? error.message : String(error)}): the windows open in Chromium.`);
  }
  const chromium = findChromium();
  if (chromium === null) throw new Error('The demo needs Electron or Chromium and finds neither.');
  return chromiumWindows(folder, chromium);
}

function electronWindows(folder: string, executable: string): Windows {
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
      const window = new ElectronWindow({
        executable,
        application: '.',
        profileDirectory: join(folder, name.toLowerCase()),
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

/** The application runs in this process, one for each window; Chromium shows a window where there is a screen. */
function chromiumWindows(folder: string, executable: string): Windows {
  return {
    kind: 'Chromium',
    async open(name, words) {
      const profileDirectory = join(folder, name.toLowerCase());
      const app = await createApp({
        ...readWindowOptions(words).network,
        profileDirectory,
        version: 'demo',
        ports: {
          clock: { now: () => Date.now() },
          vault: { available: false, seal: () => Promise.reject(new Error('no store')), unseal: async () => null },
          notifier: { message: () => undefined },
          logger: { log: () => undefined },
          links: { open: async () => undefined },
          crashPoint: () => undefined,
        },
      });
      const window = await openChromiumWindow({
        executable,
        profileDirectory,
        rendererFolder,
        headless: process.platform === 'linux' && !process.env['DISPLAY'] && !process.env['WAYLAND_DISPLAY'],
        withoutSandbox: process.getuid?.() === 0,
      });
      window.serve(app);
      return {
        driver: new WindowDriver((method, params) => window.page.send(method, params)),
        async close() {
          await Promise.all([window.close(), app.close()]);
        },
      };
    },
    close: async () => undefined,
  };
}
