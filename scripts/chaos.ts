/** `npm run chaos -- --kills N [--seed S] [--no-server]`: kills real processes until something breaks, or nothing does. */
import { parseArgs } from 'node:util';
import { runChaos } from '../test/support/chaos.ts';
import { prosodyMissing } from '../test/support/prosody.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    server: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const missing = values.server ? prosodyMissing() : null;
if (missing) console.log(`${missing}; direct links only.`);
const seed = Number(values.seed);
console.log(`seed ${seed}`);
const outcome = await runChaos({
  kills: Number(values.kills),
  server: values.server && missing === null,
  seed,
  report: (line) => console.log(line),
});
const slowest = Math.max(...outcome.restarts);
const sorted = [...outcome.restarts].sort((a, b) => a - b);
console.log(`${outcome.kills} kills, ${outcome.sent} messages sent`);
console.log(`killed at: ${[...outcome.points].map(([point, times]) => `${point} ${times}`).join(', ')}`);
console.log(
  `back in ${Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)} ms (median), ${Math.round(slowest)} ms (slowest)`,
);
for (const [what, list] of Object.entries({ lost: outcome.lost, doubled: outcome.doubled, damage: outcome.damage })) {
  console.log(`${what}: ${list.length}${list.length > 0 ? ` (${list.slice(0, 10).join(', ')})` : ''}`);
}
process.exit(outcome.lost.length + outcome.doubled.length + outcome.damage.length > 0 ? 1 : 0);
