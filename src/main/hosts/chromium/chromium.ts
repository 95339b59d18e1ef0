/**
 * Runs Bothy in the system's Chromium, for computers where no Electron can be had.
 *
 * node src/main/hosts/chromium/chromium.ts [--profile DIR] [--headless] [xmpp:LINK]
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { stateDirectory } from '../state-directory.ts';
import { logUnexpected } from '../unexpected.ts';
import { openLogFile } from '../window/log-file.ts';
import { watchNetwork } from '../window/network-watch.ts';
import { windowOptionsOrExit } from '../window/typed-words.ts';
import { openChromiumWindow } from './chromium-window.ts';
import { desktopLinks, desktopNotifier } from './desktop.ts';
import { findChromium } from './find-chromium.ts';
import { giveWay, meetSecondStarts } from './second-start.ts';

const projectFolder = fileURLToPath(new URL('../../../../', import.meta.url));

async function run(): Promise<number> {
  const executable = findChromium();
  if (executable === null) {
    console.error('Bothy needs Chromium, Chrome or Edge here, and found none (Debian: apt install chromium).');
    return 1;
  }
  // Chromium has no sandbox for root. Tests on throw-away data may say so; a person should not run it that way.
  const withoutSandbox = process.env['BOTHY_TEST_NO_SANDBOX'] === '1';
  if (process.getuid?.() === 0 && !withoutSandbox) {
    console.error('Bothy does not run as root, since Chromium would have no sandbox; start it as an ordinary user.');
    return 1;
  }
  const options = windowOptionsOrExit(process.argv.slice(2));
  const profileDirectory = options.profileDirectory ?? defaultProfile();
  mkdirSync(profileDirectory, { recursive: true, mode: 0o700 });
  if (await giveWay(profileDirectory, options.link)) return 0;
  const window = await openChromiumWindow({
    executable,
    profileDirectory,
    rendererFolder: join(projectFolder, 'out', 'renderer'),
    headless: options.headless,
    withoutSandbox,
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void window.close());
  const logger = openLogFile(profileDirectory, 'info');
  logUnexpected(logger, () => process.exit(1));
  const { createApp } = await import('../../app/create-app.ts');
  const app = await createApp({
    ...options.network,
    profileDirectory,
    version: version(),
    stateDirectory: stateDirectory(),
    ports: {
      clock: { now: () => Date.now() },
      // The system's secret store is reached through Electron only: here the person has a passphrase.
      vault: {
        available: false,
        seal: () => Promise.reject(new Error('There is no secret store here')),
        unseal: async () => null,
      },
      notifier: desktopNotifier(async () => {
        const focus = await window.page.send('Runtime.evaluate', { expression: 'document.hasFocus()' });
        return v.is(v.object({ result: v.object({ value: v.literal(true) }) }), focus);
      }),
      logger,
      links: desktopLinks((question) => window.page.confirm(question)),
      crashPoint: () => undefined,
    },
  });
  if (options.link !== null) app.openLink(options.link);
  window.serve(app);
  const endMeeting = await meetSecondStarts(profileDirectory, (link) => {
    if (link !== null) app.openLink(link);
    void window.page.send('Page.bringToFront').catch(() => undefined);
  });
  const endWatch = watchNetwork(() => app.nudge());
  await window.closed;
  endWatch();
  await Promise.all([endMeeting(), window.close(), app.close()]);
  return 0;
}

/** Where Electron keeps it too, so that the same profile opens in both. */
function defaultProfile(): string {
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Bothy');
  if (process.platform === 'win32') return join(process.env['APPDATA'] ?? homedir(), 'Bothy');
  return join(process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'Bothy');
}

function version(): string {
  const manifest = readFileSync(join(projectFolder, 'package.json'), 'utf8');
  return v.parse(v.pipe(v.string(), v.parseJson(), v.object({ version: v.string() })), manifest).version;
}

process.exitCode = await run();
