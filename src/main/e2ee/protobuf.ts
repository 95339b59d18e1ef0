/**
 * The three messages of XEP-0384 §10 in Protocol Buffers encoding (protobuf.dev/programming-guides/encoding), by hand.
 * The decoder is strict: every field at most once, with its own wire type, in its size; unknown fields are skipped.
 */
import type { Result } from '../../shared/errors.ts';
import { malformed } from './failures.ts';

/** A `<key/>` holds a header and 48 encrypted bytes; this leaves room for what later versions may add. */
export const MAX_MESSAGE_BYTES = 4096;

/** XEP-0384: `OMEMOMessage`. `dhPublic` 32 bytes. */
export interface OmemoMessage {
  readonly n: number;
  readonly pn: number;
  readonly dhPublic: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** XEP-0384: `OMEMOAuthenticatedMessage`. `mac` 16 bytes; `message` an encoded `OMEMOMessage`. */
export interface AuthenticatedMessage {
  readonly mac: Uint8Array;
  readonly message: Uint8Array;
}

/** XEP-0384: `OMEMOKeyExchange`. `identityKey` and `ephemeralKey` 32 bytes; `message` an encoded authenticated message. */
export interface KeyExchange {
  readonly prekeyId: number;
  readonly signedPrekeyId: number;
  readonly identityKey: Uint8Array;
  readonly ephemeralKey: Uint8Array;
  readonly message: Uint8Array;
}

const VARINT = 0;
const BYTES = 2;
const NOTHING = new Uint8Array(0);

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1;
  return length;
}

function writeVarint(out: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
    out[at] = (rest % 0x80) | 0x80;
    at += 1;
  }
  out[at] = rest;
  return at + 1;
}

/** One field: its number, and a uint32 or bytes. */
export type Field = readonly [field: number, value: number | Uint8Array];

/** The fields in their order, after `prefix`, which is no part of the encoding. */
export function encodeFields(fields: readonly Field[], prefix = NOTHING): Uint8Array {
  let length = prefix.length;
  for (const [field, value] of fields) {
    length += varintLength(field << 3);
    length += typeof value === 'number' ? varintLength(value) : varintLength(value.length) + value.length;
  }
  const out = new Uint8Array(length);
  out.set(prefix);
  let at = prefix.length;
  for (const [field, value] of fields) {
    if (typeof value === 'number') {
      at = writeVarint(out, writeVarint(out, at, (field << 3) | VARINT), value);
    } else {
      at = writeVarint(out, writeVarint(out, at, (field << 3) | BYTES), value.length);
      out.set(value, at);
      at += value.length;
    }
  }
  return out;
}

export function encodeMessage(message: OmemoMessage): Uint8Array {
  return encodeFields([
    [1, message.n],
    [2, message.pn],
    [3, message.dhPublic],
    [4, message.ciphertext],
  ]);
}

export function encodeAuthenticated(message: AuthenticatedMessage): Uint8Array {
  return encodeFields([
    [1, message.mac],
    [2, message.message],
  ]);
}

export function encodeKeyExchange(exchange: KeyExchange): Uint8Array {
  return encodeFields([
    [1, exchange.prekeyId],
    [2, exchange.signedPrekeyId],
    [3, exchange.identityKey],
    [4, exchange.ephemeralKey],
    [5, exchange.message],
  ]);
}

/** What one message's fields must be; `size` is exact. */
export type Schema = Readonly<
  Record<number, { readonly type: 'uint32' } | { readonly type: 'bytes'; readonly size?: number }>
>;

interface Fields {
  readonly numbers: ReadonlyMap<number, number>;
  readonly bytes: ReadonlyMap<number, Uint8Array>;
}

/** Null when the bytes are not exactly such a message. Which fields are required is for the caller to say. */
export function decodeFields(data: Uint8Array, schema: Schema): Fields | null {
  if (data.length > MAX_MESSAGE_BYTES) return null;
  const numbers = new Map<number, number>();
  const bytes = new Map<number, Uint8Array>();
  let offset = 0;

  /** A varint of at most 32 bits, or -1. */
  function readUint32(): number {
    let value = 0;
    for (let shift = 1, count = 0; count < 5; count += 1, shift *= 0x80) {
      const byte = data[offset];
      if (byte === undefined) return -1;
      offset += 1;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value > 0xffffffff ? -1 : value;
    }
    return -1;
  }

  /** Past a field nobody asked for; false when it does not end inside the data. */
  function skip(type: number): boolean {
    if (type === VARINT) {
      for (let count = 0; count < 10; count += 1) {
        const byte = data[offset];
        if (byte === undefined) return false;
        offset += 1;
        if (byte < 0x80) return true;
      }
      return false;
    }
    if (type === 1) offset += 8;
    else if (type === 5) offset += 4;
    else if (type === BYTES) {
      const length = readUint32();
      if (length < 0) return false;
      offset += length;
    } else return false;
    return offset <= data.length;
  }

  while (offset < data.length) {
    const tag = readUint32();
    if (tag < 8) return null;
    const field = tag >>> 3;
    const type = tag & 7;
    const wanted = schema[field];
    if (wanted === undefined) {
      if (!skip(type)) return null;
    } else if (wanted.type === 'uint32') {
      const value = type === VARINT && !numbers.has(field) ? readUint32() : -1;
      if (value < 0) return null;
      numbers.set(field, value);
    } else {
      const length = type === BYTES && !bytes.has(field) ? readUint32() : -1;
      if (length < 0 || offset + length > data.length) return null;
      if (wanted.size !== undefined && wanted.size !== length) return null;
      bytes.set(field, data.subarray(offset, offset + length));
      offset += length;
    }
  }
  return { numbers, bytes };
}

const MESSAGE: Schema = {
  1: { type: 'uint32' },
  2: { type: 'uint32' },
  3: { type: 'bytes', size: 32 },
  4: { type: 'bytes' },
};

export function decodeMessage(data: Uint8Array): Result<OmemoMessage> {
  const fields = decodeFields(data, MESSAGE);
  const n = fields?.numbers.get(1);
  const pn = fields?.numbers.get(2);
  const dhPublic = fields?.bytes.get(3);
  const ciphertext = fields?.bytes.get(4);
  if (n === undefined || pn === undefined || dhPublic === undefined || ciphertext === undefined) {
    return malformed('not an OMEMOMessage');
  }
  return { ok: true, value: { n, pn, dhPublic, ciphertext } };
}

const AUTHENTICATED: Schema = { 1: { type: 'bytes', size: 16 }, 2: { type: 'bytes' } };

export function decodeAuthenticated(data: Uint8Array): Result<AuthenticatedMessage> {
  const fields = decodeFields(data, AUTHENTICATED);
  const mac = fields?.bytes.get(1);
  const message = fields?.bytes.get(2);
  if (mac === undefined || message === undefined) return malformed('not an OMEMOAuthenticatedMessage');
  return { ok: true, value: { mac, message } };
}

const KEY_EXCHANGE: Schema = {
  1: { type: 'uint32' },
  2: { type: 'uint32' },
  3: { type: 'bytes', size: 32 },
  4: { type: 'bytes', size: 32 },
  5: { type: 'bytes' },
};

export function decodeKeyExchange(data: Uint8Array): Result<KeyExchange> {
  const fields = decodeFields(data, KEY_EXCHANGE);
  const prekeyId = fields?.numbers.get(1);
  const signedPrekeyId = fields?.numbers.get(2);
  const identityKey = fields?.bytes.get(3);
  const ephemeralKey = fields?.bytes.get(4);
  const message = fields?.bytes.get(5);
  if (
    prekeyId === undefined ||
    signedPrekeyId === undefined ||
    identityKey === undefined ||
    ephemeralKey === undefined ||
    message === undefined
  ) {
    return malformed('not an OMEMOKeyExchange');
  }
  return { ok: true, value: { prekeyId, signedPrekeyId, identityKey, ephemeralKey, message } };
}
