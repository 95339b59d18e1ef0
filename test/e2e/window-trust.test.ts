/** Who is at the other end: verifying, the lock, new devices, own devices; in the real window with a scripted application. */
import { Buffer } from 'node:buffer';
import type { Page } from 'playwright';
import { describe, expect, it } from 'vitest';
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

const lock = (page: Page) => page.getByRole('button', { name: /Show devices/ });
const dialog = (page: Page) => page.getByRole('dialog').last();
const pasteField = (page: Page) => page.getByLabel('Link or picture from the clipboard');

/** Links as the other side's app would show them: right, and with another key for one device. */
const julietLink = trustUri('juliet@example.net', [fakeDevice('self', 11), fakeDevice('self', 12)]);
const otherKeyLink = julietLink.replace(/(omemo-sid-12=).{64}/, `$1${'ee'.repeat(32)}`);
const romeoLink = trustUri('romeo@example.net', [fakeDevice('self', 11)]);
const invitationLink = `xmpp:00${'5f'.repeat(32)}@id.internal?bothy-invite;secret=${'Q'.repeat(43)};expires=1900000000`;

async function openPerson(page: Page, name: string): Promise<void> {
  await openConversation(page, name);
  await lock(page).click();
  await page.getByRole('complementary').waitFor();
}

async function openVerify(page: Page, name: string): Promise<void> {
  await openPerson(page, name);
  await page.getByRole('button', { name: /^Verify/ }).click();
  await page.getByRole('img', { name: 'Your code to scan' }).waitFor();
}

async function openDevices(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('button', { name: 'Manage' }).click();
  await page.getByRole('heading', { name: 'Your devices' }).waitFor();
}

async function typeLink(page: Page, link: string): Promise<void> {
  await pasteField(page).fill(link);
  await page.keyboard.press('Enter');
}

/** The picture that Juliet's own window shows of her code. */
async function julietsCode(): Promise<Buffer> {
  const page = await open('main');
  await option(page, 'Romeo').waitFor();
  await page.evaluate(() => {
    const juliet = window.fake.data.contacts.find(({ id }) => id === 'juliet');
    const account = window.fake.data.status.account;
    if (juliet === undefined || account === null) throw new Error('no Juliet');
    window.fake.setStatus({ account: { ...account, jid: juliet.jid ?? account.jid } });
    const active = juliet.devices.filter((device) => device.active);
    window.fake.setOwnDevices(active.map((device) => ({ ...device, trust: 'verified' })));
  });
  await openVerify(page, 'Romeo Montague');
  return page.getByRole('img', { name: 'Your code to scan' }).screenshot();
}

interface Screen {
  readonly name: string;
  readonly scenario: ScenarioName;
  readonly act: (page: Page) => Promise<unknown>;
}

const screens: readonly Screen[] = [
  {
    name: 'a conversation with a new device',
    scenario: 'main',
    act: (page) => openConversation(page, 'Juliet Capulet'),
  },
  { name: 'a conversation that waits', scenario: 'trust', act: (page) => openConversation(page, 'Friar Laurence') },
  { name: 'lines about what went wrong', scenario: 'trust', act: (page) => openConversation(page, 'Nurse') },
  { name: 'a person with an older app', scenario: 'trust', act: (page) => openPerson(page, 'Nurse') },
  { name: 'scanning', scenario: 'trust', act: (page) => openVerify(page, 'Juliet Capulet') },
  {
    name: 'scanning without a camera',
    scenario: 'trust',
    act: async (page) => {
      await openVerify(page, 'Juliet Capulet');
      await page.getByRole('button', { name: 'Use the camera' }).click();
      await page.getByText('No camera was found.').waitFor();
    },
  },
  {
    name: 'comparing',
    scenario: 'trust',
    act: async (page) => {
      await openVerify(page, 'Juliet Capulet');
      await page.getByRole('tab', { name: 'Compare fingerprints' }).click();
      await page.getByRole('heading', { name: 'Devices of Juliet Capulet' }).waitFor();
    },
  },
  {
    name: 'verified',
    scenario: 'trust',
    act: async (page) => {
      await openVerify(page, 'Juliet Capulet');
      await typeLink(page, julietLink);
      await page.getByText('Juliet Capulet is verified').waitFor();
    },
  },
  {
    name: 'an alarm',
    scenario: 'trust',
    act: async (page) => {
      await openVerify(page, 'Juliet Capulet');
      await typeLink(page, otherKeyLink);
      await page.getByText('The keys do not match').waitFor();
    },
  },
  { name: 'own devices', scenario: 'trust', act: openDevices },
  {
    name: 'removing a device',
    scenario: 'trust',
    act: async (page) => {
      await openDevices(page);
      await page.getByRole('button', { name: 'Remove Old laptop' }).click();
      await page.getByRole('alertdialog').waitFor();
    },
  },
  {
    name: 'checking own devices',
    scenario: 'trust',
    act: async (page) => {
      await openDevices(page);
      await page.getByRole('button', { name: 'Check it: Device 12' }).click();
      await page.getByRole('img', { name: 'Your code to scan' }).waitFor();
    },
  },
  {
    name: 'a link of a stranger',
    scenario: 'trust',
    act: async (page) => {
      await option(page, 'Juliet').waitFor();
      await page.keyboard.press('Control+k');
      await page.getByRole('searchbox').fill(julietLink.replace('juliet@', 'mercutio@'));
      await page.getByRole('option', { name: 'Check this code' }).click();
      await page.getByRole('button', { name: 'Verify with this link' }).click();
      await page.getByText('who is not one of your contacts').waitFor();
    },
  },
];

describe('every screen about trust, light and dark, is accessible (axe) and fits', () => {
  for (const screen of screens) {
    it(screen.name, async () => {
      const page = await open(screen.scenario);
      await screen.act(page);
      await expectAccessible(page);
    });
  }
});

describe('verifying somebody', () => {
  it('by their link: the lock says so, and the way to the other half is offered', async () => {
    const page = await open('main');
    await openVerify(page, 'Juliet Capulet');
    expect(await lock(page).textContent()).toBe('Unverified');
    await typeLink(page, julietLink);
    const result = page.getByRole('status').filter({ hasText: 'Juliet Capulet is verified' });
    await result.waitFor();
    expect(await result.textContent()).toMatch(/2 devices verified.*Juliet’s phone.*Juliet’s laptop/);
    expect(await calls(page, 'trust.checkUri')).toEqual([{ uri: julietLink, contactId: 'juliet' }]);
    await page.getByRole('button', { name: 'Show your code' }).click();
    await page.getByRole('img', { name: 'Your code to scan' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await lock(page).textContent()).toBe('Verified');
  });

  it('by a picture: chosen, dropped, or pasted', async () => {
    const picture = await julietsCode();
    const asFile = { name: 'code.png', mimeType: 'image/png', buffer: picture };
    for (const way of ['choose', 'drop', 'paste'] as const) {
      const page = await open('main');
      await openVerify(page, 'Juliet Capulet');
      if (way === 'choose') await page.locator('input[type=file]').setInputFiles(asFile);
      else {
        await page.evaluate(
          ([base64, kind]) => {
            const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], 'code.png', { type: 'image/png' }));
            const target = document.querySelector('.code-idle');
            const event =
              kind === 'drop'
                ? new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })
                : new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
            target?.dispatchEvent(event);
          },
          [picture.toString('base64'), way] as const,
        );
      }
      await page.getByText('Juliet Capulet is verified').waitFor();
      await page.getByRole('button', { name: 'Done' }).press('Enter');
      expect(await lock(page).textContent(), way).toBe('Verified');
    }
  });

  it('raises an alarm when a key is another one, and says what was done', async () => {
    const page = await open('main');
    await openVerify(page, 'Juliet Capulet');
    await typeLink(page, otherKeyLink);
    const alarm = page.getByRole('alert').filter({ hasText: 'The keys do not match' });
    await alarm.waitFor();
    expect(await alarm.textContent()).toMatch(/Not trusted now.*Juliet’s laptop.*What was done.*gets none of your/);
    expect(await alarm.textContent()).toMatch(/What to do.*Ask Juliet Capulet/);
    await page.getByRole('button', { name: 'Close', exact: true }).last().click();
    const laptop = page.getByRole('complementary').getByRole('listitem').filter({ hasText: 'Juliet’s laptop' });
    expect(await laptop.textContent()).toContain('Gets nothing: you do not trust it');
  });

  it('knows a code of somebody else, a code about something else, an invitation, and a picture without any', async () => {
    const page = await open('main');
    await openVerify(page, 'Juliet Capulet');
    await typeLink(page, romeoLink);
    await page.getByRole('alert').filter({ hasText: 'This code belongs to somebody else.' }).waitFor();
    await typeLink(page, 'https://example.org/menu');
    await page.getByRole('alert').filter({ hasText: 'This code is about something else.' }).waitFor();
    expect(await page.getByText('This code belongs to somebody else.').count()).toBe(0);

    const blank = await page.getByRole('heading', { name: 'Their code' }).screenshot();
    const file = page.locator('input[type=file]');
    await file.setInputFiles({ name: 'blank.png', mimeType: 'image/png', buffer: blank });
    await page.getByRole('alert').filter({ hasText: 'There is no code in this picture' }).waitFor();
    await file.setInputFiles({ name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
    await page.getByRole('alert').filter({ hasText: 'This file is not a picture' }).waitFor();

    await typeLink(page, invitationLink);
    await page.getByRole('button', { name: 'Use the invitation' }).click();
    expect(await page.getByLabel('Invitation link').inputValue()).toBe(invitationLink);
    expect(await calls(page, 'trust.checkUri')).toHaveLength(1);
  });

  it('by comparing fingerprints, device by device', async () => {
    const page = await open('main');
    await openVerify(page, 'Juliet Capulet');
    await page.getByRole('tab', { name: 'Compare fingerprints' }).click();
    const laptop = dialog(page).getByRole('listitem').filter({ hasText: 'Juliet’s laptop' });
    expect(await laptop.locator('.fingerprint').textContent()).toMatch(/^Fingerprint ([0-9a-f]{8} ){8}$/);
    await laptop.getByRole('button', { name: 'They do not match' }).click();
    await laptop.getByRole('alert').waitFor();
    await laptop.getByRole('button', { name: /^Undo/ }).click();
    await laptop.getByRole('button', { name: 'They match' }).click();
    await laptop.getByText('Verified').waitFor();
    const mine = page.getByRole('region', { name: 'Your devices' });
    expect(await mine.getByRole('listitem').count()).toBe(1);
    expect(await calls(page, 'devices.setTrust')).toEqual(
      ['distrusted', 'undecided', 'verified'].map((trust) => ({ ref: 'juliet/12', trust })),
    );
    await page.keyboard.press('Escape');
    await expect.poll(() => lock(page).textContent()).toBe('Verified');
  });

  it('by a link put into the palette or into “Add someone”', async () => {
    const page = await open('main');
    await option(page, 'Romeo').waitFor();
    await page.getByRole('button', { name: 'Add someone' }).click();
    await page.getByLabel('XMPP address').fill(julietLink);
    await page.keyboard.press('Enter');
    await page.getByText('The link names devices of Juliet Capulet.').waitFor();
    expect(await calls(page, 'trust.checkUri')).toEqual([]);
    await page.getByRole('button', { name: 'Verify with this link' }).click();
    await page.getByText('Juliet Capulet is verified').waitFor();
    await page.getByRole('button', { name: 'Done' }).click();

    await page.keyboard.press('Control+k');
    await page.getByRole('searchbox').fill(julietLink.replace('juliet@', 'mercutio@'));
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Verify with this link' }).click();
    await page.getByRole('button', { name: 'Add and verify' }).press('Enter');
    await page.getByText('The code names 2 devices that have not been seen here yet').waitFor();
    expect(await calls(page, 'contacts.addByJid')).toEqual([{ jid: 'mercutio@example.net' }]);
  });
});

describe('a new device of somebody', () => {
  it('cannot be overlooked or taken for their words, and leads to the check', async () => {
    const page = await open('main');
    await openConversation(page, 'Romeo Montague');
    await page.evaluate(() => {
      window.fake.receive('romeo', 'Romeo Montague uses a new device.', {
        kind: 'new-device',
        senderDevice: 'romeo/11' as never,
      });
    });
    const event = page.getByRole('listitem').filter({ hasText: 'Their devices changed' });
    await event.waitFor();
    expect(await event.locator('.bubble').count()).toBe(0);
    await page
      .locator('[aria-live=polite]')
      .filter({ hasText: 'In the conversation with Romeo Montague: Romeo Montague uses a new device.' })
      .waitFor();
    // By keys alone: into the list, to its button.
    await composer(page).focus();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Verify Romeo Montague' }).waitFor();
    await typeLink(page, romeoLink);
    await page.getByText('Romeo Montague is verified').waitFor();
    await page.getByRole('button', { name: 'Done' }).click();
    await event.getByText('Verified').waitFor();
    expect(await event.getByRole('button').count()).toBe(0);
  });
});

describe('under the strict policy', () => {
  it('says what waits and why, and goes on once a device is checked', async () => {
    const page = await open('trust');
    await openConversation(page, 'Friar Laurence');
    expect(await lock(page).textContent()).toBe('Unverified');
    await page.getByText('Waits on this computer until you have checked one of their devices').waitFor();
    const bar = page.getByRole('status').filter({ hasText: 'What you write waits until you have checked' });
    await bar.getByRole('button', { name: 'Check now' }).click();
    await typeLink(page, trustUri('laurence@example.net', [fakeDevice('self', 11)]));
    await page.getByText('Friar Laurence is verified').waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('“Device 12” gets nothing until you have checked it.').waitFor();
    await page.getByText('Goes through example.org, encrypted end to end').waitFor();
  });

  it('is chosen in the settings, with what each choice means', async () => {
    const page = await open('main');
    await page.getByRole('button', { name: 'Settings' }).click();
    const choice = page.getByRole('radiogroup', { name: 'New devices of contacts' });
    expect(await choice.getByRole('radio', { name: /^Trust them automatically/ }).isChecked()).toBe(true);
    await choice.getByText('Only devices I have checked').click();
    await waitForCall(page, 'settings.set');
    await expect.poll(() => choice.getByRole('radio', { name: /^Only devices I have checked/ }).isChecked()).toBe(true);
    expect(await calls(page, 'settings.set')).toEqual([{ settings: { blindTrust: false } }]);
  });
});

describe('what is encrypted for whom', () => {
  it('is said for each device of theirs and of one’s own', async () => {
    const page = await open('trust');
    await openPerson(page, 'Nurse');
    const pane = page.getByRole('complementary');
    const device = (name: string) => pane.getByRole('listitem').filter({ hasText: name });
    expect(await device('Gajim').textContent()).toMatch(/Gets your messages.*Older OMEMO: text only/);
    expect(await device('Dino').textContent()).toContain('Gets nothing yet: its key is not known');
    expect(await device('Laptop').first().textContent()).toContain('Gets a copy of what you write');
    expect(await device('Found on the train').textContent()).toContain('Gets nothing: you do not trust it');
    await page.evaluate(() => window.fake.setOwnDevices(window.fake.data.ownDevices.slice(0, 1)));
    await pane.getByText('You have no other devices.').waitFor();
  });

  it('offers receipts in clear only where they cannot be encrypted', async () => {
    const page = await open('trust');
    const toggle = page.getByRole('switch', { name: /^Exchange receipts with .* unencrypted/ });
    await openPerson(page, 'Nurse');
    expect(await toggle.isChecked()).toBe(false);
    await toggle.check({ force: true });
    await waitForCall(page, 'conversations.allowClearSignals');
    await expect.poll(() => toggle.isChecked()).toBe(true);
    expect(await calls(page, 'conversations.allowClearSignals')).toEqual([{ conversationId: 'nurse', allow: true }]);
    await openPerson(page, 'Harbour Clinic');
    expect(await toggle.count()).toBe(1);
    await openPerson(page, 'Benvolio');
    expect(await toggle.count()).toBe(0);
  });
});

describe('own devices', () => {
  it('can be renamed, distrusted and removed, with what that does', async () => {
    const page = await open('trust');
    await openDevices(page);
    await page.getByRole('button', { name: 'Rename Desk' }).click();
    await page.getByLabel('Name of this device').fill('Kitchen');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Rename Kitchen' }).waitFor();
    expect(await calls(page, 'devices.rename')).toEqual([{ ref: 'self/7', label: 'Kitchen' }]);

    const phone = page.getByRole('listitem').filter({ hasText: 'Conversations on the phone' });
    await phone.getByRole('button', { name: /^Do not trust/ }).click();
    await phone.getByText('Gets nothing, and what it writes in your name is not shown').waitFor();
    await phone.getByRole('button', { name: /^Remove/ }).click();
    const question = page.getByRole('alertdialog', { name: 'Remove “Conversations on the phone”?' });
    expect(await question.textContent()).toMatch(/Nothing is encrypted for it any more.*It is not signed out/);
    expect(await question.getByRole('button', { name: 'Cancel' }).evaluate((it) => it === document.activeElement)).toBe(
      true,
    );
    await question.getByRole('button', { name: 'Remove', exact: true }).click();
    await phone.waitFor({ state: 'detached' });
    expect(await calls(page, 'devices.remove')).toEqual([{ ref: 'self/10' }]);
  });

  it('that nobody has used for months are proposed together, and what fails is said', async () => {
    const page = await open('trust');
    await openDevices(page);
    const proposal = page.getByRole('region', { name: 'Not used for three months – remove them?' });
    await proposal.getByRole('button', { name: 'Remove all 2' }).click();
    await page.evaluate(() =>
      window.fake.failNext('devices.remove', { code: 'account.unreachable', what: 'No server.', action: 'Later.' }),
    );
    const question = page.getByRole('alertdialog', { name: 'Remove 2 devices?' });
    await question.getByRole('button', { name: 'Remove', exact: true }).click();
    await question.getByRole('alert').filter({ hasText: 'No server.' }).waitFor();
    await question.getByRole('button', { name: 'Remove', exact: true }).click();
    await proposal.waitFor({ state: 'detached' });
    expect(await calls(page, 'devices.remove')).toEqual([{ ref: 'self/3' }, { ref: 'self/3' }, { ref: 'self/4' }]);
  });

  it('follow what the application tells, and are verified like anybody’s', async () => {
    const page = await open('trust');
    // The notice about a new device leads to the page.
    await page.getByRole('button', { name: 'Your devices' }).click();
    await page.getByRole('heading', { name: 'Other devices' }).waitFor();
    await page.evaluate(() => {
      const devices = window.fake.data.ownDevices;
      window.fake.setOwnDevices(
        devices.map((device) => (device.deviceId === 12 ? { ...device, label: 'Attic' } : device)),
      );
    });
    await page.getByRole('button', { name: 'Check it: Attic' }).click();
    await typeLink(page, trustUri('ada@example.org', [fakeDevice('self', 12)]));
    await page.getByText('Your devices are verified').waitFor();
    expect(await calls(page, 'trust.checkUri')).toMatchObject([{ uri: expect.stringContaining('omemo-sid-12') }]);
  });
});
