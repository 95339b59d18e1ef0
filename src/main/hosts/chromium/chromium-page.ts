/** Our one page in Chromium: served by us, allowed to go nowhere, talking to nobody but the application. */
import * as v from 'valibot';
import { longestRequest } from '../window/bridge-envelope.ts';
import { pageHeaders } from '../window/content-security-policy.ts';
import { readWindowFile } from '../window/window-file.ts';
import type { DevtoolsParams, DevtoolsPipe } from './devtools-pipe.ts';
import {
  bindingName,
  type PageCameraRequest,
  type PageMessage,
  type PageRequest,
  pageBridgeScript,
  receiverName,
} from './page-bridge.ts';

/** Never resolved: `.invalid` is reserved (RFC 6761 §6.4), and every request is answered by us. */
export const pageOrigin = 'https://bothy.invalid';
export const pageUrl = `${pageOrigin}/`;

const pausedSchema = v.object({
  requestId: v.string(),
  resourceType: v.string(),
  request: v.object({ url: v.string(), method: v.string() }),
});
const bindingSchema = v.object({ name: v.string(), payload: v.string(), executionContextId: v.number() });
const contextSchema = v.object({
  context: v.object({
    id: v.number(),
    origin: v.string(),
    auxData: v.optional(v.object({ isDefault: v.boolean(), frameId: v.string() })),
  }),
});
const navigatedSchema = v.object({
  frame: v.object({ id: v.string(), loaderId: v.string(), url: v.string(), parentId: v.optional(v.string()) }),
});
// https://chromedevtools.github.io/devtools-protocol/tot/Page/#method-navigate
const navigationSchema = v.object({ loaderId: v.optional(v.string()), errorText: v.optional(v.string()) });
const requestSchema = v.pipe(
  v.string(),
  v.maxLength(longestRequest),
  v.parseJson(),
  v.object({ id: v.number(), command: v.unknown(), args: v.unknown() }),
);

export interface PageHandlers {
  /** Folder of the built window. */
  readonly rendererFolder: string;
  /** There is a screen, and perhaps somebody in front of it who answers dialogs. */
  readonly visible: boolean;
  call(request: PageRequest): Promise<unknown>;
  online(): void;
}

const cameraSchema = v.pipe(
  v.string(),
  v.maxLength(100),
  v.parseJson(),
  v.strictObject({ id: v.number(), camera: v.boolean() }),
);

export class ChromiumPage {
  readonly #pipe: DevtoolsPipe;
  readonly #sessionId: string;
  readonly #handlers: PageHandlers;
  #mainFrame = '';
  /** Of the document that the main frame shows. */
  #shownLoader = '';
  #onShown: () => void = () => undefined;
  /** The page's own script world, while our page is shown. */
  #context: number | null = null;

  constructor(pipe: DevtoolsPipe, sessionId: string, handlers: PageHandlers) {
    this.#pipe = pipe;
    this.#sessionId = sessionId;
    this.#handlers = handlers;
  }

  /**
   * Takes the page over and shows ours; resolves once it is there. Chromium itself may be loading it as well, as what it
   * was started with: that one is replaced, with whatever was done in it.
   */
  async open(): Promise<void> {
    this.#pipe.listen((method, params, sessionId) => {
      if (sessionId === this.#sessionId) this.#hear(method, params);
    });
    await this.send('Page.enable');
    const tree = v.parse(
      v.object({ frameTree: v.object({ frame: v.object({ id: v.string() }) }) }),
      await this.send('Page.getFrameTree'),
    );
    this.#mainFrame = tree.frameTree.frame.id;
    await this.send('Fetch.enable', { patterns: [{ urlPattern: '*' }] });
    await this.send('Runtime.enable');
    await this.send('Runtime.addBinding', { name: bindingName });
    await this.send('Page.addScriptToEvaluateOnNewDocument', { source: pageBridgeScript(pageOrigin) });
    await this.send('Runtime.runIfWaitingForDebugger');
    const { loaderId, errorText } = v.parse(navigationSchema, await this.send('Page.navigate', { url: pageUrl }));
    // Nothing is loaded anew, or it is there already.
    if (loaderId === undefined || errorText !== undefined || loaderId === this.#shownLoader) return;
    await new Promise<void>((resolve) => {
      this.#onShown = resolve;
    });
  }

  /** One DevTools command to this page. */
  send(method: string, params: DevtoolsParams = {}): Promise<DevtoolsParams> {
    return this.#pipe.send(method, params, this.#sessionId);
  }

  tell(message: PageMessage): void {
    if (this.#context === null) return;
    const expression = `globalThis[${JSON.stringify(receiverName)}]?.(${JSON.stringify(message)})`;
    void this.send('Runtime.evaluate', { expression, contextId: this.#context, silent: true }).catch(() => undefined);
  }

  /** Asks the person, in a dialog of the browser itself, called from a script world that the page cannot reach. */
  async confirm(question: string): Promise<boolean> {
    const world = v.parse(
      v.object({ executionContextId: v.number() }),
      await this.send('Page.createIsolatedWorld', { frameId: this.#mainFrame, worldName: 'bothy-host' }),
    );
    const answer = v.safeParse(
      v.object({ result: v.object({ value: v.boolean() }) }),
      await this.send('Runtime.evaluate', {
        expression: `confirm(${JSON.stringify(question)})`,
        contextId: world.executionContextId,
        returnByValue: true,
      }),
    );
    return answer.success && answer.output.result.value;
  }

  #hear(method: string, params: DevtoolsParams): void {
    switch (method) {
      case 'Fetch.requestPaused':
        void this.#answerRequest(params).catch(() => undefined);
        return;
      case 'Runtime.bindingCalled':
        this.#answerBinding(params);
        return;
      case 'Runtime.executionContextCreated': {
        const { context } = v.parse(contextSchema, params);
        const ours = context.auxData?.isDefault === true && context.auxData.frameId === this.#mainFrame;
        if (ours) this.#context = context.origin === pageOrigin ? context.id : null;
        return;
      }
      case 'Runtime.executionContextsCleared':
        this.#context = null;
        void this.#setCamera(false);
        return;
      case 'Page.frameNavigated': {
        const { frame } = v.parse(navigatedSchema, params);
        if (frame.parentId !== undefined) return;
        this.#mainFrame = frame.id;
        this.#shownLoader = frame.loaderId;
        this.#onShown();
        // Something led the page away without asking the network (about:blank): back to ours.
        if (!frame.url.startsWith(pageUrl)) void this.send('Page.navigate', { url: pageUrl }).catch(() => undefined);
        return;
      }
      case 'Page.javascriptDialogOpening':
        // Without a screen nobody can answer, and nobody has agreed.
        if (!this.#handlers.visible) {
          void this.send('Page.handleJavaScriptDialog', { accept: false }).catch(() => undefined);
        }
        return;
    }
  }

  async #answerRequest(params: DevtoolsParams): Promise<void> {
    const { requestId, request, resourceType } = v.parse(pausedSchema, params);
    const url = new URL(request.url);
    const ours = url.origin === pageOrigin && request.method === 'GET';
    // A navigation that is aborted leaves the page where it is; one that fails would show an error page instead.
    const leaves = resourceType === 'Document' && url.pathname !== '/';
    if (!ours || leaves) {
      await this.send('Fetch.failRequest', {
        requestId,
        errorReason: resourceType === 'Document' ? 'Aborted' : 'BlockedByClient',
      });
      return;
    }
    const file = await readWindowFile(this.#handlers.rendererFolder, url);
    const headers = { ...pageHeaders, 'content-type': file?.contentType ?? 'text/plain' };
    await this.send('Fetch.fulfillRequest', {
      requestId,
      responseCode: file === null ? 404 : 200,
      responseHeaders: Object.entries(headers).map(([name, value]) => ({ name, value })),
      body: Buffer.from(file?.bytes ?? []).toString('base64'),
    });
  }

  /** Only the main frame of our own page is answered, whoever else may have come by the binding. */
  #answerBinding(params: DevtoolsParams): void {
    const { name, payload, executionContextId } = v.parse(bindingSchema, params);
    if (name !== bindingName || this.#context === null || executionContextId !== this.#context) return;
    if (payload === '{"online":true}') {
      this.#handlers.online();
      return;
    }
    const camera = v.safeParse(cameraSchema, payload);
    if (camera.success) {
      void this.#allowCamera(camera.output);
      return;
    }
    const request = v.safeParse(requestSchema, payload);
    if (!request.success) return;
    const { id, command, args } = request.output;
    void this.#handlers.call({ id, command, args }).then((result) => this.tell({ id, result }));
  }

  async #allowCamera({ id, camera }: PageCameraRequest): Promise<void> {
    this.tell({ id, result: (await this.#setCamera(camera)) && camera });
  }

  /** For our own page, while it asks for it: the browser itself never asks the person, and refuses otherwise. */
  #setCamera(allowed: boolean): Promise<boolean> {
    const setting = allowed ? 'granted' : 'denied';
    return this.#pipe
      .send('Browser.setPermission', { permission: { name: 'camera' }, setting, origin: pageOrigin })
      .then(
        () => true,
        () => false,
      );
  }
}
