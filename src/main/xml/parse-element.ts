/**
 * Strict parsing of one whole element, a stanza or what comes out of an envelope: the restrictions of RFC 6120 §11.1 (no
 * comments, processing instructions, DTDs or entities of one's own), bounded size, depth and number of elements,
 * namespaces well-formed. Never throws on any input.
 */
import { Element } from '@xmpp/xml';
import { type SaxesAttributeNS, SaxesParser } from 'saxes';
import { fail, ok, type Result } from '../../shared/errors.ts';

/** UTF-8 bytes of one stanza. */
export const MAX_STANZA_BYTES = 512 * 1024;
/** Elements inside each other, and all together. */
export const MAX_STANZA_DEPTH = 64;
export const MAX_STANZA_ELEMENTS = 5_000;

class Refused extends Error {}
class TooMany extends Error {}

/** Bytes must be UTF-8 of exactly one element. Fails with `transport.too-large` or `transport.malformed`. */
export function parseElementBytes(bytes: Uint8Array): Result<Element> {
  if (bytes.length > MAX_STANZA_BYTES) return tooLarge();
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return malformed('not UTF-8');
  }
  return parseText(text);
}

/** As `parseElementBytes`, for text that was decoded already. */
export function parseElement(text: string): Result<Element> {
  return text.length > MAX_STANZA_BYTES ? tooLarge() : parseText(text);
}

function parseText(text: string): Result<Element> {
  const parser = new SaxesParser<{ xmlns: true }>({ xmlns: true });
  const open: Element[] = [];
  let root: Element | null = null;
  let elements = 0;
  // Thrown, so that nothing after it is looked at: saxes counts its way to each error anew, which is quadratic.
  const refuse = (why: string) => (): never => {
    throw new Refused(why);
  };
  parser.on('error', refuse('not well-formed'));
  parser.on('xmldecl', refuse('XML declaration'));
  parser.on('doctype', refuse('document type'));
  parser.on('comment', refuse('comment'));
  parser.on('processinginstruction', refuse('processing instruction'));
  parser.on('opentag', (tag) => {
    elements += 1;
    if (open.length >= MAX_STANZA_DEPTH) throw new Refused('too deep');
    if (elements > MAX_STANZA_ELEMENTS) throw new TooMany();
    const attributes: Record<string, string> = {};
    for (const [name, attribute] of Object.entries(tag.attributes as Record<string, SaxesAttributeNS>)) {
      attributes[name] = attribute.value;
    }
    const element = new Element(tag.name, attributes);
    open.at(-1)?.cnode(element);
    root ??= element;
    open.push(element);
  });
  parser.on('closetag', () => {
    open.pop();
  });
  const onText = (value: string): void => {
    const parent = open.at(-1);
    if (parent === undefined) throw new Refused('text outside the element');
    parent.t(value);
  };
  parser.on('text', onText);
  parser.on('cdata', onText);
  try {
    parser.write(text).close();
  } catch (error) {
    if (error instanceof TooMany) return tooLarge();
    if (error instanceof Refused) return malformed(error.message);
    throw error;
  }
  return root === null ? malformed('no element') : ok(root);
}

function malformed(detail: string): Result<never> {
  return fail('transport.malformed', 'Something arrived that is not a valid message and was dropped.', '', detail);
}

function tooLarge(): Result<never> {
  return fail('transport.too-large', 'The message is too large to be sent.', 'Send it in smaller parts.');
}
