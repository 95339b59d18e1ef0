/** Before each test of every file: one that reaches its time limit says what it was waiting for then. */
import { beforeEach } from 'vitest';
import { forgetWaits, waitsNow } from './bounded-wait.ts';

beforeEach(({ signal, task }) => {
  forgetWaits();
  signal.addEventListener('abort', () => {
    for (const line of waitsNow()) process.stderr.write(`${task.name}: ${line}\n`);
  });
});
