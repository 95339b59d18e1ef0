/** The window in the system's Chromium: one page, and any other that appears is closed again. */
import * as v from 'valibot';
import type { App } from '../../app/create-app.ts';
import { callFromWindow } from '../window/bridge-envelope.ts';
import { batchEvents } from '../window/event-batch.ts';
import { ChromiumPage, pageUrl } from './chromium-page.ts';
import { launchChromium } from './launch-chromium.ts';

const attachedSchema = v.object({
  sessionId: v.string(),
  targetInfo: v.object({ targetId: v.string(), type: v.string() }),
});
const goneSchema = v.object({ targetId: v.string() });

export interface ChromiumWindowOptions {
  readonly executable: string;
  readonly profileDirectory: string;
  readonly rendererFolder: string;
  readonly headless: boolean;
  readonly withoutSandbox: boolean;
  /** More switches; given by tests. */
  readonly switches?: readonly string[];
}

export interface ChromiumWindow {
  readonly page: ChromiumPage;
  /** Resolves when the person closed the window, or the browser ended. */
  readonly closed: Promise<void>;
  /** Lets this application answer the page; calls made before wait for it. */
  serve(app: App): void;
  close(): Promise<void>;
}

export async function openChromiumWindow(options: ChromiumWindowOptions): Promise<ChromiumWindow> {
  const chromium = await launchChromium({ ...options, startUrl: pageUrl });
  const { pipe } = chromium;
  let serve: (app: App) => void = () => undefined;
  const serving = new Promise<App>((resolve) => {
    serve = resolve;
  });
  let ownTarget: string | null = null;
  let gone: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    gone = resolve;
  });
  void chromium.ended.then(gone, gone);
  const first = new Promise<ChromiumPage>((resolve, reject) => {
    pipe.listen((method, params) => {
      if (method === 'Target.targetDestroyed' && v.parse(goneSchema, params).targetId === ownTarget) gone();
      if (method !== 'Target.attachedToTarget') return;
      const { sessionId, targetInfo } = v.parse(attachedSchema, params);
      if (ownTarget !== null) {
        // It waits for a debugger and, while it does, so does the page that opened it.
        void pipe.send('Runtime.runIfWaitingForDebugger', {}, sessionId).catch(() => undefined);
        void pipe.send('Target.closeTarget', { targetId: targetInfo.targetId }).catch(() => undefined);
        return;
      }
      ownTarget = targetInfo.targetId;
      const page = new ChromiumPage(pipe, sessionId, {
        rendererFolder: options.rendererFolder,
        visible: !options.headless,
        call: async ({ command, args }) => callFromWindow(await serving, command, args),
        online: () => void serving.then((app) => app.nudge()),
      });
      page.open().then(() => resolve(page), reject);
    });
    void chromium.ended.then(() => reject(new Error('Chromium ended before it showed a window')), reject);
  });
  await pipe.send('Target.setDiscoverTargets', { discover: true });
  await pipe.send('Target.setAutoAttach', {
    autoAttach: true,
    waitForDebuggerOnStart: true,
    flatten: true,
    filter: [{ type: 'page' }, { exclude: true }],
  });
  await pipe.send('Browser.setDownloadBehavior', { behavior: 'deny' });
  const page = await first;
  void serving.then((app) => {
    const unsubscribe = app.subscribe(batchEvents((events) => page.tell({ events })));
    void closed.then(unsubscribe);
  });
  return { page, closed, serve, close: () => chromium.close() };
}
