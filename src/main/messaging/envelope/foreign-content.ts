/**
 * What other clients say that Bothy does not do yet (files, corrections, retractions, calls): told in words, instead of
 * a link nobody can open, the same text twice, or silence.
 */
import type { Element } from '@xmpp/xml';
import { legacyNamespace } from './legacy-stanza.ts';
import { omemoNamespace } from './omemo-stanza.ts';

const encryptedOtherwise = ['urn:xmpp:openpgp:0', 'jabber:x:encrypted'];

/** The text as it is shown. A file of XEP-0454 is a link with the key in it, sometimes with a small picture below. */
export function shownText(body: string): string {
  const text = body.trim();
  const hash = text.indexOf('#');
  if (!text.toLowerCase().startsWith(fileScheme) || hash < 0) return body;
  const address = text.slice(fileScheme.length, hash);
  if (/\s/.test(address) || !/^[0-9a-f]{64,}(?:\s+data:\S*)?$/i.test(text.slice(hash + 1))) return body;
  const name = fileName(address.slice(address.lastIndexOf('/') + 1));
  return name === '' ? `[${noFiles}]` : `[${name}: ${noFiles}]`;
}

const fileScheme = 'aesgcm://';
const noFiles = 'an encrypted file. Bothy cannot open files yet.';

function fileName(written: string): string {
  let name = written;
  try {
    name = decodeURIComponent(written);
  } catch {
    // as it is written
  }
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}[\]]/gu, '').slice(0, 100);
}

/** A line to stand before the text; `who` said it. */
export function lineBefore(elements: readonly Element[], who: string): string | null {
  const corrects = elements.some((element) => element.is('replace', 'urn:xmpp:message-correct:0'));
  return corrects ? `${who} corrected an earlier message:` : null;
}

/** A line instead of the text, which would only say that the client does not know what this is. */
export function lineInstead(elements: readonly Element[], who: string): string | null {
  const retracts = elements.some(isRetraction);
  return retracts ? `${who} took back an earlier message. Bothy still shows it.` : null;
}

/** XEP-0424, and as it was before its version 0.4. */
function isRetraction(element: Element): boolean {
  if (element.is('apply-to', 'urn:xmpp:fasten:0')) return element.getChildElements().some(isRetraction);
  return element.getName() === 'retract' && (element.getNS() ?? '').startsWith('urn:xmpp:message-retract:');
}

/** The id of a call that somebody wants to begin (XEP-0353). */
export function callIn(elements: readonly Element[]): string | null {
  const id: unknown = elements.find((element) => element.is('propose', 'urn:xmpp:jingle-message:0'))?.attrs['id'];
  return typeof id === 'string' && id.length <= 256 ? id : null;
}

/** Encrypted, as it says itself (XEP-0380) or as everybody knows, and not in one of the ways Bothy reads. */
export function isEncryptedOtherwise(elements: readonly Element[], body: string | null): boolean {
  if (elements.some((element) => encryptedOtherwise.includes(element.getNS() ?? ''))) return true;
  const hint: unknown = elements.find((element) => element.is('encryption', 'urn:xmpp:eme:0'))?.attrs['namespace'];
  if (typeof hint === 'string' && hint !== omemoNamespace && hint !== legacyNamespace) return true;
  return body?.startsWith('?OTR') ?? false;
}
