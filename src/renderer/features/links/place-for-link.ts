/** Where a link that was opened leads. Pure: nothing is asked of the application, and nothing is sent. */
import type { AppStatus, Contact, ContactId, OpenedLink } from '../../../shared/model.ts';
import { links as words } from '../../i18n/links.ts';
import type { DialogPlace } from '../../state/navigation.ts';

export type LinkPlace =
  | { readonly kind: 'dialog'; readonly dialog: DialogPlace }
  /** `text`: what the link proposes to say; empty for nothing. */
  | { readonly kind: 'conversation'; readonly contactId: ContactId; readonly text: string };

interface Known {
  readonly status: AppStatus | null;
  readonly contacts: ReadonlyMap<ContactId, Contact>;
}

export function placeForLink({ target, from }: OpenedLink, { status, contacts }: Known): LinkPlace {
  switch (target.kind) {
    case 'trust':
      return dialog({ name: 'trust-link', link: target.link, address: target.address, from });
    case 'invitation':
      return dialog({ name: 'add-contact', link: target.link, byLink: true });
    case 'refused':
      return dialog({ name: 'link-problem', what: target.error.what, action: target.error.action });
    case 'person': {
      const { address, body } = target;
      if (address === status?.account?.jid || address === status?.self?.xid) {
        return dialog({ name: 'link-problem', what: words.own, action: words.ownAction });
      }
      for (const contact of contacts.values()) {
        if (contact.jid === address || contact.xid === address) {
          return { kind: 'conversation', contactId: contact.id, text: body };
        }
      }
      // Whoever has no server can be met by an invitation only.
      if (address.endsWith('@id.internal')) {
        return dialog({ name: 'link-problem', what: words.unmet, action: words.unmetAction });
      }
      return dialog({ name: 'add-contact', person: target, byLink: true });
    }
  }
}

function dialog(place: DialogPlace): LinkPlace {
  return { kind: 'dialog', dialog: place };
}

/** Whether a link has to wait for the person to close this. The palette holds nothing that could be lost. */
export function isBusyWith(open: DialogPlace | null): boolean {
  return open !== null && open.name !== 'palette';
}
