/** The history of a conversation: virtualised, paged both ways, and never moving under the reader's eyes. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown } from 'lucide-react';
import { type KeyboardEvent, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { Button as AriaButton } from 'react-aria-components/Button';
import type { Contact, Conversation, Message, MessageId } from '../../../shared/model.ts';
import { chat } from '../../i18n/chat.ts';
import { formatDay } from '../../i18n/dates.ts';
import { formatNumber } from '../../i18n/plural.ts';
import type { Timeline } from '../../state/timeline.ts';
import { useNow } from '../../state/use-now.ts';
import { useStore } from '../../state/use-window.ts';
import { Icon } from '../../ui/icon.tsx';
import { MessageBubble } from './message-bubble.tsx';
import { moveFocus, visibleRange } from './row-focus.ts';
import { SystemEvent } from './system-event.tsx';
import { type TimelineRow, timelineRows } from './timeline-rows.ts';
import { useReadMarking } from './use-read-marking.ts';
import { useStayAtEnd } from './use-stay-at-end.ts';
import './message-list.css';

/** How near an edge (in rows) the next page is asked for. */
const pageAhead = 12;
const endThreshold = 48;

interface MessageListProps {
  readonly conversation: Conversation;
  readonly contact: Contact | undefined;
  readonly timeline: Timeline;
  readonly name: string;
  /** The first unread message when the conversation was opened: the line stays while it is read. */
  readonly firstUnread: MessageId | null;
  readonly target: { readonly message: Message } | null;
}

export function MessageList({ conversation, contact, timeline, name, firstUnread, target }: MessageListProps) {
  const store = useStore();
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useMemo(
    () => timelineRows(timeline.messages, firstUnread, !timeline.hasOlder),
    [timeline.messages, timeline.hasOlder, firstUnread],
  );
  const [focusedKey, setFocusedKey] = useState<string | null>(null);
  const [holdsFocus, setHoldsFocus] = useState(false);
  const focusable = focusedKey ?? rows.findLast((row) => row.type === 'message' || row.type === 'event')?.key ?? null;
  const focusableIndex = rows.findIndex((row) => row.key === focusable);

  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => estimateHeight(rows[index]),
    getItemKey: (index) => rows[index]?.key ?? index,
    rangeExtractor: (range) => visibleRange(range, holdsFocus ? focusableIndex : -1),
    overscan: 8,
    paddingStart: 12,
    paddingEnd: 12,
    anchorTo: 'end',
    followOnAppend: !timeline.hasNewer,
    scrollEndThreshold: endThreshold,
  });
  const items = virtualizer.getVirtualItems();
  const [scrolledAway, setScrolledAway] = useState(false);
  const away = scrolledAway || timeline.hasNewer;

  const placed = useOpeningPosition(virtualizer, rows, target);
  useReadMarking(conversation, rows, placed ? (virtualizer.range?.endIndex ?? -1) : -1);

  const first = virtualizer.range?.startIndex ?? 0;
  const last = virtualizer.range?.endIndex ?? 0;
  useEffect(() => {
    // Before the opening position is taken the list stands at its top, where nobody reads.
    if (!placed) return;
    if (timeline.hasOlder && first < pageAhead) void store.loadOlder(conversation.id);
    if (timeline.hasNewer && last > rows.length - pageAhead) void store.loadNewer(conversation.id);
  }, [store, conversation.id, timeline.hasOlder, timeline.hasNewer, placed, first, last, rows.length]);

  useStayAtEnd(scroller, endThreshold, placed && !timeline.hasNewer);

  const lastMessage = timeline.messages.at(-1);
  const ownLast = lastMessage?.direction === 'out' ? lastMessage.id : null;
  const seenOwn = useRef(ownLast);
  useLayoutEffect(() => {
    // Having just written something, one wants to see it.
    if (ownLast !== null && seenOwn.current !== ownLast) virtualizer.scrollToEnd();
    seenOwn.current = ownLast;
  }, [ownLast, virtualizer]);

  function onKeyDown(event: KeyboardEvent): void {
    const next = moveFocus(rows, focusableIndex, event.key, Math.max(1, last - first - 1));
    if (next === null || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const row = rows[next];
    if (row === undefined) return;
    setFocusedKey(row.key);
    setHoldsFocus(true);
    virtualizer.scrollToIndex(next, { align: 'auto' });
    requestAnimationFrame(() => {
      scroller.current
        ?.querySelector<HTMLElement>(`[data-key="${CSS.escape(row.key)}"]`)
        ?.focus({ preventScroll: true });
    });
  }

  async function jumpToLatest(): Promise<void> {
    await store.openNewest(conversation.id);
    setFocusedKey(null);
    virtualizer.scrollToEnd();
  }

  return (
    <div className="message-list-frame">
      <div
        className="message-scroller"
        ref={scroller}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) =>
          setScrolledAway(scrollHeight - scrollTop - clientHeight > endThreshold)
        }
      >
        <ul
          aria-label={chat.messages}
          className="message-list"
          style={{ height: virtualizer.getTotalSize() }}
          onKeyDown={onKeyDown}
          onFocus={() => setHoldsFocus(true)}
          onBlur={(event) => {
            if (!event.currentTarget.contains(event.relatedTarget)) setHoldsFocus(false);
          }}
        >
          {items.map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            const canFocus = row.type === 'message' || row.type === 'event';
            return (
              <li
                key={row.key}
                className="message-row"
                data-index={item.index}
                data-key={row.key}
                ref={virtualizer.measureElement}
                style={{ transform: `translateY(${item.start}px)` }}
                aria-setsize={timeline.hasOlder || timeline.hasNewer ? -1 : rows.length}
                aria-posinset={item.index + 1}
                tabIndex={canFocus ? (row.key === focusable ? 0 : -1) : undefined}
                onFocus={() => canFocus && setFocusedKey(row.key)}
                data-target={target?.message.id === row.key || undefined}
              >
                <RowContent row={row} contact={contact} name={name} focused={holdsFocus && row.key === focusable} />
              </li>
            );
          })}
        </ul>
      </div>
      {!away || !placed ? null : (
        <AriaButton className="jump" onPress={() => void jumpToLatest()}>
          <Icon of={ArrowDown} />
          {conversation.unread > 0 ? (
            <>
              <span aria-hidden="true">{formatNumber(conversation.unread)}</span>
              <span className="visually-hidden">{chat.jumpToLatestUnread(conversation.unread)}</span>
            </>
          ) : null}
          <span className="visually-hidden">{chat.jumpToLatest}</span>
        </AriaButton>
      )}
    </div>
  );
}

interface RowContentProps {
  readonly row: TimelineRow;
  readonly contact: Contact | undefined;
  readonly name: string;
  readonly focused: boolean;
}

function RowContent({ row, contact, name, focused }: RowContentProps) {
  const now = useNow();
  switch (row.type) {
    case 'start':
      return <p className="timeline-start">{chat.start(name)}</p>;
    case 'day':
      return (
        <p className="day-line">
          <span>{formatDay(row.at, now)}</span>
        </p>
      );
    case 'unread':
      return (
        <p className="unread-line">
          <span>{chat.unreadLine}</span>
        </p>
      );
    case 'event':
      return <SystemEvent message={row.message} contact={contact} focused={focused} />;
    case 'message':
      return <MessageBubble row={row} name={name} focused={focused} />;
  }
}

function estimateHeight(row: TimelineRow | undefined): number {
  if (row?.type === 'event' && row.message.kind === 'new-device') return 90;
  if (row === undefined || row.type !== 'message') return 40;
  const lines = row.message.body.split('\n').reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 62)), 0);
  return lines * 22 + 16 + (row.groupStart ? 10 : 2);
}

type MessageVirtualizer = ReturnType<typeof useVirtualizer<HTMLDivElement, Element>>;

/** Opens at the search result, else at the unread line, else at the end; and only then, never again by itself. */
function useOpeningPosition(
  virtualizer: MessageVirtualizer,
  rows: readonly TimelineRow[],
  target: { readonly message: Message } | null,
): boolean {
  const placedFor = useRef<{ readonly message: Message } | null | undefined>(undefined);
  const [placed, setPlaced] = useState(false);
  useLayoutEffect(
    // The virtualiser forgets its place when it lets go of the element; React may do that and mount it again.
    () => () => {
      placedFor.current = undefined;
    },
    [],
  );
  useLayoutEffect(() => {
    // Scrolling there is told by an event; one frame later the range is the one in view.
    const whenSeen = () => requestAnimationFrame(() => requestAnimationFrame(() => setPlaced(true)));
    if (placedFor.current === target) return;
    if (target !== null) {
      const index = rows.findIndex((row) => row.key === target.message.id);
      if (index < 0) return;
      placedFor.current = target;
      virtualizer.scrollToIndex(index, { align: 'center' });
      whenSeen();
      return;
    }
    const first = placedFor.current === undefined;
    placedFor.current = target;
    if (!first) return;
    const unread = rows.findIndex((row) => row.type === 'unread');
    if (unread >= 0) virtualizer.scrollToIndex(Math.max(0, unread - 1), { align: 'start' });
    else virtualizer.scrollToEnd();
    whenSeen();
  }, [virtualizer, rows, target]);
  return placed;
}
