/** Where the person is in the window: which conversation, which pane, which dialog. Nothing of it is kept. */
import { createContext, use } from 'react';
import type { ContactId, ConversationId, DeviceRef, Message } from '../../shared/model.ts';

export type Panel = 'person' | null;

/** A dialog above the window, with what it is about. */
export type DialogPlace =
  | { readonly name: 'settings'; readonly page?: 'devices' }
  | { readonly name: 'add-contact'; readonly link?: string }
  | { readonly name: 'palette' }
  /** `device`: the one that raised the question. */
  | { readonly name: 'verify'; readonly owner: ContactId | 'self'; readonly device?: DeviceRef }
  /** An `xmpp:` link with somebody's fingerprints, from wherever it came. */
  | { readonly name: 'trust-link'; readonly link: string };

export interface Place {
  readonly conversationId: ConversationId | null;
  readonly panel: Panel;
  readonly dialog: DialogPlace | null;
  /** A message to bring into view (search result); a new object each time. */
  readonly target: { readonly message: Message } | null;
  /**
   * One is about to write: the composer takes the focus and, if it is empty, the text. A new object each time.
   */
  readonly write: { readonly text?: string } | null;
}

export const nowhere: Place = { conversationId: null, panel: null, dialog: null, target: null, write: null };

export type Step =
  /** `browsing`: by arrow keys in the list, which keeps the focus. */
  | {
      readonly type: 'open';
      readonly conversationId: ConversationId;
      readonly message?: Message;
      readonly browsing?: boolean;
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
        write: step.browsing === true ? null : {},
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

export interface Navigation {
  readonly place: Place;
  readonly go: (step: Step) => void;
}

export const NavigationContext = createContext<Navigation>({ place: nowhere, go: () => {} });

export function useNavigation(): Navigation {
  return use(NavigationContext);
}
