/**
 * `npm run package`: an installable build, in dist/. Made of the real Electron where it can be had, for all targets of
 * this system in electron-builder.yml. Otherwise, on linux-x64, of the test Electron, as folder and tar.gz only: that
 * one is for testing the package and must not be given to anyone.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { testElectron, testElectronVersion } from './test-electron.ts';

const root = fileURLToPath(new URL('../', import.meta.url));

function run(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): boolean {
  const shell = process.platform === 'win32';
  const env = { ...process.env, ...environment };
  return spawnSync(program, args, { cwd: root, stdio: 'inherit', shell, env }).status === 0;
}

/** Whether Electron's own binary is here or can be fetched. */
function hasElectron(): boolean {
  if (process.argv.includes('--test-electron')) return false;
  const install = join(root, 'node_modules', 'electron', 'install.js');
  return spawnSync(process.execPath, [install], { cwd: root, stdio: 'ignore' }).status === 0;
}

/** A 7-Zip of this system, so that electron-builder does not fetch its own. */
function sevenZip(): NodeJS.ProcessEnv {
  if (process.env['ELECTRON_BUILDER_7ZIP_PATH']) return {};
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of ['7zz', '7za', '7z']) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return { ELECTRON_BUILDER_7ZIP_PATH: join(folder, name) };
      } catch {
        // Not here.
      }
    }
  }
  return {};
}

async function makePackage(): Promise<void> {
  if (!run('electron-vite', ['build', '--logLevel', 'warn'])) throw new Error('The build failed');
  if (hasElectron()) {
    const ok = run('electron-builder', ['--publish', 'never']);
    if (!ok) throw new Error('electron-builder failed');
    return;
  }
  const dist = await testElectron();
  console.log('Electron itself could not be had: packaging the TEST Electron, for testing only. Do not hand it out.');
  const words = [
    '--linux',
    'dir',
    ...(process.argv.includes('--folder-only') ? [] : ['tar.gz']),
    '--publish',
    'never',
    `-c.electronDist=${dist}`,
    `-c.electronVersion=${testElectronVersion}`,
    '-c.extraMetadata.version=0.0.0-test',
    '-c.compression=store',
  ];
  if (!run('electron-builder', words, sevenZip())) throw new Error('electron-builder failed');
  const unpacked = join(root, 'dist', 'linux-unpacked');
  if (!existsSync(join(unpacked, 'bothy'))) throw new Error('electron-builder left no dist/linux-unpacked/bothy');
  const version = readFileSync(join(dist, 'version'), 'utf8');
  writeFileSync(join(unpacked, 'FOR-TESTING-ONLY'), `Made of a test build of Electron ${version}.\n`);
}

try {
  await makePackage();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
