import { describe, expect, it } from 'vitest';
import { moveFocus, visibleRange } from '../../../src/renderer/features/chat/row-focus.ts';
import { type TimelineRow, timelineRows } from '../../../src/renderer/features/chat/timeline-rows.ts';
import type { ConversationId, Message, MessageId } from '../../../src/shared/model.ts';

const noon = new Date(2026, 4, 12, 12).getTime();
const minute = 60_000;

function message(id: string, sentAt: number, change: Partial<Message> = {}): Message {
  return {
    id: id as MessageId,
    conversationId: 'c' as ConversationId,
    direction: 'in',
    kind: 'text',
    body: id,
    sentAt,
    receivedAt: sentAt,
    sortAt: sentAt,
    sequence: 0,
    senderDevice: null,
    encryption: 'omemo2',
    route: 'server',
    state: 'on-device',
    failure: null,
    ...change,
  };
}

const shape = (rows: readonly TimelineRow[]) =>
  rows.map((row) => (row.type === 'message' || row.type === 'event' ? row.message.id : row.type));
const messageRow = (rows: readonly TimelineRow[], id: string) => {
  const row = rows.find((candidate) => candidate.type === 'message' && candidate.message.id === id);
  if (row?.type !== 'message') throw new Error(`no row ${id}`);
  return row;
};

describe('rows of a conversation', () => {
  it('draws a day line before the first message of each day, and the beginning only where it is known', () => {
    const messages = [message('a', noon), message('b', noon + minute), message('c', noon + 24 * 60 * minute)];
    expect(shape(timelineRows(messages, null, true))).toEqual(['start', 'day', 'a', 'b', 'day', 'c']);
    expect(shape(timelineRows(messages, null, false))).toEqual(['day', 'a', 'b', 'day', 'c']);
  });

  it('gives every row its own key even when clocks run back and a day comes twice', () => {
    const messages = [message('a', noon), message('b', noon - 24 * 60 * minute), message('c', noon)];
    const keys = timelineRows(messages, null, true).map((row) => row.key);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('groups one sender within five minutes, and not a second longer', () => {
    const rows = timelineRows(
      [message('a', noon), message('b', noon + 5 * minute), message('c', noon + 10 * minute + 1)],
      null,
      false,
    );
    expect(messageRow(rows, 'a')).toMatchObject({ groupStart: true, groupEnd: false });
    expect(messageRow(rows, 'b')).toMatchObject({ groupStart: false, groupEnd: true });
    expect(messageRow(rows, 'c')).toMatchObject({ groupStart: true, groupEnd: true });
  });

  it('ends a group at the other sender, at a system event and at the unread line', () => {
    const messages = [
      message('a', noon),
      message('b', noon + 1, { direction: 'out' }),
      message('c', noon + 2, { direction: 'out' }),
      message('d', noon + 3, { kind: 'gap' }),
      message('e', noon + 4, { direction: 'out' }),
      message('f', noon + 5),
      message('g', noon + 6),
    ];
    const rows = timelineRows(messages, 'g' as MessageId, false);
    expect(shape(rows)).toEqual(['day', 'a', 'b', 'c', 'd', 'e', 'f', 'unread', 'g']);
    expect(messageRow(rows, 'a').groupEnd).toBe(true);
    expect(messageRow(rows, 'c')).toMatchObject({ groupStart: false, groupEnd: true });
    expect(messageRow(rows, 'e').groupStart).toBe(true);
    expect(messageRow(rows, 'g').groupStart).toBe(true);
  });

  it('marks a message whose route differs from the one before, ignoring those that have not travelled', () => {
    const rows = timelineRows(
      [
        message('a', noon),
        message('b', noon + 1, { route: 'direct' }),
        message('c', noon + 2, { route: null, direction: 'out', state: 'queued' }),
        message('d', noon + 3, { route: 'direct' }),
        message('e', noon + 4, { route: 'both', direction: 'out' }),
      ],
      null,
      false,
    );
    expect(['a', 'b', 'c', 'd', 'e'].filter((id) => messageRow(rows, id).routeChanged)).toEqual(['b', 'e']);
  });

  it('shows time and state wherever they differ from the next message of the group', () => {
    const out = { direction: 'out' } as const;
    const rows = timelineRows(
      [
        message('a', noon, { ...out, state: 'read' }),
        message('b', noon + 1, { ...out, state: 'on-device' }),
        message('c', noon + 2, { ...out, state: 'on-device' }),
      ],
      null,
      false,
    );
    expect(['a', 'b', 'c'].map((id) => messageRow(rows, id).showMeta)).toEqual([true, false, true]);
  });
});

describe('moving through messages with the keys', () => {
  const rows = timelineRows(
    [message('a', noon), message('b', noon + 1, { kind: 'info' }), message('c', noon + 24 * 60 * minute)],
    null,
    true,
  );
  const at = (id: string) => rows.findIndex((row) => row.key === id);

  it('steps over lines and stops at both ends', () => {
    expect(moveFocus(rows, at('c'), 'ArrowUp', 5)).toBe(at('b'));
    expect(moveFocus(rows, at('b'), 'ArrowUp', 5)).toBe(at('a'));
    expect(moveFocus(rows, at('a'), 'ArrowUp', 5)).toBe(at('a'));
    expect(moveFocus(rows, at('b'), 'ArrowDown', 5)).toBe(at('c'));
    expect(moveFocus(rows, at('c'), 'ArrowDown', 5)).toBe(at('c'));
    expect(moveFocus(rows, at('c'), 'Home', 5)).toBe(at('a'));
    expect(moveFocus(rows, at('a'), 'End', 5)).toBe(at('c'));
    expect(moveFocus(rows, at('a'), 'x', 5)).toBeNull();
  });

  it('keeps the row that holds the focus drawn when it was scrolled away', () => {
    const range = { startIndex: 50, endIndex: 52, overscan: 0, count: 100 };
    expect(visibleRange(range, 3)).toEqual([3, 50, 51, 52]);
    expect(visibleRange(range, 51)).toEqual([50, 51, 52]);
    expect(visibleRange(range, -1)).toEqual([50, 51, 52]);
  });
});
