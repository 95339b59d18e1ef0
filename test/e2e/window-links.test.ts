/** `xmpp:` links that were opened somewhere: each kind in the real window with a scripted application. */
import type { Page } from 'playwright';
import { describe, expect, it } from 'vitest';
import { targetOf } from '../../src/main/app/opened-links.ts';
import { fakeDevice, trustUri } from '../support/fake-bridge.ts';
import type { ScenarioName } from '../support/fake-scenarios.ts';
import {
  calls,
  composer,
  expectAccessible,
  openConversation,
  option,
  waitForCall,
  windowSuite,
} from '../support/window-suite.ts';

const { open } = windowSuite();

const dialog = (page: Page) => page.getByRole('dialog').last();
const julietLink = trustUri('juliet@example.net', [fakeDevice('self', 11), fakeDevice('self', 12)]);
const invitationLink = `xmpp:00${'5f'.repeat(32)}@id.internal?bothy-invite;secret=${'Q'.repeat(42)}A;expires=${Math.floor(Date.now() / 1000) + 3600}`;
const messageLink = 'xmpp:romeo@example.net?message;body=Wherefore%20art%20thou%3F';
const strangerLink = 'xmpp:mercutio@example.net?message;body=A%20plague%20on%20both%20houses';

/** As the application tells of it: what the link is about has been read there. */
async function openLink(page: Page, link: string, from = 'outside'): Promise<void> {
  await page.evaluate(([target, where]) => window.fake.openLink(target, where as 'outside'), [
    targetOf(link, Date.now()),
    from,
  ] as const);
}

async function openedIn(scenario: ScenarioName, link: string, from?: string): Promise<Page> {
  const page = await open(scenario);
  await option(page, 'Romeo').waitFor();
  await openLink(page, link, from);
  return page;
}

/** What changes something, or sends it. */
const deeds = (page: Page) =>
  page.evaluate(() =>
    window.fake.calls
      .map(({ command }) => command)
      .filter((command) =>
        /^(?:contacts\.(?:add|remove|answer)|invitations\.accept|messages\.send|trust\.check|devices\.set)/.test(
          command,
        ),
      ),
  );
const focusedName = (page: Page) =>
  page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '');

interface Screen {
  readonly name: string;
  readonly link: string;
  readonly from?: string;
  readonly shown: string;
  readonly scenario?: ScenarioName;
  readonly act?: (page: Page) => Promise<unknown>;
}

const screens: readonly Screen[] = [
  { name: 'an invitation', link: invitationLink, shown: 'A link brought this invitation.' },
  { name: 'a code from outside', link: julietLink, shown: 'Anyone could have made this link.' },
  {
    name: 'a code in a conversation',
    link: julietLink,
    from: 'juliet',
    shown: 'It was in your conversation with Juliet',
  },
  { name: 'a text to somebody known', link: messageLink, shown: 'A link wrote this text.' },
  { name: 'somebody who is not known', link: strangerLink, shown: 'A link brought this address.' },
  { name: 'a damaged link', link: 'xmpp:@', shown: 'This link cannot be understood' },
  {
    name: 'a text beside one’s own',
    link: messageLink,
    shown: 'you have begun to write here',
    act: async (page) => {
      await openConversation(page, 'Romeo Montague');
      await composer(page).fill('I was going to say');
    },
  },
  {
    name: 'a link behind a dialog',
    link: messageLink,
    shown: 'A link is waiting. Close this to see it.',
    act: async (page) => {
      await page.getByRole('button', { name: 'Settings' }).click();
      await dialog(page).waitFor();
    },
  },
];

describe('every screen a link leads to, light and dark, is accessible (axe) and fits', () => {
  for (const screen of screens) {
    it(screen.name, async () => {
      const page = await open(screen.scenario ?? 'main');
      await option(page, 'Romeo').waitFor();
      await screen.act?.(page);
      await openLink(page, screen.link, screen.from);
      await page.getByText(screen.shown).waitFor();
      await expectAccessible(page);
      expect(await deeds(page)).toEqual([]);
    });
  }

  it('the first screens, which say that one waits', async () => {
    for (const [scenario, shown] of [
      ['locked', 'It opens when Bothy is unlocked.'],
      ['first-start', 'It opens when you have begun.'],
    ] as const) {
      const page = await open(scenario);
      await page.getByRole('heading').first().waitFor();
      await openLink(page, invitationLink);
      await page.getByRole('status').filter({ hasText: shown }).waitFor();
      await expectAccessible(page);
    }
  });
});

describe('an invitation', () => {
  it('is filled in, and accepted by the person alone', async () => {
    const page = await openedIn('main', invitationLink);
    const field = dialog(page).getByLabel('Invitation link');
    await field.waitFor();
    expect(await field.inputValue()).toBe(invitationLink);
    // Whoever was typing when it came has agreed to nothing.
    await page.keyboard.press('Enter');
    await page.keyboard.press('Space');
    expect(await deeds(page)).toEqual([]);
    await dialog(page).getByRole('button', { name: 'Add' }).press('Enter');
    await waitForCall(page, 'invitations.accept');
    expect(await calls(page, 'invitations.accept')).toEqual([{ link: invitationLink }]);
  });
});

describe('a code', () => {
  it('says where it came from, and offers the sure way first', async () => {
    const page = await openedIn('main', julietLink);
    await page.getByRole('alert').filter({ hasText: 'It is worth only what that way is worth.' }).waitFor();
    await page.keyboard.press('Enter');
    await dialog(page).getByRole('button', { name: 'Verify in another way' }).click();
    await page.getByRole('dialog', { name: 'Verify Juliet Capulet' }).waitFor();
    await page.getByRole('img', { name: 'Your code to scan' }).waitFor();
    expect(await deeds(page)).toEqual([]);
  });

  it('verifies when the person says so, and of strangers names the address', async () => {
    const page = await openedIn('main', julietLink, 'romeo');
    await page.getByText('It was in your conversation with Romeo Montague.').waitFor();
    await dialog(page).getByRole('button', { name: 'Verify with this link' }).click();
    await page.getByText('Juliet Capulet is verified').waitFor();
    await page.getByRole('button', { name: 'Done' }).click();
    await openLink(page, julietLink.replace('juliet@', 'mercutio@'));
    await page.getByText('The link names devices of mercutio@example.net.').waitFor();
    expect(await page.getByRole('button', { name: 'Verify in another way' }).count()).toBe(0);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await calls(page, 'trust.checkUri')).toHaveLength(1);
  });
});

describe('a link to somebody', () => {
  it('opens the conversation, ready to write', async () => {
    const page = await openedIn('main', 'xmpp:JULIET@example.net/phone?roster;name=X');
    await page.getByRole('region', { name: 'Conversation with Juliet Capulet' }).waitFor();
    await expect.poll(() => focusedName(page)).toBe('Message to Juliet Capulet');
    expect(await composer(page).inputValue()).toBe('');
    expect(await deeds(page)).toEqual([]);
  });

  it('does not put the focus on what Enter would send', async () => {
    const page = await open('main');
    await openConversation(page, 'Romeo Montague');
    await composer(page).fill('Better not');
    await openConversation(page, 'Juliet Capulet');
    await openLink(page, 'xmpp:romeo@example.net');
    await page.getByRole('region', { name: 'Conversation with Romeo Montague' }).waitFor();
    await expect.poll(() => composer(page).inputValue()).toBe('Better not');
    await page.keyboard.press('Enter');
    expect(await composer(page).inputValue()).toBe('Better not');
    expect(await deeds(page)).toEqual([]);
  });

  it('puts its text into the box, where it stays until the person sends or removes it', async () => {
    const page = await openedIn('main', messageLink);
    await page.getByText('A link wrote this text.').waitFor();
    expect(await composer(page).inputValue()).toBe('Wherefore art thou?');
    expect(await focusedName(page)).toBe('Remove it');
    // What is being typed when it comes does not send it.
    await page.keyboard.press('Enter');
    await expect.poll(() => composer(page).inputValue()).toBe('');
    expect(await focusedName(page)).toBe('Message to Romeo Montague');
    expect(await page.getByText('A link wrote this text.').count()).toBe(0);
    await openLink(page, messageLink);
    await page.getByText('A link wrote this text.').waitFor();
    await composer(page).press('Enter');
    await waitForCall(page, 'messages.send');
    await page.getByText('A link wrote this text.').waitFor({ state: 'detached' });
    expect(await calls(page, 'messages.send')).toMatchObject([
      { conversationId: 'romeo', body: 'Wherefore art thou?' },
    ]);
  });

  it('takes nothing away from what was begun', async () => {
    const page = await open('main');
    await openConversation(page, 'Romeo Montague');
    await composer(page).fill('I was going to say');
    await openLink(page, messageLink);
    await page.getByRole('button', { name: 'Leave it out' }).click();
    expect(await composer(page).inputValue()).toBe('I was going to say');
    await openLink(page, messageLink);
    await page.getByRole('button', { name: 'Add it below' }).click();
    expect(await composer(page).inputValue()).toBe('I was going to say\nWherefore art thou?');
    expect(await deeds(page)).toEqual([]);
  });

  it('waits as a draft where nothing may be sent yet', async () => {
    const page = await openedIn('main', 'xmpp:clinic@example.net?message;body=Hello');
    await page.getByRole('button', { name: 'Send unencrypted' }).waitFor();
    await waitForCall(page, 'conversations.setDraft');
    expect(await calls(page, 'conversations.setDraft')).toEqual([{ conversationId: 'clinic', draft: 'Hello' }]);
    expect(await deeds(page)).toEqual([]);
  });

  it('who is no contact leads to adding them, and then to what it wants to say', async () => {
    const page = await openedIn('main', strangerLink.replace('?message', '?message;name=x'));
    const add = dialog(page);
    expect(await add.getByLabel('XMPP address').inputValue()).toBe('mercutio@example.net');
    await page.keyboard.press('Enter');
    expect(await deeds(page)).toEqual([]);
    await add.getByRole('button', { name: 'Add' }).click();
    await page.getByText('A link wrote this text.').waitFor();
    expect(await composer(page).inputValue()).toBe('A plague on both houses');
    expect(await deeds(page)).toEqual(['contacts.addByJid']);
    await openLink(page, 'xmpp:tybalt.jr@example.net?roster;name=Tybalt%20Jr');
    await expect.poll(() => dialog(page).getByLabel('Name (optional)').inputValue()).toBe('Tybalt Jr');
  });

  it('names the address where there is no account to reach it with', async () => {
    const page = await open('main');
    await option(page, 'Romeo').waitFor();
    await page.evaluate(() => window.fake.setStatus({ account: null }));
    await openLink(page, strangerLink);
    await dialog(page).getByText('The link leads to mercutio@example.net. To add them you need').waitFor();
    await expectAccessible(page);
  });

  it('of one’s own, of nobody who can be reached, and of nothing Bothy has, says so', async () => {
    const page = await open('main');
    await option(page, 'Romeo').waitFor();
    for (const [link, shown] of [
      ['xmpp:ada@example.org', 'This link leads to yourself.'],
      [`xmpp:00${'77'.repeat(32)}@id.internal`, 'whom you have not met yet'],
      ['xmpp:hut@rooms.example.net?join', 'This link leads to a group chat'],
      ['xmpp:example.net', 'This link leads to a server'],
      [julietLink.slice(0, -1), 'This is not a code'],
    ] as const) {
      await openLink(page, link);
      await page.getByRole('alert').filter({ hasText: shown }).waitFor();
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
    expect(await deeds(page)).toEqual([]);
  });
});

describe('links wait', () => {
  it('until what is open is closed, but for the palette', async () => {
    const page = await open('main');
    await option(page, 'Romeo').waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('searchbox').waitFor();
    await openLink(page, strangerLink);
    await expect.poll(() => dialog(page).getByLabel('XMPP address').inputValue()).toBe('mercutio@example.net');
    await dialog(page).getByLabel('Name (optional)').fill('Mercutio');
    await openLink(page, invitationLink);
    await openLink(page, messageLink);
    await page.getByRole('status').filter({ hasText: 'A link is waiting.' }).waitFor();
    expect(await dialog(page).getByLabel('Name (optional)').inputValue()).toBe('Mercutio');
    expect(await calls(page, 'links.taken')).toHaveLength(1);
    await page.keyboard.press('Escape');
    await dialog(page).getByLabel('Invitation link').waitFor();
    await page.getByRole('status').filter({ hasText: 'A link is waiting.' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('A link wrote this text.').waitFor();
    expect(await page.getByText('A link is waiting.').count()).toBe(0);
    expect(await calls(page, 'links.taken')).toHaveLength(3);
  });

  it('until the person pauses in what they type', async () => {
    const page = await open('main');
    await openConversation(page, 'Romeo Montague');
    const shown = page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          let typed = 0;
          addEventListener('input', () => (typed = performance.now()), true);
          const watch = new MutationObserver(() => {
            if (document.querySelector('[role=dialog]') !== null) resolve(performance.now() - typed);
          });
          watch.observe(document.body, { childList: true, subtree: true });
        }),
    );
    await composer(page).pressSequentially('I was ');
    await openLink(page, invitationLink);
    await composer(page).pressSequentially('going to say', { delay: 60 });
    expect(await shown).toBeGreaterThan(1400);
    await page.keyboard.press('Escape');
    expect(await composer(page).inputValue()).toBe('I was going to say');
  });

  it('until the window is ready', async () => {
    const page = await open('locked');
    await page.getByLabel('Passphrase').waitFor();
    await openLink(page, invitationLink);
    await page.getByText('It opens when Bothy is unlocked.').waitFor();
    expect(await calls(page, 'links.taken')).toEqual([]);
    await page.getByLabel('Passphrase').fill('lantern kettle meadow stone');
    await page.keyboard.press('Enter');
    await dialog(page).getByLabel('Invitation link').waitFor();
    expect(await calls(page, 'links.taken')).toHaveLength(1);
  });
});

describe('a link in a message', () => {
  it('goes to the application with its conversation, and never to the system', async () => {
    const page = await open('main');
    await openConversation(page, 'Romeo Montague');
    await page.evaluate((text) => window.fake.receive('romeo', text), `My code: ${julietLink}.`);
    await page.getByRole('link', { name: julietLink }).click();
    await waitForCall(page, 'links.open');
    expect(await calls(page, 'links.open')).toEqual([{ url: julietLink, conversationId: 'romeo' }]);
  });
});

describe('the system', () => {
  const section = (page: Page) => page.getByRole('heading', { name: 'Links', exact: true });

  it('opens links here only after the person has asked for it', async () => {
    const page = await open('main');
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByText('open in another app, or in none').scrollIntoViewIfNeeded();
    await expectAccessible(page);
    expect(await calls(page, 'links.claim')).toEqual([]);
    await page.evaluate(() =>
      window.fake.failNext('links.claim', { code: 'link.not-claimed', what: 'As before.', action: 'Choose Bothy.' }),
    );
    const button = page.getByRole('button', { name: 'Open them in Bothy' });
    await button.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'As before.' }).waitFor();
    await button.press('Enter');
    await page.getByText('Links to people (xmpp:) open in Bothy.').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('is not spoken of where it cannot be asked', async () => {
    const page = await open('main');
    await page.evaluate(() => Object.assign(window.fake.data, { linkHandler: 'unknown' }));
    await page.getByRole('button', { name: 'Settings' }).click();
    await waitForCall(page, 'links.handler');
    await page.getByRole('heading', { name: 'Your devices' }).waitFor();
    expect(await section(page).count()).toBe(0);
  });
});

it('a whole link pasted as an address adds the address', async () => {
  const page = await open('main');
  await option(page, 'Romeo').waitFor();
  await page.getByRole('button', { name: 'Add someone' }).click();
  await page.getByLabel('XMPP address').fill('xmpp:mercutio@example.net?subscribe');
  await page.keyboard.press('Enter');
  await waitForCall(page, 'contacts.addByJid');
  expect(await calls(page, 'contacts.addByJid')).toEqual([{ jid: 'mercutio@example.net' }]);
});
