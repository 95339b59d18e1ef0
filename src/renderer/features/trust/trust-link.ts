/** What a scanned or pasted text is, as far as the window has to know to lead to the right place. Pure. */

export type LinkKind =
  /** Keys of somebody's devices (`omemo-sid-…`, or a trust message URI of XEP-0434 §9.1). */
  | { readonly kind: 'trust'; readonly link: string; readonly address: string }
  /** An invitation of Bothy's. */
  | { readonly kind: 'invitation'; readonly link: string }
  /** Nothing but an address to write to. */
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'other' };

export function linkKind(text: string): LinkKind {
  const link = text.trim();
  const parts = /^xmpp:(?:\/\/[^/]*\/)?([^?#\s]+)(?:\?([^#\s]*))?(?:#\S*)?$/i.exec(link);
  if (parts === null) return { kind: 'other' };
  const [, encoded = '', query = ''] = parts;
  const address = decoded(encoded);
  if (address === null) return { kind: 'other' };
  const keys = query.split(/[;&]/).map((part) => part.split('=')[0]?.toLowerCase() ?? '');
  if (keys[0] === 'trust-message' || keys.some((key) => key.startsWith('omemo-sid-')))
    return { kind: 'trust', link, address };
  if (keys[0] === 'bothy-invite') return { kind: 'invitation', link };
  return { kind: 'address', address };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
