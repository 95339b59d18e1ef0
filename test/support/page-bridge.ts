/** The Bridge as a page has it, from outside the page: every call and subscription is really made in there. */
import type { Bridge, BridgeEvent } from '../../src/shared/bridge/contract.ts';
import type { BridgeUnderTest } from '../contract/bridge.contract.ts';
import type { WindowDriver } from './window-driver.ts';

/** Keeps what each subscription heard until it is asked for. */
const helper = `void (globalThis.bothyHeard ??= {
  subscriptions: new Map(),
  begin(id) {
    const heard = { events: [], wake: () => {}, end: () => {} };
    heard.end = bothy.subscribe((event) => { heard.events.push(event); heard.wake(); });
    this.subscriptions.set(id, heard);
  },
  // What is heard after the end is still told: that nothing is, is the Bridge's to keep.
  end(id) {
    this.subscriptions.get(id).end();
  },
  async next(id) {
    const heard = this.subscriptions.get(id);
    if (heard.events.length === 0) await new Promise((resolve) => { heard.wake = resolve; });
    return heard.events.splice(0);
  },
})`;

export async function pageBridge(page: WindowDriver, close: () => Promise<void>): Promise<BridgeUnderTest> {
  await page.until('typeof bothy === "object"');
  await page.evaluate(helper);
  let lastId = 0;
  let closed = false;
  const callAnything = async (command: string, args: unknown): ReturnType<Bridge['call']> =>
    (await page.evaluate(`bothy.call(${JSON.stringify(command)}, ${JSON.stringify(args)})`)) as Awaited<
      ReturnType<Bridge['call']>
    >;
  const listen = async (id: number, listener: (event: BridgeEvent) => void): Promise<never> => {
    for (;;) {
      for (const event of (await page.evaluate(`bothyHeard.next(${id})`)) as BridgeEvent[]) listener(event);
    }
  };
  return {
    bridge: {
      call: callAnything as Bridge['call'],
      subscribe(listener) {
        lastId += 1;
        const id = lastId;
        // Commands to a page are carried out in order: what is called after this is heard.
        const begun = page.evaluate(`bothyHeard.begin(${id})`);
        begun
          .then(() => listen(id, listener))
          .catch((error: unknown) => {
            if (!closed) throw error;
          });
        return () => void page.evaluate(`bothyHeard.end(${id})`);
      },
    },
    callAnything,
    async close() {
      closed = true;
      await close();
    },
  };
}
