/** Where the person is in the window: which conversation, which pane, which dialog. Nothing of it is kept. */
import { createContext, use } from 'react';
import type { ContactId, ConversationId, DeviceRef, Message, OpenedLink } from '../../shared/model.ts';

export type Panel = 'person' | null;

/** A dialog above the window, with what it is about. */
export type DialogPlace =
  | { readonly name: 'settings'; readonly page?: 'devices' }
  /** `byLink`: opened by a link and not by the person, who has not seen yet what it brought. */
  | {
      readonly name: 'add-contact';
      readonly link?: string;
      readonly person?: ProposedPerson;
      readonly byLink?: boolean;
    }
  | { readonly name: 'palette' }
  /** `device`: the one that raised the question. */
  | { readonly name: 'verify'; readonly owner: ContactId | 'self'; readonly device?: DeviceRef }
  /** An `xmpp:` link with somebody's fingerprints. `from`: where it was opened; missing: pasted here. */
  | {
      readonly name: 'trust-link';
      readonly link: string;
      readonly address: string;
      readonly from?: OpenedLink['from'];
    }
  | { readonly name: 'link-problem'; readonly what: string; readonly action: string };

/** Who a link proposes to add, what to call them, and what to say to them. */
export interface ProposedPerson {
  readonly address: string;
  readonly name: string | null;
  readonly body: string;
}

export interface Place {
  readonly conversationId: ConversationId | null;
  readonly panel: Panel;
  readonly dialog: DialogPlace | null;
  /** A message to bring into view (search result); a new object each time. */
  readonly target: { readonly message: Message } | null;
  /**
   * One is about to write: the composer takes the focus and, if it is empty, the text. `byLink`: a link led here, so that
   * the focus goes nowhere where Enter would send something, and the person is told of the text. A new object each time.
   */
  readonly write: { readonly text?: string; readonly byLink?: boolean } | null;
}

export const nowhere: Place = { conversationId: null, panel: null, dialog: null, target: null, write: null };

export type Step =
  /** `browsing`: by arrow keys in the list, which keeps the focus. `linkText`: a link led here, and proposes to say this. */
  | {
      readonly type: 'open';
      readonly conversationId: ConversationId;
      readonly message?: Message;
      readonly browsing?: boolean;
      readonly linkText?: string;
    }
  | { readonly type: 'close-conversation' }
  | { readonly type: 'write'; readonly text: string }
  | { readonly type: 'panel'; readonly panel: Panel }
  | { readonly type: 'dialog'; readonly dialog: DialogPlace | null };

export function navigate(place: Place, step: Step): Place {
  switch (step.type) {
    case 'open':
      return {
        conversationId: step.conversationId,
        panel: place.conversationId === step.conversationId ? place.panel : null,
        dialog: null,
        target: step.message === undefined ? null : { message: step.message },
        write: step.browsing === true ? null : writeFor(step.linkText),
      };
    case 'close-conversation':
      return { ...place, conversationId: null, panel: null, target: null };
    case 'write':
      return { ...place, write: { text: step.text } };
    case 'panel':
      return { ...place, panel: step.panel };
    case 'dialog':
      return { ...place, dialog: step.dialog };
  }
}

function writeFor(linkText: string | undefined): Place['write'] {
  if (linkText === undefined) return {};
  return linkText === '' ? { byLink: true } : { byLink: true, text: linkText };
}

export interface Navigation {
  readonly place: Place;
  readonly go: (step: Step) => void;
}

export const NavigationContext = createContext<Navigation>({ place: nowhere, go: () => {} });

export function useNavigation(): Navigation {
  return use(NavigationContext);
}
