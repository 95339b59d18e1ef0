import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { giveWay, meetSecondStarts } from '../../src/main/hosts/chromium/second-start.ts';
import { readWindowOptions } from '../../src/main/hosts/window/window-options.ts';

const link = 'xmpp:juliet@example.net?message;body=%F0%9F%94%A5';
let folder: string;
let heard: (string | null)[];

beforeEach((context) => {
  if (process.platform === 'win32') context.skip('no meeting place on Windows');
  folder = mkdtempSync(join(tmpdir(), 'bothy-second-'));
  heard = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const meet = () => meetSecondStarts(folder, (given) => heard.push(given));

/** Says this to whoever listens, and gives the answer. */
function say(text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(join(folder, 'window.socket'), () => socket.end(text));
    let answer = '';
    socket.on('data', (part) => {
      answer += String(part);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}

test('a second start gives way, with its link or without', async () => {
  const end = await meet();
  expect(await giveWay(folder, link)).toBe(true);
  expect(await giveWay(folder, null)).toBe(true);
  expect(heard).toEqual([link, null]);
  await end();
  expect(await giveWay(folder, link)).toBe(false);
  expect(heard).toHaveLength(2);
});

test('what a process that was killed left behind stops nobody', async () => {
  expect(await giveWay(folder, link)).toBe(false);
  writeFileSync(join(folder, 'window.socket'), '');
  expect(await giveWay(folder, link)).toBe(false);
  const end = await meet();
  expect(await giveWay(folder, link)).toBe(true);
  await end();
});

test('nonsense is neither taken nor answered', async () => {
  const end = await meet();
  for (const text of ['', 'xmpp:a@b', '{"link":7}', '{"link":"a","more":1}', 'x'.repeat(100_000)]) {
    expect(await say(text), text.slice(0, 30)).toBe('');
  }
  expect(heard).toEqual([]);
  expect(await say(JSON.stringify({ link }))).toBe('taken');
  await end();
});

test('a folder whose name is too long for a socket has no meeting place', async () => {
  const deep = join(folder, 'x'.repeat(120));
  const end = await meetSecondStarts(deep, () => heard.push(null));
  expect(await giveWay(deep, link)).toBe(false);
  await end();
});

test('the link is one word among others, wherever it stands', () => {
  const given = (...words: string[]) => readWindowOptions(words).link;
  expect(given('.', '--no-sandbox', link, '--nearby', 'off')).toBe(link);
  expect(given('--', 'XMPP:a@b.example')).toBe('XMPP:a@b.example');
  expect(given('--profile', '/tmp/x', 'https://example.org', 'xmpp.txt')).toBeNull();
  // After “--” nothing is an option, whatever a link was made to hold.
  expect(readWindowOptions(['--', 'xmpp:a@b.example', '--profile=/tmp/other']).profileDirectory).toBeNull();
});
