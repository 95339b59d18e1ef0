/** Thousands of random schedules of a bad network: the sessions always converge, and nothing is ever delivered twice. */
import fc from 'fast-check';
import { beforeAll, test } from 'vitest';
import { createOwnDevice, ready } from '../../src/main/e2ee/omemo.ts';
import type { OwnDevice } from '../../src/main/e2ee/own-device.ts';
import { seededRandom } from '../support/e2ee-device.ts';
import { type Action, type Side, TestNetwork } from '../support/e2ee-network.ts';

/** The formats share sessions and ratchet; the older one's own ways need fewer. */
const SCHEDULES = [
  ['omemo2', 10_000],
  ['omemo-legacy', 1_500],
] as const;

const side = fc.constantFrom<Side>(0, 1);
const pick = fc.nat({ max: 30 });

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('send' as const), side }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('deliver' as const), side, pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('duplicate', 'lose', 'replay' as const), side, pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart', 'rotate' as const), side }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('damage' as const),
      side,
      pick,
      at: fc.nat({ max: 400 }),
      flip: fc.nat({ max: 255 }),
    }),
  },
);

// Making a device costs a hundred key pairs, so a few serve all schedules: their state is never changed in place.
let owns: readonly [OwnDevice, OwnDevice];

beforeAll(async () => {
  await ready();
  owns = [createOwnDevice(seededRandom(1), 1_000), createOwnDevice(seededRandom(2), 1_000)];
});

test.each(SCHEDULES)(
  '%s: %i schedules with loss, repetition, reordering, replay, damage, restarts and rotation',
  {
    timeout: 600_000,
  },
  (wire, numRuns) => {
    fc.assert(
      fc.property(fc.integer({ min: 1 }), fc.array(action, { minLength: 1, maxLength: 10 }), (seed, actions) => {
        const network = new TestNetwork(seed, owns, wire);
        for (const step of actions) network.run(step);
        network.settle();
      }),
      { numRuns },
    );
  },
);
