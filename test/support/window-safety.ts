/** What no window of Bothy may be able to do, whichever host opened it: one suite for all of them. */
import { expect, test } from 'vitest';
import type { WindowDriver } from './window-driver.ts';

/** Asks for a camera or a microphone, and lets go of it at once. */
function media(constraints: { readonly audio?: true; readonly video?: true }): string {
  return `navigator.mediaDevices.getUserMedia(${JSON.stringify(constraints)}).then(
    (stream) => { for (const track of stream.getTracks()) track.stop(); return "given"; },
    (error) => error.name)`;
}

/** A camera and a microphone that Chromium makes up: without any, it would not come to a question of permission. */
export const fakeDevices = '--use-fake-device-for-media-stream';

/** The window has to have been opened with `fakeDevices`. */
export function windowSafety(page: () => WindowDriver, origin: string): void {
  test('has the Bridge, and nothing of Node', async () => {
    await page().until('typeof bothy === "object"');
    expect(await page().evaluate('Object.keys(bothy).sort().join()')).toBe('call,subscribe');
    expect(
      await page().evaluate(
        '[typeof require, typeof process, typeof module, typeof Buffer, typeof __dirname, typeof ipcRenderer].join()',
      ),
    ).toBe(Array(6).fill('undefined').join());
    expect(await page().evaluate('isSecureContext')).toBe(true);
  });

  test('runs no script but its own', async () => {
    await expect(page().evaluate('eval("1")')).rejects.toThrow(/EvalError|Content Security Policy|unsafe-eval/);
    const directive = await page().evaluate(`new Promise((resolve) => {
      document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective), { once: true });
      const script = document.createElement('script');
      script.textContent = 'globalThis.injected = true';
      document.head.append(script);
    })`);
    expect(directive).toBe('script-src-elem');
    expect(await page().evaluate('typeof injected')).toBe('undefined');
  });

  test.each([
    ['fetch', 'fetch("https://example.org/").then(() => "reached", () => "refused")'],
    ['fetch of its own origin', 'fetch("./index.html").then(() => "reached", () => "refused")'],
    [
      'an image',
      'new Promise((r) => { const i = new Image(); i.onload = () => r("reached"); i.onerror = () => r("refused"); i.src = "https://example.org/a.png"; })',
    ],
    [
      'a WebSocket',
      'new Promise((r) => { try { const s = new WebSocket("wss://example.org/"); s.onopen = () => r("reached"); s.onerror = () => r("refused"); } catch { r("refused"); } })',
    ],
    [
      'a frame',
      'new Promise((r) => { const f = document.createElement("iframe"); document.addEventListener("securitypolicyviolation", () => r("refused"), { once: true }); f.src = "https://example.org/"; document.body.append(f); })',
    ],
  ])('reaches nothing by %s', async (_way, expression) => {
    expect(await page().evaluate(expression)).toBe('refused');
  });

  test('stays where it is', async () => {
    await page().evaluate('globalThis.marked = true');
    await page().evaluate('void (location.href = "https://example.org/")');
    await page().evaluate(
      'void document.body.append(Object.assign(document.createElement("form"), { action: "https://example.org/", id: "leave" }))',
    );
    await page().evaluate('document.getElementById("leave").submit()');
    // An answer from the application comes after what was asked before it, so the page would be gone by now.
    expect(await page().evaluate('bothy.call("app.status", {}).then((status) => status.ok)')).toBe(true);
    expect(await page().evaluate('[location.origin, globalThis.marked].join()')).toBe(`${origin},true`);
  });

  test('is allowed nothing', async () => {
    const geolocation = await page().evaluate(
      'new Promise((resolve) => navigator.geolocation.getCurrentPosition(() => resolve("given"), (error) => resolve(error.code)))',
    );
    expect(geolocation).toBe(1);
    expect(await page().evaluate(media({ video: true }))).toBe('NotAllowedError');
    expect(await page().evaluate(media({ audio: true }))).toBe('NotAllowedError');
    const clipboard = 'navigator.clipboard.readText().then(() => "given", (error) => error.name)';
    expect(await page().evaluate(clipboard)).toBe('NotAllowedError');
    expect(await page().evaluate('Notification.requestPermission()')).toBe('denied');
  });

  test('has the camera between asking for it and giving it back, and never the microphone', async () => {
    expect(await page().evaluate('bothyCamera.open()')).toBe(true);
    expect(await page().evaluate(media({ video: true }))).toBe('given');
    expect(await page().evaluate(media({ audio: true }))).toBe('NotAllowedError');
    expect(await page().evaluate(media({ audio: true, video: true }))).toBe('NotAllowedError');
    await page().evaluate('void bothyCamera.close()');
    await expect.poll(() => page().evaluate(media({ video: true }))).toBe('NotAllowedError');
    // A page that is loaded again has to ask again.
    expect(await page().evaluate('bothyCamera.open()')).toBe(true);
    await page().send('Page.reload');
    await page().until('typeof bothyCamera === "object" && document.readyState === "complete"');
    await expect.poll(() => page().evaluate(media({ video: true }))).toBe('NotAllowedError');
  });

  test('is answered in values, also when it asks for nonsense', async () => {
    for (const call of [
      'bothy.call("no.such", {})',
      'bothy.call(7, {})',
      'bothy.call("app.status", null)',
      'bothy.call("app.status", [1])',
    ]) {
      expect(await page().evaluate(`${call}.then((r) => r.ok === false && r.error.code.startsWith("request."))`)).toBe(
        true,
      );
    }
  });
}

export const passphrase = 'lantern kettle meadow stone';

/** First start up to the point where one is in. */
export async function firstStart(page: WindowDriver, name: string): Promise<void> {
  await page.type('Your name', name);
  await page.type('Passphrase', passphrase);
  await page.type('Passphrase again', passphrase);
  await page.click('button', 'Continue');
  await page.click('button', /^Just people nearby/, { timeout: 60_000 });
  await page.see('button', 'Settings');
}
