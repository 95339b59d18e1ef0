/** `bothy://app/`: the window's own origin, serving the built renderer and nothing else. */
import { protocol } from 'electron';
import { pageHeaders } from '../window/content-security-policy.ts';
import { readWindowFile } from '../window/window-file.ts';

const scheme = 'bothy';
const host = 'app';
export const appOrigin = `${scheme}://${host}`;
export const appUrl = `${appOrigin}/`;

/** Has to be called before Electron is ready. */
export function registerAppScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme, privileges: { standard: true, secure: true, codeCache: true } }]);
}

export function serveAppScheme(rendererFolder: string): void {
  protocol.handle(scheme, async (request) => {
    const url = new URL(request.url);
    if (request.method !== 'GET' || url.host !== host) return refused();
    const file = await readWindowFile(rendererFolder, url);
    if (file === null) return refused();
    return new Response(file.bytes, { headers: { ...pageHeaders, 'content-type': file.contentType } });
  });
}

function refused(): Response {
  return new Response('Not found', { status: 404, headers: { ...pageHeaders, 'content-type': 'text/plain' } });
}

/** Whether a frame's URL is one of ours. Compared as text: `new URL` knows no origin for schemes of one's own. */
export function isAppUrl(url: string): boolean {
  return url.startsWith(appUrl);
}
