/** The part of a conversation's history that the window holds: a contiguous run of messages, oldest first. Pure. */
import type { MessageCursor, MessagePage } from '../../shared/bridge/contract.ts';
import type { Message, MessageId } from '../../shared/model.ts';

export interface Timeline {
  readonly messages: readonly Message[];
  readonly hasOlder: boolean;
  readonly hasNewer: boolean;
  /** The first page has arrived. */
  readonly loaded: boolean;
}

export const emptyTimeline: Timeline = { messages: [], hasOlder: false, hasNewer: false, loaded: false };

export function cursorOf(message: Message): MessageCursor {
  return { sortAt: message.sortAt, sequence: message.sequence };
}

export function compareCursors(a: MessageCursor, b: MessageCursor): number {
  return a.sortAt - b.sortAt || a.sequence - b.sequence;
}

/** Index of the first message at or after the cursor. */
function lowerBound(messages: readonly Message[], cursor: MessageCursor): number {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const message = messages[middle];
    if (message !== undefined && compareCursors(message, cursor) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function insert(messages: readonly Message[], message: Message): readonly Message[] {
  const at = lowerBound(messages, message);
  return [...messages.slice(0, at), message, ...messages.slice(at)];
}

/**
 * A new or changed message. One that lies outside the run the window holds (older than a page not loaded yet, or newer
 * while an old stretch is being read) is left to paging; everything else takes its place.
 */
export function applyMessage(timeline: Timeline, message: Message): Timeline {
  const known = timeline.messages.findIndex((candidate) => candidate.id === message.id);
  if (known >= 0) {
    const old = timeline.messages[known];
    const moved = old === undefined || compareCursors(old, message) !== 0;
    const messages = moved
      ? insert(
          timeline.messages.filter((_, index) => index !== known),
          message,
        )
      : timeline.messages.with(known, message);
    return { ...timeline, messages };
  }
  const first = timeline.messages[0];
  const last = timeline.messages.at(-1);
  if (first !== undefined && timeline.hasOlder && compareCursors(message, first) < 0) return timeline;
  if (last !== undefined && timeline.hasNewer && compareCursors(message, last) > 0) return timeline;
  return { ...timeline, messages: insert(timeline.messages, message) };
}

export function withoutMessage(timeline: Timeline, id: MessageId): Timeline {
  return { ...timeline, messages: timeline.messages.filter((message) => message.id !== id) };
}

function union(held: readonly Message[], page: readonly Message[]): readonly Message[] {
  // What is held was kept current by events; a page may have been read before one of them.
  const byId = new Map<MessageId, Message>();
  for (const message of page) byId.set(message.id, message);
  for (const message of held) byId.set(message.id, message);
  return [...byId.values()].sort(compareCursors);
}

/** The first page; messages that arrived by event while it was on its way stay. */
export function firstPage(timeline: Timeline, page: MessagePage): Timeline {
  const messages = union(timeline.messages, page.messages);
  return { messages, hasOlder: page.hasOlder, hasNewer: page.hasNewer, loaded: true };
}

export function olderPage(timeline: Timeline, page: MessagePage): Timeline {
  return { ...timeline, messages: union(timeline.messages, page.messages), hasOlder: page.hasOlder };
}

export function newerPage(timeline: Timeline, page: MessagePage): Timeline {
  return { ...timeline, messages: union(timeline.messages, page.messages), hasNewer: page.hasNewer };
}

/** A stretch around one message, replacing what was held. */
export function pagesAround(older: MessagePage, newer: MessagePage): Timeline {
  return {
    messages: union(older.messages, newer.messages),
    hasOlder: older.hasOlder,
    hasNewer: newer.hasNewer,
    loaded: true,
  };
}
