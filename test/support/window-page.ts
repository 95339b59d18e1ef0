/** Builds the real page with the fake application in front of it, and serves it on a free loopback port. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, resolve, sep } from 'node:path';
import react from '@vitejs/plugin-react';
import { build } from 'vite';
import { pageHeaders } from '../../src/main/hosts/window/content-security-policy.ts';

const renderer = resolve(import.meta.dirname, '../../src/renderer');
const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.woff2': 'font/woff2',
};

export interface WindowPage {
  readonly url: (scenario: string) => string;
  readonly close: () => Promise<void>;
}

export async function serveWindowPage(): Promise<WindowPage> {
  const folder = await mkdtemp(join(tmpdir(), 'bothy-window-'));
  await asInProduction(() => buildInto(folder));
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const file = resolve(folder, `.${path === '/' ? '/index.html' : path}`);
    if (!file.startsWith(folder + sep)) {
      response.writeHead(403).end();
      return;
    }
    readFile(file).then(
      (body) =>
        response
          .writeHead(200, {
            ...pageHeaders,
            'content-type': types[extname(file)] ?? 'application/octet-stream',
          })
          .end(body),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: (scenario) => `http://127.0.0.1:${address.port}/?scenario=${scenario}`,
    close: async () => {
      await new Promise((closed) => {
        server.close(closed);
        server.closeAllConnections();
      });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A test runner sets NODE_ENV, and with it would come the development build of React. */
async function asInProduction(work: () => Promise<void>): Promise<void> {
  const before = process.env['NODE_ENV'];
  process.env['NODE_ENV'] = 'production';
  try {
    await work();
  } finally {
    if (before === undefined) delete process.env['NODE_ENV'];
    else process.env['NODE_ENV'] = before;
  }
}

async function buildInto(folder: string): Promise<void> {
  await build({
    root: renderer,
    base: './',
    configFile: false,
    logLevel: 'error',
    plugins: [
      react(),
      {
        name: 'fake-bridge-first',
        transformIndexHtml: {
          order: 'pre',
          handler: (html) =>
            html.replace(
              '<script type="module"',
              '<script type="module" src="../../test/support/fake-page.ts"></script>\n<script type="module"',
            ),
        },
      },
    ],
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'chrome130',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
  });
}
