import { describe, expect, it } from 'vitest';
import { WindowStore } from '../../../src/renderer/state/window-store.ts';
import type { Bridge } from '../../../src/shared/bridge/contract.ts';
import type { ConversationId } from '../../../src/shared/model.ts';
import { FakeBridge } from '../../support/fake-bridge.ts';
import { scenarios } from '../../support/fake-scenarios.ts';

const juliet = 'juliet' as ConversationId;

/** Resolves when the store's state answers yes. */
function until(store: WindowStore, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = store.subscribe(check);
    function check(): void {
      if (!holds()) return;
      stop();
      resolve();
    }
    check();
  });
}

async function started(fake: FakeBridge, bridge: Bridge = fake): Promise<WindowStore> {
  const store = new WindowStore(bridge);
  store.start();
  await until(store, () => store.getState().listsLoaded);
  return store;
}

describe('the window’s store', () => {
  it('reads everything once and never asks again by itself', async () => {
    const fake = new FakeBridge(scenarios.main());
    const store = await started(fake);
    expect(store.getState().conversations.size).toBe(7);
    fake.setStatus({ version: '0.1.1' });
    fake.setConversation('romeo', { title: 'Romeo' });
    await until(store, () => store.getState().conversations.get('romeo' as ConversationId)?.title === 'Romeo');
    expect(fake.calls.map((call) => call.command).sort()).toEqual([
      'app.status',
      'contacts.list',
      'conversations.list',
      'devices.ofSelf',
      'links.waiting',
      'settings.get',
    ]);
  });

  it('lets an event win that came while an older list was on its way', async () => {
    const fake = new FakeBridge(scenarios.main());
    const bridge: Bridge = {
      subscribe: (listener) => fake.subscribe(listener),
      call: async (command, args) => {
        const answer = await fake.call(command, args);
        // Changed after the list was read, told before the list arrives.
        if (command === 'conversations.list') fake.setConversation('romeo', { title: 'Changed meanwhile' });
        return answer;
      },
    };
    const store = await started(fake, bridge);
    expect(store.getState().conversations.get('romeo' as ConversationId)?.title).toBe('Changed meanwhile');
  });

  it('reads the lists when the profile becomes ready, not before', async () => {
    const fake = new FakeBridge({ ...scenarios.main(), status: scenarios.locked().status });
    const store = new WindowStore(fake);
    store.start();
    await until(store, () => store.getState().status !== null);
    expect(fake.calls.map((call) => call.command)).toEqual(['app.status', 'links.waiting']);
    await store.call('profile.unlock', { passphrase: 'x' });
    await until(store, () => store.getState().listsLoaded);
    expect(store.getState().contacts.size).toBe(8);
  });

  it('pages a long history back to its first message, each page once', async () => {
    const fake = new FakeBridge(scenarios.history());
    const store = await started(fake);
    await store.openTimeline(juliet);
    const timeline = () => store.getState().timelines.get(juliet);
    let pages = 1;
    while (timeline()?.hasOlder === true) {
      await Promise.all([store.loadOlder(juliet), store.loadOlder(juliet)]);
      pages += 1;
    }
    const bodies = timeline()?.messages.map((message) => Number(message.body.match(/^#(\d+)/)?.[1])) ?? [];
    expect(bodies).toEqual(Array.from({ length: 2_000 }, (_, index) => index));
    expect(fake.calls.filter((call) => call.command === 'messages.page')).toHaveLength(pages);
  });

  it('opens around a message found far back, and finds the way to the newest', async () => {
    const fake = new FakeBridge(scenarios.history());
    const store = await started(fake);
    await store.openTimeline(juliet);
    const found = fake.data.messages.find((message) => message.body.startsWith('#700 '));
    if (found === undefined) throw new Error('no message #700');
    await store.openAround(found);
    const timeline = () => store.getState().timelines.get(juliet);
    expect(timeline()).toMatchObject({ hasOlder: true, hasNewer: true });
    expect(timeline()?.messages.some((message) => message.id === found.id)).toBe(true);
    await store.openNewest(juliet);
    expect(timeline()?.hasNewer).toBe(false);
    expect(timeline()?.messages.at(-1)?.body).toMatch(/^#1999 /);
  });
});
