/** Drives one page over the DevTools protocol as a person would: finds things by role and name, clicks, types. */
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import * as v from 'valibot';
import type { DevtoolsParams } from '../../src/main/hosts/chromium/devtools-pipe.ts';

export type Send = (method: string, params?: DevtoolsParams) => Promise<DevtoolsParams>;

const evaluated = v.object({
  result: v.object({ type: v.string(), value: v.optional(v.unknown()), objectId: v.optional(v.string()) }),
  exceptionDetails: v.optional(
    v.object({ text: v.string(), exception: v.optional(v.object({ description: v.optional(v.string()) })) }),
  ),
});
const nodesSchema = v.object({
  nodes: v.array(
    v.object({
      ignored: v.boolean(),
      backendDOMNodeId: v.optional(v.number()),
      name: v.optional(v.object({ value: v.optional(v.unknown()) })),
    }),
  ),
});

export interface WaitOptions {
  readonly timeout?: number;
}

export class WindowDriver {
  readonly send: Send;

  constructor(send: Send) {
    this.send = send;
  }

  /** Value of an expression in the page (awaited); throws what it throws. `eval` stays forbidden, as for the page. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = v.parse(
      evaluated,
      await this.send('Runtime.evaluate', {
        expression,
        awaitPromise: true,
        returnByValue: true,
        userGesture: true,
        allowUnsafeEvalBlockedByCSP: false,
      }),
    );
    if (answer.exceptionDetails !== undefined) {
      throw new Error(answer.exceptionDetails.exception?.description ?? answer.exceptionDetails.text);
    }
    return answer.result.value;
  }

  /** Waits until an expression is truthy and gives its value. */
  async until(expression: string, { timeout = 20_000 }: WaitOptions = {}): Promise<unknown> {
    return this.#retry(`until ${expression}`, timeout, () => this.evaluate(expression));
  }

  /** Waits for text to be shown anywhere in the window. */
  async seeText(text: string, options: WaitOptions = {}): Promise<void> {
    await this.until(`document.body.innerText.includes(${JSON.stringify(text)})`, options);
  }

  /** Waits for what assistive technology would call `role` with exactly, or a pattern for, this name. */
  async see(role: string, name: string | RegExp, { timeout = 20_000 }: WaitOptions = {}): Promise<number> {
    return this.#retry(`see ${role} "${String(name)}"`, timeout, () => this.find(role, name));
  }

  /** Backend id of the first such element, or null. */
  async find(role: string, name: string | RegExp): Promise<number | null> {
    const document = v.parse(
      v.object({ root: v.object({ backendNodeId: v.number() }) }),
      await this.send('DOM.getDocument', { depth: 0 }),
    );
    const { nodes } = v.parse(
      nodesSchema,
      await this.send('Accessibility.queryAXTree', { backendNodeId: document.root.backendNodeId, role }),
    );
    const found = nodes.find((node) => {
      const value = String(node.name?.value ?? '');
      return !node.ignored && (typeof name === 'string' ? value === name : name.test(value));
    });
    return found?.backendDOMNodeId ?? null;
  }

  async click(role: string, name: string | RegExp, options: WaitOptions = {}): Promise<void> {
    const backendNodeId = await this.see(role, name, options);
    await this.send('DOM.scrollIntoViewIfNeeded', { backendNodeId });
    const { quads } = v.parse(
      v.object({ quads: v.array(v.array(v.number())) }),
      await this.send('DOM.getContentQuads', { backendNodeId }),
    );
    const [x1 = 0, y1 = 0, , , x2 = 0, y2 = 0] = quads[0] ?? [];
    const place = { x: (x1 + x2) / 2, y: (y1 + y2) / 2, button: 'left', clickCount: 1 };
    await this.send('Input.dispatchMouseEvent', { ...place, type: 'mouseMoved', button: 'none' });
    await this.send('Input.dispatchMouseEvent', { ...place, type: 'mousePressed' });
    await this.send('Input.dispatchMouseEvent', { ...place, type: 'mouseReleased' });
  }

  /** Puts the focus on a text field and types into it, as from a keyboard. */
  async type(name: string | RegExp, text: string, options: WaitOptions = {}): Promise<void> {
    const backendNodeId = await this.see('textbox', name, options);
    await this.send('DOM.focus', { backendNodeId });
    await this.send('Input.insertText', { text });
  }

  async press(key: string): Promise<void> {
    const codes: Record<string, number> = { Enter: 13, Escape: 27, Tab: 9 };
    const event = {
      key,
      code: key,
      windowsVirtualKeyCode: codes[key] ?? 0,
      ...(key === 'Enter' ? { text: '\r' } : {}),
    };
    await this.send('Input.dispatchKeyEvent', { ...event, type: 'keyDown' });
    await this.send('Input.dispatchKeyEvent', { ...event, type: 'keyUp' });
  }

  async screenshot(file: string): Promise<void> {
    const { data } = v.parse(v.object({ data: v.string() }), await this.send('Page.captureScreenshot'));
    writeFileSync(file, Buffer.from(data, 'base64'));
  }

  async #retry<T>(what: string, timeout: number, attempt: () => Promise<T>): Promise<NonNullable<T>> {
    const deadline = Date.now() + timeout;
    let last: unknown;
    while (Date.now() < deadline) {
      try {
        const value = await attempt();
        if (value) return value;
        last = undefined;
      } catch (error) {
        // The page may be in the middle of changing.
        last = error;
      }
      await pause(50);
    }
    const shown = await this.evaluate('document.body?.innerText ?? ""').catch(() => '(no page)');
    throw new Error(`Waited in vain to ${what}; shown: ${String(shown).slice(0, 500)}`, { cause: last });
  }
}
