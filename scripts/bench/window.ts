/**
 * The window beside the barest there can be: the same Electron with one window and one text field, on the same kind of
 * screen. Start: from the call that starts the process to the first painted screen whose text field takes the focus
 * (for Bothy the unlock screen of a profile that exists). Memory: all processes, a quarter of a minute after everything
 * is up (for Bothy unlocked, signed in, with the nearby network on).
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startDisplay } from '../../test/support/display.ts';
import { ElectronWindow, electronExecutable, projectFolder } from '../../test/support/electron-window.ts';
import { startProsody } from '../../test/support/prosody.ts';
import { buildOnce } from '../../test/support/window-build.ts';
import type { WindowDriver } from '../../test/support/window-driver.ts';
import { firstStart, passphrase } from '../../test/support/window-safety.ts';
import { type Measurement, measurement, median } from './measurement.ts';
import { residentMegabytes } from './process-memory.ts';

const rounds = 7;
const idleMs = 15_000;

const bareMain = `
const { app, BrowserWindow } = require('electron');
app.setPath('userData', process.argv[process.argv.indexOf('--profile') + 1]);
app.on('window-all-closed', () => app.quit());
app.whenReady().then(() => new BrowserWindow({ width: 1100, height: 760 }).loadFile('index.html'));
`;
const barePage = '<!doctype html><meta charset="utf-8"><title>Bare</title><body><input autofocus></body>';

/** Resolves in the page, with the wall clock's time, when a text field has the focus and two frames were painted. */
const usable = `new Promise((resolve) => {
  const look = () => {
    const field = document.querySelector('input, textarea');
    if (field === null || !field.checkVisibility()) return false;
    field.focus();
    if (document.activeElement !== field) return false;
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.timeOrigin + performance.now())));
    return true;
  };
  if (look()) return;
  new MutationObserver((_changes, observer) => {
    if (look()) observer.disconnect();
  }).observe(document, { subtree: true, childList: true, attributes: true });
})`;

interface Subject {
  readonly application: string;
  readonly address: string;
}

/** The page may be replaced while it loads; then it is asked again. */
async function usableAt(page: WindowDriver): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const at = await page.evaluate(usable).catch(() => null);
    if (typeof at === 'number') return at;
  }
  throw new Error('the window never became usable');
}

export async function benchWindow(): Promise<readonly Measurement[]> {
  const executable = await electronExecutable();
  buildOnce();
  const folder = await mkdtemp(join(tmpdir(), 'bothy-bench-'));
  const bareFolder = join(folder, 'bare');
  await mkdir(bareFolder);
  await writeFile(join(bareFolder, 'package.json'), '{"name":"bare","version":"1.0.0","main":"main.js"}');
  await writeFile(join(bareFolder, 'main.js'), bareMain);
  await writeFile(join(bareFolder, 'index.html'), barePage);
  const bothy: Subject = { application: projectFolder, address: 'bothy://app/' };
  const bare: Subject = { application: bareFolder, address: 'file://' };
  const display = await startDisplay();

  const open = (subject: Subject, profile: string, words: readonly string[] = []): ElectronWindow =>
    new ElectronWindow({
      executable,
      application: subject.application,
      profileDirectory: join(folder, profile),
      environment: display.environment,
      words,
    });
  const start = async (subject: Subject, profile: string): Promise<number> => {
    const began = performance.timeOrigin + performance.now();
    const window = open(subject, profile, ['--nearby', 'off']);
    try {
      return (await usableAt(await window.page(subject.address))) - began;
    } finally {
      await window.quit();
    }
  };

  try {
    const first = open(bothy, 'bothy', ['--nearby', 'off']);
    await firstStart(await first.page(bothy.address), 'Alice');
    await first.quit();

    // The first of each fills the caches of disk and Chromium.
    for (const [subject, profile] of [[bothy, 'bothy'] as const, [bare, 'bare-profile'] as const])
      await start(subject, profile);
    const starts = { ours: [] as number[], baseline: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      starts.ours.push(await start(bothy, 'bothy'));
      starts.baseline.push(await start(bare, 'bare-profile'));
    }
    const memory = await measureMemory(open, bothy, bare, folder);
    return [
      measurement(
        'cold start to a usable window (beside a bare Electron window)',
        median(starts.ours),
        median(starts.baseline),
        'ms',
        { ratioAtMost: 1.5 },
      ),
      measurement(
        'resident memory of all processes, online and idle (beside a bare Electron window)',
        memory.ours,
        memory.baseline,
        'MiB',
        { ratioAtMost: 1.6 },
      ),
    ];
  } finally {
    await display.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureMemory(
  open: (subject: Subject, profile: string, words?: readonly string[]) => ElectronWindow,
  bothy: Subject,
  bare: Subject,
  folder: string,
): Promise<{ readonly ours: number; readonly baseline: number }> {
  const prosody = await startProsody({ domain: 'localhost', users: { alice: 'secret' } });
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, prosody.ca);
  const network = ['--nearby', 'loopback', '--xmpp-host', '127.0.0.1'];
  const words = [...network, '--xmpp-port', String(prosody.port), '--xmpp-ca', caFile];
  const window = open(bothy, 'bothy', words);
  const blank = open(bare, 'bare-profile');
  try {
    await usableAt(await blank.page(bare.address));
    const page = await window.page(bothy.address);
    await page.type('Passphrase', passphrase);
    await page.press('Enter');
    await page.see('button', 'Settings', { timeout: 60_000 });
    const call = (command: string, args: string): Promise<unknown> =>
      page.evaluate(`bothy.call('${command}', ${args}).then((answer) => answer.ok)`);
    if (!(await call('account.signIn', '{ jid: "alice@localhost", password: "secret" }')))
      throw new Error('the window could not sign in');
    if (!(await call('nearby.setEnabled', '{ enabled: true }'))) throw new Error('nearby could not be turned on');
    await pause(idleMs);
    return { ours: await residentMegabytes(window.pid), baseline: await residentMegabytes(blank.pid) };
  } finally {
    await Promise.all([window.quit(), blank.quit()]);
    await prosody.stop();
  }
}
