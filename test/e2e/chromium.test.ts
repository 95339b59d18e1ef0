/** The same window in the system's Chromium, through the host that `npm start` falls back to. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type App, createApp } from '../../src/main/app/create-app.ts';
import { type ChromiumWindow, openChromiumWindow } from '../../src/main/hosts/chromium/chromium-window.ts';
import { desktopLinks } from '../../src/main/hosts/chromium/desktop.ts';
import { findChromium } from '../../src/main/hosts/chromium/find-chromium.ts';
import { meetSecondStarts } from '../../src/main/hosts/chromium/second-start.ts';
import { bridgeContract } from '../contract/bridge.contract.ts';
import { projectFolder } from '../support/electron-window.ts';
import { pageBridge } from '../support/page-bridge.ts';
import { buildOnce } from '../support/window-build.ts';
import { WindowDriver } from '../support/window-driver.ts';
import { fakeDevices, firstStart, passphrase, windowSafety } from '../support/window-safety.ts';

const executable = findChromium();
const missing = 'no Chromium, Chrome or Edge (Debian: apt install chromium)';
const folder = mkdtempSync(join(tmpdir(), 'bothy-chromium-'));

interface Opened {
  readonly window: ChromiumWindow;
  readonly page: WindowDriver;
  readonly app: App;
  close(): Promise<void>;
}

async function open(profile: string, switches: readonly string[] = []): Promise<Opened> {
  const profileDirectory = join(folder, profile);
  const app = await createApp({
    profileDirectory,
    version: '0.0.0',
    nearbyEnabled: false,
    ports: {
      clock: { now: () => Date.now() },
      vault: { available: false, seal: () => Promise.reject(new Error('no store')), unseal: async () => null },
      notifier: { message: () => {} },
      logger: { log: () => {} },
      links: desktopLinks((question) => window.page.confirm(question)),
      crashPoint: () => {},
    },
  });
  const window = await openChromiumWindow({
    executable: executable ?? '',
    profileDirectory,
    rendererFolder: join(projectFolder, 'out', 'renderer'),
    headless: true,
    withoutSandbox: process.getuid?.() === 0,
    switches,
  });
  window.serve(app);
  const page = new WindowDriver((method, params) => window.page.send(method, params));
  return {
    window,
    page,
    app,
    async close() {
      await Promise.all([window.close(), app.close()]);
    },
  };
}

beforeAll(() => {
  if (executable !== null) buildOnce();
});

beforeEach((context) => {
  if (executable === null) context.skip(missing);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the window in Chromium', () => {
  let opened: Opened;

  beforeAll(async () => {
    if (executable === null) return;
    opened = await open('safety', [fakeDevices]);
    await opened.page.see('textbox', 'Your name');
  });

  afterAll(async () => {
    if (executable !== null) await opened.close();
  });

  windowSafety(() => opened.page, 'https://bothy.invalid');

  test('opens no other window', async () => {
    await opened.page.evaluate('void (globalThis.other = window.open("https://example.org/"))');
    await opened.page.until('other === null || other.closed');
    await opened.page.until('bothy.call("app.status", {}).then((status) => status.ok)');
    expect(await opened.page.evaluate('location.origin')).toBe('https://bothy.invalid');
  });

  test('comes back from where no network is asked', async () => {
    // The answer may be lost with the page it was given by.
    await opened.page.evaluate('void (location.href = "about:blank")').catch(() => undefined);
    await opened.page.see('textbox', 'Your name');
  });

  test('opens no link that nobody agreed to', async () => {
    const asked = opened.page.evaluate('bothy.call("links.open", { url: "https://example.org/" }).then((r) => r.ok)');
    expect(await asked).toBe(true);
  });

  test('hides its way to the host from the page', async () => {
    expect(await opened.page.evaluate('typeof __bothyToHost')).toBe('undefined');
    expect(await opened.page.evaluate('Object.isFrozen(bothy)')).toBe(true);
  });
});

test('first start, closing, and unlocking again; nothing of the browser stays', async () => {
  let opened = await open('person');
  await firstStart(opened.page, 'Ben');
  await opened.close();
  expect(readdirSync(join(folder, 'person')).filter((name) => name.startsWith('chromium-'))).toEqual([]);

  opened = await open('person');
  await opened.page.type('Passphrase', passphrase);
  await opened.page.click('button', 'Unlock');
  await opened.page.see('button', 'Settings', { timeout: 60_000 });
  expect(await opened.page.evaluate('bothy.call("app.status", {}).then((s) => s.value.self.name)')).toBe('Ben');
  await opened.close();
});

bridgeContract('the window in Chromium', async () => {
  if (executable === null) return missing;
  const opened = await open('bridge');
  return pageBridge(opened.page, opened.close);
});

test('a window that has been opened is not loaded again', async () => {
  const opened = await open('opened');
  await opened.page.evaluate('void (globalThis.mark = "here")');
  await opened.page.see('textbox', 'Your name');
  expect(await opened.page.evaluate('globalThis.mark')).toBe('here');
  await opened.close();
});

test('closing the window is told to the application', async () => {
  const opened = await open('closing');
  await opened.page.see('textbox', 'Your name');
  await opened.window.page.send('Page.close').catch(() => undefined);
  await opened.window.closed;
  await opened.close();
});

test('a second start leaves its link to the window that is open, and one that starts shows its own', async () => {
  const opened = await open('links');
  const endMeeting = await meetSecondStarts(join(folder, 'links'), (link) => opened.app.openLink(link ?? ''));
  try {
    opened.app.openLink('xmpp:room@muc.example.org?join');
    await opened.page.seeText('A link is waiting. It opens when you have begun.');
    await firstStart(opened.page, 'Ben');
    await opened.page.seeText('This link leads to a group chat');
    await opened.page.press('Escape');
    expect(await start('--profile', join(folder, 'links'), 'xmpp:example.org')).toBe(0);
    await opened.page.seeText('This link leads to a server');
  } finally {
    await endMeeting();
    await opened.close();
  }
});

/** The host itself, as `npm start` starts it; its exit code. */
function start(...words: string[]): Promise<number | null> {
  return new Promise((resolve) => {
    const host = execFile(process.execPath, ['src/main/hosts/chromium/chromium.ts', '--headless', ...words], {
      cwd: projectFolder,
      env: { ...process.env, BOTHY_TEST_NO_SANDBOX: '1' },
    });
    host.once('exit', resolve);
  });
}
