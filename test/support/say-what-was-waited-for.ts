/** Before each test of every file: one that reaches its time limit says what it was waiting for then. */
import { beforeEach } from 'vitest';
import { forgetWaits, waitsNow } from './bounded-wait.ts';

beforeEach(({ signal, task }) => {
  forgetWaits();
  signal.addEventListener('abort', () => {
    const waits = waitsNow();
    if (waits.length > 0) process.stderr.write(`${[`${task.name}:`, ...waits].join('\n  ')}\n`);
  });
});
