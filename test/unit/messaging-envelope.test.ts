import xml from '@xmpp/xml';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  paddedLength,
  readEnvelope,
  sceNamespace,
  writeEnvelope,
} from '../../src/main/messaging/envelope/sce-envelope.ts';
import { bodyElement, bodyIn, cleanBody } from '../../src/main/messaging/envelope/text-body.ts';

const random = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 37) & 255);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const addressed = { from: 'romeo@montague.lit', to: 'juliet@capulet.lit', time: Date.UTC(2026, 10, 23) };

describe('envelope (XEP-0420)', () => {
  test('what goes in comes out', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
        const body = cleanBody(text);
        if (!body.ok) return;
        const written = writeEnvelope({ content: [bodyElement(body.value)], ...addressed }, random);
        const read = readEnvelope(written);
        expect(read).toMatchObject({ ok: true, value: addressed });
        if (read.ok) expect(bodyIn(read.value.content)).toBe(body.value);
      }),
    );
  });

  test('the length says which bucket, and no more', () => {
    const lengthOf = (text: string): number =>
      writeEnvelope({ content: [bodyElement(text)], ...addressed }, random).length;
    expect([lengthOf('a'), lengthOf('yes, of course')]).toEqual([256, 256]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60_000 }), (length) => {
        const written = lengthOf('x'.repeat(length));
        expect(paddedLength(written)).toBe(written);
      }),
      { numRuns: 200 },
    );
  });

  test('padding is to 256, 512, 1024, then Padmé with at most 12 % more', () => {
    expect([1, 256, 257, 512, 513, 1024].map(paddedLength)).toEqual([256, 256, 512, 512, 1024, 1024]);
    // Nikitin et al., PETS 2019, §4: the exponent's own bits are kept, the lower ones rounded up.
    expect([1025, 1500, 2049, 9999].map(paddedLength)).toEqual([1088, 1536, 2176, 10240]);
    for (let length = 1025; length < 200_000; length += 97) {
      expect(paddedLength(length)).toBeGreaterThanOrEqual(length);
      expect(paddedLength(length) / length).toBeLessThan(1.12);
    }
  });

  test('server-processed elements and elements without a namespace of their own are left out', () => {
    const forbidden = [
      xml('store', { xmlns: 'urn:xmpp:hints' }),
      xml('stanza-id', { xmlns: 'urn:xmpp:sid:0', id: 'x', by: 'y' }),
      xml('addresses', { xmlns: 'http://jabber.org/protocol/address' }),
      xml('encryption', { xmlns: 'urn:xmpp:eme:0' }),
      xml('body', {}, 'inherits the namespace of the envelope'),
    ];
    const kept = xml('origin-id', { xmlns: 'urn:xmpp:sid:0', id: 'z' });
    const read = readEnvelope(writeEnvelope({ content: [...forbidden, kept], ...addressed }, random));
    expect(read.ok && read.value.content.map((element) => element.name)).toEqual(['origin-id']);
  });

  test('anything that is not one envelope is refused', () => {
    const envelope = (inside: string): Uint8Array => bytes(`<envelope xmlns="${sceNamespace}">${inside}</envelope>`);
    const bad = [
      new Uint8Array(),
      Uint8Array.of(0xff, 0xfe, 0x00),
      bytes('hello'),
      bytes('<envelope xmlns="urn:xmpp:sce:0"><content/></envelope>'),
      bytes(`<!DOCTYPE x [<!ENTITY a "b">]><envelope xmlns="${sceNamespace}"><content/></envelope>`),
      envelope(''),
      envelope('<content/><content/>'),
      envelope('<content>'),
      envelope('<content>&lol;</content>'),
      envelope(`<content>${'<a>'.repeat(100)}${'</a>'.repeat(100)}</content>`),
    ];
    for (const one of bad)
      expect(readEnvelope(one)).toMatchObject({ ok: false, error: { code: 'encryption.malformed' } });
  });
});

test('an envelope with an error at every character is refused at the first', () => {
  const started = process.cpuUsage();
  const zeros = new Uint8Array(600_000);
  zeros.set(bytes(`<envelope xmlns="${sceNamespace}"><content>`));
  expect(readEnvelope(zeros)).toMatchObject({ ok: false, error: { code: 'encryption.malformed' } });
  // It took 5 seconds of the processor, the square of the length.
  expect(process.cpuUsage(started).user).toBeLessThan(1_000_000);
});

describe('text', () => {
  test('keeps what XML can carry, refuses nothing at all and far too much', () => {
    expect(cleanBody('a\u0000b\u0007\r\nc\ud800')).toEqual({ ok: true, value: 'ab\nc\ufffd' });
    expect(cleanBody('\u0000 \n')).toMatchObject({ ok: false, error: { code: 'message.empty' } });
    expect(cleanBody('ä'.repeat(40_000))).toMatchObject({ ok: false, error: { code: 'message.too-long' } });
  });
});
