/** Says new messages aloud, politely, for whoever listens to the window instead of looking at it. */
import { useEffect, useRef } from 'react';
import type { MessageId } from '../../../shared/model.ts';
import { chat } from '../../i18n/chat.ts';
import { useStore } from '../../state/use-window.ts';
import { cleanLine } from '../../ui/clean-text.ts';
import { useAnnounce } from '../../ui/live-region.tsx';

export function useMessageAnnouncements(): void {
  const store = useStore();
  const announce = useAnnounce();
  const opened = useRef(Date.now());
  const said = useRef(new Set<MessageId>());
  useEffect(
    () =>
      store.onEvent((event) => {
        if (event.type !== 'message') return;
        const { message } = event;
        // A changed message is not said twice, and an archive being caught up on is not read out.
        if (message.direction !== 'in' || message.sentAt < opened.current || said.current.has(message.id)) return;
        said.current.add(message.id);
        const conversation = store.getState().conversations.get(message.conversationId);
        if (conversation === undefined) return;
        const name = cleanLine(conversation.title);
        const text = cleanLine(
          message.kind === 'text' || message.body !== '' ? message.body : chat.eventWords[message.kind],
        );
        // What happened is never said as if somebody had said it.
        announce(message.kind === 'text' ? chat.announce(name, text.slice(0, 300)) : chat.announceEvent(name, text));
      }),
    [store, announce],
  );
}
