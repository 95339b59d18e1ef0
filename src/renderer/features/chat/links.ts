/** Finds links in a message: http, https and xmpp; nothing is fetched or changed. Pure. */
import { xmppLink } from '../../../shared/xmpp-link.ts';

export interface TextPart {
  readonly text: string;
  /** The address to open, or null for plain text. */
  readonly url: string | null;
}

const candidate = /\b(?:https?:\/\/|xmpp:)[^\s<>"“”«»]+/giu;
const trailing = /[.,;:!?'’…*_~]$/u;
const closing: Record<string, string> = { ')': '(', ']': '[', '}': '{' };

/** A full stop after an address, or the bracket around it, belongs to the sentence. */
function trim(address: string): string {
  let text = address;
  for (;;) {
    const last = text.at(-1) ?? '';
    const opening = closing[last];
    const unbalanced = opening !== undefined && text.split(last).length > text.split(opening).length;
    if (!unbalanced && !trailing.test(text)) return text;
    text = text.slice(0, -1);
  }
}

function openable(text: string): string | null {
  if (/^xmpp:/i.test(text)) return xmppLink(text) === null ? null : text;
  const url = URL.parse(text);
  if (url === null || url.hostname === '' || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null;
  // An address with a user name in it is made to look like another one.
  return url.username === '' && url.password === '' ? url.href : null;
}

export function findLinks(text: string): readonly TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of text.matchAll(candidate)) {
    const address = trim(match[0]);
    const url = openable(address);
    if (url === null) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index), url: null });
    parts.push({ text: address, url });
    end = match.index + address.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), url: null });
  return parts;
}
