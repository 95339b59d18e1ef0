/** Every decoder against the same changed messages each time; `npm run fuzz` tries others for as long as one likes. */
import { describe, expect, test } from 'vitest';
import type { FuzzTarget } from '../support/fuzz/run-target.ts';
import { runTarget } from '../support/fuzz/run-target.ts';
import { fuzzTargets } from '../support/fuzz/targets.ts';

/** All decoders together are tried for a minute or so. */
const rounds = 3;

describe('whatever comes in', () => {
  test.each(fuzzTargets)('$name holds its promises', async (target) => {
    const count = rounds * target.count;
    const { findings, inputs, outcomes } = await runTarget(target, { firstSeed: 1, count });
    expect(findings).toEqual([]);
    expect(inputs).toBe(count);
    expect(target.expected.filter((outcome) => !outcomes.has(outcome))).toEqual([]);
  });
});

describe('the fuzzer itself', () => {
  const broken = (run: (seed: number) => string): FuzzTarget => ({
    name: 'broken',
    count: 40,
    expected: [],
    prepare: async () => (random) => {
      const input = random.below(20);
      return { input, run: () => run(input) };
    },
  });
  const find = async (run: (input: number) => string, firstSeed = 1, count = 40) =>
    (await runTarget(broken(run), { firstSeed, count })).findings;

  test('finds a decoder that throws, and its seed brings it back', async () => {
    const decode = (input: number): string => {
      if (input === 7) throw new TypeError('undefined is not a length');
      return 'read';
    };
    const [first] = await find(decode);
    expect(first?.what).toContain('undefined is not a length');
    const again = await find(decode, first?.seed ?? 0, 1);
    expect(again).toHaveLength(1);
    expect(again[0]?.input).toBe(first?.input);
  });

  test('finds a decoder that takes too long', async () => {
    const [first] = await find(
      () => {
        const started = process.cpuUsage().user;
        let sum = 0;
        while (process.cpuUsage().user - started < 1_200_000) for (let at = 0; at < 1e6; at += 1) sum += at;
        return String(sum > 0);
      },
      1,
      1,
    );
    expect(first?.what).toMatch(/^took \d+ ms$/);
  });

  test('finds a decoder that takes too much memory, or keeps it', async () => {
    const [first] = await find(() => String(new Uint8Array(200 << 20).length), 1, 1);
    expect(first?.what).toMatch(/MiB of memory$/);
    const kept: Uint8Array[] = [];
    const found = await find(() => String(kept.push(new Uint8Array(2 << 20))));
    expect(found.map(({ what }) => what)).toEqual([expect.stringContaining('still held')]);
  });
});
