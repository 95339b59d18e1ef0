/** Signing in as a person sees it: each way it fails in its own words, one try a press, and then it works. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type App, createApp } from '../../src/main/app/create-app.ts';
import { type ChromiumWindow, openChromiumWindow } from '../../src/main/hosts/chromium/chromium-window.ts';
import { findChromium } from '../../src/main/hosts/chromium/find-chromium.ts';
import { projectFolder } from '../support/electron-window.ts';
import {
  answerHeader,
  type Certificate,
  type HostileOptions,
  type HostileServer,
  JID,
  makeCertificates,
  PASSWORD,
  STREAM_HEADER,
  saslFeatures,
  serveScram,
  startHostileServer,
  upgrade,
} from '../support/hostile-xmpp-server.ts';
import { freePort, type Prosody, prosodyMissing, startProsody } from '../support/prosody.ts';
import { buildOnce } from '../support/window-build.ts';
import { WindowDriver } from '../support/window-driver.ts';
import { passphrase } from '../support/window-safety.ts';

const executable = findChromium();
const reason = executable === null ? 'no Chromium, Chrome or Edge (Debian: apt install chromium)' : prosodyMissing();
const folder = mkdtempSync(join(tmpdir(), 'bothy-sign-in-'));
const prosodyJid = 'alice@bothy.test';
const prosodyPassword = 'lamp in the window';

/** Where the next connection goes: the application reads it each time. */
const override: { host: string; port: number; ca: string } = { host: '127.0.0.1', port: 0, ca: '' };
const servers: HostileServer[] = [];
let certificates: Awaited<ReturnType<typeof makeCertificates>>;
let prosody: Prosody;
let app: App;
let window: ChromiumWindow;
let page: WindowDriver;

beforeAll(async () => {
  if (reason !== null) return;
  buildOnce();
  [certificates, prosody] = await Promise.all([
    makeCertificates(),
    startProsody({ users: { alice: prosodyPassword } }),
  ]);
  app = await createApp({
    profileDirectory: folder,
    version: '0.0.0',
    nearbyEnabled: false,
    xmppOverride: override,
    ports: {
      clock: { now: () => Date.now() },
      vault: { available: false, seal: () => Promise.reject(new Error('no store')), unseal: async () => null },
      notifier: { message: () => {} },
      logger: { log: () => {} },
      links: { open: async () => {} },
      crashPoint: () => {},
    },
  });
  window = await openChromiumWindow({
    executable: executable ?? '',
    profileDirectory: folder,
    rendererFolder: join(projectFolder, 'out', 'renderer'),
    headless: true,
    withoutSandbox: process.getuid?.() === 0,
  });
  window.serve(app);
  page = new WindowDriver((method, params) => window.page.send(method, params));
  await page.type('Your name', 'Alice');
  await page.type('Passphrase', passphrase);
  await page.type('Passphrase again', passphrase);
  await page.click('button', 'Continue');
  await page.click('button', /Sign in to an XMPP account/, { timeout: 60_000 });
});

beforeEach((context) => {
  if (reason !== null) context.skip(reason);
});

afterAll(async () => {
  if (reason === null) {
    await Promise.all([window.close(), app.close(), prosody.stop()]);
    await Promise.all(servers.map((server) => server.close()));
  }
  rmSync(folder, { recursive: true, force: true });
});

async function serve(script: HostileOptions['script'], certificate: Certificate = certificates.good) {
  const server = await startHostileServer({ certificate, script });
  servers.push(server);
  Object.assign(override, { port: server.port, ca: certificates.ca });
  return server;
}

/** What the form says after one press of its button, without the technical part. */
async function refusal(jid: string, password: string): Promise<string> {
  await page.type('XMPP address', jid);
  await page.type('Password', password);
  await page.click('button', 'Sign in');
  // What an earlier attempt said goes when a new one begins; the button is free again when this one is over.
  await page.until(`document.querySelector('[role="alert"]') !== null
    && document.querySelector('button[type="submit"]').textContent === 'Sign in'`);
  const paragraphs = await page.evaluate(
    `[...document.querySelectorAll('[role="alert"] p')].map((p) => p.textContent).join(' ')`,
  );
  expect(await page.evaluate('bothy.call("app.status", {}).then((status) => status.value.account)')).toBeNull();
  return String(paragraphs);
}

const attempts = (server: HostileServer): number =>
  server.connections.reduce((sum, connection) => sum + connection.text.split('<auth ').length - 1, 0);
const connectionsToProsody = (): number => prosody.log().filter((line) => line.includes('Client connected')).length;

describe('a sign-in that fails says what happened and what to do', () => {
  test('a wrong password: asked for once, by a scripted server that counts', async () => {
    const server = await serve(async (connection) => {
      await upgrade(connection);
      await answerHeader(connection, saslFeatures(['SCRAM-SHA-256']));
      await serveScram(connection);
    });
    expect(await refusal(JID, `not ${PASSWORD}`)).toBe(
      'The server did not accept the address and password. Enter the password again.',
    );
    expect(attempts(server)).toBe(1);
    expect(server.connections).toHaveLength(1);
  });

  test('a domain that the server does not have', async () => {
    await serve(async (connection) => {
      await upgrade(connection);
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(
        `${STREAM_HEADER}<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`,
      );
    });
    expect(await refusal(JID, PASSWORD)).toBe(
      'There is no server for hostile.test. Check the part of your address after the @ sign, and your internet connection.',
    );
    expect(await page.evaluate('document.activeElement.value')).toBe(JID);
  });

  test('a certificate that nobody vouches for: nothing is told to that server', async () => {
    const server = await serve((connection) => upgrade(connection), certificates.stranger);
    expect(await refusal(JID, PASSWORD)).toMatch(
      /^The server could not prove that it is the right one: its certificate .+\. Do not sign in on this network/,
    );
    expect(attempts(server)).toBe(0);
  });

  test('no encrypted connection: nothing is told to that server', async () => {
    const server = await serve((connection) => answerHeader(connection, saslFeatures(['SCRAM-SHA-256', 'PLAIN'])));
    expect(await refusal(JID, PASSWORD)).toMatch(
      /^The server offers no encrypted connection, so nothing was sent to it\. Ask whoever runs the server/,
    );
    expect(attempts(server)).toBe(0);
  });

  test('nobody there', async () => {
    Object.assign(override, { port: await freePort() });
    expect(await refusal(JID, PASSWORD)).toBe(
      'The server of your account cannot be reached. Check your internet connection, or try again later.',
    );
  });

  test('an address that is none', async () => {
    expect(await refusal('alice', PASSWORD)).toMatch(/address/i);
  });
});

test('a wrong password at a real server, then the right one; no attempt was made by itself', async () => {
  Object.assign(override, { port: prosody.port, ca: prosody.ca });
  expect(await refusal(prosodyJid, 'wrong')).toBe(
    'The server did not accept the address and password. Enter the password again.',
  );
  expect(connectionsToProsody()).toBe(1);
  expect(await page.evaluate('document.activeElement.type')).toBe('password');

  await page.type('Password', prosodyPassword);
  await page.press('Enter');
  await page.see('button', 'Settings', { timeout: 60_000 });
  await page.seeText('Connected');
  expect(connectionsToProsody()).toBe(2);
  // Long after their failures, the first server was not asked again, and none of the others was told who we are.
  expect(servers.map(attempts)).toEqual([1, 0, 0, 0]);
});
