/**
 * What the tests and the demo need from Debian: installed where that is allowed (root on Debian, or a system like it),
 * otherwise named in one line. Nothing is upgraded, and what is there is left alone.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import process from 'node:process';

const needed: readonly string[] = [
  // A real XMPP server, certificates for it, and network namespaces to put it in.
  'prosody',
  'openssl',
  'iproute2',
  // The window: Chromium, a screen that is not there, and the libraries Electron loads.
  'chromium',
  'xvfb',
  'xauth',
  'libgtk-3-0',
  'libnss3',
  'libasound2',
  'libgbm1',
  'libxss1',
  'libatk-bridge2.0-0',
  'libdrm2',
  'fonts-dejavu-core',
  // OMEMO that others wrote, in both versions, to test ours against.
  'python3-twomemo',
  'python3-oldmemo',
  'python3-xmlschema',
  // A whole client of others, and the terminal it is driven in.
  'profanity',
  'tmux',
  // What packages are built with, and what tells a desktop which app opens which links.
  '7zip',
  'xdg-utils',
];

/**
 * Servers that Debian starts when it installs them. They are wanted where the system forbids that, as containers do
 * (`policy-rc.d` answers 101); elsewhere the tests use them only if somebody has installed them.
 */
const startedWhenInstalled: readonly string[] = ['ejabberd'];

function wanted(): readonly string[] {
  const stays = (name: string): boolean => spawnSync('/usr/sbin/policy-rc.d', [name, 'start']).status === 101;
  return [...needed, ...startedWhenInstalled.filter(stays)];
}

export function missingDebianPackages(): string[] {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own format language
  const asked = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Abbrev}\t${Package}\t${Provides}\n'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const installed = new Set<string>();
  for (const line of (asked.stdout ?? '').split('\n')) {
    const [status, name, provides] = line.split('\t');
    if (!status?.startsWith('ii') || name === undefined) continue;
    installed.add(name);
    for (const provided of (provides ?? '').split(',')) installed.add(provided.trim().split(' ')[0] ?? '');
  }
  return wanted().filter((name) => !installed.has(name));
}

export function installDebianPackages(): void {
  if (!existsSync('/usr/bin/dpkg-query') || !existsSync('/usr/bin/apt-get')) {
    console.log(`Not a Debian system: tests that need ${needed.join(', ')} are skipped where these are missing.`);
    return;
  }
  const missing = missingDebianPackages();
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    console.log(`Some tests need Debian packages that are missing: sudo apt-get install ${missing.join(' ')}`);
    return;
  }
  console.log(`Installing Debian packages the tests need: ${missing.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = (names: readonly string[]): boolean =>
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...names], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env,
    }).status === 0;
  if (install(missing)) return;
  spawnSync('apt-get', ['update'], { stdio: ['ignore', 'ignore', 'inherit'], env });
  if (install(missing)) return;
  // One name that this release does not know must not cost all the others.
  const refused = missing.filter((name) => !install([name]));
  if (refused.length > 0) console.log(`Debian packages that could not be installed: ${refused.join(' ')}`);
}

if (import.meta.main) installDebianPackages();
