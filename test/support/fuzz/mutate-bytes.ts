/** Changes to bytes: blind ones, and ones that know Protocol Buffers. Every input stays below `largest`. */
import { changes, type FuzzRandom } from './random.ts';

const largest = 1 << 20;

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Numbers at the edges of what fields hold. */
const edges: readonly [number, ...number[]] = [
  0, 1, 2, 4, 5, 9, 31, 32, 33, 0x7f, 0x80, 0xff, 0x100, 1000, 1001, 2001, 4096, 0x7fff, 0xffff, 0x80000, 0x80005,
  0x80006, 0xffffff, 0x1ffffff, 0x2000000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
];

type Change = (data: Uint8Array, random: FuzzRandom, samples: readonly Uint8Array[]) => Uint8Array;

const blind: readonly [Change, ...Change[]] = [
  function flipBit(data, random) {
    const changed = data.slice();
    const at = random.below(data.length);
    changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
    return changed;
  },
  function setByte(data, random) {
    const changed = data.slice();
    changed[random.below(data.length)] = random.pick([0, 1, 5, 0x33, 0x7f, 0x80, 0xc0, 0xed, 0xfe, 0xff]);
    return changed;
  },
  function truncate(data, random) {
    return data.slice(0, random.below(data.length));
  },
  function cutFront(data, random) {
    return data.slice(random.below(Math.min(data.length, 12)));
  },
  function extend(data, random) {
    return join(data, random.bytes(random.pick([1, 2, 8, 16, 72, 300])));
  },
  function blowUp(data, random) {
    return random.oneIn(20) ? join(data, new Uint8Array(random.pick([5000, 70_000, 600_000]))) : data;
  },
  function removeRange(data, random) {
    const from = random.below(data.length);
    return join(data.subarray(0, from), data.subarray(from + 1 + random.below(40)));
  },
  function repeatRange(data, random) {
    const from = random.below(data.length);
    const range = data.subarray(from, from + 1 + random.below(80));
    const times = random.pick([1, 1, 2, 50]);
    return join(data.subarray(0, from), ...Array.from({ length: times }, () => range), data.subarray(from));
  },
  function splice(data, random, samples) {
    const other = samples[random.below(samples.length)] ?? data;
    return join(data.subarray(0, random.below(data.length + 1)), other.subarray(random.below(other.length + 1)));
  },
  function lie(data, random) {
    if (data.length < 4) return data;
    const changed = data.slice();
    new DataView(changed.buffer).setUint32(random.below(changed.length - 3), random.pick(edges));
    return changed;
  },
  function allOne(data, random) {
    const changed = data.slice();
    const from = random.below(data.length);
    changed.fill(random.pick([0, 0xff]), from, from + random.pick([1, 8, 16, 32, 33, 64]));
    return changed;
  },
];

interface Field {
  readonly tag: number;
  /** What follows the tag: a varint, or what a length counts (without the length). */
  readonly body: Uint8Array;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}

/** Null: not a run of varints and counted bytes. */
function fieldsOf(data: Uint8Array): Field[] | null {
  const fields: Field[] = [];
  let at = 0;
  while (at < data.length) {
    const tag = data[at] ?? 0;
    const type = tag & 7;
    if (tag < 8 || tag > 0x7f || (type !== 0 && type !== 2)) return null;
    at += 1;
    const start = at;
    while ((data[at] ?? 0) & 0x80) at += 1;
    at += 1;
    if (at > data.length || at - start > 5) return null;
    if (type === 0) {
      fields.push({ tag, body: data.slice(start, at) });
      continue;
    }
    const length = data.slice(start, at).reduceRight((sum, byte) => sum * 0x80 + (byte & 0x7f), 0);
    if (at + length > data.length) return null;
    fields.push({ tag, body: data.slice(at, at + length) });
    at += length;
  }
  return fields;
}

function written(field: Field, length: readonly number[] = varint(field.body.length)): Uint8Array {
  return field.tag & 2
    ? join(Uint8Array.of(field.tag), Uint8Array.from(length), field.body)
    : join(Uint8Array.of(field.tag), field.body);
}

function changeFields(fields: Field[], random: FuzzRandom, samples: readonly Uint8Array[]): Uint8Array {
  const at = random.below(fields.length);
  const field = fields[at];
  if (field === undefined) return new Uint8Array(0);
  const put = (...others: Field[]): Uint8Array =>
    join(...fields.toSpliced(at, 1, ...others).map((one) => written(one)));
  switch (random.below(9)) {
    case 0:
      return put(field, field);
    case 1:
      return put();
    case 2:
      return join(...fields.toReversed().map((one) => written(one)));
    case 3:
      return put({ tag: random.below(0x80), body: field.body });
    case 4:
      return put(
        {
          tag: random.pick([0x78, 0x08, 0x10, 0x18]),
          body: Uint8Array.of(...Array(random.pick([4, 5, 9, 10, 400])).fill(0xff), 1),
        },
        field,
      );
    case 5: {
      const lie = random.oneIn(2)
        ? varint(random.pick(edges))
        : [0xff, 0xff, 0xff, 0xff, random.pick([0x0f, 0x1f, 0xff])];
      return join(...fields.map((one, index) => written(one, index === at ? lie : undefined)));
    }
    case 6:
      return put(field.tag & 2 ? field : { tag: field.tag, body: Uint8Array.from(varint(random.pick(edges))) });
    case 7: // A number written longer than it need be.
      return put(
        field.tag & 2
          ? field
          : {
              tag: field.tag,
              body: join(
                field.body.map((byte) => byte | 0x80),
                Uint8Array.of(0),
              ),
            },
      );
    default: // Inside, with the length kept true.
      return put(field.tag & 2 ? { tag: field.tag, body: changeOnce(field.body, random, samples) } : field);
  }
}

function changeOnce(data: Uint8Array, random: FuzzRandom, samples: readonly Uint8Array[]): Uint8Array {
  if (!random.oneIn(3)) {
    // Legacy messages have a version byte in front, and a seal of 8 bytes behind.
    for (const [front, behind] of [
      [0, 0],
      [1, 0],
      [1, 8],
    ] as const) {
      if (data.length <= front + behind) continue;
      const end = data.length - behind;
      const fields = fieldsOf(data.subarray(front, end));
      if (fields === null || fields.length === 0) continue;
      return join(data.subarray(0, front), changeFields(fields, random, samples), data.subarray(end));
    }
  }
  return random.pick(blind)(data, random, samples);
}

export function mutateBytes(data: Uint8Array, random: FuzzRandom, samples: readonly Uint8Array[]): Uint8Array {
  let changed = data;
  for (let left = changes(random); left > 0; left -= 1)
    changed = changeOnce(changed, random, samples).slice(0, largest);
  return changed;
}
