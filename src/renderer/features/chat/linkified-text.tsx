/** A message's words, always as text; web links in it open in the browser after the host has asked, `xmpp:` ones here. */
import { type MouseEvent, useMemo } from 'react';
import type { ConversationId } from '../../../shared/model.ts';
import { useStore } from '../../state/use-window.ts';
import { cleanText } from '../../ui/clean-text.ts';
import { findLinks } from './links.ts';

interface LinkifiedTextProps {
  readonly conversationId: ConversationId;
  readonly text: string;
  /** Links are tab stops only in the message that has the focus. */
  readonly reachable: boolean;
}

export function LinkifiedText({ conversationId, text, reachable }: LinkifiedTextProps) {
  const store = useStore();
  const parts = useMemo(() => findLinks(cleanText(text)), [text]);
  function open(event: MouseEvent, url: string): void {
    event.preventDefault();
    if (event.button <= 1) void store.call('links.open', /^xmpp:/i.test(url) ? { url, conversationId } : { url });
  }
  let offset = 0;
  return parts.map((part) => {
    const key = offset;
    offset += part.text.length;
    if (part.url === null) return <span key={key}>{part.text}</span>;
    const url = part.url;
    return (
      <a
        key={key}
        className="link"
        href={url}
        title={url}
        dir="auto"
        draggable={false}
        tabIndex={reachable ? 0 : -1}
        onClick={(event) => open(event, url)}
        onAuxClick={(event) => open(event, url)}
      >
        {part.text}
      </a>
    );
  });
}
