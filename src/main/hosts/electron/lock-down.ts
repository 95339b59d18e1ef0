/**
 * What Chromium may not do inside this app: reach a network of its own accord, leave our page, open windows, ask for
 * permissions. https://www.electronjs.org/docs/latest/tutorial/security
 */
import { app, session } from 'electron';
import { isAppUrl } from './app-scheme.ts';

/** Before Electron is ready: all networking of ours is Node's, so Chromium's gets no name resolution and no extras. */
export function lockDownNetwork(): void {
  const line = app.commandLine;
  line.appendSwitch('host-resolver-rules', 'MAP * ~NOTFOUND');
  line.appendSwitch('disable-background-networking');
  line.appendSwitch('disable-component-update');
  line.appendSwitch('disable-domain-reliability');
  line.appendSwitch('disable-breakpad');
  line.appendSwitch('disable-quic');
  line.appendSwitch('dns-prefetch-disable');
  line.appendSwitch('no-pings');
  line.appendSwitch('force-webrtc-ip-handling-policy', 'disable_non_proxied_udp');
}

/** Every page there will ever be: no navigation away, no new windows, no webviews. */
export function lockDownContents(): void {
  app.on('web-contents-created', (_created, contents) => {
    contents.on('will-navigate', (event) => event.preventDefault());
    contents.on('will-frame-navigate', (event) => event.preventDefault());
    contents.on('will-redirect', (event) => event.preventDefault());
    contents.on('will-attach-webview', (event) => event.preventDefault());
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  });
}

/** What stays allowed: copying what the person chose to copy, and the camera while it scans somebody's code. */
const copying = 'clipboard-sanitized-write';
const camera = 'media';

/** `cameraIsOpen`: the page has asked for the camera, and not given it back. */
export function lockDownSession(cameraIsOpen: () => boolean): void {
  const ours = session.defaultSession;
  ours.setPermissionRequestHandler((_contents, permission, answer, details) => {
    if (!isAppUrl(details.requestingUrl)) answer(false);
    else if (permission === camera) answer(cameraIsOpen() && isVideoAlone(details));
    else answer(permission === copying);
  });
  ours.setPermissionCheckHandler((_contents, permission, origin, details) => {
    if (!isAppUrl(`${origin.replace(/\/$/, '')}/`)) return false;
    return permission === copying || (permission === camera && details.mediaType === 'video' && cameraIsOpen());
  });
  ours.setDevicePermissionHandler(() => false);
  ours.on('will-download', (event) => event.preventDefault());
  ours.webRequest.onBeforeRequest((details, answer) => {
    answer({ cancel: !isAppUrl(details.url) && !/^(blob|data|devtools):/.test(details.url) });
  });
}

function isVideoAlone(details: object): boolean {
  return 'mediaTypes' in details && Array.isArray(details.mediaTypes) && details.mediaTypes.join() === 'video';
}
