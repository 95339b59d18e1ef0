/**
 * `npm run bench [-- --json FILE] [-- --only NAME]`: every figure beside a baseline measured in the same run.
 * Exits with 0 also where a target is missed; the table says so.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Measurement } from './bench/measurement.ts';
import { table } from './bench/print-table.ts';

const suites: Record<string, () => Promise<readonly Measurement[]>> = {
  ratchet: async () => (await import('./bench/ratchet.ts')).benchRatchet(),
  devices: async () => (await import('./bench/devices.ts')).benchDevices(),
  direct: async () => [await (await import('./bench/latency.ts')).benchDirectLatency()],
  server: async () => [await (await import('./bench/latency.ts')).benchServerLatency()],
  failover: async () => (await import('./bench/failover.ts')).benchFailover(),
  window: async () => (await import('./bench/window.ts')).benchWindow(),
  archive: async () => (await import('./bench/archive.ts')).benchArchive(),
};

const { values } = parseArgs({ options: { json: { type: 'string' }, only: { type: 'string' } } });
const rows: Measurement[] = [];
let failed = false;
for (const [name, run] of Object.entries(suites)) {
  if (values.only !== undefined && values.only !== name) continue;
  process.stderr.write(`${name} …\n`);
  try {
    rows.push(...(await run()));
  } catch (error) {
    failed = true;
    process.stderr.write(`${name} could not be measured: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
process.stdout.write(`${table(rows)}\n`);
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(rows, null, 2)}\n`);
process.exit(failed ? 1 : 0);
