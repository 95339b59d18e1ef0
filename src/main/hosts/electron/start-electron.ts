/** The product: one window, one application, in Electron's main process. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type BrowserWindow, dialog, app as electron, Menu, powerMonitor } from 'electron';
import type { App } from '../../app/create-app.ts';
import type { NetworkOptions } from '../network-options.ts';
import { stateDirectory } from '../state-directory.ts';
import { logUnexpected } from '../unexpected.ts';
import { openLogFile } from '../window/log-file.ts';
import { watchNetwork } from '../window/network-watch.ts';
import { windowOptionsOrExit } from '../window/typed-words.ts';
import { registerAppScheme, serveAppScheme } from './app-scheme.ts';
import { applicationMenu } from './application-menu.ts';
import { answerWindow } from './bridge-ipc.ts';
import { cameraGate } from './camera-gate.ts';
import { linkOpener } from './link-opener.ts';
import { linkRegistry } from './link-registry.ts';
import { lockDownContents, lockDownNetwork, lockDownSession } from './lock-down.ts';
import { openMainWindow } from './main-window.ts';
import { notifier } from './notifier.ts';
import { secretVault } from './secret-vault.ts';
import { systemLinks } from './system-links.ts';

/** Longest wait for a clean end before the process ends anyway; everything durable is on disk by then. */
const longestClose = 5000;

export interface BuiltFiles {
  readonly preloadFile: string;
  readonly rendererFolder: string;
}

export function startElectron(files: BuiltFiles): void {
  const options = windowOptionsOrExit(process.argv.slice(1));
  const profileDirectory = options.profileDirectory ?? electron.getPath('userData');
  mkdirSync(profileDirectory, { recursive: true, mode: 0o700 });
  // The lock for one instance belongs to this folder, so there is one instance a profile.
  electron.setPath('userData', profileDirectory);
  electron.setPath('sessionData', join(profileDirectory, 'window'));
  const links = systemLinks(options.link);
  if (!electron.requestSingleInstanceLock(links.handover)) {
    electron.quit();
    return;
  }
  // Given only by tests that run as root, where Chromium has no sandbox; the window keeps its own `sandbox: true`.
  if (!electron.commandLine.hasSwitch('no-sandbox')) electron.enableSandbox();
  lockDownNetwork();
  lockDownContents();
  registerAppScheme();
  Menu.setApplicationMenu(null);

  let window: BrowserWindow | null = null;
  const show = (): void => {
    if (window === null || window.isDestroyed()) return;
    if (window.isMinimized()) window.restore();
    window.show();
    window.focus();
  };
  links.onLink(show);
  electron.on('second-instance', show);
  electron.on('activate', show);
  electron.on('window-all-closed', () => electron.quit());

  void electron.whenReady().then(() => {
    const camera = cameraGate();
    lockDownSession(camera.isOpen);
    serveAppScheme(files.rendererFolder);
    const opened = openMainWindow(files.preloadFile, profileDirectory);
    window = opened.window;
    const starting = opened.loaded.then(() => startApplication(profileDirectory, options.network, () => window));
    answerWindow(opened.window, starting);
    void starting.then(links.serve, () => undefined);
    camera.answer(opened.window);
    Menu.setApplicationMenu(applicationMenu());
    closeCleanly(starting);
    starting.catch((error: unknown) => {
      // A bug: nothing expected is thrown. Say so instead of leaving a window that never answers.
      dialog.showErrorBox('Bothy could not start', error instanceof Error ? error.message : 'Unknown error');
      electron.exit(1);
    });
  });
}

async function startApplication(
  profileDirectory: string,
  network: NetworkOptions,
  window: () => BrowserWindow | null,
): Promise<App> {
  const logger = openLogFile(profileDirectory, 'info');
  logUnexpected(logger);
  const registry = linkRegistry();
  const { createApp } = await import('../../app/create-app.ts');
  const app = await createApp({
    ...network,
    profileDirectory,
    version: electron.getVersion(),
    stateDirectory: stateDirectory(),
    ports: {
      clock: { now: () => Date.now() },
      vault: secretVault(),
      notifier: notifier(window),
      logger,
      links: linkOpener(window),
      ...(registry === null ? {} : { linkRegistry: registry }),
      crashPoint: () => undefined,
    },
  });
  powerMonitor.on('resume', () => app.nudge());
  const endWatch = watchNetwork(() => app.nudge());
  electron.once('will-quit', endWatch);
  return app;
}

/** Quitting waits for the application to end cleanly, once. */
function closeCleanly(starting: Promise<App>): void {
  let closing = false;
  electron.on('before-quit', (event) => {
    event.preventDefault();
    if (closing) return;
    closing = true;
    const ended = starting.then((app) => app.close()).catch(() => undefined);
    const late = new Promise<void>((resolve) => setTimeout(resolve, longestClose));
    void Promise.race([ended, late]).then(() => electron.exit(0));
  });
}
