/** What every file of window tests needs: the built page with the fake application, one Chromium, and words for a page. */
import axe, { type AxeResults, type RunOptions } from 'axe-core';
import type { Browser, Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { FakeBridge } from './fake-bridge.ts';
import type { ScenarioName } from './fake-scenarios.ts';
import { launchBrowser, noBrowserReason, openPage, type WatchedPage } from './window-browser.ts';
import { serveWindowPage, type WindowPage } from './window-page.ts';

declare global {
  interface Window {
    readonly fake: FakeBridge;
  }
}

export type OpenWindow = (scenario: ScenarioName, options?: Parameters<typeof openPage>[2]) => Promise<Page>;

export interface WindowSuite {
  readonly open: OpenWindow;
  readonly url: (scenario: ScenarioName) => string;
}

/** Registers what comes before and after each test. `switches`: more of Chromium's. */
export function windowSuite(switches: readonly string[] = []): WindowSuite {
  let site: WindowPage;
  let browser: Browser;
  let opened: WatchedPage[] = [];

  beforeAll(async () => {
    if (noBrowserReason !== null) return;
    [site, browser] = await Promise.all([serveWindowPage(), launchBrowser(switches)]);
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  beforeEach((ctx) => {
    if (noBrowserReason !== null) ctx.skip(noBrowserReason);
  });

  afterEach(async () => {
    const pages = opened;
    opened = [];
    const complaints = pages.flatMap((entry) => entry.complaints);
    await Promise.all(pages.map((entry) => entry.page.context().close()));
    // No error, no warning, no breach of the Content-Security-Policy, no request to anywhere else.
    expect(complaints).toEqual([]);
  });

  return {
    url: (scenario) => site.url(scenario),
    async open(scenario, options = {}) {
      const watched = await openPage(browser, site.url(scenario), options);
      opened.push(watched);
      return watched.page;
    },
  };
}

export const option = (page: Page, name: string) => page.getByRole('option', { name }).first();
export const composer = (page: Page) => page.getByRole('textbox', { name: /^Message to/ });

/** Arguments of every call of a command so far. */
export const calls = (page: Page, command: string) =>
  page.evaluate(
    (wanted) => window.fake.calls.filter((call) => call.command === wanted).map((call) => call.args),
    command,
  );

export const waitForCall = (page: Page, command: string, count = 1) =>
  page.waitForFunction(
    ([wanted, least]) => window.fake.calls.filter((call) => call.command === wanted).length >= Number(least),
    [command, count] as const,
  );

export async function openConversation(page: Page, name: string): Promise<void> {
  await option(page, name).click();
  await page.getByRole('region', { name: `Conversation with ${name}` }).waitFor();
}

/** `rules`: null for all there are. */
async function violations(page: Page, rules: readonly string[] | null = null): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source);
  // React Aria puts a hidden way out of a popover for screen readers beside its dialog, where everything else is inert:
  // the rule that all content lies in landmarks cannot hold there.
  const region = (await page.locator('.popover').count()) === 0;
  const options: RunOptions =
    rules === null
      ? { resultTypes: ['violations'], rules: { region: { enabled: region } } }
      : { resultTypes: ['violations'], runOnly: [...rules] };
  const results: AxeResults = await page.evaluate(
    (chosen) => (globalThis as unknown as { axe: typeof axe }).axe.run(chosen),
    options,
  );
  return results.violations.flatMap((violation) =>
    violation.nodes.map((node) => `${violation.id}: ${node.html.slice(0, 160)} ${node.failureSummary ?? ''}`),
  );
}

/** Light and dark without anything axe finds wrong, and no wider than a narrow window. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.emulateMedia({ colorScheme: 'light' });
  expect(await violations(page)).toEqual([]);
  await page.emulateMedia({ colorScheme: 'dark' });
  // Of what axe looks at, the colours alone differ.
  expect(await violations(page, ['color-contrast', 'link-in-text-block'])).toEqual([]);
  for (const size of [
    { width: 800, height: 700 },
    { width: 360, height: 740 },
  ]) {
    await page.setViewportSize(size);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow, `wider than ${size.width}`).toBeLessThanOrEqual(0);
  }
}
