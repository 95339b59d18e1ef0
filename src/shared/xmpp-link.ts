/** What an `xmpp:` link is for: the actions of XEP-0147 that Bothy knows, codes with keys, and its own invitations. Pure. */
import { parseXmppUri, valueIn } from './xmpp-uri.ts';

export type XmppLink =
  /** Keys of somebody's devices (`omemo-sid-…`, or a trust message URI of XEP-0434 §9.1). */
  | { readonly kind: 'trust'; readonly link: string; readonly address: string }
  /** An invitation of Bothy's. */
  | { readonly kind: 'invitation'; readonly link: string }
  /**
   * Somebody to write to or to add. `name`: what to call them (`roster`); `body`: what to say (`message`), empty for
   * nothing. Both are only proposals of whoever made the link.
   */
  | { readonly kind: 'person'; readonly address: string; readonly name: string | null; readonly body: string }
  /** A group chat (XEP-0045), which Bothy does not know. */
  | { readonly kind: 'group'; readonly address: string };

/** Letters; longer ones are no names. */
const longestName = 100;

/** Null: no `xmpp:` link. Actions that are not known are ignored, and so are those that would take something away. */
export function xmppLink(text: string): XmppLink | null {
  const uri = parseXmppUri(text);
  if (uri === null) return null;
  const link = text.trim();
  const { address, action, pairs } = uri;
  if (pairs[0]?.name === 'trust-message' || pairs.some(({ name }) => name.startsWith('omemo-sid-')))
    return { kind: 'trust', link, address };
  if (action === 'bothy-invite') return { kind: 'invitation', link };
  if (action === 'join' || action === 'invite') return { kind: 'group', address };
  const name = action === 'roster' ? lineOf(valueIn(uri, 'name')) : '';
  const body = action === 'message' ? textOf(valueIn(uri, 'body')) : '';
  return { kind: 'person', address, name: name === '' ? null : name, body };
}

/** Without control characters and without those that turn the direction of the text around them (UAX #9). */
function textOf(value: string | null): string {
  const text = (value ?? '').replace(/\r\n?/g, '\n');
  return text.replace(/(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu, '').trim();
}

function lineOf(value: string | null): string {
  return [...textOf(value).replace(/\s+/g, ' ')].slice(0, longestName).join('').trim();
}
