/** The protobuf codec: what it writes it reads, and no bytes whatever make it throw. */
import fc from 'fast-check';
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

const uint32 = fc.nat({ max: 0xffffffff });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const some = fc.uint8Array({ maxLength: 300 });
const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

describe('the protobuf codec', () => {
  test('reads what it wrote', () => {
    fc.assert(
      fc.property(uint32, uint32, bytes(32), bytes(32), bytes(16), some, (first, second, one, two, mac, rest) => {
        const message = { n: first, pn: second, dhPublic: one, ciphertext: rest };
        expect(decodeMessage(encodeMessage(message))).toEqual({ ok: true, value: message });
        const authenticated = { mac, message: rest };
        expect(decodeAuthenticated(encodeAuthenticated(authenticated))).toEqual({ ok: true, value: authenticated });
        const exchange = {
          prekeyId: first,
          signedPrekeyId: second,
          identityKey: one,
          ephemeralKey: two,
          message: rest,
        };
        expect(decodeKeyExchange(encodeKeyExchange(exchange))).toEqual({ ok: true, value: exchange });
      }),
    );
  });

  test('never throws, and what it accepts it would have written, unknown fields aside', () => {
    // Bytes that look like fields, so that the decoder is taken beyond the first one.
    const field = fc
      .tuple(fc.nat({ max: 7 }), fc.constantFrom(0, 1, 2, 5), fc.uint8Array({ maxLength: 40 }))
      .map(([number, type, content]) => [(number << 3) | type, ...(type === 2 ? [content.length] : []), ...content]);
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.array(field, { maxLength: 8 }).map((fields) => Uint8Array.from(fields.flat())),
    );
    fc.assert(
      fc.property(input, (data) => {
        for (const decode of [decodeMessage, decodeAuthenticated, decodeKeyExchange]) {
          const result = decode(data);
          if (!result.ok) expect(result.error.code).toBe('encryption.malformed');
        }
        const message = decodeMessage(data);
        if (message.ok) expect(encodeMessage(message.value).length).toBeLessThanOrEqual(data.length);
      }),
      { numRuns: 5_000 },
    );
  });

  test('reads the bytes the wire format defines', () => {
    const key = '11'.repeat(32);
    const encoded = hex(`08 00 10 ac02 1a20 ${key} 2203 aabbcc`);
    const message = { n: 0, pn: 300, dhPublic: hex(key), ciphertext: hex('aabbcc') };
    expect(decodeMessage(encoded)).toEqual({ ok: true, value: message });
    expect(encodeMessage(message)).toEqual(encoded);
  });

  test.each([
    ['a missing field', `08 00 1a20 ${'11'.repeat(32)} 2200`],
    ['a field twice', `08 00 08 00 10 00 1a20 ${'11'.repeat(32)} 2200`],
    ['a key of 31 bytes', `08 00 10 00 1a1f ${'11'.repeat(31)} 2200`],
    ['a number of 33 bits', `08 8080808010 10 00 1a20 ${'11'.repeat(32)} 2200`],
    ['a number without end', `08 ffffffffffffffffffff 10 00 1a20 ${'11'.repeat(32)} 2200`],
    ['a number where bytes belong', `08 00 10 00 18 05 2200`],
    ['bytes that end early', `08 00 10 00 1a20 ${'11'.repeat(32)} 2205 aa`],
    ['a group', `08 00 10 00 1a20 ${'11'.repeat(32)} 2200 2b`],
    ['field number 0', `08 00 10 00 1a20 ${'11'.repeat(32)} 2200 00 00`],
  ])('refuses %s', (_name, encoded) => {
    expect(decodeMessage(hex(encoded)).ok).toBe(false);
  });

  test('skips fields of later versions, and refuses what is far too long', () => {
    const known = `08 00 10 00 1a20 ${'11'.repeat(32)} 2200`;
    expect(decodeMessage(hex(`${known} 2a02 aabb 30 ffff03 39 0102030405060708 45 01020304`)).ok).toBe(true);
    expect(
      decodeAuthenticated(encodeAuthenticated({ mac: new Uint8Array(16), message: new Uint8Array(MAX_MESSAGE_BYTES) }))
        .ok,
    ).toBe(false);
  });
});
