/** The text of a message: what XML can carry, within a limit that every route takes. */
import xml, { type Element } from '@xmpp/xml';
import { fail, ok, type Result } from '../../../shared/errors.ts';

/** UTF-8 bytes. Base64 twice around it stays far below the 512 KiB a stanza may have. */
export const maxBodyBytes = 64 * 1024;
/** Likewise, as XML. Padded and in base64 it stays below the 256 KiB that common servers take from a client. */
const maxWrittenBytes = 128 * 1024;

const cutMark = Buffer.from(' […]');

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are exactly what XML 1.0 §2.2 cannot carry
const unspeakable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

function carried(text: string): string {
  return text
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(/\r\n?/g, '\n')
    .replace(unspeakable, '');
}

export function cleanBody(text: string): Result<string> {
  const body = carried(text);
  if (body.trim() === '') return fail('message.empty', 'The message is empty.');
  // What XML must escape grows: a stanza that a server refuses would cost the connection, each time it is tried.
  const written = Buffer.byteLength(bodyElement(body).toString());
  if (Buffer.byteLength(body) > maxBodyBytes || written > maxWrittenBytes) {
    return fail('message.too-long', 'The message is too long.', 'Send it in parts.');
  }
  return ok(body);
}

export function bodyElement(body: string): Element {
  return xml('body', { xmlns: 'jabber:client' }, body);
}

/** Null where there is none. One that is longer than any of ours is cut, visibly. */
export function bodyIn(content: readonly Element[]): string | null {
  const element = content.find((candidate) => candidate.is('body', 'jabber:client'));
  const body = carried(element?.getText() ?? '');
  if (body.trim() === '') return null;
  const bytes = Buffer.from(body);
  if (bytes.length <= maxBodyBytes) return body;
  return bytes.toString('utf8', 0, maxBodyBytes - cutMark.length).replace(/\ufffd$/, '') + cutMark.toString();
}
