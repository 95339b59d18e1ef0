/** The protobuf messages of both wire formats, byte by byte: what is written, what is read, what is refused. */
import { describe, expect, test } from 'vitest';
import {
  decodeAuthenticated,
  decodeKeyExchange,
  decodeMessage,
  encodeAuthenticated,
  encodeKeyExchange,
  encodeMessage,
  MAX_MESSAGE_BYTES,
} from '../../src/main/e2ee/protobuf.ts';
import {
  decodePrekeySignalMessage,
  decodeSignalMessage,
  encodePrekeySignalMessage,
  encodeSignalMessage,
} from '../../src/main/e2ee/protobuf-legacy.ts';
import type { AppError, Result } from '../../src/shared/errors.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const [k1, k2] = ['11'.repeat(32), '22'.repeat(32)];
const malformed = { ok: false, error: { code: 'encryption.malformed' } satisfies Partial<AppError> };

interface Format {
  readonly name: string;
  readonly decode: (data: Uint8Array) => Result<object>;
  readonly prefix: string;
  /** In their order, in hexadecimal. */
  readonly fields: readonly string[];
  /** Fields that may be missing. */
  readonly optional: readonly number[];
  readonly value: object;
  readonly encode: () => Uint8Array;
}

const message = { n: 300, pn: 0, dhPublic: bytes(k1), ciphertext: bytes('aabb') };
const exchange = {
  prekeyId: 127,
  signedPrekeyId: 128,
  identityKey: bytes(k1),
  ephemeralKey: bytes(k2),
  message: bytes('aabb'),
};
const formats: readonly Format[] = [
  {
    name: 'OMEMOMessage',
    decode: decodeMessage,
    prefix: '',
    fields: ['08 ac02', '10 00', `1a20 ${k1}`, '2202 aabb'],
    optional: [],
    value: message,
    encode: () => encodeMessage(message),
  },
  {
    name: 'OMEMOAuthenticatedMessage',
    decode: decodeAuthenticated,
    prefix: '',
    fields: [`0a10 ${'33'.repeat(16)}`, '1202 aabb'],
    optional: [],
    value: { mac: bytes('33'.repeat(16)), message: bytes('aabb') },
    encode: () => encodeAuthenticated({ mac: bytes('33'.repeat(16)), message: bytes('aabb') }),
  },
  {
    name: 'OMEMOKeyExchange',
    decode: decodeKeyExchange,
    prefix: '',
    fields: ['08 7f', '10 8001', `1a20 ${k1}`, `2220 ${k2}`, '2a02 aabb'],
    optional: [],
    value: exchange,
    encode: () => encodeKeyExchange(exchange),
  },
  {
    name: 'SignalMessage',
    decode: decodeSignalMessage,
    prefix: '33',
    fields: [`0a21 05${k1}`, '10 ac02', '18 00', '2202 aabb'],
    optional: [2],
    value: message,
    encode: () => encodeSignalMessage(message),
  },
  {
    name: 'PreKeySignalMessage',
    decode: decodePrekeySignalMessage,
    prefix: '33',
    fields: ['08 7f', `1221 05${k2}`, `1a21 05${k1}`, '2202 aabb', '28 07', '30 8001'],
    optional: [4],
    value: exchange,
    encode: () => encodePrekeySignalMessage({ ...exchange, identityKey: bytes(`05${k1}`) }, 7),
  },
];

describe.each(formats)('$name', ({ decode, prefix, fields, optional, value, encode }) => {
  const joined = (parts: readonly string[]) => bytes(prefix + parts.join(''));

  test('is these bytes', () => {
    expect(encode()).toEqual(joined(fields));
    expect(decode(joined(fields))).toEqual({ ok: true, value });
    expect(decode(joined(fields.toReversed()))).toEqual({ ok: true, value });
  });

  test('is refused without any one of its fields, with one twice, of another type, or cut short', () => {
    for (const [at, field] of fields.entries()) {
      const without = fields.filter((other) => other !== field);
      if (optional.includes(at)) expect(decode(joined(without))).toEqual({ ok: true, value });
      else expect(decode(joined(without)), `without field ${at}`).toMatchObject(malformed);
      expect(decode(joined([...fields, field])), `field ${at} twice`).toMatchObject(malformed);
      const tag = Number.parseInt(field.slice(0, 2), 16);
      // A number where bytes belong, bytes where a number belongs; and neither.
      for (const type of [0, 1, 2, 3, 4, 5, 6, 7].filter((other) => other !== (tag & 7))) {
        const other = ((tag & ~7) | type).toString(16).padStart(2, '0');
        const content = type === 2 ? '01 00' : '00'.repeat(type === 0 ? 1 : 8);
        expect(decode(joined([...without, `${other} ${content}`])), `field ${at}, type ${type}`).toMatchObject(
          malformed,
        );
      }
      const whole = joined([...without, field]);
      for (let length = joined(without).length + 1; length < whole.length; length += 1) {
        expect(decode(whole.subarray(0, length)), `field ${at} cut to ${length}`).toMatchObject(malformed);
      }
    }
  });

  test('is refused with a key or a seal one byte longer or shorter', () => {
    for (const [at, field] of fields.entries()) {
      const [, tag = '', length = ''] = /^(..)(10|20|21) /.exec(field) ?? [];
      if (length === '') continue;
      const size = Number.parseInt(length, 16);
      for (const other of [size - 1, size + 1]) {
        const content = field
          .slice(5)
          .padEnd(2 * other, '0')
          .slice(0, 2 * other);
        const changed = `${tag}${other.toString(16)} ${content}`;
        expect(decode(joined(fields.with(at, changed))), `field ${at} of ${other} bytes`).toMatchObject(malformed);
      }
    }
  });
});

/** A message of number `n`, written as these bytes. */
const numbered = (n: string) => decodeMessage(bytes(`08 ${n} 10 00 1a20 ${k1} 2200`));

test.each([
  ['00', 0],
  ['01', 1],
  ['7f', 127],
  ['8001', 128],
  ['ff7f', 16_383],
  ['808001', 16_384],
  ['ffffffff0f', 0xffffffff],
  // Longer than it need be, but no longer than five bytes.
  ['8080808000', 0],
])('the number %s is %i', (encoded, n) => {
  expect(numbered(encoded)).toMatchObject({ ok: true, value: { n } });
  if (encoded !== '8080808000') {
    expect(encodeMessage({ n, pn: 0, dhPublic: bytes(k1), ciphertext: bytes('') })).toEqual(
      bytes(`08 ${encoded} 10 00 1a20 ${k1} 2200`),
    );
  }
});

test.each([
  ['of 33 bits', '8080808010'],
  ['of six bytes', '808080808000'],
  ['without end', 'ffffffffffffffffffff'],
])('a number %s is refused', (_name, encoded) => {
  expect(numbered(encoded)).toMatchObject(malformed);
});

const known = `08 00 10 00 1a20 ${k1} 2200`;

test.each([
  ['a number of ten bytes', '28 ffffffffffffffffff01'],
  ['64 bits', '29 0102030405060708'],
  ['32 bits', '2d 01020304'],
  ['bytes', '2a03 aabbcc'],
  ['no bytes', '2a00'],
  ['a number in field 16', '8001 05'],
  ['a number in the highest field', 'f8ffffff0f 05'],
  ['one after another', '28 01 28 02 29 0102030405060708 2a01 aa 2d 01020304'],
])('an unknown field is passed over: %s', (_name, field) => {
  const accepted = { ok: true, value: { n: 0, pn: 0, dhPublic: bytes(k1), ciphertext: bytes('') } };
  expect(decodeMessage(bytes(known + field))).toEqual(accepted);
  expect(decodeMessage(bytes(field + known))).toEqual(accepted);
});

test.each([
  ['a number of eleven bytes', '28 ffffffffffffffffffff01'],
  ['a number cut short', '28 ff'],
  ['64 bits cut short', '29 01020304050607'],
  ['32 bits cut short', '2d 010203'],
  ['bytes cut short', '2a03 aabb'],
  ['bytes with a length cut short', '2a ff'],
  ['bytes with a length of 33 bits', '2a 8080808010'],
  ['a group', '2b 2c'],
  ['the end of a group', '2c'],
  ['type 6', '2e 00'],
  ['type 7', '2f 00'],
  ['field 0', '00 00'],
  ['field 0, as bytes', '02 00'],
  ['a tag cut short', '80'],
  ['a tag of 33 bits', '8880808010 00'],
])('an unknown field spoils a message: %s', (_name, field) => {
  expect(decodeMessage(bytes(known + field))).toMatchObject(malformed);
});

test('4096 bytes are read, one more is not', () => {
  // 18 bytes of MAC, a tag and two bytes of length.
  const room = MAX_MESSAGE_BYTES - 21;
  expect(MAX_MESSAGE_BYTES).toBe(4096);
  for (const [length, expected] of [
    [room, { ok: true }],
    [room + 1, malformed],
  ] as const) {
    const encoded = encodeAuthenticated({ mac: new Uint8Array(16), message: new Uint8Array(length) });
    expect(encoded).toHaveLength(length + 21);
    expect(decodeAuthenticated(encoded)).toMatchObject(expected);
  }
});

test.each([
  ['nothing', ''],
  ['version 2', `32 0a21 05${k1} 10 00 2200`],
  ['version 4', `34 0a21 05${k1} 10 00 2200`],
  ['a key of another type', `33 0a21 06${k1} 10 00 2200`],
])('a SignalMessage of %s is refused', (_name, encoded) => {
  expect(decodeSignalMessage(bytes(encoded))).toMatchObject(malformed);
});

test.each([
  ['nothing', ''],
  ['version 2', `32 08 01 1221 05${k2} 1a21 05${k1} 2200 30 01`],
  ['a base key of another type', `33 08 01 1221 06${k2} 1a21 05${k1} 2200 30 01`],
  ['an identity key of another type', `33 08 01 1221 05${k2} 1a21 06${k1} 2200 30 01`],
])('a PreKeySignalMessage of %s is refused', (_name, encoded) => {
  expect(decodePrekeySignalMessage(bytes(encoded))).toMatchObject(malformed);
});

test('a previousCounter is read where there is one', () => {
  expect(decodeSignalMessage(bytes(`33 0a21 05${k1} 10 04 18 05 2200`))).toMatchObject({ value: { n: 4, pn: 5 } });
});
