/** Draws build/icon.png (1024 × 1024, transparent corners) from build/icon.svg, with the system's Chromium. */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { findChromium } from '../src/main/hosts/chromium/find-chromium.ts';

const executablePath = findChromium();
if (executablePath === null) throw new Error('No Chromium to draw with');
const folder = new URL('../build/', import.meta.url);
const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
try {
  const page = await browser.newPage({ viewport: { width: 1024, height: 1024 } });
  const svg = readFileSync(fileURLToPath(new URL('icon.svg', folder)), 'utf8');
  await page.setContent(`<body style="margin:0">${svg}</body>`);
  writeFileSync(fileURLToPath(new URL('icon.png', folder)), await page.screenshot({ omitBackground: true }));
} finally {
  await browser.close();
}
