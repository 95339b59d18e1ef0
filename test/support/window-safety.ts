/** What no window of Bothy may be able to do, whichever host opened it: one suite for all of them. */
import { expect, test } from 'vitest';
import type { WindowDriver } from './window-driver.ts';

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
    const camera = 'navigator.mediaDevices.getUserMedia({ video: true }).then(() => "given", (error) => error.name)';
    expect(await page().evaluate(camera)).toMatch(/^Not(Allowed|Found)Error$/);
    const clipboard = 'navigator.clipboard.readText().then(() => "given", (error) => error.name)';
    expect(await page().evaluate(clipboard)).toBe('NotAllowedError');
    expect(await page().evaluate('Notification.requestPermission()')).toBe('denied');
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
