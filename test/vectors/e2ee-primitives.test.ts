/** The known answers of test/support/e2ee-vectors.ts, in Node and, where one is installed, in Electron. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { expect, test } from 'vitest';
import { wipe } from '../../src/main/e2ee/primitives/sodium.ts';
import { type KnownAnswer, knownAnswers } from '../support/e2ee-vectors.ts';

const answers = await knownAnswers();

test.each(answers)('$name', ({ expected, actual }) => {
  expect(actual).toBe(expected);
});

test('wipe leaves zeros', () => {
  const secret = Uint8Array.of(1, 2, 3);
  wipe(secret);
  expect(secret).toEqual(new Uint8Array(3));
});

/** The Electron to try: the one that ELECTRON_OVERRIDE_DIST_PATH names, or the one npm has fetched already. */
function findElectron(): string | null {
  const override = process.env['ELECTRON_OVERRIDE_DIST_PATH'];
  if (override !== undefined) return [join(override, 'electron')].find(existsSync) ?? null;
  // Asking the electron package itself would start a download.
  const folder = dirname(createRequire(import.meta.url).resolve('electron/package.json'));
  const name = join(folder, 'path.txt');
  return existsSync(name) ? ([join(folder, 'dist', readFileSync(name, 'utf8'))].find(existsSync) ?? null) : null;
}

test('the same answers come from Electron', async (context) => {
  const electron = findElectron();
  if (electron === null) {
    context.skip('no Electron binary is installed (ELECTRON_OVERRIDE_DIST_PATH names the folder of one)');
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'bothy-vectors-'));
  try {
    // Electron's Node does not read TypeScript.
    await build({
      configFile: false,
      logLevel: 'error',
      ssr: { noExternal: true },
      build: {
        ssr: fileURLToPath(new URL('../support/e2ee-vectors.ts', import.meta.url)),
        outDir: folder,
        emptyOutDir: false,
        rollupOptions: { output: { entryFileNames: 'vectors.mjs' } },
      },
    });
    const script = `import(${JSON.stringify(join(folder, 'vectors.mjs'))})
      .then(({ knownAnswers }) => knownAnswers())
      .then((answers) => console.log(JSON.stringify(answers)));`;
    const output = execFileSync(electron, ['-e', script], { env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' } });
    const found = JSON.parse(output.toString()) as KnownAnswer[];
    expect(found.filter(({ expected, actual }) => expected !== actual)).toEqual([]);
    expect(found).toHaveLength(answers.length);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
