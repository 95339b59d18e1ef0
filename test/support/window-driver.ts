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
/**
 * Finds an element by role and accessible name (label, labelled-by, aria-label, or its text), visible ones only. Kept
 * in the page under a name of the driver's own. The protocol's own search by role waits for frames to be drawn, which
 * a window that nothing changes in does not do.
 */
const finder = `(role, source, exact) => {
  const elements = {
    button: 'button, [role="button"]',
    textbox: 'input:not([type]), input[type="text"], input[type="password"], input[type="search"], textarea, [role="textbox"]',
    link: 'a[href], [role="link"]',
    heading: 'h1, h2, h3, [role="heading"]',
  }[role] ?? '[role="' + role + '"]';
  const words = (text) => (text ?? '').replace(/\\s+/g, ' ').trim();
  const nameOf = (element) => {
    const by = element.getAttribute('aria-labelledby');
    if (by) return words(by.split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' '));
    if (element.ariaLabel) return words(element.ariaLabel);
    if (element.labels?.length) return words([...element.labels].map((label) => label.textContent).join(' '));
    return words(element.textContent);
  };
  const pattern = new RegExp(source);
  return [...document.querySelectorAll(elements)].find((element) => {
    if (!element.checkVisibility({ visibilityProperty: true })) return false;
    return exact === null ? pattern.test(nameOf(element)) : nameOf(element) === exact;
  }) ?? null;
}`;

const box = v.object({ x: v.number(), y: v.number() });
const area = v.object({ x: v.number(), y: v.number(), width: v.number(), height: v.number() });

function areaOf(selector: string): string {
  return `document.querySelector(${JSON.stringify(selector)})?.getBoundingClientRect().toJSON()`;
}

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
  async see(role: string, name: string | RegExp, options: WaitOptions = {}): Promise<void> {
    await this.#found(role, name, 'element !== null', options);
  }

  async click(role: string, name: string | RegExp, options: WaitOptions = {}): Promise<void> {
    const middle = `(() => {
      if (element === null || element.disabled || element.ariaDisabled === 'true') return null;
      element.scrollIntoView({ block: 'nearest' });
      const { x, y, width, height } = element.getBoundingClientRect();
      return { x: x + width / 2, y: y + height / 2 };
    })()`;
    const place = v.parse(box, await this.#found(role, name, middle, options));
    const event = { ...place, button: 'left', clickCount: 1 };
    await this.send('Input.dispatchMouseEvent', { ...event, type: 'mouseMoved', button: 'none' });
    await this.send('Input.dispatchMouseEvent', { ...event, type: 'mousePressed' });
    await this.send('Input.dispatchMouseEvent', { ...event, type: 'mouseReleased' });
  }

  /** Puts the focus on a text field, replaces what is in it, as from a keyboard. */
  async type(name: string | RegExp, text: string, options: WaitOptions = {}): Promise<void> {
    const focus = `(element?.focus(), element?.select?.(), element !== null && document.activeElement === element)`;
    await this.#found('textbox', name, focus, options);
    await this.send('Input.insertText', { text });
  }

  #found(role: string, name: string | RegExp, use: string, { timeout = 20_000 }: WaitOptions): Promise<unknown> {
    const [source, exact] = typeof name === 'string' ? ['', name] : [name.source, null];
    const words = [role, source, exact].map((word) => JSON.stringify(word)).join();
    const expression = `((element) => ${use})((${finder})(${words}))`;
    return this.#retry(`see ${role} "${String(name)}"`, timeout, () => this.evaluate(expression));
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

  /** What is in the clipboard, where the focus is, as by the key for it. */
  async paste(): Promise<void> {
    const event = { key: 'v', code: 'KeyV', windowsVirtualKeyCode: 86, modifiers: 2 };
    await this.send('Input.dispatchKeyEvent', { ...event, type: 'rawKeyDown', commands: ['paste'] });
    await this.send('Input.dispatchKeyEvent', { ...event, type: 'keyUp' });
  }

  /** Of the whole window, or of what a selector finds, twice as large. */
  async screenshot(file: string, selector: string | null = null): Promise<void> {
    const clip = selector === null ? {} : { clip: { ...v.parse(area, await this.until(areaOf(selector))), scale: 2 } };
    const { data } = v.parse(v.object({ data: v.string() }), await this.send('Page.captureScreenshot', clip));
    writeFileSync(file, Buffer.from(data, 'base64'));
  }

  /** Puts a file into a file field, as the system's dialog would. */
  async chooseFile(selector: string, file: string): Promise<void> {
    const found = `document.querySelector(${JSON.stringify(selector)})`;
    await this.until(`${found} !== null`);
    const { result } = v.parse(evaluated, await this.send('Runtime.evaluate', { expression: found }));
    await this.send('DOM.setFileInputFiles', { files: [file], objectId: result.objectId });
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
