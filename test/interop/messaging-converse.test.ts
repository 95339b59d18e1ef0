/** A Bothy and Converse, as a person uses it in a browser, over a real Prosody: the other client that speaks OMEMO 2. */
import type { Browser } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Contact, ContactId, Conversation, ConversationId } from '../../src/shared/model.ts';
import { Converse, loopbackOnly } from '../support/converse.ts';
import type { Headless } from '../support/headless.ts';
import { omemoStageOfFile, ownDevices } from '../support/omemo-stage.ts';
import { prosodyMissing } from '../support/prosody.ts';
import { launchBrowser, noBrowserReason } from '../support/window-browser.ts';

const missing = noBrowserReason ?? prosodyMissing();
const stage = omemoStageOfFile(missing, { browsers: true });
const longEnough = 120_000;

let browser: Browser;
beforeAll(async () => {
  if (!missing) browser = await launchBrowser([loopbackOnly]);
});
afterAll(async () => {
  if (!missing) await browser.close();
});

function newConverse(jid: string, omemo = true): Promise<Converse> {
  const { httpPort } = stage().prosody;
  if (httpPort === null) throw new Error('this Prosody is for no browsers');
  const options = { browser, jid, password: stage().passwordOf(jid), httpPort, omemo };
  return Converse.open(options, (end) => stage().atEnd(end));
}

/** In its list, now or later, with this subscription. */
async function contactOf(bothy: Headless, jid: string, subscription: Contact['subscription']): Promise<ContactId> {
  const wanted = (one: Contact): boolean => one.jid === jid && one.subscription === subscription;
  const later = bothy.when(`${jid} as ${subscription}`, (event) =>
    event.type === 'contact' && wanted(event.contact) ? event.contact : null,
  );
  later.catch(() => {});
  return ((await bothy.get('contacts.list', {})).find(wanted) ?? (await later)).id;
}

async function takeIn(bothy: Headless, jid: string): Promise<void> {
  const contactId = await contactOf(bothy, jid, 'pending-in');
  await bothy.get('contacts.answerRequest', { contactId, accept: true });
}

function devicesKnown(bothy: Headless, count: number): Promise<Conversation> {
  return bothy.conversationWhere(`${count} devices`, ({ reach }) => reach.length === count);
}

describe('Converse', () => {
  let anna = '';
  let ruth = '';
  let bothy: Headless;
  let converse: Converse;
  let conversation: ConversationId;

  /** Anna with a Bothy and Ruth with Converse, who was asked, in each other's lists. */
  async function meet(encryption: Conversation['encryption'] = 'omemo2'): Promise<void> {
    [anna, ruth] = [await stage().account('anna'), await stage().account('ruth')];
    [bothy, converse] = await Promise.all([stage().newBothy(anna), newConverse(ruth, encryption !== 'none')]);
    await bothy.get('contacts.addByJid', { jid: ruth });
    await converse.accept(anna);
    conversation = (await bothy.conversationWhere('what they speak', (one) => one.encryption === encryption)).id;
    await converse.openChat(anna);
  }

  async function fromUs(text: string): Promise<void> {
    await bothy.send(conversation, text);
    await converse.reads(anna, text);
  }

  async function fromThem(text: string): Promise<void> {
    await converse.type(anna, text);
    expect(await bothy.shown(conversation, text)).toMatchObject({ encryption: 'omemo2', kind: 'text' });
  }

  test('first message each way, several, after restarts of both, and what was said while one was away', {
    timeout: longEnough,
  }, async () => {
    await meet();
    const { id } = await bothy.send(conversation, 'Hello, Ruth – 你好');
    await converse.reads(anna, 'Hello, Ruth – 你好');
    await converse.turnOmemoOn(anna);
    await fromThem('Hello, Anna – 再见');
    for (const turn of [1, 2]) {
      await fromUs(`ping ${turn}`);
      await fromUs(`and ping ${turn}`);
      await fromThem(`pong ${turn}`);
      await fromThem(`and pong ${turn}`);
    }

    await converse.stop();
    for (const turn of [1, 2, 3]) await bothy.send(conversation, `while Ruth is away ${turn}`);
    await converse.start();
    await converse.openChat(anna);
    for (const turn of [1, 2, 3]) await converse.reads(anna, `while Ruth is away ${turn}`);
    await converse.hasOmemoOn(anna);
    await fromThem('back again');
    await fromUs('welcome back');

    await bothy.stop();
    for (const turn of [1, 2, 3]) await converse.type(anna, `while Anna is away ${turn}`);
    bothy = stage().bothy(anna);
    for (const turn of [1, 2, 3]) await bothy.shown(conversation, `while Anna is away ${turn}`);
    const last = await bothy.send(conversation, 'back as well');
    await converse.reads(anna, 'back as well');
    await fromThem('welcome back, Anna');

    // It answers with markers alone, and inside the encryption once the person has turned it on.
    await bothy.reaches(last.id, conversation, ['on-device']);
    await bothy.reaches(id, conversation, ['on-server']);
    const history = await bothy.history(conversation);
    expect(history.map(({ kind, encryption }) => `${kind} ${encryption}`)).toEqual(history.map(() => 'text omemo2'));
    expect(await converse.texts(anna)).toEqual(history.map(({ body }) => body));
    const stanzas = converse.stanzas('all').join('\n');
    for (const { body } of history) {
      expect(stanzas).not.toContain(body);
      expect(stage().kept(body)).toBe(false);
    }
    const encrypted = converse.stanzas('encrypted');
    expect(encrypted.length).toBeGreaterThanOrEqual(history.length);
    for (const stanza of encrypted) expect(stanza).toMatch(/<encrypted xmlns=["']urn:xmpp:omemo:2["']/);
    expect(stanzas).not.toMatch(/<encrypted xmlns=["']eu\.siacs/);
  });

  test('it asks; two Bothys of one account read and say everything; fingerprints are the same', {
    timeout: longEnough,
  }, async () => {
    [anna, ruth] = [await stage().account('anna'), await stage().account('ruth')];
    [bothy, converse] = await Promise.all([stage().newBothy(anna), newConverse(ruth)]);
    await converse.addContact(anna);
    await takeIn(bothy, ruth);
    conversation = (await devicesKnown(bothy, 1)).id;
    const second = await stage().newBothy(anna, `${anna}-second`);
    await second.get('conversations.openWith', { contactId: await contactOf(second, ruth, 'both') });
    const there = (await devicesKnown(second, 1)).id;
    await ownDevices(bothy, 2);
    await converse.openChat(anna);
    await converse.turnOmemoOn(anna);

    await fromThem('first from Converse');
    expect(await second.shown(there, 'first from Converse')).toMatchObject({ encryption: 'omemo2' });
    await fromUs('from the first Bothy');
    await second.has(there, 'from the first Bothy');
    await second.send(there, 'from the second Bothy');
    await converse.reads(anna, 'from the second Bothy');
    await bothy.has(conversation, 'from the second Bothy');
    await fromThem('to both');
    await second.shown(there, 'to both');

    const own = (await bothy.get('devices.ofSelf', {})).map(({ fingerprint }) => fingerprint);
    expect(own).toHaveLength(2);
    // Each device twice: as it is compared, and the key of OMEMO 2 as it is on the wire.
    expect(await converse.fingerprintsOf(anna, 2 * own.length)).toEqual(expect.arrayContaining(own));
    const kinds = [...(await bothy.history(conversation)), ...(await second.history(there))].map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(new Set(['text']));
  });

  test('as another device of the account of a Bothy', { timeout: longEnough }, async () => {
    [anna, ruth] = [await stage().account('anna'), await stage().account('ruth')];
    const [ours, theirs] = await Promise.all([stage().newBothy(anna), stage().newBothy(ruth)]);
    await ours.get('contacts.addByJid', { jid: ruth });
    await takeIn(theirs, anna);
    const here = (await devicesKnown(ours, 1)).id;
    await devicesKnown(theirs, 1);
    const [{ ref } = { ref: '' as never }] = await ours.get('devices.ofSelf', {});
    await ours.get('devices.rename', { ref, label: 'Laptop' });
    converse = await newConverse(anna);
    const there = (await devicesKnown(theirs, 2)).id;
    await ownDevices(ours, 2);
    await converse.openChat(ruth);

    await ours.send(here, 'from our Bothy');
    await theirs.shown(there, 'from our Bothy');
    await converse.reads(ruth, 'from our Bothy');
    await theirs.send(there, 'to both of ours');
    await ours.shown(here, 'to both of ours');
    await converse.reads(ruth, 'to both of ours');
    await converse.turnOmemoOn(ruth);
    await converse.type(ruth, 'from our Converse');
    expect(await theirs.shown(there, 'from our Converse')).toMatchObject({ encryption: 'omemo2' });
    expect(await ours.has(here, 'from our Converse')).toMatchObject({ direction: 'out', encryption: 'omemo2' });
    // It announced itself on the same list, without the names that were there.
    const [contact] = await theirs.get('contacts.list', {});
    expect(contact?.devices.map(({ label }) => label).sort()).toEqual(['', 'Laptop']);
    await expect.poll(() => stage().kept('Laptop'), { timeout: 30_000 }).toBe(true);
  });

  test('in clear until the person turns OMEMO on; then reactions, replies, corrections and retractions', {
    timeout: longEnough,
  }, async () => {
    await meet();
    await converse.type(anna, 'not yet');
    expect(await bothy.shown(conversation, 'not yet')).toMatchObject({ encryption: 'none' });
    await converse.turnOmemoOn(anna);
    await fromThem('tipo');
    await fromUs('What?');
    await converse.correctLast(anna, 'typo');
    await bothy.shown(conversation, 'typo');
    await converse.reply(anna, 'What?', 'a typo');
    await bothy.shown(conversation, `> ${anna}:\n> What?\na typo`);
    await converse.react(anna, 'What?', '👍');
    await bothy.shown(conversation, '> What?\n👍');
    await converse.retract(anna, 'typo');
    await bothy.has(conversation, `${ruth.split('@')[0]} took back an earlier message. Bothy still shows it.`);
    const history = await bothy.history(conversation);
    const lines = history.slice(1).map(({ kind, body }) => `${kind}: ${body}`);
    // That a text corrects another one is said outside the encryption alone, where anybody could say it (XEP-0420 §10).
    expect(lines.slice(0, 3)).toEqual(['text: tipo', 'text: What?', 'text: typo']);
    expect(lines).toHaveLength(6);
    expect(converse.stanzas('encrypted').join('\n')).not.toMatch(/tipo|typo|What|👍/);
  });

  test('without its OMEMO: plain text, marked, after consent', { timeout: longEnough }, async () => {
    await meet('none');
    await converse.type(anna, 'Hello in plain text');
    expect(await bothy.shown(conversation, 'Hello in plain text')).toMatchObject({ encryption: 'none' });
    const route = { preference: 'automatic', direct: [], server: [] } as const;
    const send = (body: string) =>
      bothy.call('messages.send', { conversationId: conversation, id: crypto.randomUUID() as never, body, route });
    expect(await send('without consent')).toMatchObject({ ok: false, error: { code: 'message.plain-not-allowed' } });
    await bothy.get('conversations.allowPlain', { conversationId: conversation, allow: true });
    await bothy.get('conversations.allowClearSignals', { conversationId: conversation, allow: true });
    const sent = await send('with consent');
    expect(sent).toMatchObject({ ok: true, value: { encryption: 'none' } });
    await converse.reads(anna, 'with consent');
    if (sent.ok) await bothy.reaches(sent.value.id, conversation, ['read']);
    expect(converse.stanzas('all').join('\n')).not.toContain('without consent');
  });
});
