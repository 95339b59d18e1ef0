/** From messages to what the list draws: day lines, the unread line, groups within five minutes. Pure. */
import type { Message, MessageId } from '../../../shared/model.ts';
import { dayKey } from '../../i18n/dates.ts';

export interface MessageRow {
  readonly type: 'message';
  readonly key: string;
  readonly message: Message;
  /** First or last of a run by one sender without five minutes between. */
  readonly groupStart: boolean;
  readonly groupEnd: boolean;
  /** Time and state are drawn: at the end of a group, and wherever they differ from the next message's. */
  readonly showMeta: boolean;
  /** It travelled by another route than the message before it. */
  readonly routeChanged: boolean;
}

export type TimelineRow =
  | { readonly type: 'start'; readonly key: string }
  | { readonly type: 'day'; readonly key: string; readonly at: number }
  | { readonly type: 'unread'; readonly key: string }
  | { readonly type: 'event'; readonly key: string; readonly message: Message }
  | MessageRow;

const groupGap = 5 * 60_000;

function sameGroup(a: Message | undefined, b: Message | undefined, firstUnread: MessageId | null): boolean {
  if (a === undefined || b === undefined || a.kind !== 'text' || b.kind !== 'text') return false;
  if (b.id === firstUnread || a.direction !== b.direction) return false;
  return Math.abs(b.sentAt - a.sentAt) <= groupGap && dayKey(a.sentAt) === dayKey(b.sentAt);
}

const minute = (message: Message): number => Math.floor(message.sentAt / 60_000);

function sameMeta(a: Message, b: Message): boolean {
  return a.state === b.state && minute(a) === minute(b) && a.encryption === b.encryption;
}

/** `atStart`: nothing older exists, so the beginning of the conversation is marked. */
export function timelineRows(
  messages: readonly Message[],
  firstUnread: MessageId | null,
  atStart: boolean,
): readonly TimelineRow[] {
  const rows: TimelineRow[] = [];
  if (atStart) rows.push({ type: 'start', key: 'start' });
  let day: string | null = null;
  let route: Message['route'] = null;
  messages.forEach((message, index) => {
    const messageDay = dayKey(message.sentAt);
    if (messageDay !== day) {
      day = messageDay;
      // Keyed by the message: clocks differ, and the same day can come twice.
      rows.push({ type: 'day', key: `day ${messageDay} ${message.id}`, at: message.sentAt });
    }
    if (message.id === firstUnread) rows.push({ type: 'unread', key: 'unread' });
    if (message.kind !== 'text') {
      rows.push({ type: 'event', key: message.id, message });
      return;
    }
    const next = messages[index + 1];
    const groupStart = !sameGroup(messages[index - 1], message, firstUnread);
    const groupEnd = !sameGroup(message, next, firstUnread);
    const routeChanged = message.route !== null && route !== null && message.route !== route;
    if (message.route !== null) route = message.route;
    rows.push({
      type: 'message',
      key: message.id,
      message,
      groupStart,
      groupEnd,
      showMeta:
        groupEnd || next === undefined || message.state === 'failed' || routeChanged || !sameMeta(message, next),
      routeChanged,
    });
  });
  return rows;
}
