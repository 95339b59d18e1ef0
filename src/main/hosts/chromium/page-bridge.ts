/** The page's half of the Bridge in Chromium, as the script that runs before every page of ours. */

/** Name of the DevTools binding; the script takes it away before the page runs. */
export const bindingName = '__bothyToHost';
/** What the host calls with answers and events. */
export const receiverName = '__bothyFromHost';

/** From the page to the host, as JSON. */
export interface PageRequest {
  readonly id: number;
  readonly command: unknown;
  readonly args: unknown;
}

/** From the page to the host, as JSON: it wants the camera, or gives it back. */
export interface PageCameraRequest {
  readonly id: number;
  readonly camera: boolean;
}

/** From the host to the page. */
export type PageMessage = { readonly id: number; readonly result: unknown } | { readonly events: readonly unknown[] };

export function pageBridgeScript(origin: string): string {
  return `(() => {
  const toHost = globalThis[${JSON.stringify(bindingName)}];
  delete globalThis[${JSON.stringify(bindingName)}];
  if (typeof toHost !== 'function' || location.origin !== ${JSON.stringify(origin)} || window !== window.top) return;
  const answers = new Map();
  const listeners = new Set();
  let nextId = 1;
  const ask = (request) => new Promise((resolve) => {
    const id = nextId++;
    answers.set(id, resolve);
    toHost(JSON.stringify({ id, ...request }));
  });
  const activation = navigator.userActivation;
  const camera = Object.freeze({
    open: async () => activation.isActive && (await ask({ camera: true })) === true,
    close: () => void ask({ camera: false }),
  });
  const bridge = Object.freeze({
    call: (command, args) => ask({ command, args }),
    subscribe(listener) {
      const entry = (event) => listener(event);
      listeners.add(entry);
      return () => { listeners.delete(entry); };
    },
  });
  const receive = (message) => {
    if ('events' in message) {
      for (const event of message.events) for (const listener of [...listeners]) listener(event);
      return;
    }
    const answer = answers.get(message.id);
    answers.delete(message.id);
    answer?.(message.result);
  };
  Object.defineProperty(globalThis, 'bothy', { value: bridge, enumerable: true });
  Object.defineProperty(globalThis, 'bothyCamera', { value: camera, enumerable: true });
  Object.defineProperty(globalThis, ${JSON.stringify(receiverName)}, { value: receive });
  addEventListener('online', () => toHost('{"online":true}'));
})();`;
}
