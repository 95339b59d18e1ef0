/** One Chromium for a whole file of window tests, and pages in it that report what a page must never do. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright';

const executable = process.env['BOTHY_CHROMIUM'] ?? '/usr/bin/chromium';

/** Null where there is no Chromium: the reason to give when skipping. */
export const noBrowserReason: string | null = existsSync(executable)
  ? null
  : `no Chromium at ${executable} (set BOTHY_CHROMIUM)`;

/** `switches`: more of Chromium's. */
export function launchBrowser(switches: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: executable,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--lang=en-US',
      ...switches,
    ],
  });
}

export interface WatchedPage {
  readonly page: Page;
  /** Errors, warnings, policy violations, and requests that left the page's own origin. */
  readonly complaints: string[];
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({
    viewport: { width: 1200, height: 800 },
    locale: 'en-US',
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const { origin } = new URL(url);
  page.on('pageerror', (error) => complaints.push(`thrown: ${error.message}`));
  page.on('console', (line) => {
    if (line.type() !== 'error' && line.type() !== 'warning') return;
    // The browser itself asks every origin for this one.
    if (line.location().url.endsWith('/favicon.ico')) return;
    complaints.push(`${line.type()}: ${line.text()}`);
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) complaints.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints };
}
