/** Marks as read what has really been in view, in a window that has the focus. */
import { useEffect, useRef, useState } from 'react';
import type { Conversation, MessageId } from '../../../shared/model.ts';
import { useStore } from '../../state/use-window.ts';
import type { TimelineRow } from './timeline-rows.ts';

function useWindowFocus(): boolean {
  const [focused, setFocused] = useState(() => document.hasFocus());
  useEffect(() => {
    const update = () => setFocused(document.hasFocus() && document.visibilityState === 'visible');
    window.addEventListener('focus', update);
    window.addEventListener('blur', update);
    document.addEventListener('visibilitychange', update);
    return () => {
      window.removeEventListener('focus', update);
      window.removeEventListener('blur', update);
      document.removeEventListener('visibilitychange', update);
    };
  }, []);
  return focused;
}

export function useReadMarking(conversation: Conversation, rows: readonly TimelineRow[], lastVisible: number): void {
  const store = useStore();
  const focused = useWindowFocus();
  const marked = useRef<{ readonly id: MessageId; readonly index: number } | null>(null);
  useEffect(() => {
    if (!focused || conversation.unread === 0 || lastVisible < 0) return;
    const seen = rows.slice(0, lastVisible + 1);
    const row = seen.findLast((candidate) => candidate.type === 'message' || candidate.type === 'event');
    if (row === undefined) return;
    // What is unread lies further down: nothing of it was seen yet.
    if (rows.findIndex((candidate) => candidate.key === conversation.firstUnread) > rows.indexOf(row)) return;
    const { id } = row.message;
    const theirs = seen.findLast((candidate) => candidate.type === 'message' && candidate.message.direction === 'in');
    // Only forwards: scrolling up again does not make anything unread.
    const before = marked.current === null ? -1 : rows.findIndex((candidate) => candidate.key === marked.current?.id);
    const index = rows.indexOf(row);
    if (index <= before) return;
    const timer = setTimeout(() => {
      marked.current = { id, index };
      // They are told by their own last message; what is below it, an answer of ours perhaps, tells them nothing.
      if (theirs?.type === 'message' && theirs !== row) {
        void store.call('conversations.markRead', { conversationId: conversation.id, upTo: theirs.message.id });
      }
      void store.call('conversations.markRead', { conversationId: conversation.id, upTo: id });
    }, 250);
    return () => clearTimeout(timer);
  }, [store, conversation.id, conversation.unread, conversation.firstUnread, rows, lastVisible, focused]);
}
