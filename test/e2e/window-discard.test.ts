/** Taking back in the window what waits or has failed: nothing typed is lost, and the keyboard is enough. */
import type { Page } from 'playwright';
import { describe, expect, it } from 'vitest';
import {
  calls,
  composer,
  expectAccessible,
  openConversation,
  waitForCall,
  windowSuite,
} from '../support/window-suite.ts';

const { open } = windowSuite();

const row = (page: Page, text: string) => page.getByRole('list', { name: 'Messages' }).getByText(text);
const takeBack = (page: Page) => page.getByRole('button', { name: 'Do not send' });
const focused = (page: Page) => page.evaluate(() => document.activeElement?.textContent ?? '');

/** "Nearly there." waits for a reason that stands under it. */
async function openWaiting(): Promise<Page> {
  const page = await open('main');
  await openConversation(page, 'Juliet Capulet');
  await page.evaluate(() => {
    const waiting = window.fake.data.messages.find(({ body }) => body === 'Nearly there.');
    window.fake.setState(waiting?.id ?? '', 'queued', {
      failure: {
        code: 'encryption.no-devices',
        what: 'This message waits: Juliet Capulet has no device that can read it any more.',
        action: 'It is sent by itself when one appears. It never goes out without encryption.',
      },
    });
  });
  await page.getByText('This message waits').waitFor();
  return page;
}

describe('a text that nobody has', () => {
  it('goes back into the box below when it has failed', async () => {
    const page = await openWaiting();
    await expectAccessible(page);
    await composer(page).fill('');
    await takeBack(page).first().click();
    await waitForCall(page, 'messages.discard');
    await expect.poll(() => composer(page).inputValue()).toBe('Can you put the kettle on?');
    await expect.poll(() => row(page, 'Can you put the kettle on?').count()).toBe(0);
    expect(await composer(page).evaluate((field) => field === document.activeElement)).toBe(true);
    await page.getByText('The message is taken back. Its text is in the box below.').waitFor({ state: 'attached' });
    await waitForCall(page, 'conversations.setDraft');
    expect(await calls(page, 'conversations.setDraft')).toMatchObject([{ draft: 'Can you put the kettle on?' }]);
    expect(await calls(page, 'messages.send')).toEqual([]);
  });

  it('leaves alone what is being written', async () => {
    const page = await openWaiting();
    await composer(page).fill('Half a sentence');
    await waitForCall(page, 'conversations.setDraft');
    await takeBack(page).last().click();
    await expect.poll(() => row(page, 'Nearly there.').count()).toBe(0);
    expect(await composer(page).inputValue()).toBe('Half a sentence');
  });

  it('is reached with the keyboard', async () => {
    const page = await openWaiting();
    await composer(page).focus();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    expect(await focused(page)).toContain('Nearly there.');
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Do not send');
    await page.keyboard.press('Enter');
    await expect.poll(() => composer(page).inputValue()).toBe('Nearly there.');
    await expect.poll(() => row(page, 'Nearly there.').count()).toBe(0);
  });

  it('stays, and says why, when it has left meanwhile', async () => {
    const page = await openWaiting();
    await page.evaluate(() =>
      window.fake.failNext('messages.discard', {
        code: 'message.already-sent',
        what: 'This message has left this computer, or may have: it cannot be taken back.',
        action: '',
      }),
    );
    await takeBack(page).last().click();
    await page.getByRole('alert').filter({ hasText: 'cannot be taken back' }).waitFor();
    expect(await row(page, 'Nearly there.').count()).toBe(1);
    expect(await composer(page).inputValue()).toBe('');
  });

  it('cannot be taken back when a device has it and could not read it', async () => {
    const page = await openWaiting();
    await page.evaluate(() => {
      const failed = window.fake.data.messages.find(({ body }) => body.includes('kettle'));
      const failure = {
        code: 'encryption.unreadable',
        what: 'Their device could not decrypt it.',
        action: '',
      } as const;
      window.fake.setState(failed?.id ?? '', 'failed', { failure });
    });
    await page.getByText('Their device could not decrypt it.').waitFor();
    expect(await takeBack(page).count()).toBe(1);
  });

  it('is kept as a draft where there is no box to write in', async () => {
    const page = await open('main');
    await openConversation(page, 'Harbour Clinic');
    await page.evaluate(() => {
      const conversation = window.fake.data.conversations.find(({ title }) => title === 'Harbour Clinic');
      const like = window.fake.data.messages.find(({ body }) => body === 'Nearly there.');
      if (conversation === undefined || like === undefined) throw new Error('not in the scenario');
      const failure = { code: 'message.plain-not-allowed', what: 'This message waits.', action: '' } as const;
      const message = { ...like, id: crypto.randomUUID() as never, conversationId: conversation.id, body: 'Thursday?' };
      window.fake.data.messages.push(message);
      window.fake.setState(message.id, 'queued', { failure });
    });
    await takeBack(page).click();
    await waitForCall(page, 'conversations.setDraft');
    expect(await calls(page, 'conversations.setDraft')).toMatchObject([{ draft: 'Thursday?' }]);
    await page.getByRole('button', { name: 'Send unencrypted' }).click();
    await expect.poll(() => composer(page).inputValue()).toBe('Thursday?');
  });
});
