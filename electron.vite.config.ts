import react from '@vitejs/plugin-react';
import { defineConfig } from 'electron-vite';

/** Oldest runtime that has to work: Electron 33 (Chrome 130, Node 20.18). */
const nodeTarget = 'node20.18';
const chromeTarget = 'chrome130';

export default defineConfig({
  main: {
    build: {
      // Everything is bundled, since hundreds of small files cost a cold start dearly. What stays outside is what
      // cannot be bundled: Electron itself, and native modules that find their binaries beside their own files.
      externalizeDeps: false,
      target: nodeTarget,
      minify: 'oxc',
      sourcemap: false,
      rolldownOptions: {
        input: {
          main: 'src/main/main.ts',
          // A thread of its own, started by its file name.
          'password-hash-worker': 'src/main/e2ee/primitives/password-hash-worker.ts',
        },
        external: ['electron', '@signalapp/sqlcipher', 'sodium-native'],
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  },
  preload: {
    build: {
      externalizeDeps: false,
      target: nodeTarget,
      rolldownOptions: {
        input: { preload: 'src/main/hosts/electron/preload.ts' },
        // A sandboxed preload script has to be one CommonJS file.
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: 'src/renderer',
    base: './',
    plugins: [react()],
    build: {
      outDir: 'out/renderer',
      target: chromeTarget,
      minify: 'oxc',
      modulePreload: { polyfill: false },
      // No data: URLs; the Content-Security-Policy allows fonts and styles from our own origin only.
      assetsInlineLimit: 0,
      rolldownOptions: { input: 'src/renderer/index.html' },
    },
  },
});
