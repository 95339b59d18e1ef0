/**
 * Bytes of the server in, stanzas out. Takes the place of @xmpp/xml's parser: UTF-8 is decoded across chunks, XML is
 * strict (saxes), what RFC 6120 §11.1 forbids is refused, and everything is bounded. Sees only one XML stream.
 */
import { EventEmitter } from 'node:events';
import { Element } from '@xmpp/xml';
import { SaxesParser, type SaxesTagNS } from 'saxes';

export const NS_STREAM = 'http://etherx.jabber.org/streams';
export const NS_CLIENT = 'jabber:client';

/** Largest stanza taken from the server, in bytes of UTF-8; also the bound for what lies between two stanzas. */
export const MAX_STANZA_BYTES = 512 * 1024;
/** Deepest nesting, the stream element being 1. */
export const MAX_DEPTH = 64;
export const MAX_ATTRIBUTES = 64;
/** Elements of one stanza: an element costs far more memory than the four bytes it takes to write it. */
export const MAX_ELEMENTS = 32_768;
/** The decoded text is fed in pieces of this size, so that a cap is passed by no more than one piece. */
const PIECE = 16 * 1024;

/** Why the stream cannot be read on; `condition` is a stream error condition of RFC 6120 §4.9.3. */
export class StreamSyntaxError extends Error {
  readonly condition: string;

  constructor(condition: string, message: string) {
    super(message);
    this.name = 'StreamSyntaxError';
    this.condition = condition;
  }
}

/** Thrown through saxes, which would go on: what is nested too deeply costs it the square of the depth. */
class Halted extends Error {}

/** Emits `start` (root element), `element` (each child of the root), `end`, and at most one `error`. */
export class StreamParser extends EventEmitter {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly #saxes = new SaxesParser({ xmlns: true, position: true });
  /** Elements open now, without the root. */
  readonly #open: Element[] = [];
  #rootOpen = false;
  #halted = false;
  #attributes = 0;
  #elements = 0;
  /** Bytes since the last stanza ended, as far as counted; `#mark` is where in the current piece counting goes on. */
  #bytes = 0;
  #mark = 0;
  /** A whole stanza, given out as soon as the parser goes on without complaint. */
  #completed: { readonly element: Element; readonly position: number } | null = null;
  #piece = '';
  #pieceStart = 0;

  constructor() {
    super();
    const saxes = this.#saxes;
    saxes.on('error', (error) => {
      // saxes calls a tag closed before it says that something else was to be closed here: that stanza never was.
      if (this.#completed?.position === saxes.position) this.#completed = null;
      this.#fail('not-well-formed', error.message);
    });
    saxes.on('doctype', () => this.#fail('restricted-xml', 'document type declaration'));
    saxes.on('comment', () => this.#fail('restricted-xml', 'comment'));
    saxes.on('processinginstruction', () => this.#fail('restricted-xml', 'processing instruction'));
    saxes.on('opentagstart', () => {
      this.#release();
      this.#attributes = 0;
    });
    saxes.on('attribute', () => {
      this.#attributes += 1;
      if (this.#attributes > MAX_ATTRIBUTES) this.#fail('policy-violation', 'too many attributes');
    });
    saxes.on('opentag', (tag) => this.#openTag(tag));
    saxes.on('closetag', () => this.#closeTag());
    saxes.on('text', (text) => this.#text(text));
    saxes.on('cdata', (text) => this.#text(text));
  }

  /** Nothing that comes after this call is looked at, not even the rest of the bytes being parsed. */
  halt(): void {
    this.#halted = true;
  }

  write(data: Uint8Array): void {
    if (this.#halted) return;
    let text: string;
    try {
      text = this.#decoder.decode(data, { stream: true });
    } catch {
      this.#report('unsupported-encoding', 'not UTF-8');
      return;
    }
    for (let start = 0; start < text.length && !this.#halted; start += PIECE) {
      this.#parse(text.slice(start, start + PIECE));
    }
  }

  #parse(piece: string): void {
    this.#piece = piece;
    this.#mark = 0;
    try {
      this.#saxes.write(piece);
      this.#release();
      this.#pieceStart += piece.length;
      this.#count(piece.length);
    } catch (error) {
      if (!(error instanceof Halted)) throw error;
    }
  }

  /** Counts the bytes of the current piece up to `end`. */
  #count(end: number): void {
    this.#bytes += Buffer.byteLength(this.#piece.slice(this.#mark, end));
    this.#mark = Math.max(this.#mark, end);
    if (this.#bytes > MAX_STANZA_BYTES) this.#fail('policy-violation', 'stanza too large');
  }

  #openTag(tag: SaxesTagNS): void {
    this.#stopIfHalted();
    const parent = this.#open.at(-1);
    const element = toElement(tag, parent?.getNS());
    if (!this.#rootOpen) {
      if (tag.local !== 'stream' || tag.uri !== NS_STREAM) {
        this.#fail('invalid-namespace', 'not a stream');
      }
      this.#rootOpen = true;
      this.#endOfPart();
      this.emit('start', element);
      return;
    }
    this.#elements += 1;
    if (this.#elements > MAX_ELEMENTS) this.#fail('policy-violation', 'too many elements');
    if (this.#open.length + 2 > MAX_DEPTH) this.#fail('policy-violation', 'nested too deeply');
    parent?.append(element);
    this.#open.push(element);
  }

  #closeTag(): void {
    this.#release();
    this.#stopIfHalted();
    const element = this.#open.pop();
    if (element === undefined) {
      this.#halted = true;
      this.emit('end');
      return;
    }
    if (this.#open.length > 0) return;
    this.#endOfPart();
    this.#completed = { element, position: this.#saxes.position };
  }

  #release(): void {
    const completed = this.#completed;
    this.#completed = null;
    if (completed !== null && !this.#halted) this.emit('element', completed.element);
  }

  #text(text: string): void {
    this.#release();
    this.#stopIfHalted();
    const parent = this.#open.at(-1);
    if (parent !== undefined) parent.append(text);
    else if (/[^ \t\r\n]/.test(text)) this.#fail('bad-format', 'text between stanzas');
  }

  /** The stream header or a stanza is complete: its size is checked and counting starts again. */
  #endOfPart(): void {
    this.#count(this.#saxes.position - this.#pieceStart);
    this.#bytes = 0;
    this.#elements = 0;
  }

  #stopIfHalted(): void {
    if (this.#halted) throw new Halted();
  }

  #fail(condition: string, message: string): never {
    this.#report(condition, message);
    throw new Halted();
  }

  #report(condition: string, message: string): void {
    this.#release();
    if (this.#halted) return;
    this.#halted = true;
    this.emit('error', new StreamSyntaxError(condition, message));
  }
}

/**
 * Without prefixes: an element whose namespace is not its parent's says so in `xmlns`. Attributes with a prefix are
 * dropped, except `xml:lang` and the like; nothing in XMPP uses them.
 */
function toElement(tag: SaxesTagNS, parentNamespace: string | undefined): Element {
  const attributes: Record<string, string> = {};
  for (const attribute of Object.values(tag.attributes)) {
    if (attribute.prefix === 'xmlns' || attribute.name === 'xmlns') continue;
    if (attribute.prefix !== '' && attribute.prefix !== 'xml') continue;
    attributes[attribute.name] = attribute.value;
  }
  if (tag.uri !== parentNamespace) attributes['xmlns'] = tag.uri;
  return new Element(tag.local, attributes);
}
