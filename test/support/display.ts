/** A screen for windows: the one there is, or a virtual one of our own. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import process from 'node:process';

export interface Display {
  /** Environment for programs that open windows. */
  readonly environment: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

/** Reason why there can be no screen, or null. */
export const noDisplayReason: string | null =
  process.platform !== 'linux' || existsSync('/usr/bin/Xvfb') ? null : 'no Xvfb (Debian: apt install xvfb)';

/** A virtual screen of its own, so that no window of a test ever takes the focus from another. */
export async function startDisplay(): Promise<Display> {
  if (process.platform !== 'linux') return { environment: process.env, stop: async () => {} };
  const child = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1400x900x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const number = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error('Xvfb ended')));
    child.stdio[3]?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
  });
  const { WAYLAND_DISPLAY: _wayland, XAUTHORITY: _authority, ...environment } = process.env;
  return {
    environment: { ...environment, DISPLAY: `:${number}` },
    async stop() {
      child.kill();
      await exited;
    },
  };
}
