/** Byte strings: joining, comparing, and the reader and writer of the stored formats (big-endian numbers). */

const encoder = new TextEncoder();

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The same memory, not as a Buffer: its methods differ (`slice` does not copy). */
export function plainBytes(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** For public values; secrets are compared by `equal` of primitives/sodium.ts. */
export function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

export function toHex(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

export function readU32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16);
  return (high | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** The bytes of the writer before, all zero, for the next one: taking them anew costs more than what is written. */
let spare = new Uint8Array(0);
const MAX_SPARE_BYTES = 16_384;

export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(expectedLength = 2048) {
    // Stryker disable next-line all: which memory is taken costs time alone, and all of it grows
    this.#bytes = spare.length >= expectedLength ? spare : new Uint8Array(expectedLength);
    spare = new Uint8Array(0);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.#bytes);
    this.#bytes.fill(0);
    this.#bytes = grown;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  u32(value: number): void {
    this.#reserve(4);
    writeU32(this.#bytes, this.#length, value);
    this.#length += 4;
  }

  /** Unix milliseconds. */
  time(value: number): void {
    this.#reserve(8);
    new DataView(this.#bytes.buffer).setFloat64(this.#length, value);
    this.#length += 8;
  }

  /** Bytes whose length the format fixes. */
  fixed(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** Bytes after their length. */
  sized(value: Uint8Array): void {
    this.u32(value.length);
    this.fixed(value);
  }

  /** A copy of exactly what was written. The writer is not to be used again. */
  finish(): Uint8Array {
    const whole = this.#bytes.slice(0, this.#length);
    this.#bytes.fill(0, 0, this.#length);
    // Stryker disable next-line all: likewise
    if (this.#bytes.length <= MAX_SPARE_BYTES) spare = this.#bytes;
    this.#bytes = new Uint8Array(0);
    return whole;
  }
}

/** Throws when the bytes end early: stored state is ours, so that is corruption, not an expected failure. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  /** Reads views of `bytes`, so pass a copy that nobody else changes. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  #skip(length: number): number {
    const from = this.#offset;
    if (from + length > this.#bytes.length) throw new RangeError('stored encryption state ends early');
    this.#offset = from + length;
    return from;
  }

  u8(): number {
    return this.#bytes[this.#skip(1)] ?? 0;
  }

  u32(): number {
    return readU32(this.#bytes, this.#skip(4));
  }

  time(): number {
    const { buffer, byteOffset } = this.#bytes;
    return new DataView(buffer, byteOffset).getFloat64(this.#skip(8));
  }

  fixed(length: number): Uint8Array {
    const from = this.#skip(length);
    return this.#bytes.subarray(from, from + length);
  }

  sized(): Uint8Array {
    return this.fixed(this.u32());
  }

  /** Throws when bytes are left over. */
  end(): void {
    if (this.#offset !== this.#bytes.length) throw new RangeError('stored encryption state has bytes left over');
  }
}
