/** Where the window was and how large, kept in the profile. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BrowserWindow, type Rectangle, screen } from 'electron';
import * as v from 'valibot';

const schema = v.object({
  x: v.pipe(v.number(), v.integer()),
  y: v.pipe(v.number(), v.integer()),
  width: v.pipe(v.number(), v.integer(), v.minValue(360), v.maxValue(10_000)),
  height: v.pipe(v.number(), v.integer(), v.minValue(480), v.maxValue(10_000)),
  maximized: v.boolean(),
});

export interface WindowState {
  readonly bounds: Partial<Rectangle>;
  readonly maximized: boolean;
}

const first: WindowState = { bounds: { width: 1200, height: 800 }, maximized: false };

export function rememberedWindowState(profileDirectory: string): WindowState {
  let text: string;
  try {
    text = readFileSync(join(profileDirectory, 'window.json'), 'utf8');
  } catch {
    return first;
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (!parsed.success) return first;
  const { maximized, ...bounds } = parsed.output;
  // A screen that is gone must not take the window with it.
  const visible = screen.getAllDisplays().some((display) => overlaps(display.workArea, bounds));
  return { bounds: visible ? bounds : { width: bounds.width, height: bounds.height }, maximized };
}

export function keepWindowState(window: BrowserWindow, profileDirectory: string): void {
  window.on('close', () => {
    const state = { ...window.getNormalBounds(), maximized: window.isMaximized() };
    try {
      writeFileSync(join(profileDirectory, 'window.json'), JSON.stringify(state), { mode: 0o600 });
    } catch {
      // The window opens in its usual place next time.
    }
  });
}

function overlaps(area: Rectangle, bounds: Rectangle): boolean {
  const wide = Math.min(area.x + area.width, bounds.x + bounds.width) - Math.max(area.x, bounds.x);
  const high = Math.min(area.y + area.height, bounds.y + bounds.height) - Math.max(area.y, bounds.y);
  return wide >= 100 && high >= 50;
}
