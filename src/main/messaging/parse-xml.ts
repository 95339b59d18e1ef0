/** Strict XML of one element, for what comes out of an envelope: RFC 6120 §11.1 (no DTD, no comments, no PIs) and limits. */
import { Element } from '@xmpp/xml';
import { type SaxesAttributeNS, SaxesParser } from 'saxes';
import { fail, ok, type Result } from '../../shared/errors.ts';

const maxDepth = 32;
const maxElements = 2_000;

const malformed = (detail: string): Result<Element> =>
  fail('transport.malformed', 'A message was malformed and was not shown.', '', detail);

class Refused extends Error {}

/** Parses exactly one well-formed, namespace-correct element. Never throws. */
export function parseElement(text: string): Result<Element> {
  const parser = new SaxesParser({ xmlns: true, fragment: false });
  const open: Element[] = [];
  let root: Element | null = null;
  let elements = 0;
  // Thrown, so that nothing after it is looked at: saxes counts its way to each error anew, which is quadratic.
  const refuse = (reason: string): never => {
    throw new Refused(reason);
  };
  parser.on('error', (error) => refuse(error.message.replace(/[^\x20-\x7e]/g, '?').slice(0, 100)));
  parser.on('doctype', () => refuse('doctype'));
  parser.on('comment', () => refuse('comment'));
  parser.on('processinginstruction', () => refuse('processing instruction'));
  parser.on('opentag', (tag) => {
    elements += 1;
    if (elements > maxElements || open.length >= maxDepth) refuse('too many elements');
    const attributes: Record<string, string> = {};
    for (const [name, attribute] of Object.entries(tag.attributes as Record<string, SaxesAttributeNS>)) {
      attributes[name] = attribute.value;
    }
    const element = new Element(tag.name, attributes);
    const parent = open.at(-1);
    if (parent) parent.cnode(element);
    else root = element;
    open.push(element);
  });
  parser.on('closetag', () => {
    open.pop();
  });
  const addText = (value: string): void => {
    open.at(-1)?.t(value);
  };
  parser.on('text', addText);
  parser.on('cdata', addText);
  try {
    parser.write(text).close();
  } catch (error) {
    return malformed(error instanceof Refused ? error.message : 'parser failed');
  }
  return root === null ? malformed('no element') : ok(root);
}
