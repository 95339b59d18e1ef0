import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Tests that start servers, browsers or processes get the machine to themselves, one file at a time. */
const oneAtATime = { fileParallelism: false, maxWorkers: 1 };

/** Later groups start when earlier ones have ended. */
function project(name: string, groupOrder: number, options: object = {}) {
  return {
    extends: true as const,
    test: { name, include: [`test/${name}/**/*.test.ts`], sequence: { groupOrder }, ...options },
  };
}

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    setupFiles: ['test/support/say-what-was-waited-for.ts'],
    // What programs under test keep beside their profiles does not go into the home of whoever runs the tests.
    env: {
      XDG_STATE_HOME: join(tmpdir(), 'bothy-test-state'),
      // Hundreds of processes are started from the same sources: without it most of their start is compiling them.
      NODE_COMPILE_CACHE: resolve(import.meta.dirname, 'node_modules/.cache/bothy-compiled'),
    },
    projects: [
      project('unit', 1, { maxWorkers: 2 }),
      project('vectors', 1, { maxWorkers: 2 }),
      project('property', 2, { maxWorkers: 2, testTimeout: 120_000 }),
      project('contract', 3, { ...oneAtATime, testTimeout: 60_000 }),
      project('interop', 4, { ...oneAtATime, testTimeout: 60_000 }),
      project('faults', 5, { ...oneAtATime, testTimeout: 300_000 }),
      project('e2e', 6, { ...oneAtATime, testTimeout: 120_000, hookTimeout: 120_000 }),
    ],
  },
});
