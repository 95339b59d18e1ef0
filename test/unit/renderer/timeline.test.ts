import { describe, expect, it } from 'vitest';
import {
  applyMessage,
  emptyTimeline,
  firstPage,
  olderPage,
  type Timeline,
} from '../../../src/renderer/state/timeline.ts';
import type { ConversationId, Message, MessageId } from '../../../src/shared/model.ts';

function message(id: string, sortAt: number, change: Partial<Message> = {}): Message {
  return {
    id: id as MessageId,
    conversationId: 'c' as ConversationId,
    direction: 'in',
    kind: 'text',
    body: id,
    sentAt: sortAt,
    receivedAt: sortAt,
    sortAt,
    sequence: 0,
    senderDevice: null,
    encryption: 'omemo2',
    route: 'server',
    state: 'on-device',
    failure: null,
    ...change,
  };
}

const ids = (timeline: Timeline) => timeline.messages.map((entry) => entry.id);
const loaded = (...messages: Message[]): Timeline => ({ ...emptyTimeline, messages, loaded: true });

describe('the stretch of history a window holds', () => {
  it('puts a late message where it belongs, not at the end', () => {
    const timeline = applyMessage(loaded(message('a', 10), message('c', 30)), message('b', 20));
    expect(ids(timeline)).toEqual(['a', 'b', 'c']);
  });

  it('orders messages of one moment by their sequence', () => {
    const timeline = applyMessage(loaded(message('b', 10, { sequence: 2 })), message('a', 10, { sequence: 1 }));
    expect(ids(timeline)).toEqual(['a', 'b']);
  });

  it('replaces a changed message in place and moves one whose position changed', () => {
    const before = loaded(message('a', 10), message('b', 20), message('c', 30));
    const changed = applyMessage(before, message('b', 20, { state: 'read' }));
    expect(ids(changed)).toEqual(['a', 'b', 'c']);
    expect(changed.messages[1]?.state).toBe('read');
    expect(ids(applyMessage(before, message('a', 25)))).toEqual(['b', 'a', 'c']);
  });

  it('leaves what lies outside the held stretch to paging', () => {
    const middle: Timeline = { ...loaded(message('m', 50)), hasOlder: true, hasNewer: true };
    expect(ids(applyMessage(middle, message('old', 10)))).toEqual(['m']);
    expect(ids(applyMessage(middle, message('new', 90)))).toEqual(['m']);
    const open = loaded(message('m', 50));
    expect(ids(applyMessage(applyMessage(open, message('old', 10)), message('new', 90)))).toEqual(['old', 'm', 'new']);
  });

  it('keeps what an event told over what a page, read earlier, says', () => {
    const told = applyMessage(emptyTimeline, message('a', 10, { state: 'read' }));
    const page = { messages: [message('a', 10, { state: 'queued' })], hasOlder: true, hasNewer: false };
    const timeline = firstPage(told, page);
    expect(timeline.messages[0]?.state).toBe('read');
    expect(timeline).toMatchObject({ loaded: true, hasOlder: true });
  });

  it('joins an older page without doubling what overlaps', () => {
    const page = { messages: [message('x', 1), message('a', 10)], hasOlder: false, hasNewer: true };
    const timeline = olderPage({ ...loaded(message('a', 10), message('b', 20)), hasOlder: true }, page);
    expect(ids(timeline)).toEqual(['x', 'a', 'b']);
    expect(timeline).toMatchObject({ hasOlder: false, hasNewer: false });
  });
});
