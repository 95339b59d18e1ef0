/**
 * `xmpp:` links that were opened somewhere and wait for a window to show them: until the profile is open, and the person
 * has closed what they are at. A link does nothing by itself; all it can is to be shown (docs/decisions/0092).
 */
import { appError } from '../../shared/errors.ts';
import { parseJid } from '../../shared/jid.ts';
import type { Address, ConversationId, LinkTarget, OpenedLink } from '../../shared/model.ts';
import { xmppLink } from '../../shared/xmpp-link.ts';
import { readTrustUri } from '../messaging/trust/trust-uri.ts';
import { parseInvitation } from '../nearby/invitation.ts';
import type { Clock } from './ports.ts';

/** More than a person opens before they look at one; what comes after that pushes out the oldest. */
const most = 5;

export class OpenedLinks {
  readonly #clock: Clock;
  readonly #tell: (links: readonly OpenedLink[]) => void;
  #links: readonly OpenedLink[] = [];

  constructor(clock: Clock, tell: (links: readonly OpenedLink[]) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  waiting(): readonly OpenedLink[] {
    return this.#links;
  }

  open(link: string, from: ConversationId | 'outside'): void {
    const target = targetOf(link, this.#clock.now());
    // Opened once more while it waits, it is still one.
    const same = JSON.stringify([from, target]);
    const others = this.#links.filter((waiting) => JSON.stringify([waiting.from, waiting.target]) !== same);
    this.#set([...others, { id: crypto.randomUUID() as string, from, target }].slice(-most));
  }

  take(id: string): void {
    const left = this.#links.filter((link) => link.id !== id);
    if (left.length < this.#links.length) this.#set(left);
  }

  #set(links: readonly OpenedLink[]): void {
    this.#links = links;
    this.#tell(links);
  }
}

/** What is wrong with a link is found here, before anybody is asked anything about it. */
export function targetOf(text: string, now: number): LinkTarget {
  const link = xmppLink(text);
  switch (link?.kind) {
    case undefined:
      return malformed();
    case 'trust': {
      const code = readTrustUri(link.link);
      return code.ok
        ? { kind: 'trust', link: link.link, address: code.value.address }
        : { kind: 'refused', error: code.error };
    }
    case 'invitation': {
      // Whether it is one's own is known when the profile is open: said when it is accepted.
      const invitation = parseInvitation(link.link, null, now);
      return invitation.ok ? link : { kind: 'refused', error: invitation.error };
    }
    case 'group': {
      const what = 'This link leads to a group chat, and Bothy has none.';
      return { kind: 'refused', error: appError('link.group', what, 'Open it in another app.') };
    }
    case 'person': {
      const jid = parseJid(link.address);
      if (!jid.ok) return malformed();
      if (jid.value.local === null) {
        const what = 'This link leads to a server, not to a person.';
        return { kind: 'refused', error: appError('link.malformed', what, 'Ask for the address of who you look for.') };
      }
      return { ...link, address: jid.value.bare as Address };
    }
  }
}

function malformed(): LinkTarget {
  const what = 'This link cannot be understood: it is damaged, or part of it is missing.';
  return { kind: 'refused', error: appError('link.malformed', what, 'Copy or open all of it once more.') };
}
