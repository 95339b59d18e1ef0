/** The protobuf codec: what it writes it reads, and no bytes whatever make it throw (its bytes one by one: test/unit). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeAuthenticated,
  decodeKeyExchange,
  decodeMessage,
  encodeAuthenticated,
  encodeKeyExchange,
  encodeMessage,
} from '../../src/main/e2ee/protobuf.ts';

const uint32 = fc.nat({ max: 0xffffffff });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const some = fc.uint8Array({ maxLength: 300 });

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
});
