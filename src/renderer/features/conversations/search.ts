/** Finding contacts by a few letters, and the part of a message worth showing. Pure. */
import type { Contact, Conversation } from '../../../shared/model.ts';

/** Folded so that case and accents do not matter. */
function fold(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

function score(contact: Contact, query: string): number {
  const name = fold(contact.name);
  const address = fold(contact.jid ?? '');
  if (name.startsWith(query)) return 3;
  if (name.split(/\s+/).some((word) => word.startsWith(query)) || address.startsWith(query)) return 2;
  return name.includes(query) || address.includes(query) ? 1 : 0;
}

/** Best match first; the same match: who was last in touch, then by name. */
export function rankContacts(
  contacts: readonly Contact[],
  conversations: readonly Conversation[],
  text: string,
): readonly Contact[] {
  const query = fold(text.trim());
  const lastTouch = new Map(conversations.map((conversation) => [conversation.contactId, conversation.updatedAt]));
  return contacts
    .map((contact) => ({ contact, score: query === '' ? 1 : score(contact, query) }))
    .filter((entry) => entry.score > 0)
    .sort(
      (a, b) =>
        b.score - a.score ||
        (lastTouch.get(b.contact.id) ?? 0) - (lastTouch.get(a.contact.id) ?? 0) ||
        a.contact.name.localeCompare(b.contact.name),
    )
    .map((entry) => entry.contact);
}

/** The text from a little before the first match on, so that the match is seen on one line. */
export function excerpt(body: string, text: string): string {
  const at = body.toLowerCase().indexOf(text.trim().toLowerCase());
  if (at <= 24) return body.slice(0, 160);
  const space = body.indexOf(' ', at - 20);
  const start = space >= 0 && space < at ? space + 1 : at;
  return `…${body.slice(start, start + 160)}`;
}
