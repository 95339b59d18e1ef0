/** Changes to a value as it comes out of JSON or a structured clone: wrong types, lost and strange keys, depth. */
import { changes, type FuzzRandom } from './random.ts';

type Maker = (random: FuzzRandom) => unknown;

function deep(random: FuzzRandom): unknown {
  let value: unknown = 1;
  for (let left = random.pick([3, 100, 5000]); left > 0; left -= 1) value = random.oneIn(2) ? [value] : { a: value };
  return value;
}

const strange: readonly [Maker, ...Maker[]] = [
  () => null,
  () => undefined,
  () => true,
  () => 0,
  () => -0,
  () => -1,
  () => 1.5,
  () => 65_536,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => 2 ** 53,
  () => 10n,
  () => '',
  () => 'a',
  () => '__proto__',
  () => '\ud800',
  (random) => 'a'.repeat(random.pick([200, 2001, 100_000, 800_000])),
  () => [],
  () => ({}),
  (random) => Array(random.pick([1, 10, 501, 10_000])).fill('a'),
  () => Array(100_000),
  () => JSON.parse('{"__proto__":{"a":1}}'),
  () => Object.create(null),
  () => new Date(0),
  () => new Map(),
  (random) => random.bytes(random.pick([0, 3, 60, 127, 128, 2000])),
  () => Symbol('a'),
  () => () => 1,
  () => {
    const loop: Record<string, unknown> = {};
    loop['a'] = loop;
    return loop;
  },
  deep,
];

function changeOnce(value: unknown, random: FuzzRandom, depth: number): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || depth > 8 || random.oneIn(6)) {
    if (typeof value === 'string' && random.oneIn(2)) {
      const at = random.below(value.length + 1);
      const piece = random.pick(['\u0000', 'a', '-', '/', '.', '\ufeff', ' ', 'Z']);
      return value.slice(0, at) + piece + value.slice(at + random.below(3));
    }
    return random.pick(strange)(random);
  }
  if (Array.isArray(value)) {
    const at = random.below(value.length);
    switch (random.below(5)) {
      case 0:
        return value.toSpliced(at, 1);
      case 1:
        return value.toSpliced(at, 0, value[at], random.pick(strange)(random));
      case 2:
        return value.toReversed();
      case 3:
        return value.length < 500 ? Array.from({ length: random.pick([2, 60, 300]) }, () => value).flat() : value;
      default:
        return value.length === 0
          ? [random.pick(strange)(random)]
          : value.with(at, changeOnce(value[at], random, depth + 1));
    }
  }
  const entries: [string, unknown][] = Object.entries(value);
  const at = random.below(entries.length);
  const [key, inner] = entries[at] ?? ['a', 1];
  switch (random.below(5)) {
    case 0:
      return Object.fromEntries(entries.toSpliced(at, 1));
    case 1:
      return {
        ...value,
        [random.pick(['a', 'constructor', 'toString', 'length', '', '\u0000'])]: random.pick(strange)(random),
      };
    default:
      return { ...value, [key]: changeOnce(inner, random, depth + 1) };
  }
}

export function mutateValue(value: unknown, random: FuzzRandom): unknown {
  let changed = value;
  for (let left = changes(random); left > 0; left -= 1) changed = changeOnce(changed, random, 0);
  return changed;
}
