/**
 * `xmpp:` URIs and IRIs (RFC 5122) taken apart: whose address, and what is asked (XEP-0147). Syntax only; whether the
 * address is one, and what an action means, is for others. Pure.
 */

/** UTF-16 units; codes with the keys of a hundred devices fit. */
const maxLength = 8_000;
const shape = /^xmpp:(?:\/\/[^/?#]*\/|\/\/)?((?!\/)[^?#]+)(?:\?([^#]*))?(?:#.*)?$/i;

export interface XmppUriPair {
  /** Lower case; empty when it cannot be decoded. */
  readonly name: string;
  /** Null when it cannot be decoded. */
  readonly value: string | null;
}

export interface XmppUri {
  /** Decoded, as it was written: not yet an address. */
  readonly address: string;
  /** What is asked, lower case (`message`, `roster`…); null for none. */
  readonly action: string | null;
  /** Everything after the question mark; the action is the first of them. */
  readonly pairs: readonly XmppUriPair[];
}

/** Null: no `xmpp:` URI, or too long. White space around it is dropped; inside it there is none, nor control characters. */
export function parseXmppUri(text: string): XmppUri | null {
  if (text.length > 2 * maxLength) return null;
  const uri = text.trim();
  if (uri.length > maxLength || !uri.isWellFormed() || /[\p{Cc}\s]/u.test(uri)) return null;
  // The authority (`xmpp://account/…`, §2.3) says which account to use: there is but one. Some write `xmpp://` for `xmpp:`.
  const [, path = '', query = ''] = shape.exec(uri) ?? [];
  const address = decoded(path);
  if (path === '' || address === null) return null;
  const parts = query === '' ? [] : query.split(/[;&]/);
  const pairs = parts.map(pairOf);
  const [first] = pairs;
  return { address, action: first === undefined || parts[0]?.includes('=') ? null : first.name, pairs };
}

/** The first value of this name that could be decoded. */
export function valueIn(uri: XmppUri, name: string): string | null {
  return uri.pairs.find((pair) => pair.name === name && pair.value !== null)?.value ?? null;
}

function pairOf(text: string): XmppUriPair {
  const equals = text.indexOf('=');
  const name = decoded(equals < 0 ? text : text.slice(0, equals)) ?? '';
  return { name: name.toLowerCase(), value: equals < 0 ? '' : decoded(text.slice(equals + 1)) };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
