/** The built app: made once for all window tests, when its sources are newer than what was built. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from './electron-window.ts';

export function buildOnce(): void {
  const built = ['out/main/main.js', 'out/preload/preload.cjs', 'out/renderer/index.html'].map((name) =>
    join(projectFolder, name),
  );
  const oldest = Math.min(...built.map((file) => (existsSync(file) ? statSync(file).mtimeMs : 0)));
  const sources = readdirSync(join(projectFolder, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs);
  if (oldest > Math.max(...sources)) return;
  execFileSync('node_modules/.bin/electron-vite', ['build', '--logLevel', 'warn'], {
    cwd: projectFolder,
    stdio: 'inherit',
  });
}
