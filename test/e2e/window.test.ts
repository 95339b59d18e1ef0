/** The real window, built as it ships, in Chromium, with a scripted application behind it. */
import type { Page } from 'playwright';
import { describe, expect, it } from 'vitest';
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

const { open, url } = windowSuite();

const chip = (page: Page) => page.getByRole('button', { name: /^Route:/ });
interface Screen {
  readonly name: string;
  readonly scenario: ScenarioName;
  readonly act?: (page: Page) => Promise<unknown>;
}

const screens: readonly Screen[] = [
  { name: 'first start with a passphrase', scenario: 'first-start-passphrase' },
  {
    name: 'how to begin',
    scenario: 'first-start',
    act: async (page) => {
      await page.getByLabel('Your name').fill('Ada');
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByRole('button', { name: /^Just people nearby/ }).waitFor();
    },
  },
  {
    name: 'sign-in with a failure',
    scenario: 'first-start',
    act: async (page) => {
      await page.getByLabel('Your name').fill('Ada');
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByRole('button', { name: /^Sign in to an XMPP account/ }).click();
      await failSignIn(page, 'account.no-tls', 'This server offers no encryption.', 'Choose another server.');
    },
  },
  { name: 'locked', scenario: 'locked', act: (page) => page.getByLabel('Passphrase').waitFor() },
  { name: 'refused', scenario: 'refused', act: (page) => page.getByRole('alert').waitFor() },
  {
    name: 'empty',
    scenario: 'empty',
    act: (page) => page.getByRole('button', { name: 'Add someone' }).first().waitFor(),
  },
  { name: 'list', scenario: 'main', act: (page) => option(page, 'Romeo').waitFor() },
  { name: 'conversation', scenario: 'main', act: (page) => openConversation(page, 'Juliet Capulet') },
  {
    name: 'person',
    scenario: 'main',
    act: async (page) => {
      await openConversation(page, 'Juliet Capulet');
      await page.getByRole('button', { name: /Show devices/ }).click();
      await page.getByRole('complementary').waitFor();
    },
  },
  {
    name: 'route',
    scenario: 'main',
    act: async (page) => {
      await openConversation(page, 'Kim Tran');
      await chip(page).click();
      await page.getByRole('dialog', { name: 'Who can see what now' }).waitFor();
    },
  },
  { name: 'plain-text consent', scenario: 'main', act: (page) => openConversation(page, 'Harbour Clinic') },
  {
    name: 'settings',
    scenario: 'main',
    act: async (page) => {
      await page.getByRole('button', { name: 'Settings' }).click();
      await page.getByText('This device and 1 other').waitFor();
    },
  },
  {
    name: 'invitation',
    scenario: 'main',
    act: async (page) => {
      await page.getByRole('button', { name: 'Add someone' }).click();
      await page.getByRole('tab', { name: 'Invite' }).click();
      await page.getByRole('button', { name: 'Make an invitation' }).click();
      await page.getByRole('img', { name: 'Invitation as a QR code' }).waitFor();
    },
  },
  {
    name: 'palette',
    scenario: 'main',
    act: async (page) => {
      await option(page, 'Romeo').waitFor();
      await page.keyboard.press('Control+k');
      await page.keyboard.type('kettle');
      await page.getByRole('option', { name: /kettle/ }).waitFor();
    },
  },
  { name: 'offline', scenario: 'offline', act: (page) => openConversation(page, 'Romeo Montague') },
  { name: 'wrong password', scenario: 'wrong-password', act: (page) => page.getByRole('alert').waitFor() },
];

async function failSignIn(page: Page, code: string, what: string, action: string): Promise<void> {
  await page.evaluate(
    ([failure, happened, todo]) =>
      window.fake.failNext('account.signIn', {
        code: failure as 'internal',
        what: happened,
        action: todo,
        detail: 'the technical part',
      }),
    [code, what, action] as const,
  );
  await page.getByLabel('XMPP address').fill('ada@example.org');
  await page.getByLabel('Password', { exact: true }).fill('secret');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('alert').filter({ hasText: what }).waitFor();
}

describe('every screen, light and dark, is accessible (axe) and fits', () => {
  for (const screen of screens) {
    it(screen.name, async () => {
      const page = await open(screen.scenario);
      await screen.act?.(page);
      await expectAccessible(page);
    });
  }
});

describe('with the keyboard alone', () => {
  it('goes from first start to a message sent, and to a setting', async () => {
    const page = await open('first-start');
    await page.getByLabel('Your name').waitFor();
    await page.keyboard.type('Ada');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: /^Just people nearby/ }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Settings' }).waitFor();
    expect(await calls(page, 'profile.create')).toEqual([{ name: 'Ada' }]);
  });

  it('finds a person, writes, reads states, and closes one thing after the other with Esc', async () => {
    const page = await open('main');
    await option(page, 'Romeo').waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('searchbox').waitFor();
    await page.keyboard.type('rom');
    await page.getByRole('dialog').getByRole('option', { name: /Romeo/ }).waitFor();
    await page.keyboard.press('Enter');
    await composer(page).waitFor();
    expect(await composer(page).evaluate((element) => element === document.activeElement)).toBe(true);
    await page.keyboard.type('first line');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('second line');
    await page.keyboard.press('Enter');
    await waitForCall(page, 'messages.send');
    const [sent] = (await calls(page, 'messages.send')) as { id: string; body: string; route: unknown }[];
    expect(sent?.body).toBe('first line\nsecond line');
    expect(sent?.route).toEqual({ preference: 'automatic', direct: [], server: ['romeo/11'] });
    expect(await composer(page).inputValue()).toBe('');

    const bubble = page.getByRole('listitem').filter({ hasText: 'second line' });
    for (const [state, words] of [
      ['sending', 'Sending'],
      ['on-server', 'On the server'],
      ['on-device', 'On their device'],
      ['read', 'Read'],
    ] as const) {
      await page.evaluate(([id, next]) => window.fake.setState(id, next), [sent?.id ?? '', state] as const);
      await bubble.getByRole('img', { name: words, exact: true }).waitFor();
    }

    await page.keyboard.press('Control+k');
    await page.getByRole('searchbox').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('searchbox').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: /^About/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('complementary').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('complementary').waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
    await page.getByRole('region', { name: /^Conversation with/ }).waitFor({ state: 'detached' });
  });

  it('walks conversations and messages with the arrow keys; each list is one tab stop', async () => {
    const page = await open('main');
    await option(page, 'Juliet').focus();
    await page.keyboard.press('ArrowDown');
    await page.getByRole('region', { name: 'Conversation with Kim Tran' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.getByRole('region', { name: 'Conversation with Romeo Montague' }).waitFor();
    const role = () =>
      page.evaluate(() => document.activeElement?.getAttribute('role') ?? document.activeElement?.tagName);
    expect(await role()).toBe('option');
    await page.keyboard.press('Enter');
    await expect.poll(role).toBe('TEXTAREA');
    await openConversation(page, 'Juliet Capulet');
    await expect.poll(role).toBe('TEXTAREA');
    await composer(page).focus();
    // Past what waits for a check.
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');
    expect(await focused()).toContain('Nearly there.');
    await page.keyboard.press('ArrowUp');
    await expect.poll(focused).toContain('Can you put the kettle on?');
    await page.keyboard.press('Tab');
    expect(await focused()).toContain('Technical details');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Try again');
    await page.keyboard.press('Enter');
    await waitForCall(page, 'messages.retry');
    const stops = await page
      .getByRole('list', { name: 'Messages' })
      .evaluate((list) => [...list.querySelectorAll('li')].filter((item) => item.tabIndex === 0).length);
    expect(stops).toBe(1);
  });
});

describe('a long history', () => {
  const scroller = (page: Page) => page.locator('.message-scroller');
  /** The message at the middle of the view and where it stands, to see whether anything moved. */
  const reading = (page: Page) =>
    scroller(page).evaluate((element) => {
      const box = element.getBoundingClientRect();
      const middle = box.top + box.height / 2;
      for (const row of element.querySelectorAll('.message-row')) {
        const { top, bottom } = row.getBoundingClientRect();
        if (top <= middle && bottom > middle) return { key: row.getAttribute('data-key') ?? '', top };
      }
      return null;
    });
  const topOf = (page: Page, key: string) =>
    page.locator(`[data-key="${key}"]`).evaluate((row) => row.getBoundingClientRect().top);

  it('opens at its end, draws only what is near, and pages back without a jump', async () => {
    const page = await open('history');
    await openConversation(page, 'Juliet Capulet');
    await page.getByText('#1999 ').first().waitFor();
    expect(await page.getByRole('listitem').count()).toBeLessThan(60);
    await scroller(page).hover();
    for (let turn = 0; turn < 3; turn++) {
      const before = await calls(page, 'messages.page');
      // Wheel until the next page is asked for, then look whether what is being read stays.
      await expect
        .poll(
          async () => {
            await page.mouse.wheel(0, -1200);
            return (await calls(page, 'messages.page')).length;
          },
          { interval: 20, timeout: 15_000 },
        )
        .toBeGreaterThan(before.length);
      const seen = await reading(page);
      expect(seen).not.toBeNull();
    }
    expect(await page.getByRole('listitem').count()).toBeLessThan(60);
  });

  it('does not move what is being read when messages arrive, counts them, and follows at the end', async () => {
    const page = await open('history');
    await openConversation(page, 'Juliet Capulet');
    await page.getByText('#1999 ').first().waitFor();
    await scroller(page).hover();
    await page.mouse.wheel(0, -1500);
    const jump = page.getByRole('button', { name: /Jump to latest/ });
    await jump.waitFor();
    const before = await expectStill(page);
    await page.evaluate(() => {
      window.fake.receive('juliet', 'new one');
      window.fake.receive('juliet', `new two ${'and more '.repeat(60)}`);
    });
    await page.getByRole('button', { name: /2 new messages/ }).waitFor();
    expect(Math.abs((await topOf(page, before.key)) - before.top)).toBeLessThan(1);
    expect(await calls(page, 'conversations.markRead')).toEqual([]);

    await jump.click();
    await page.getByRole('listitem').filter({ hasText: 'new two' }).waitFor();
    await jump.waitFor({ state: 'detached' });
    await waitForCall(page, 'conversations.markRead');
    await page.evaluate(() => window.fake.receive('juliet', 'at the end'));
    await expect
      .poll(() =>
        page
          .getByRole('listitem')
          .filter({ hasText: 'at the end' })
          .evaluate((row) => {
            const frame = row.closest('.message-scroller')?.getBoundingClientRect();
            const { bottom } = row.getBoundingClientRect();
            return frame !== undefined && bottom <= frame.bottom + 1;
          }),
      )
      .toBe(true);
  });

  it('keeps the place when an older page is put before it', async () => {
    const page = await open('history');
    await openConversation(page, 'Juliet Capulet');
    await page.getByText('#1999 ').first().waitFor();
    // Hold the page back so that it is put in while nothing scrolls.
    await page.evaluate(() => {
      const fake = window.fake;
      const call = fake.call.bind(fake);
      const held: (() => void)[] = [];
      Object.assign(window, {
        release: () => {
          for (const go of held.splice(0)) go();
        },
      });
      fake.call = async (command, args) => {
        if (command === 'messages.page') await new Promise<void>((go) => held.push(go));
        return call(command, args);
      };
    });
    await scroller(page).evaluate((element) => element.scrollTo({ top: 300 }));
    const before = await expectStill(page);
    const rows = await page.evaluate(() =>
      Number(document.querySelector('.message-list')?.getBoundingClientRect().height),
    );
    await page.evaluate(() => (window as unknown as { release: () => void }).release());
    await page.waitForFunction(
      (height) => (document.querySelector('.message-list')?.getBoundingClientRect().height ?? 0) > height + 500,
      rows,
    );
    const after = await expectStill(page);
    expect(after.key).toBe(before.key);
    expect(Math.abs(after.top - before.top)).toBeLessThan(1);
  });

  it('goes to a message found far back', async () => {
    const page = await open('history');
    await option(page, 'Juliet').waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('searchbox').waitFor();
    await page.keyboard.type('#700 ');
    await page.getByRole('option', { name: /#700/ }).click();
    const row = page.getByRole('listitem').filter({ hasText: '#700 ' });
    await row.waitFor();
    await expect
      .poll(() =>
        row.evaluate((element) => {
          const { top, bottom } = element.getBoundingClientRect();
          return top > 60 && bottom < window.innerHeight;
        }),
      )
      .toBe(true);
    await page.getByRole('button', { name: /Jump to latest/ }).click();
    await page.getByText('#1999 ').first().waitFor();
  });

  /** Where the middle message stands once two frames in a row agree. */
  async function expectStill(page: Page): Promise<{ readonly key: string; readonly top: number }> {
    let last = await reading(page);
    for (;;) {
      await page.evaluate(() => new Promise((frame) => requestAnimationFrame(() => requestAnimationFrame(frame))));
      const now = await reading(page);
      if (now !== null && last !== null && now.key === last.key && now.top === last.top) return now;
      last = now;
    }
  }
});

describe('where a message goes', () => {
  it('shows the route the moment it changes, in the chip and at the composer', async () => {
    const page = await open('main');
    await openConversation(page, 'Juliet Capulet');
    await chip(page).getByText('Direct · same network').waitFor();
    await page.getByText('Goes directly, encrypted end to end').waitFor();
    const reach = (direct: boolean, server: boolean) =>
      page.evaluate(
        ([near, far]) =>
          window.fake.setConversation('juliet', {
            reach: [{ ref: 'juliet/11' as never, direct: near === true, server: far === true }],
          }),
        [direct, server],
      );
    await reach(false, true);
    await chip(page).getByText('Through example.org').waitFor();
    await page.getByText('Goes through example.org, encrypted end to end').waitFor();
    await reach(false, false);
    await chip(page).getByText('Waiting', { exact: true }).waitFor();
    await page.getByText(/^Waits on this computer/).waitFor();
  });

  it('pins the route and sends by it', async () => {
    const page = await open('main');
    await openConversation(page, 'Kim Tran');
    await chip(page).getByText('Direct and through example.org').waitFor();
    await chip(page).click();
    await page.getByText('goes directly to 1 device and through example.org to 1 device').waitFor();
    await page.getByRole('radio', { name: /^Only direct/ }).check({ force: true });
    await waitForCall(page, 'conversations.setRoute');
    await page.keyboard.press('Escape');
    await chip(page).getByText('Direct · same network').waitFor();
    await composer(page).fill('hello');
    await page.keyboard.press('Enter');
    await waitForCall(page, 'messages.send');
    expect(await calls(page, 'messages.send')).toMatchObject([
      { body: 'hello', route: { preference: 'direct', direct: ['kim/11'], server: [] } },
    ]);
  });

  it('sends nothing unencrypted before the person agreed', async () => {
    const page = await open('main');
    await openConversation(page, 'Harbour Clinic');
    expect(await composer(page).count()).toBe(0);
    await page.getByRole('button', { name: 'Send unencrypted' }).click();
    await composer(page).fill('I will come.');
    await page.getByText('not encrypted: servers can read it').waitFor();
    await page.keyboard.press('Enter');
    await waitForCall(page, 'messages.send');
    expect(await calls(page, 'conversations.allowPlain')).toEqual([{ conversationId: 'clinic', allow: true }]);
  });
});

describe('when something fails', () => {
  it('gives each sign-in failure its own words, tries once a press, keeps the technical part a click away', async () => {
    const page = await open('first-start');
    await page.getByLabel('Your name').fill('Ada');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: /^Sign in to an XMPP account/ }).click();
    const failures = [
      ['account.wrong-password', 'The server does not accept this password.', 'Type it again.'],
      ['account.unknown-host', 'No server was found for example.org.', 'Check the part after the @.'],
      ['account.bad-certificate', 'The server cannot prove that it is example.org.', 'Ask who runs it.'],
      ['account.no-tls', 'The server offers no encryption.', 'Choose another server.'],
    ] as const;
    for (const [index, [code, what, action]] of failures.entries()) {
      await failSignIn(page, code, what, action);
      const alert = page.getByRole('alert').filter({ hasText: what });
      expect(await alert.textContent()).toContain(action);
      expect(await alert.getByText('the technical part').isVisible()).toBe(false);
      await alert.getByText('Technical details').click();
      expect(await alert.getByText('the technical part').isVisible()).toBe(true);
      expect(await calls(page, 'account.signIn')).toHaveLength(index + 1);
    }
  });

  it('gives the words back when a message could not be queued, and keeps its id for the next try', async () => {
    const page = await open('main');
    await openConversation(page, 'Romeo Montague');
    await page.evaluate(() =>
      window.fake.failNext('messages.send', {
        code: 'profile.disk-full',
        what: 'The disk is full.',
        action: 'Make room.',
      }),
    );
    await composer(page).fill('precious words');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'The disk is full.' }).waitFor();
    expect(await composer(page).inputValue()).toBe('precious words');
    await composer(page).press('Enter');
    await waitForCall(page, 'messages.send', 2);
    const [first, second] = (await calls(page, 'messages.send')) as { id: string }[];
    expect(second?.id).toBe(first?.id);
  });

  it('asks for the new password once, and dismisses notices', async () => {
    const page = await open('wrong-password');
    await page.getByRole('button', { name: 'Enter password' }).click();
    await page.getByLabel('Password', { exact: true }).fill('new one');
    await page.keyboard.press('Enter');
    await page.getByText('Connected · 1 nearby').waitFor();
    expect(await calls(page, 'account.retry')).toEqual([{ password: 'new one' }]);

    const offline = await open('offline');
    await offline.getByRole('button', { name: 'Dismiss' }).click();
    await offline.getByText('Part of your history was damaged').waitFor({ state: 'detached' });
    await offline.getByText('example.org cannot be reached.').waitFor();
  });
});

describe('text from others', () => {
  it('is only ever text', async () => {
    const page = await open('main');
    await openConversation(page, 'Romeo Montague');
    const body =
      '<img src=x onerror="window.hurt=1"><b>bold</b> javascript:alert(1) \u202eevil https://example.org/x?a=1.';
    await page.evaluate((text) => window.fake.receive('romeo', text), body);
    const row = page.getByRole('listitem').filter({ hasText: 'onerror' });
    await row.waitFor();
    expect(await row.textContent()).toContain(
      '<img src=x onerror="window.hurt=1"><b>bold</b> javascript:alert(1) evil',
    );
    expect(await row.locator('img, b').count()).toBe(0);
    expect(await row.getByRole('link').count()).toBe(1);
    const url = page.url();
    await row.getByRole('link').click();
    await row.getByRole('link').click({ button: 'middle' });
    await waitForCall(page, 'links.open', 2);
    expect(await calls(page, 'links.open')).toEqual([
      { url: 'https://example.org/x?a=1' },
      { url: 'https://example.org/x?a=1' },
    ]);
    expect(page.url()).toBe(url);
    expect(page.context().pages()).toHaveLength(1);
  });

  it('is announced once, politely, when it arrives', async () => {
    const page = await open('main');
    await option(page, 'Romeo').waitFor();
    await page.evaluate(() => window.fake.receive('romeo', 'are you there?'));
    await page.locator('[aria-live=polite]').filter({ hasText: 'Romeo Montague: are you there?' }).waitFor();
  });
});

describe('people', () => {
  it('answers a request, and opens whoever was added', async () => {
    const page = await open('main');
    const request = page.getByRole('group', { name: 'Tybalt asks to be your contact' });
    await request.getByRole('button', { name: 'Accept' }).click();
    await request.waitFor({ state: 'detached' });
    expect(await calls(page, 'contacts.answerRequest')).toEqual([{ contactId: 'tybalt', accept: true }]);

    await page.getByRole('button', { name: 'Add someone' }).click();
    await page.getByLabel('XMPP address').fill('mercutio@example.net');
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'Conversation with mercutio@example.net' }).waitFor();
    await page.getByText('You asked mercutio@example.net to be a contact').waitFor();
  });

  it('keeps a draft when the conversation is left', async () => {
    const page = await open('main');
    await openConversation(page, 'Romeo Montague');
    await composer(page).fill('half a th');
    await openConversation(page, 'Kim Tran');
    await waitForCall(page, 'conversations.setDraft');
    expect(await calls(page, 'conversations.setDraft')).toEqual([{ conversationId: 'romeo', draft: 'half a th' }]);
    await openConversation(page, 'Romeo Montague');
    expect(await composer(page).inputValue()).toBe('half a th');
  });

  it('marks as read what was seen, under a line that stays', async () => {
    const page = await open('main');
    await openConversation(page, 'Kim Tran');
    await page.getByText('New messages').waitFor();
    await waitForCall(page, 'conversations.markRead');
    await option(page, 'Kim').filter({ hasNotText: 'unread messages' }).waitFor();
    expect(await page.getByText('New messages').isVisible()).toBe(true);
  });
});

describe('one pane at a time in a narrow window', () => {
  it('shows the list, then the conversation with a way back, then the person over it', async () => {
    const page = await open('main', { viewport: { width: 360, height: 740 } });
    await openConversation(page, 'Romeo Montague');
    expect(await page.getByRole('navigation', { name: 'Conversations' }).isVisible()).toBe(false);
    await page.getByRole('button', { name: /^About/ }).click();
    await page.getByRole('complementary').waitFor();
    await page.getByRole('complementary').getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'Back to conversations' }).click();
    await option(page, 'Romeo').waitFor();
    expect(await page.getByRole('region', { name: /^Conversation with/ }).count()).toBe(0);
  });
});

describe('the theme', () => {
  it('follows the setting at once, and the next start does not flash the other one', async () => {
    const page = await open('main', { colorScheme: 'light' });
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByText('Dark', { exact: true }).click();
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await expect.poll(background).toBe('rgb(23, 21, 19)');
    await page.goto(url('starting'));
    expect(await background()).toBe('rgb(23, 21, 19)');
  });
});
