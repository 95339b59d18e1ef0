/// <reference types="vite/client" />
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import { MessageBubble } from '../../../src/renderer/features/chat/message-bubble.tsx';
import { timelineRows } from '../../../src/renderer/features/chat/timeline-rows.ts';
import { StoreContext } from '../../../src/renderer/state/use-window.ts';
import { WindowStore } from '../../../src/renderer/state/window-store.ts';
import type { ConversationId, Encryption, Message, MessageId } from '../../../src/shared/model.ts';
import { FakeBridge } from '../../support/fake-bridge.ts';
import { scenarios } from '../../support/fake-scenarios.ts';

function message(number: number, encryption: Encryption): Message {
  return {
    id: `m${number}` as MessageId,
    conversationId: 'c' as ConversationId,
    direction: 'in',
    kind: 'text',
    body: `text ${number}`,
    sentAt: 1_000,
    receivedAt: 1_000,
    sortAt: 1_000,
    sequence: number,
    senderDevice: null,
    encryption,
    route: 'server',
    state: 'on-device',
    failure: null,
  };
}

test('a message that came without encryption says so wherever it stands', () => {
  const messages = [message(1, 'omemo2'), message(2, 'none'), message(3, 'none'), message(4, 'omemo-legacy')];
  const store = new WindowStore(new FakeBridge(scenarios.main()));
  const drawn = timelineRows(messages, null, true).flatMap((row) => {
    if (row.type !== 'message') return [];
    const bubble = createElement(MessageBubble, { row, name: 'Ben', focused: false });
    return [renderToStaticMarkup(createElement(StoreContext, { value: store }, bubble))];
  });
  expect(drawn.map((markup) => markup.includes('class="bubble-plain"'))).toEqual([false, true, true, false]);
});
