import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { externalLink } from '../../src/main/hosts/window/external-link.ts';
import { readWindowFile, windowFilePath } from '../../src/main/hosts/window/window-file.ts';
import { readWindowOptions } from '../../src/main/hosts/window/window-options.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('serves what is in the folder, and nothing beside it', async () => {
  const folder = temporaryDirectory();
  const renderer = join(folder, 'renderer');
  mkdirSync(renderer);
  writeFileSync(join(renderer, 'index.html'), '<p>');
  writeFileSync(join(renderer, 'key.pem'), 'secret');
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  expect((await readWindowFile(renderer, new URL('bothy://app/')))?.contentType).toMatch(/^text\/html/);
  for (const path of [
    '%2e%2e/secret.txt',
    '..%2fsecret.txt',
    '%2e%2e%2fsecret.txt',
    'key.pem',
    'none.js',
    '..%5csecret.txt',
    'a%00.js',
    '%',
  ]) {
    expect(await readWindowFile(renderer, new URL(`bothy://app/${path}`)), path).toBeNull();
  }
});

test('no path ever leaves the folder', () => {
  const part = fc.oneof(fc.constantFrom('..', '.', '%2e%2e', '%2f', '..%2f', '/', '\\', '%5c', '~'), fc.string());
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      let url: URL;
      try {
        url = new URL(`bothy://app/${parts.join('/')}`);
      } catch {
        return;
      }
      const path = windowFilePath('/srv/renderer', url);
      if (path !== null) expect(path.startsWith('/srv/renderer/')).toBe(true);
    }),
  );
});

test('only web links leave, and none that hides its host', () => {
  expect(externalLink(new URL('https://example.org/a?b#c'))).toBe('https://example.org/a?b#c');
  expect(externalLink(new URL('http://example.org'))).toBe('http://example.org/');
  for (const link of [
    'file:///etc/passwd',
    'javascript:alert(1)',
    'smb://host/share',
    'https://bank.example@evil.example/',
    'bothy://app/',
  ]) {
    expect(externalLink(new URL(link)), link).toBeNull();
  }
});

test('our words are found among those of Chromium', () => {
  const options = readWindowOptions([
    '.',
    '--no-sandbox',
    '--profile',
    '/tmp/p',
    '--disable-gpu',
    '--nearby=off',
    '--lang=en',
  ]);
  expect(options.profileDirectory).toBe('/tmp/p');
  expect(options.network.nearbyEnabled).toBe(false);
  expect(() => readWindowOptions(['--nearby', 'sometimes'])).toThrow(/--nearby/);
  expect(() => readWindowOptions(['--mdns-port', '0'])).toThrow(/port/);
});
