/**
 * Stanza Content Encryption (XEP-0420 0.4.1): everything a person does goes inside one padded envelope. Ours always
 * carries from, to, time and rpad; the padding makes lengths say little (see docs/decisions/0041).
 */
import xml, { type Element } from '@xmpp/xml';
import { fail, ok, type Result } from '../../../shared/errors.ts';
import { parseElement } from '../../xml/parse-element.ts';

export const sceNamespace = 'urn:xmpp:sce:1';

/** XEP-0420 §7: what servers must see or filter is never read out of an envelope. */
const forbiddenNamespaces = new Set([
  'urn:xmpp:hints',
  'http://jabber.org/protocol/address',
  'urn:xmpp:eme:0',
  sceNamespace,
]);

export interface Envelope {
  readonly content: readonly Element[];
  /** Bare addresses as written; null where the sending client left them out. */
  readonly from: string | null;
  readonly to: string | null;
  /** Unix milliseconds. */
  readonly time: number | null;
}

export interface EnvelopeToWrite {
  readonly content: readonly Element[];
  readonly from: string;
  readonly to: string;
  readonly time: number;
}

/** Buckets of 256, 512 and 1024 bytes, then Padmé (at most 12 % more; Nikitin et al., PETS 2019 §4). */
export function paddedLength(length: number): number {
  for (const bucket of [256, 512, 1024]) if (length <= bucket) return bucket;
  const exponent = Math.floor(Math.log2(length));
  const lowBits = exponent - (Math.floor(Math.log2(exponent)) + 1);
  const step = 2 ** lowBits;
  return Math.ceil(length / step) * step;
}

/** The UTF-8 bytes to encrypt. Their length is always one that `paddedLength` gives. */
export function writeEnvelope(envelope: EnvelopeToWrite, random: (length: number) => Uint8Array): Uint8Array {
  const element = xml(
    'envelope',
    { xmlns: sceNamespace },
    xml('content', {}, ...envelope.content),
    xml('from', { jid: envelope.from }),
    xml('to', { jid: envelope.to }),
    xml('time', { stamp: new Date(envelope.time).toISOString() }),
  );
  const [before, after] = ['<rpad>', '</rpad></envelope>'];
  const head = element.toString().slice(0, -'</envelope>'.length) + before;
  const bare = Buffer.byteLength(head) + after.length;
  const padding = paddedLength(bare + 1) - bare;
  return new Uint8Array(Buffer.from(head + paddingText(padding, random) + after));
}

function paddingText(length: number, random: (length: number) => Uint8Array): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  let text = '';
  for (const byte of random(length)) text += alphabet[byte & 63];
  return text;
}

/** Reads a decrypted envelope. `encryption.malformed` for anything that is not one. */
export function readEnvelope(bytes: Uint8Array): Result<Envelope> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return malformed('not UTF-8');
  }
  const parsed = parseElement(text);
  if (!parsed.ok) return malformed('not XML');
  const root = parsed.value;
  if (!root.is('envelope', sceNamespace)) return malformed('not an envelope');
  const contents = root.getChildren('content', sceNamespace);
  const content = contents[0];
  if (contents.length !== 1 || !content) return malformed('not exactly one content');
  const time = root.getChild('time', sceNamespace)?.attrs['stamp'];
  const at = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return ok({
    content: content.getChildElements().filter(isAllowedInside),
    from: jidOf(root.getChild('from', sceNamespace)),
    to: jidOf(root.getChild('to', sceNamespace)),
    time: Number.isFinite(at) ? at : null,
  });
}

/** XEP-0420 §6, §7: identified by name and namespace (a bare `<body/>` in ours is none), and not server-processed. */
function isAllowedInside(element: Element): boolean {
  const namespace = element.getNS();
  if (!namespace || forbiddenNamespaces.has(namespace)) return false;
  return !element.is('stanza-id', 'urn:xmpp:sid:0');
}

function jidOf(element: Element | undefined): string | null {
  const jid: unknown = element?.attrs['jid'];
  return typeof jid === 'string' ? jid : null;
}

function malformed(detail: string): Result<Envelope> {
  return fail('encryption.malformed', 'A message was decrypted but is malformed.', '', detail);
}
