/** The text of a message: what XML can carry, within a limit that every route takes. */
import xml, { type Element } from '@xmpp/xml';
import { fail, ok, type Result } from '../../shared/errors.ts';

/** UTF-8 bytes. Base64 twice around it stays far below the 512 KiB a stanza may have. */
export const maxBodyBytes = 64 * 1024;

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are exactly what XML 1.0 §2.2 cannot carry
const unspeakable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

export function cleanBody(text: string): Result<string> {
  const body = text
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(/\r\n?/g, '\n')
    .replace(unspeakable, '');
  if (body.trim() === '') return fail('message.empty', 'The message is empty.');
  if (Buffer.byteLength(body) > maxBodyBytes) {
    return fail('message.too-long', 'The message is too long.', 'Send it in parts.');
  }
  return ok(body);
}

export function bodyElement(body: string): Element {
  return xml('body', { xmlns: 'jabber:client' }, body);
}

/** Null where there is none, or where it is beyond what we would send. */
export function bodyIn(content: readonly Element[]): string | null {
  const element = content.find((candidate) => candidate.is('body', 'jabber:client'));
  const body = element ? cleanBody(element.getText()) : null;
  return body?.ok ? body.value : null;
}
