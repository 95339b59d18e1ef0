/** The product's window in a real Electron. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bridgeContract } from '../contract/bridge.contract.ts';
import { type Display, noDisplayReason, startDisplay } from '../support/display.ts';
import { ElectronWindow, electronExecutable } from '../support/electron-window.ts';
import { pageBridge } from '../support/page-bridge.ts';
import { accessibilityViolations } from '../support/window-accessibility.ts';
import { buildOnce } from '../support/window-build.ts';
import type { WindowDriver } from '../support/window-driver.ts';
import { fakeDevices, firstStart, passphrase, windowSafety } from '../support/window-safety.ts';

let reason: string | null = noDisplayReason;
let executable = '';
let display: Display | null = null;
const folder = mkdtempSync(join(tmpdir(), 'bothy-electron-'));

beforeAll(async () => {
  if (reason !== null) return;
  try {
    executable = await electronExecutable();
  } catch (error) {
    reason = `no Electron: ${error instanceof Error ? error.message : String(error)}`;
    return;
  }
  buildOnce();
  display = await startDisplay();
});

beforeEach((context) => {
  if (reason !== null) context.skip(reason);
});

afterAll(async () => {
  await display?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function open(profile: string, electronWords: readonly string[] = [], words: readonly string[] = []): ElectronWindow {
  return new ElectronWindow({
    executable,
    application: '.',
    profileDirectory: join(folder, profile),
    environment: display?.environment ?? {},
    words: ['--nearby', 'off', ...words],
    electronWords,
  });
}

describe('the window in Electron', () => {
  let window: ElectronWindow;
  let page: WindowDriver;

  beforeAll(async () => {
    if (reason !== null) return;
    window = open('safety', [fakeDevices]);
    page = await window.page();
    await page.see('textbox', 'Your name');
  });

  afterAll(async () => {
    if (reason === null) expect(await window.quit()).toBe(0);
  });

  windowSafety(() => page, 'bothy://app');

  test('opens no other window', async () => {
    expect(await page.evaluate('window.open("https://example.org/") === null')).toBe(true);
    expect(await page.evaluate('window.open("bothy://app/") === null')).toBe(true);
    await page.evaluate(
      'void document.body.append(Object.assign(document.createElement("webview"), { src: "bothy://app/" }))',
    );
    const pages = (await window.targets()).filter(({ type }) => type !== 'browser');
    expect(pages.map(({ url }) => url)).toEqual(['bothy://app/']);
  });
});

test('a window that is not the app’s own is refused by the application', async () => {
  const window = open('foreign', ['--require', 'test/support/foreign-window.cjs']);
  try {
    const ours = await window.page('bothy://app/');
    const foreign = await window.page('bothy://app/?foreign');
    const ask = 'bothy.call("app.status", {}).then((status) => String(status.ok), (error) => error.message)';
    expect(await foreign.evaluate(ask)).toMatch(/Refused/);
    await ours.see('textbox', 'Your name');
  } finally {
    await window.quit();
  }
});

test('first start, closing, and unlocking again', async () => {
  let window = open('person');
  let page = await window.page();
  await page.see('textbox', 'Your name');
  expect(await accessibilityViolations(page)).toEqual([]);
  await firstStart(page, 'Ada');
  expect(await accessibilityViolations(page)).toEqual([]);
  expect(await window.quit()).toBe(0);

  window = open('person');
  page = await window.page();
  await page.type('Passphrase', 'not the passphrase');
  await page.click('button', 'Unlock');
  await page.see('alert', /.*/);
  expect(await page.evaluate('bothy.call("app.status", {}).then((status) => status.value.phase)')).toBe('locked');
  expect(await accessibilityViolations(page)).toEqual([]);
  await page.type('Passphrase', passphrase);
  await page.click('button', 'Unlock');
  await page.see('button', 'Settings', { timeout: 60_000 });
  expect(await page.evaluate('bothy.call("app.status", {}).then((status) => status.value.self.name)')).toBe('Ada');
  expect(await window.quit()).toBe(0);
});

bridgeContract('the window in Electron', async () => {
  if (reason !== null) return reason;
  const window = open('bridge');
  return pageBridge(await window.page(), async () => {
    expect(await window.quit()).toBe(0);
  });
});

test('a second start on the same profile shows the first window instead', async () => {
  const window = open('single');
  await (await window.page()).see('textbox', 'Your name');
  const second = open('single');
  expect(await second.exited).toBe(0);
  expect(await window.quit()).toBe(0);
});

describe('xmpp: links that the system opens', () => {
  const inviter = `xmpp:00${'5f'.repeat(32)}@id.internal`;
  const invitation = `${inviter}?bothy-invite;secret=${'Q'.repeat(42)}A;expires=${Math.floor(Date.now() / 1000) + 3600}`;
  const filledIn = `document.querySelector('[role="dialog"] input[type="text"], [role="dialog"] input:not([type])')?.value`;
  const contacts = 'bothy.call("contacts.list", {}).then((list) => list.value.length)';

  test('wait for the first start, and come from a second one to the window that is open', async () => {
    const window = open('links', [], [invitation]);
    const page = await window.page();
    await page.seeText('A link is waiting. It opens when you have begun.');
    await firstStart(page, 'Ada');
    await page.see('textbox', 'Invitation link');
    expect(await page.evaluate(filledIn)).toBe(invitation);
    expect(await page.evaluate(contacts)).toBe(0);
    await page.press('Escape');
    await page.until('document.querySelector(\'[role="dialog"]\') === null');

    const second = open('links', [], ['--', 'xmpp:juliet@example.org?join']);
    expect(await second.exited).toBe(0);
    await page.see('heading', 'This link cannot be used');
    await page.seeText('This link leads to a group chat');
    await page.press('Escape');
    const third = open('links', [], [invitation]);
    expect(await third.exited).toBe(0);
    await page.see('textbox', 'Invitation link');
    expect(await page.evaluate(filledIn)).toBe(invitation);
    expect(await page.evaluate(contacts)).toBe(0);
    expect(await window.quit()).toBe(0);
  });

  test('wait until the profile is unlocked', async () => {
    const window = open('links', [], ['xmpp:@']);
    const page = await window.page();
    await page.seeText('A link is waiting. It opens when Bothy is unlocked.');
    const second = open('links', [], [invitation]);
    expect(await second.exited).toBe(0);
    await page.type('Passphrase', passphrase);
    await page.click('button', 'Unlock');
    await page.see('heading', 'This link cannot be used', { timeout: 60_000 });
    await page.press('Escape');
    await page.see('textbox', 'Invitation link');
    expect(await window.quit()).toBe(0);
  });

  test('come by an event on macOS, the first of them before anything is ready', async () => {
    const window = open('links', ['--require', 'test/support/opened-url.cjs']);
    const page = await window.page();
    await page.type('Passphrase', passphrase);
    await page.click('button', 'Unlock');
    await page.seeText('This link leads to a group chat', { timeout: 60_000 });
    await page.press('Escape');
    await page.seeText('This link leads to a server');
    expect(await window.quit()).toBe(0);
  });
});
