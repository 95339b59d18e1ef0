/** What is being written, kept by the application a moment after typing stops and when the conversation is left. */
import { type Dispatch, type SetStateAction, useEffect, useRef, useState } from 'react';
import type { Conversation } from '../../../shared/model.ts';
import { useStore } from '../../state/use-window.ts';

const putBack = new WeakSet<object>();

/** A text is put back once, whoever is mounted again: what was emptied by hand stays empty. */
export function isFirstTime(write: object): boolean {
  if (putBack.has(write)) return false;
  putBack.add(write);
  return true;
}

export function useDraft(conversation: Conversation): {
  readonly draft: string;
  readonly setDraft: Dispatch<SetStateAction<string>>;
} {
  const store = useStore();
  const conversationId = conversation.id;
  const [draft, setDraft] = useState(conversation.draft);
  const current = useRef(draft);
  const kept = useRef(draft);
  current.current = draft;

  useEffect(() => {
    function keep(): void {
      if (kept.current === current.current) return;
      kept.current = current.current;
      void store.call('conversations.setDraft', { conversationId, draft: current.current });
    }
    // Emptied by sending: kept at once, so that what was sent cannot come back as a draft.
    const timer = setTimeout(keep, draft === '' ? 0 : 500);
    return () => clearTimeout(timer);
  }, [store, conversationId, draft]);

  useEffect(
    () => () => {
      if (kept.current !== current.current) {
        kept.current = current.current;
        void store.call('conversations.setDraft', { conversationId, draft: current.current });
      }
    },
    [store, conversationId],
  );
  return { draft, setDraft };
}
