/**
 * Loaded with --import before the application: measures its event-loop delay from the first SIGUSR2 to the second and
 * writes `{"eventLoop": {"p99", "max"}}` (milliseconds) as one line to standard output.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const histogram = monitorEventLoopDelay({ resolution: 5 });
let running = false;

process.on('SIGUSR2', () => {
  if (running) {
    histogram.disable();
    // The histogram counts the whole interval between its own ticks: the resolution is not delay.
    const delay = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - 5);
    const eventLoop = { p99: delay(histogram.percentile(99)), max: delay(histogram.max) };
    process.stdout.write(`${JSON.stringify({ eventLoop })}\n`);
  } else {
    histogram.reset();
    histogram.enable();
    process.stdout.write(`${JSON.stringify({ eventLoop: 'started' })}\n`);
  }
  running = !running;
});
