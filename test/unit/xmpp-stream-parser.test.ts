import type { Element } from '@xmpp/xml';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_ATTRIBUTES,
  MAX_DEPTH,
  MAX_ELEMENTS,
  MAX_STANZA_BYTES,
  StreamParser,
  type StreamSyntaxError,
} from '../../src/main/transports/xmpp/stream-parser.ts';

const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

function parse(...chunks: (string | Uint8Array)[]) {
  const parser = new StreamParser();
  const elements: Element[] = [];
  const errors: string[] = [];
  let ended = false;
  parser.on('element', (element: Element) => elements.push(element));
  parser.on('error', (error: StreamSyntaxError) => errors.push(error.condition));
  parser.on('end', () => {
    ended = true;
  });
  for (const chunk of chunks) parser.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  return { elements, errors, ended };
}

describe('decoding', () => {
  it('puts characters together that were cut between chunks, wherever the cut is', () => {
    const bytes = Buffer.from(`${HEADER}<message><body>Grüße 🏔 漢字</body></message>`);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      const { elements, errors } = parse(bytes.subarray(0, cut), bytes.subarray(cut));
      expect(errors).toEqual([]);
      expect(elements[0]?.getChildText('body')).toBe('Grüße 🏔 漢字');
    }
  });

  it('gives back any text, however it is cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.nat(200)), (text, cuts) => {
        const escaped = text.replace(/\r/g, '');
        const xmlText = escaped.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
        const bytes = Buffer.from(`${HEADER}<message><body>${xmlText}</body></message>`);
        const chunks: Buffer[] = [];
        let start = 0;
        for (const cut of cuts) {
          chunks.push(bytes.subarray(start, start + cut));
          start += cut;
        }
        chunks.push(bytes.subarray(start));
        expect(parse(...chunks).elements[0]?.getChildText('body') ?? '').toBe(escaped);
      }),
    );
  });

  it('refuses what is not UTF-8', () => {
    expect(parse(HEADER, Buffer.from([0x3c, 0x61, 0xff])).errors).toEqual(['unsupported-encoding']);
    expect(parse(HEADER, '<a>', Buffer.from([0xed, 0xa0, 0x80])).errors).toEqual(['unsupported-encoding']);
  });
});

describe('RFC 6120 §11.1', () => {
  it.each([
    ['an entity of its own', '<message>&lol;</message>', 'not-well-formed'],
    ['an entity of its own in an attribute', "<message id='&lol;'/>", 'not-well-formed'],
    ['a document type', "<!DOCTYPE a [<!ENTITY lol 'x'>]><message/>", 'not-well-formed'],
    ['a comment', '<message><!-- hello --></message>', 'restricted-xml'],
    ['a comment between stanzas', '<!-- hello --><message/>', 'restricted-xml'],
    ['a processing instruction', '<?php 1 ?><message/>', 'restricted-xml'],
    ['text between stanzas', 'hello<message/>', 'bad-format'],
    ['a tag closed by another', '<message></iq>', 'not-well-formed'],
    ['an attribute twice', "<message id='1' id='2'/>", 'not-well-formed'],
    ['an undeclared prefix', '<x:message/>', 'not-well-formed'],
    ['a control character', '<message>\u0001</message>', 'not-well-formed'],
    ['a reference to a control character', '<message>&#1;</message>', 'not-well-formed'],
  ])('%s ends the stream, and nothing behind it is read', (_name, bad, condition) => {
    const { elements, errors } = parse(HEADER, bad, '<message id="later"/>');
    expect(errors).toEqual([condition]);
    expect(elements).toEqual([]);
  });

  it.each([['<!DOCTYPE a>'], ["<!DOCTYPE a [<!ENTITY x 'y'>]>"]])('%s before the stream does too', (doctype) => {
    expect(parse(doctype, HEADER, '<message/>')).toMatchObject({ errors: ['restricted-xml'], elements: [] });
  });

  it('knows the five entities, character references and CDATA', () => {
    const { elements, errors } = parse(
      HEADER,
      "<message a='&quot;&apos;'>&lt;&gt;&amp;&#x1F3D4;<![CDATA[<b>]]></message>",
    );
    expect(errors).toEqual([]);
    expect(elements[0]?.text()).toBe('<>&🏔<b>');
    expect(elements[0]?.attrs['a']).toBe('"\'');
  });

  it('wants a stream around everything', () => {
    expect(parse("<html xmlns='http://www.w3.org/1999/xhtml'>").errors).toEqual(['invalid-namespace']);
    expect(parse("<stream xmlns='jabber:client'>").errors).toEqual(['invalid-namespace']);
  });
});

describe('what comes before a mistake', () => {
  it('is given out, unless it is part of the mistake', () => {
    const { elements } = parse(HEADER, '<message id="1"/><message id="2"></message><message id="3"></iq>');
    expect(elements.map((element) => element.attrs['id'])).toEqual(['1', '2']);
  });

  it('is all there is after halt(), even in the same bytes', () => {
    const parser = new StreamParser();
    const seen: string[] = [];
    parser.on('element', (element: Element) => {
      seen.push(element.name);
      parser.halt();
    });
    parser.write(Buffer.from(`${HEADER}<proceed/><message/>`));
    expect(seen).toEqual(['proceed']);
  });
});

describe('limits', () => {
  const body = (size: number) => `<message><body>${'a'.repeat(size)}</body></message>`;
  const frame = body(0).length;

  it('takes a stanza of the largest size, and not one byte more', () => {
    expect(parse(HEADER, body(MAX_STANZA_BYTES - frame)).errors).toEqual([]);
    expect(parse(HEADER, body(MAX_STANZA_BYTES - frame + 1)).errors).toEqual(['policy-violation']);
  });

  it('counts bytes, not characters', () => {
    const many = '漢'.repeat(Math.ceil(MAX_STANZA_BYTES / 3));
    expect(parse(HEADER, `<message>${many}</message>`).errors).toEqual(['policy-violation']);
  });

  it('counts each stanza by itself', () => {
    const half = body(MAX_STANZA_BYTES / 2);
    expect(parse(HEADER, half + half + half).elements.length).toBe(3);
  });

  it('does not wait for the end of what is too large', () => {
    const piece = 'a'.repeat(64 * 1024);
    const chunks = Array.from({ length: 9 }, () => piece);
    expect(parse(HEADER, '<message>', ...chunks).errors).toEqual(['policy-violation']);
    expect(parse(HEADER, "<message a='", ...chunks).errors).toEqual(['policy-violation']);
    expect(parse(HEADER, '<', ...chunks).errors).toEqual(['policy-violation']);
  });

  it('bounds depth, attributes and elements', () => {
    const nested = (depth: number) => '<a>'.repeat(depth) + '</a>'.repeat(depth);
    expect(parse(HEADER, nested(MAX_DEPTH - 1)).errors).toEqual([]);
    expect(parse(HEADER, nested(MAX_DEPTH)).errors).toEqual(['policy-violation']);
    const attributes = (count: number) => Array.from({ length: count }, (_, i) => `a${i}=''`).join(' ');
    expect(parse(HEADER, `<a ${attributes(MAX_ATTRIBUTES)}/>`).errors).toEqual([]);
    expect(parse(HEADER, `<a ${attributes(MAX_ATTRIBUTES + 1)}/>`).errors).toEqual(['policy-violation']);
    expect(parse(HEADER, `<m>${'<a/>'.repeat(MAX_ELEMENTS - 1)}</m>`).errors).toEqual([]);
    expect(parse(HEADER, `<m>${'<a/>'.repeat(MAX_ELEMENTS)}</m>`).errors).toEqual(['policy-violation']);
  });
});

describe('after an error', () => {
  it('looks at nothing more, however deep it goes', () => {
    const started = process.cpuUsage();
    for (let time = 0; time < 25; time += 1) {
      expect(parse(HEADER, '<n>'.repeat(5400)).errors).toEqual(['policy-violation']);
    }
    // Each further level cost as much as all before it together.
    expect(process.cpuUsage(started).user).toBeLessThan(1_000_000);
  });
});

describe('namespaces', () => {
  it('are written where they change, without prefixes', () => {
    const { elements } = parse(
      HEADER,
      "<x:message xmlns:x='jabber:client' xml:lang='en'><y:e xmlns:y='urn:e'><y:f/></y:e></x:message>",
      "<message xmlns='urn:evil'/>",
    );
    expect(elements.map(String)).toEqual([
      '<message xml:lang="en" xmlns="jabber:client"><e xmlns="urn:e"><f/></e></message>',
      '<message xmlns="urn:evil"/>',
    ]);
  });

  it('ends with the stream', () => {
    expect(parse(HEADER, '<message/></stream:stream><message/>')).toMatchObject({ ended: true, errors: [] });
  });
});
