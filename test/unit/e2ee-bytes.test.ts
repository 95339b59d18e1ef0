/** Byte strings, and the reader and writer of the stored formats. */
import { describe, expect, test } from 'vitest';
import { ByteReader, ByteWriter, concat, same, toHex, utf8 } from '../../src/main/e2ee/bytes.ts';

const count = (from: number, length: number) => Uint8Array.from({ length }, (_, index) => from + index);

test('strings are joined, compared and written as hexadecimal', () => {
  expect(concat()).toEqual(new Uint8Array(0));
  expect(concat(Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3))).toEqual(Uint8Array.of(1, 2, 3));
  expect(toHex(Uint8Array.of(0, 9, 0x10, 0xff))).toBe('000910ff');
  expect(utf8('é')).toEqual(Uint8Array.of(0xc3, 0xa9));
  for (const [a, b, expected] of [
    [[], [], true],
    [[1, 2], [1, 2], true],
    [[1, 2], [1, 3], false],
    [[1, 2], [3, 2], false],
    [[1, 2], [1, 2, 3], false],
    [[1, 2, 3], [1, 2], false],
    [[1, 0], [1], false],
  ] as const) {
    expect(same(Uint8Array.from(a), Uint8Array.from(b)), `${a} and ${b}`).toBe(expected);
  }
});

/** One of everything, over and over, so that a writer of any size must grow, in the middle of whatever it may be. */
function write(out: ByteWriter, times: number): void {
  for (let at = 0; at < times; at += 1) {
    out.u8(at & 0xff);
    out.u32(0xfffffff0 + (at % 16));
    out.time(-1.5 - at);
    out.fixed(count(at, 5));
    out.sized(count(at, at % 7));
  }
}

function expectToRead(from: ByteReader, times: number): void {
  const found = Array.from({ length: times }, () => [from.u8(), from.u32(), from.time(), from.fixed(5), from.sized()]);
  from.end();
  expect(found).toEqual(
    found.map((_, at) => [at & 0xff, 0xfffffff0 + (at % 16), -1.5 - at, count(at, 5), count(at, at % 7)]),
  );
}

describe('what is written is read again', () => {
  test.each([0, 1, 2, 3, 4, 5, 8, 13, 25, 26, 100, 3000])('by a writer that expects %i bytes', (expectedLength) => {
    const out = new ByteWriter(expectedLength);
    write(out, 100);
    expectToRead(new ByteReader(out.finish()), 100);
  });

  test.each([100, 16_384, 16_385, 40_000])('by writers one after another, the first of %i bytes', (expectedLength) => {
    for (const [times, expected] of [
      [300, expectedLength],
      [2, 10],
      [400, 200],
      [1, expectedLength],
    ] as const) {
      const out = new ByteWriter(expected);
      write(out, times);
      expectToRead(new ByteReader(out.finish()), times);
    }
  });

  test('in the order of a network, from wherever the bytes lie', () => {
    const out = new ByteWriter();
    out.u32(0x01020304);
    out.time(1);
    out.sized(Uint8Array.of(9));
    const written = out.finish();
    expect(toHex(written)).toBe('010203043ff00000000000000000000109');
    const from = new ByteReader(concat(Uint8Array.of(7, 7, 7), written).subarray(3));
    expect([from.u32(), from.time(), from.sized()]).toEqual([0x01020304, 1, Uint8Array.of(9)]);
    from.end();
  });

  test('by two writers at once, and nothing of one is in the other', () => {
    const [one, other] = [new ByteWriter(8), new ByteWriter(8)];
    one.fixed(count(1, 40));
    other.fixed(count(101, 40));
    expect([one.finish(), other.finish()]).toEqual([count(1, 40), count(101, 40)]);
  });
});

test('what was written is nowhere but in the result', () => {
  const buffers: ArrayBuffer[] = [];
  const set = Uint8Array.prototype.set;
  // Every array that a writer puts something into.
  Uint8Array.prototype.set = function spy(this: Uint8Array<ArrayBuffer>, ...given: Parameters<typeof set>) {
    if (!buffers.includes(this.buffer)) buffers.push(this.buffer);
    return set.apply(this, given);
  };
  try {
    const out = new ByteWriter(4);
    for (let at = 0; at < 100; at += 1) out.fixed(new Uint8Array(301).fill(0xaa));
    expect(out.finish()).toHaveLength(30_100);
  } finally {
    Uint8Array.prototype.set = set;
  }
  expect(buffers.length).toBeGreaterThan(1);
  for (const buffer of buffers) expect(new Uint8Array(buffer).every((byte) => byte === 0)).toBe(true);
});

describe('a reader refuses', () => {
  test.each([
    ['a byte', 0, (from: ByteReader) => from.u8()],
    ['a number', 3, (from: ByteReader) => from.u32()],
    ['a time', 7, (from: ByteReader) => from.time()],
    ['bytes of a fixed length', 4, (from: ByteReader) => from.fixed(5)],
    ['the length of bytes', 3, (from: ByteReader) => from.sized()],
    ['bytes after their length', 7, (from: ByteReader) => from.sized()],
  ])('%s that ends early', (_name, length, read) => {
    const bytes = Uint8Array.of(0, 0, 0, 4, 1, 2, 3, 4).subarray(0, length);
    // Also where more bytes lie behind the ones given.
    expect(() => read(new ByteReader(bytes))).toThrow(RangeError);
    expect(() => read(new ByteReader(bytes.slice()))).toThrow(RangeError);
  });

  test('bytes left over', () => {
    const from = new ByteReader(Uint8Array.of(1, 2));
    expect(() => from.end()).toThrow(RangeError);
    from.u8();
    expect(() => from.end()).toThrow(RangeError);
    from.u8();
    from.end();
  });
});
