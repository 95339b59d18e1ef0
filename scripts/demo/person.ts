/** One person in front of one real window: everything goes through what a person sees, except reading the facts. */
import { join } from 'node:path';
import type { CommandArguments, CommandName, CommandValue } from '../../src/shared/bridge/contract.ts';
import type { Result } from '../../src/shared/errors.ts';
import type { Message } from '../../src/shared/model.ts';
import type { WindowDriver } from '../../test/support/window-driver.ts';

/** A window that a person could use: what drives it, and how to end it. */
export interface OpenWindow {
  readonly driver: WindowDriver;
  close(): Promise<void>;
}

const patience = { timeout: 60_000 };
const passphrase = 'correct horse battery staple';

/** Until an encrypted message tells the name someone goes by, the window shows what their address says: `alice`. */
function called(name: string): string {
  return `[${name.charAt(0).toLowerCase()}${name.charAt(0).toUpperCase()}]${name.slice(1)}`;
}

export class Person {
  readonly name: string;
  readonly #window: OpenWindow;
  readonly #driver: WindowDriver;
  readonly #pictures: string;

  constructor(name: string, window: OpenWindow, pictures: string) {
    this.name = name;
    this.#window = window;
    this.#driver = window.driver;
    this.#pictures = pictures;
  }

  async picture(title: string): Promise<void> {
    await this.#driver.send('Page.bringToFront');
    await this.#driver.screenshot(join(this.#pictures, `${title}.png`));
  }

  /** First start: a name, and a passphrase where the system keeps no secrets. */
  async introduceThemselves(): Promise<void> {
    await this.#type('Your name', this.name);
    if (await this.#driver.evaluate(`document.querySelector('input[type="password"]') !== null`)) {
      await this.#type('Passphrase', passphrase);
      await this.#type('Passphrase again', passphrase);
    }
    await this.#click('button', 'Continue');
    await this.#driver.seeText(`Nice to meet you, ${this.name}`, patience);
  }

  async signIn(jid: string, password: string): Promise<void> {
    await this.#click('button', /Sign in to an XMPP account/);
    await this.#type('XMPP address', jid);
    await this.#type('Password', password);
    await this.#click('button', 'Sign in');
    await this.#mainWindow();
  }

  async justNearby(): Promise<void> {
    await this.#click('button', /Just people nearby/);
    await this.#mainWindow();
  }

  async addByAddress(jid: string, name: string): Promise<void> {
    await this.#click('button', 'Add someone');
    await this.#click('tab', 'By address');
    await this.#type('XMPP address', jid);
    await this.#type('Name (optional)', name);
    await this.#click('button', 'Add');
    await this.#composer(name);
  }

  async seesRequest(): Promise<void> {
    await this.#driver.see('button', 'Accept', patience);
  }

  async acceptRequest(): Promise<void> {
    await this.#click('button', 'Accept');
  }

  /** The link that the other person would scan or paste. */
  async makeInvitation(picture: string): Promise<string> {
    await this.#click('button', 'Add someone');
    await this.#click('tab', 'Invite');
    await this.#click('button', 'Make an invitation');
    const link = await this.#driver.until(`document.querySelector('.invitation-link')?.textContent`, patience);
    await this.picture(picture);
    await this.#driver.press('Escape');
    await this.#noDialog();
    return String(link).trim();
  }

  async acceptInvitation(link: string): Promise<void> {
    await this.#click('button', 'Add someone');
    await this.#click('tab', 'I have an invitation');
    await this.#type('Invitation link', link);
    await this.#click('button', 'Add');
    await this.#noDialog();
  }

  async openConversation(name: string): Promise<void> {
    await this.#click('option', new RegExp(`^\\W*${called(name)}`));
    await this.#composer(name);
  }

  async write(to: string, text: string): Promise<void> {
    await this.#type(new RegExp(`^Message to ${called(to)}$`), text);
    await this.#driver.press('Enter');
  }

  async sees(text: string): Promise<void> {
    await this.#driver.until(
      `[...document.querySelectorAll('.bubble-text')].some((bubble) => bubble.textContent === ${JSON.stringify(text)})`,
      patience,
    );
  }

  async chipSays(words: string): Promise<void> {
    await this.#driver.see('button', `Route: ${words}. Show who can see what now`, patience);
  }

  /** Where one's own code is shown to whom the conversation is with, and theirs is read. */
  async openVerification(): Promise<void> {
    await this.#click('button', /\. Show devices and encryption$/);
    await this.#click('button', /^Verify/);
    await this.#driver.see('img', 'Your code to scan', patience);
  }

  /** One's own code, as a picture file. */
  async saveCode(file: string): Promise<void> {
    await this.#driver.see('img', 'Your code to scan', patience);
    await this.#driver.screenshot(file, '.code-frame .qr-code');
  }

  /** One's own code as a picture, through the system's clipboard, back into the same window. */
  async pasteOwnCode(): Promise<void> {
    await this.#click('button', 'Copy picture');
    await this.#driver.see('button', 'Copied', patience);
    await this.#driver.paste();
    await this.#driver.seeText('This is the code of your own devices.', patience);
  }

  /** Reads the other side's code from a picture file; `shown` while the result is. */
  async readCode(name: string, file: string, shown: () => Promise<void> = async () => undefined): Promise<void> {
    await this.#driver.chooseFile('input[type="file"]', file);
    await this.#isVerified(name);
    await shown();
    await this.closeVerification();
  }

  /** Reads it with the camera. */
  async scanCode(name: string): Promise<void> {
    await this.#click('button', 'Use the camera');
    await this.#isVerified(name);
    await this.closeVerification();
  }

  /** What one's own code says. */
  async codeLink(): Promise<string> {
    return (await this.#call('trust.ownUri', {})).uri;
  }

  async closeVerification(): Promise<void> {
    await this.#driver.press('Escape');
    await this.#noDialog();
    // And the pane about the person, where it began.
    await this.#driver.press('Escape');
    await this.#driver.until(`document.querySelector('.person-pane') === null`, patience);
  }

  async lockSays(word: string): Promise<void> {
    await this.#driver.see('button', `${word}. Show devices and encryption`, patience);
  }

  async setNearby(on: boolean): Promise<void> {
    await this.#click('button', 'Settings');
    const toggle = /^Talk directly/;
    await this.#driver.see('switch', toggle, patience);
    const status = await this.#call('app.status', {});
    if (status.nearby.enabled !== on) await this.#click('switch', toggle);
    await this.#driver.until(
      `(async () => (await window.bothy.call('app.status', {})).value.nearby.enabled === ${String(on)})()`,
      patience,
    );
    await this.#driver.press('Escape');
    await this.#noDialog();
  }

  /** The newest messages of a conversation, oldest first. */
  async messagesWith(name: string): Promise<readonly Message[]> {
    const conversations = await this.#call('conversations.list', {});
    const conversation = conversations.find((candidate) => new RegExp(`^${called(name)}$`).test(candidate.title));
    if (conversation === undefined) throw new Error(`${this.name} has no conversation with ${name}`);
    const page = await this.#call('messages.page', { conversationId: conversation.id, limit: 100 });
    return page.messages;
  }

  async close(): Promise<void> {
    await this.#window.close();
  }

  async #call<C extends CommandName>(command: C, args: CommandArguments<C>): Promise<CommandValue<C>> {
    const result = (await this.#driver.evaluate(
      `window.bothy.call(${JSON.stringify(command)}, ${JSON.stringify(args)})`,
    )) as Result<CommandValue<C>>;
    if (!result.ok) throw new Error(`${command}: ${result.error.what}`);
    return result.value;
  }

  #click(role: string, name: string | RegExp): Promise<void> {
    return this.#driver.click(role, name, patience);
  }

  #type(name: string | RegExp, text: string): Promise<void> {
    return this.#driver.type(name, text, patience);
  }

  async #isVerified(name: string): Promise<void> {
    await this.#driver.see('heading', new RegExp(`^${called(name)} is verified$`), patience);
  }

  async #mainWindow(): Promise<void> {
    await this.#driver.see('button', 'Settings', patience);
  }

  async #composer(name: string): Promise<void> {
    await this.#driver.see('textbox', new RegExp(`^Message to ${called(name)}$`), patience);
  }

  async #noDialog(): Promise<void> {
    await this.#driver.until(`document.querySelector('[role="dialog"]') === null`, patience);
  }
}
