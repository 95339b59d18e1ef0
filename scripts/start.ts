/**
 * `npm start`: builds what changed and opens Bothy. In Electron where its binary can be had (it is downloaded on first
 * use, or taken from ELECTRON_OVERRIDE_DIST_PATH), otherwise in the system's Chromium. What follows on the command
 * line goes to the app: `npm start -- --profile DIR`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { findChromium } from '../src/main/hosts/chromium/find-chromium.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const words = process.argv.slice(2);

function newest(path: string): number {
  if (!existsSync(path)) return 0;
  if (statSync(path).isFile()) return statSync(path).mtimeMs;
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(0, ...files.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
}

/** Builds when a source is newer than what was built from it. */
function build(): boolean {
  const sources = ['src', 'package-lock.json', 'electron.vite.config.ts'].map((name) => newest(join(root, name)));
  const built = ['out/main/main.js', 'out/preload/preload.cjs', 'out/renderer/index.html'];
  const oldest = Math.min(...built.map((name) => newest(join(root, name))));
  if (oldest > Math.max(...sources)) return true;
  console.log('Building Bothy…');
  return run('electron-vite', ['build', '--logLevel', 'warn']);
}

function run(program: string, args: readonly string[]): boolean {
  const shell = process.platform === 'win32';
  return spawnSync(program, args, { cwd: root, stdio: 'inherit', shell }).status === 0;
}

/** Path of Electron's executable, downloading it if need be; null when it cannot be had. */
function electron(): string | null {
  const require = createRequire(import.meta.url);
  const folder = join(root, 'node_modules', 'electron');
  const override = process.env['ELECTRON_OVERRIDE_DIST_PATH'];
  if (override === undefined || override === '') {
    const downloaded = spawnSync(process.execPath, [join(folder, 'install.js')], { cwd: root, stdio: 'ignore' });
    if (downloaded.status !== 0) return null;
  }
  const path: unknown = require('electron');
  return typeof path === 'string' && existsSync(path) ? path : null;
}

function hasDisplay(): boolean {
  if (process.platform !== 'linux') return true;
  return Boolean(process.env['DISPLAY']) || Boolean(process.env['WAYLAND_DISPLAY']);
}

/** Hands the terminal over to the app and ends when it ends. */
function become(program: string, args: readonly string[]): void {
  const child = spawn(program, args, { cwd: root, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => {
    console.error(`Bothy could not be started: ${error.message}`);
    process.exitCode = 1;
  });
  child.once('close', (code) => {
    process.exitCode = code ?? 1;
  });
}

function start(): void {
  if (!hasDisplay()) {
    console.error(
      'Bothy needs a display and finds none. Start it in a desktop session, or with a virtual screen: xvfb-run npm start (Debian: apt install xvfb xauth); for no window at all: npm run -s headless -- --profile DIR.',
    );
    process.exitCode = 1;
    return;
  }
  if (!build()) {
    process.exitCode = 1;
    return;
  }
  const executable = electron();
  if (executable !== null) {
    become(executable, [root, ...words]);
    return;
  }
  if (findChromium() === null) {
    console.error(
      'Electron could not be downloaded, and there is no Chromium, Chrome or Edge to open Bothy in instead (Debian: apt install chromium).',
    );
    process.exitCode = 1;
    return;
  }
  console.log('Electron could not be downloaded, so Bothy opens in the Chromium of this computer.');
  become(process.execPath, [join(root, 'src/main/hosts/chromium/chromium.ts'), ...words]);
}

start();
