/** The files a window may load: what was built into the renderer folder, and nothing beside it. */
import { readFile } from 'node:fs/promises';
import { extname, resolve, sep } from 'node:path';

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
};

export interface WindowFile {
  readonly contentType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * The file in `folder` that a URL names, or null for anything else: a path that leaves the folder, a kind of file
 * we do not ship, a file that is not there. `/` is `index.html`.
 */
export async function readWindowFile(folder: string, url: URL): Promise<WindowFile | null> {
  const path = windowFilePath(folder, url);
  if (path === null) return null;
  const contentType = contentTypes[extname(path)];
  if (contentType === undefined) return null;
  try {
    return { contentType, bytes: new Uint8Array(await readFile(path)) };
  } catch {
    return null;
  }
}

/** Path of the file that a URL names, always inside `folder`; null when it would lie outside. */
export function windowFilePath(folder: string, url: URL): string | null {
  let name: string;
  try {
    name = decodeURIComponent(url.pathname);
  } catch {
    return null;
  }
  if (name.includes('\0') || name.includes('\\')) return null;
  const root = resolve(folder);
  const path = resolve(root, `.${name === '/' ? '/index.html' : name}`);
  return path.startsWith(root + sep) ? path : null;
}
