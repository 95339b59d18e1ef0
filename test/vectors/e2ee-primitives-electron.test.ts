/** The known answers of test/support/e2ee-vectors.ts in Electron, where one is installed: its crypto library is another. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { expect, test } from 'vitest';
import { foundAnswers } from '../support/e2ee-vectors.ts';

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
      // A native module finds its binary beside its own file.
      plugins: [
        {
          name: 'native-module-where-it-is',
          enforce: 'pre',
          resolveId: (id) =>
            id === 'sodium-native' ? { id: import.meta.resolve('sodium-native'), external: true } : null,
        },
      ],
      build: {
        ssr: fileURLToPath(new URL('../support/e2ee-vectors.ts', import.meta.url)),
        outDir: folder,
        emptyOutDir: false,
        rollupOptions: { output: { entryFileNames: 'vectors.mjs' } },
      },
    });
    const script = `import(${JSON.stringify(join(folder, 'vectors.mjs'))})
      .then(({ foundAnswers }) => foundAnswers())
      .then((answers) => console.log(JSON.stringify(answers)));`;
    const output = execFileSync(electron, ['-e', script], { env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' } });
    expect(JSON.parse(output.toString())).toEqual(await foundAnswers());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
