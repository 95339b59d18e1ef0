/** Fifty kills of real processes: nothing that was shown as sent is lost, nothing is shown twice, no key is used twice. */
import { expect, test } from 'vitest';
import { runChaos } from '../support/chaos.ts';
import { prosodyMissing } from '../support/prosody.ts';

const kills = 25;
const seed = Number(process.env['BOTHY_SEED'] ?? Date.now() % 1_000_000);

async function survives(server: boolean): Promise<void> {
  const outcome = await runChaos({ kills, server, seed });
  const slowest = Math.round(Math.max(...outcome.restarts));
  console.log(`seed ${seed}: ${kills} kills, ${outcome.sent} sent, slowest restart ${slowest} ms`);
  expect(outcome.lost).toEqual([]);
  expect(outcome.doubled).toEqual([]);
  expect(outcome.damage).toEqual([]);
  expect(outcome.sent).toBeGreaterThan(kills);
}

test('over direct links, 25 kills', () => survives(false), 600_000);

test('over a server and direct links, 25 kills', async (context) => {
  const missing = prosodyMissing();
  if (missing) context.skip(missing);
  await survives(true);
}, 600_000);
