/** Where Electron starts. Everything that has to happen before Electron is ready happens before this file ends. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startElectron } from './hosts/electron/start-electron.ts';

// Built to out/main/main.js, beside out/preload and out/renderer.
const built = dirname(dirname(fileURLToPath(import.meta.url)));

startElectron({
  preloadFile: join(built, 'preload', 'preload.cjs'),
  rendererFolder: join(built, 'renderer'),
});
