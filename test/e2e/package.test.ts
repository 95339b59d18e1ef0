/** The packaged app, as a person would start it: opens, one message each way with a peer without a window, closes. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { FuseState, FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testElectron } from '../../scripts/test-electron.ts';
import { type Display, noDisplayReason, startDisplay } from '../support/display.ts';
import { ElectronWindow, projectFolder } from '../support/electron-window.ts';
import { freeUdpPort } from '../support/free-udp-port.ts';
import { Headless } from '../support/headless.ts';
import { firstStart } from '../support/window-safety.ts';

const executable = join(projectFolder, 'dist', 'linux-unpacked', 'bothy');
const folder = mkdtempSync(join(tmpdir(), 'bothy-package-'));
let reason: string | null = noDisplayReason;
let display: Display | null = null;

beforeAll(async () => {
  if (process.platform !== 'linux') reason = 'the test package is made on Linux only';
  if (reason !== null) return;
  try {
    await testElectron();
  } catch (error) {
    reason = `no Electron to package: ${error instanceof Error ? error.message : String(error)}`;
    return;
  }
  execFileSync(process.execPath, ['scripts/package.ts', '--test-electron', '--folder-only'], {
    cwd: projectFolder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  display = await startDisplay();
}, 300_000);

afterAll(async () => {
  await display?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('its executable cannot be turned into something else', async (context) => {
  if (reason !== null) context.skip(reason);
  expect(existsSync(executable)).toBe(true);
  const fuses = await getCurrentFuseWire(executable);
  expect(fuses[FuseV1Options.RunAsNode]).toBe(FuseState.DISABLE);
  expect(fuses[FuseV1Options.EnableNodeOptionsEnvironmentVariable]).toBe(FuseState.DISABLE);
  expect(fuses[FuseV1Options.EnableNodeCliInspectArguments]).toBe(FuseState.DISABLE);
  expect(fuses[FuseV1Options.OnlyLoadAppFromAsar]).toBe(FuseState.ENABLE);
  expect(fuses[FuseV1Options.EnableEmbeddedAsarIntegrityValidation]).toBe(FuseState.ENABLE);
  expect(fuses[FuseV1Options.EnableCookieEncryption]).toBe(FuseState.ENABLE);
});

test('one message each way', async (context) => {
  if (reason !== null) context.skip(reason);
  const words = ['--nearby', 'loopback', '--mdns-port', String(await freeUdpPort())];
  const ben = new Headless({ folder: join(folder, 'ben'), arguments: words });
  const window = new ElectronWindow({
    executable,
    application: null,
    profileDirectory: join(folder, 'anna'),
    environment: display?.environment ?? {},
    words,
  });
  try {
    await ben.get('profile.create', { name: 'Ben' });
    const { link } = await ben.get('invitations.create', {});
    const page = await window.page();
    await firstStart(page, 'Anna');
    expect(await page.evaluate(`bothy.call('invitations.accept', ${JSON.stringify({ link })}).then((r) => r.ok)`)).toBe(
      true,
    );
    const anna = await ben.conversationWhere('a direct link', ({ reach }) => reach.some(({ direct }) => direct));
    await page.click('option', /Ben/, { timeout: 60_000 });
    await page.type(/^Message to/, 'Is the kettle on?');
    await page.press('Enter');
    await ben.shown(anna.id, 'Is the kettle on?');
    await ben.send(anna.id, 'It is, come in.');
    await page.seeText('It is, come in.', { timeout: 60_000 });
  } finally {
    const code = await window.quit();
    await ben.stop();
    expect(code).toBe(0);
  }
}, 240_000);

test('opens xmpp: links in nobody’s place until it is asked to, and then in its one window', async (context) => {
  if (reason !== null) context.skip(reason);
  if (!existsSync('/usr/bin/xdg-mime')) context.skip('no xdg-mime (Debian: apt install xdg-utils)');
  const home = join(folder, 'home');
  const { BROWSER: _browser, ...inherited } = { ...display?.environment };
  const environment = {
    ...inherited,
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_DATA_HOME: join(home, 'data'),
    XDG_CURRENT_DESKTOP: 'GNOME',
  };
  const applications = join(home, 'data', 'applications');
  for (const made of [applications, join(home, 'config')]) mkdirSync(made, { recursive: true });
  const manifest = v.parse(
    v.object({ desktopName: v.string() }),
    JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')),
  );
  const asRoot = process.getuid?.() === 0 ? '--no-sandbox ' : '';
  // Of a desktop file, what counts here; packages write the rest from electron-builder.yml.
  const entry = (name: string, command: string) =>
    writeFileSync(
      join(applications, name),
      `[Desktop Entry]\nType=Application\nName=X\nExec=${command} %U\nMimeType=x-scheme-handler/xmpp;\n`,
    );
  entry(manifest.desktopName, `${executable} ${asRoot}--nearby off`);
  entry('other.desktop', 'true');
  const xdg = (program: string, ...words: string[]) =>
    execFileSync(program, words, { env: environment, stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  xdg('xdg-mime', 'default', 'other.desktop', 'x-scheme-handler/xmpp');
  const handler = () => xdg('xdg-mime', 'query', 'default', 'x-scheme-handler/xmpp');

  const window = new ElectronWindow({
    executable,
    application: null,
    profileDirectory: join(home, 'config', 'Bothy'),
    environment,
    words: ['--nearby', 'off'],
  });
  try {
    const page = await window.page();
    await firstStart(page, 'Anna');
    expect(handler()).toBe('other.desktop');
    await page.click('button', 'Settings');
    await page.click('button', 'Open them in Bothy');
    await page.seeText('Links to people (xmpp:) open in Bothy.');
    expect(handler()).toBe(manifest.desktopName);
    await page.press('Escape');
    xdg('xdg-open', 'xmpp:room@muc.example.org?join;password="a b"');
    // White space is no part of a link.
    await page.seeText('This link cannot be understood');
    await page.press('Escape');
    xdg('xdg-open', 'xmpp:room@muc.example.org?join;password="--profile=/"');
    await page.seeText('This link leads to a group chat');
  } finally {
    expect(await window.quit()).toBe(0);
  }
}, 120_000);
