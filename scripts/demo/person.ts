/** One person in front of one real window: everything goes through what a person sees, except reading the facts. */
import { join } from 'node:path';
import type { Page } from 'playwright';
import type { Bridge } from '../../src/shared/bridge/contract.ts';
import type { Conversation, Message } from '../../src/shared/model.ts';

/** A window that a person could use: its page, and how to end it. */
export interface OpenWindow {
  readonly page: Page;
  close(): Promise<void>;
}

interface WindowWithBridge {
  readonly bothy: Bridge;
}

const patience = 60_000;

export class Person {
  readonly name: string;
  readonly #window: OpenWindow;
  readonly #pictures: string;

  constructor(name: string, window: OpenWindow, pictures: string) {
    this.name = name;
    this.#window = window;
    this.#pictures = pictures;
    window.page.setDefaultTimeout(patience);
  }

  get page(): Page {
    return this.#window.page;
  }

  async picture(title: string): Promise<void> {
    await this.page.screenshot({ path: join(this.#pictures, `${title}.png`) });
  }

  /** First start: a name, and a passphrase where the system keeps no secrets. */
  async introduceThemselves(): Promise<void> {
    await this.page.getByLabel('Your name').fill(this.name);
    const passphrase = this.page.getByLabel('Passphrase', { exact: true });
    if (await passphrase.isVisible()) {
      await passphrase.fill('correct horse battery staple');
      await this.page.getByLabel('Passphrase again').fill('correct horse battery staple');
    }
    await this.page.getByRole('button', { name: 'Continue' }).click();
    await this.page.getByText(`Nice to meet you, ${this.name}`).waitFor();
  }

  async signIn(jid: string, password: string): Promise<void> {
    await this.page.getByRole('button', { name: 'Sign in to an XMPP account' }).click();
    await this.page.getByLabel('XMPP address').fill(jid);
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await this.page.getByRole('navigation', { name: 'Conversations' }).waitFor();
  }

  async justNearby(): Promise<void> {
    await this.page.getByRole('button', { name: 'Just people nearby' }).click();
    await this.page.getByRole('navigation', { name: 'Conversations' }).waitFor();
  }

  async addByAddress(jid: string, name: string): Promise<void> {
    await this.page.getByRole('button', { name: 'Add someone' }).first().click();
    await this.page.getByRole('tab', { name: 'By address' }).click();
    await this.page.getByLabel('XMPP address').fill(jid);
    await this.page.getByLabel('Name (optional)').fill(name);
    await this.page.getByRole('button', { name: 'Add', exact: true }).click();
    await this.composer(name).waitFor();
  }

  async acceptRequest(): Promise<void> {
    await this.page.getByRole('button', { name: 'Accept' }).first().click();
  }

  /** The link that the other person would scan or paste. */
  async makeInvitation(picture: string): Promise<string> {
    await this.page.getByRole('button', { name: 'Add someone' }).first().click();
    await this.page.getByRole('tab', { name: 'Invite', exact: true }).click();
    await this.page.getByRole('button', { name: 'Make an invitation' }).click();
    const link = this.page.getByLabel('Invitation link', { exact: true });
    await link.waitFor();
    await this.picture(picture);
    const text = (await link.textContent()) ?? '';
    await this.page.keyboard.press('Escape');
    return text.trim();
  }

  async acceptInvitation(link: string): Promise<void> {
    await this.page.getByRole('button', { name: 'Add someone' }).first().click();
    await this.page.getByRole('tab', { name: 'I have an invitation' }).click();
    await this.page.getByLabel('Invitation link').fill(link);
    await this.page.getByRole('button', { name: 'Add', exact: true }).click();
    await this.page.getByRole('dialog').waitFor({ state: 'detached' });
  }

  async openConversation(name: string): Promise<void> {
    const row = this.page.getByRole('row', { name }).or(this.page.getByRole('option', { name }));
    await row.first().click();
    await this.composer(name).waitFor();
  }

  /** Opens the conversation with whoever is known by this address and returns the name it has here. */
  async openConversationWithAddress(jid: string): Promise<string> {
    const title = await this.page.evaluate(async (address) => {
      const { bothy } = globalThis as unknown as WindowWithBridge;
      const contacts = await bothy.call('contacts.list', {});
      if (!contacts.ok) throw new Error(contacts.error.what);
      const contact = contacts.value.find((candidate) => candidate.jid === address);
      if (contact === undefined) throw new Error('no such contact');
      const conversation = await bothy.call('conversations.openWith', { contactId: contact.id });
      if (!conversation.ok) throw new Error(conversation.error.what);
      return conversation.value.title;
    }, jid);
    await this.openConversation(title);
    return title;
  }

  composer(name: string) {
    return this.page.getByLabel(`Message to ${name}`);
  }

  async write(to: string, text: string): Promise<void> {
    const field = this.composer(to);
    await field.fill(text);
    await field.press('Enter');
  }

  async sees(text: string): Promise<void> {
    await this.page.getByLabel('Messages').getByText(text).first().waitFor();
  }

  async chipSays(words: string): Promise<void> {
    await this.page.getByRole('button', { name: `Route: ${words}` }).waitFor();
  }

  async setNearby(on: boolean): Promise<void> {
    await this.page.getByRole('button', { name: 'Settings' }).click();
    const toggle = this.page.getByRole('switch', { name: /Talk directly/ });
    if ((await toggle.isChecked()) !== on)
      await this.page.getByText('Talk directly to contacts on this network').click();
    await this.page.keyboard.press('Escape');
  }

  async conversationWith(name: string): Promise<Conversation> {
    const conversations = await this.page.evaluate(async () => {
      const { bothy } = globalThis as unknown as WindowWithBridge;
      return bothy.call('conversations.list', {});
    });
    const found = conversations.ok
      ? conversations.value.find((conversation) => conversation.title === name)
      : undefined;
    if (found === undefined) throw new Error(`${this.name} has no conversation with ${name}`);
    return found;
  }

  /** The newest messages of a conversation, oldest first. */
  async messagesWith(name: string): Promise<readonly Message[]> {
    const { id } = await this.conversationWith(name);
    const page = await this.page.evaluate(async (conversationId) => {
      const { bothy } = globalThis as unknown as WindowWithBridge;
      return bothy.call('messages.page', { conversationId, limit: 100 });
    }, id);
    if (!page.ok) throw new Error(page.error.what);
    return page.value.messages;
  }

  async close(): Promise<void> {
    await this.#window.close();
  }
}
