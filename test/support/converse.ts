/**
 * Converse (npm: converse.js), a web client that speaks both OMEMOs with libomemo.js, in a real Chromium, as a person uses
 * it. What is asserted is what it shows on its page, and the stanzas that went over its WebSocket.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Locator, Page } from 'playwright';
import { type Frame, omemoOnTheWire } from './converse-account.ts';

const files = dirname(fileURLToPath(import.meta.resolve('converse.js/dist/converse.min.js')));
const patience = 30_000;

const kinds: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** A switch for Chromium: Converse would ask for lists of providers on the Internet. */
export const loopbackOnly = '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1';

export interface ConverseOptions {
  readonly browser: Browser;
  readonly jid: string;
  readonly password: string;
  /** Of Prosody, with `ProsodyOptions.browsers`. */
  readonly httpPort: number;
  /** Without the plugin the account shows no keys. */
  readonly omemo?: boolean;
}

export class Converse {
  readonly jid: string;
  readonly #options: ConverseOptions;
  readonly #context: BrowserContext;
  readonly #server: Server;
  readonly #frames: Frame[] = [];
  readonly #complaints: string[] = [];
  #page: Page | null = null;

  private constructor(options: ConverseOptions, context: BrowserContext) {
    this.jid = options.jid;
    this.#options = options;
    this.#context = context;
    this.#server = createServer((request, response) => this.#serve(request.url ?? '/', response));
  }

  /** A browser with nothing in it yet, signed in. */
  static async open(options: ConverseOptions, atEnd: (end: () => Promise<unknown>) => void): Promise<Converse> {
    const context = await options.browser.newContext({ locale: 'en-US', viewport: { width: 1300, height: 1000 } });
    context.setDefaultTimeout(patience);
    const converse = new Converse(options, context);
    atEnd(() => converse.#end());
    await new Promise<void>((resolve) => converse.#server.listen(0, '127.0.0.1', resolve));
    await converse.start();
    return converse;
  }

  #serve(url: string, response: ServerResponse): void {
    const name = normalize(decodeURI(new URL(url, 'http://127.0.0.1').pathname));
    if (name === '/') return void response.setHeader('Content-Type', 'text/html').end(this.#html());
    const path = join(files, name);
    if (!existsSync(path)) return void response.writeHead(404).end();
    const kind = kinds[extname(name)] ?? 'application/octet-stream';
    response.setHeader('Content-Type', kind).setHeader('Cache-Control', 'max-age=3600').end(readFileSync(path));
  }

  #html(): string {
    const { jid, password, httpPort, omemo = true } = this.#options;
    const settings = {
      authentication: 'login',
      auto_login: true,
      jid,
      password,
      websocket_url: `ws://127.0.0.1:${httpPort}/xmpp-websocket`,
      discover_connection_methods: false,
      view_mode: 'fullscreen',
      assets_path: '/',
      i18n: 'en',
      play_sounds: false,
      blacklisted_plugins: omemo ? [] : ['converse-omemo', 'converse-omemo-views'],
    };
    return `<!doctype html><html><head><meta charset="utf-8"><link rel="stylesheet" href="/converse.min.css">
      <script type="module" src="/converse.min.js"></script></head><body class="converse-fullscreen">
      <script type="module">window.converse.initialize(${JSON.stringify(settings)});</script></body></html>`;
  }

  get #shown(): Page {
    if (!this.#page) throw new Error('its page is closed');
    return this.#page;
  }

  /** Its page is opened (again): what it keeps in the browser is still there. */
  async start(): Promise<void> {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const page = await this.#context.newPage();
    this.#page = page;
    page.on('websocket', (socket) => {
      const keep = (direction: Frame['direction'], payload: string | Buffer): void => {
        this.#frames.push({ at: Date.now(), direction, xml: String(payload) });
      };
      socket.on('framesent', ({ payload }) => keep('sent', payload));
      socket.on('framereceived', ({ payload }) => keep('got', payload));
    });
    page.on('console', (line) => {
      if (['error', 'warning'].includes(line.type())) this.#complaints.push(line.text());
    });
    page.on('pageerror', (error) => this.#complaints.push(String(error)));
    await page.goto(`http://127.0.0.1:${address.port}/`);
    // With its contacts come the controls.
    await page.locator('converse-roster .dropdown--contacts').waitFor();
  }

  /** Its page is closed. */
  async stop(): Promise<void> {
    await this.#page?.close();
    this.#page = null;
  }

  async #end(): Promise<void> {
    await this.#context.close();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** The messages it sent and got, as they were on its stream, those with something encrypted in them or all. */
  stanzas(which: 'all' | 'encrypted'): string[] {
    const messages = this.#frames.map(({ xml }) => xml).filter((stanza) => stanza.startsWith('<message'));
    return which === 'all' ? messages : messages.filter((stanza) => stanza.includes('<encrypted '));
  }

  async addContact(jid: string): Promise<void> {
    const contacts = this.#shown.locator('.dropdown--contacts');
    await contacts.locator('.dropdown-toggle').click();
    await contacts.locator('.add-contact').click();
    const form = this.#shown.locator('form.add-xmpp-contact');
    await form.locator('input[name=jid]').fill(jid);
    await form.locator('button[type=submit]').click();
    await form.waitFor({ state: 'hidden' });
  }

  /** When this person has asked. */
  async accept(jid: string): Promise<void> {
    const entry = this.#shown.locator('.requesting-xmpp-contact').filter({ has: this.#contact(jid) });
    await entry.hover();
    await entry.locator('.dropdown-toggle').click();
    await entry.locator('.accept-xmpp-request').click();
    const form = this.#shown.locator('converse-accept-contact-request-modal form');
    await form.locator('button[type=submit]').click();
    await form.waitFor({ state: 'hidden' });
  }

  #contact(jid: string): Locator {
    return this.#shown.locator(`.open-chat[data-jid="${jid}"]`);
  }

  #chat(jid: string): Locator {
    return this.#shown.locator(`converse-chat[jid="${jid}"]`);
  }

  #field(jid: string): Locator {
    return this.#chat(jid).locator('textarea.chat-textarea');
  }

  async openChat(jid: string): Promise<void> {
    await this.#contact(jid).click();
    await this.#field(jid).waitFor();
  }

  /** All that the person does for it: what they write in this chat is encrypted from now on. */
  async turnOmemoOn(jid: string): Promise<void> {
    await this.#chat(jid).locator('.toggle-omemo[data-disabled=false], .toggle-omemo:not([data-disabled])').click();
    await this.hasOmemoOn(jid);
  }

  async hasOmemoOn(jid: string): Promise<void> {
    await this.#chat(jid).locator('.toggle-omemo .fa-lock').waitFor();
  }

  /** A line as the person types it. */
  async type(jid: string, text: string): Promise<void> {
    await this.#field(jid).fill(text);
    await this.#field(jid).press('Enter');
  }

  /** This chat shows this text, now or later. */
  async reads(jid: string, text: string): Promise<void> {
    const shown = this.#chat(jid).locator('.chat-msg__text').getByText(text, { exact: true });
    try {
      await shown.first().waitFor();
    } catch (error) {
      throw new Error(`Converse does not show “${text}”.\n${await this.#account(jid)}`, { cause: error });
    }
  }

  /** Why something that was waited for is not there: what this chat shows, what was on the stream, its complaints. */
  async #account(jid: string): Promise<string> {
    const lines = await this.#chat(jid).locator('.chat-msg, .chat-info').allInnerTexts();
    return [
      `The chat with ${jid} shows:`,
      ...lines.map((line) => `  ${line.replaceAll(/\s+/g, ' ').trim()}`),
      'On its stream:',
      omemoOnTheWire(this.#frames),
      'Its complaints:',
      ...this.#complaints.map((line) => `  ${line}`),
    ].join('\n');
  }

  /** The texts of this chat, in order. */
  texts(jid: string): Promise<string[]> {
    return this.#chat(jid).locator('.chat-msg__text').allInnerTexts();
  }

  /** The last message of this person is taken up again, and sent with another text. */
  async correctLast(jid: string, text: string): Promise<void> {
    await this.#field(jid).press('ArrowUp');
    await this.#chat(jid).locator('.chat-msg.correcting').waitFor();
    await this.type(jid, text);
  }

  async #choose(jid: string, text: string, action: 'reaction' | 'reply' | 'retract'): Promise<Locator> {
    const shown = this.#shown.locator('.chat-msg__text').getByText(text, { exact: true });
    const message = this.#chat(jid).locator('.chat-msg').filter({ has: shown });
    // The menu opens where there may be no room for it; what is meant is the entry, not where it is.
    await message.locator(`.chat-msg__action-${action}`).dispatchEvent('click');
    return message;
  }

  async react(jid: string, text: string, emoji: string): Promise<void> {
    const message = await this.#choose(jid, text, 'reaction');
    await message.locator('.reaction-picker .reaction-item', { hasText: emoji }).dispatchEvent('click');
  }

  async reply(jid: string, text: string, answer: string): Promise<void> {
    await this.#choose(jid, text, 'reply');
    await this.#field(jid).pressSequentially(answer);
    await this.#field(jid).press('Enter');
  }

  async retract(jid: string, text: string): Promise<void> {
    await this.#choose(jid, text, 'retract');
    const question = this.#shown.locator('.modal.show');
    await question.locator('button[type=submit]').click();
    await question.waitFor({ state: 'hidden' });
  }

  /** So many, as its page about this contact shows them. */
  async fingerprintsOf(jid: string, count: number): Promise<string[]> {
    await this.#chat(jid).locator('.show-msg-author-modal').first().click();
    const modal = this.#shown.locator('.modal.show');
    await modal.locator('.nav-link', { hasText: 'OMEMO' }).click();
    const fingerprints = modal.locator('code.fingerprint');
    await fingerprints.nth(count - 1).waitFor();
    const shown = await fingerprints.allInnerTexts();
    await modal.locator('.modal-footer button').click();
    await modal.waitFor({ state: 'hidden' });
    return shown.map((text) => text.replaceAll(/\s/g, ''));
  }
}
