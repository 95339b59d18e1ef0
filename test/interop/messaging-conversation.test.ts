/** Conversations between two real processes: over a real Prosody, over direct links, and from one to the other. */
import { afterEach, describe, expect, test } from 'vitest';
import type { MessageId } from '../../src/shared/model.ts';
import { longEnough } from '../support/bounded-wait.ts';
import type { Headless } from '../support/headless.ts';
import {
  linked,
  type Pair,
  type PairOptions,
  type Person,
  startPair,
  startStrangers,
} from '../support/headless-pair.ts';
import { prosodyMissing } from '../support/prosody.ts';

let pair: Pair | null = null;
afterEach(async () => {
  await pair?.close();
  pair = null;
}, 60_000);

async function open(options: PairOptions): Promise<Pair> {
  pair = await startPair(options);
  return pair;
}

async function say(from: Person, to: Person, body: string) {
  const sent = await from.process.send(from.conversation, body);
  const shown = await to.process.shown(to.conversation, body);
  return { sent, shown };
}

async function texts(person: Person): Promise<string[]> {
  const history = await person.process.history(person.conversation);
  return history.filter((message) => message.kind === 'text').map((message) => message.body);
}

function account(process: Headless, state: string): Promise<unknown> {
  return process.when(`the account ${state}`, (event) =>
    event.type === 'status' && event.status.account?.transport.state === state ? true : null,
  );
}

describe('without any server', () => {
  test('an invitation makes two people contacts who talk directly', { timeout: longEnough }, async () => {
    const { anna, ben } = await open({ server: false, nearby: true });
    const { sent, shown } = await say(anna, ben, 'Hello Ben');
    expect(shown).toMatchObject({ encryption: 'omemo2', route: 'direct', sentAt: sent.sentAt });
    const there = await anna.process.reaches(sent.id, anna.conversation, ['on-device']);
    expect(there.route).toBe('direct');
    await say(ben, anna, 'Hello Anna');
    expect((await anna.process.get('contacts.list', {}))[0]).toMatchObject({ name: 'Ben', jid: null, presence: null });

    const read = anna.process.reaches(sent.id, anna.conversation, ['read']);
    await ben.process.get('conversations.markRead', { conversationId: ben.conversation, upTo: sent.id });
    expect((await read).state).toBe('read');
  });

  test('what is written while the other is away arrives when they are back, once and in order', {
    timeout: longEnough,
  }, async () => {
    const { anna, ben } = await open({ server: false, nearby: true });
    await say(anna, ben, 'before');
    await ben.process.kill();
    const waiting = ['one', 'two', 'three'];
    for (const body of waiting) {
      const message = await anna.process.send(anna.conversation, body);
      expect(message.state).toBe('queued');
    }
    await anna.process.stop();
    anna.process = anna.start();
    ben.process = ben.start();
    await ben.process.shown(ben.conversation, 'three');
    await say(ben, anna, 'after');
    expect(await texts(ben)).toEqual(['before', ...waiting, 'after']);
    expect(await texts(anna)).toEqual(['before', ...waiting, 'after']);
  });
});

describe('with a server', () => {
  const missing = prosodyMissing();

  test('two accounts talk, acknowledge and learn who the other is nearby', { timeout: longEnough }, async (context) => {
    if (missing) context.skip(missing);
    const { anna, ben } = await open({ server: true, nearby: false });
    const { sent, shown } = await say(anna, ben, 'Hello Ben');
    expect(shown).toMatchObject({ encryption: 'omemo2', route: 'server' });
    expect((await anna.process.reaches(sent.id, anna.conversation, ['on-device'])).route).toBe('server');
    await say(ben, anna, 'Hello Anna');
    const self = (await ben.process.get('app.status', {})).self;
    const known = await anna.process.get('contacts.list', {});
    expect(known[0]).toMatchObject({ name: 'Ben', jid: 'ben@bothy.test', xid: self?.xid });
  });

  test('the server dies, the conversation goes on directly, and back', { timeout: longEnough }, async (context) => {
    if (missing) context.skip(missing);
    const { anna, ben, prosody } = await open({ server: true, nearby: true });
    if (!prosody) throw new Error('no server');
    await say(anna, ben, 'one');
    await say(ben, anna, 'two');
    await Promise.all([linked(anna.process), linked(ben.process)]);
    await Promise.all([
      prosody.kill(),
      anna.process.conversationWhere('no server', (conversation) =>
        conversation.reach.every((device) => !device.server),
      ),
    ]);
    const { sent, shown } = await say(anna, ben, 'three');
    expect(shown).toMatchObject({ route: 'direct', encryption: 'omemo2' });
    await anna.process.reaches(sent.id, anna.conversation, ['on-device']);
    await say(ben, anna, 'four');
    const back = [account(anna.process, 'online'), account(ben.process, 'online')];
    await prosody.restart();
    await Promise.all(back);
    await anna.process.get('conversations.setRoute', { conversationId: anna.conversation, preference: 'server' });
    await anna.process.conversationWhere('the server', (conversation) =>
      conversation.reach.some((device) => device.server),
    );
    expect((await say(anna, ben, 'five')).shown.route).toBe('server');
    const all = ['one', 'two', 'three', 'four', 'five'];
    expect(await texts(anna)).toEqual(all);
    expect(await texts(ben)).toEqual(all);
    for (const person of [anna, ben]) {
      const history = await person.process.history(person.conversation);
      expect(history.filter((message) => message.kind !== 'text')).toEqual([]);
    }
  });

  test('"only direct" keeps a message from the server; letting go of it sends it', {
    timeout: longEnough,
  }, async (context) => {
    if (missing) context.skip(missing);
    const { anna, ben } = await open({ server: true, nearby: false });
    await say(anna, ben, 'one');
    await anna.process.get('conversations.setRoute', { conversationId: anna.conversation, preference: 'direct' });
    const held = await anna.process.send(anna.conversation, 'two');
    await anna.process.get('conversations.openWith', {
      contactId: (await anna.process.get('contacts.list', {}))[0]?.id as never,
    });
    expect((await anna.process.history(anna.conversation)).find(({ id }) => id === held.id)?.state).toBe('queued');
    expect(await texts(ben)).toEqual(['one']);
    await anna.process.get('conversations.setRoute', { conversationId: anna.conversation, preference: 'automatic' });
    await ben.process.shown(ben.conversation, 'two');
  });

  test('what was sent while the app was off is there afterwards, from the archive', {
    timeout: longEnough,
  }, async (context) => {
    if (missing) context.skip(missing);
    const { anna, ben } = await open({ server: true, nearby: false });
    await say(anna, ben, 'first');
    await say(ben, anna, 'second');
    await ben.process.stop();
    const ids: MessageId[] = [];
    for (let n = 1; n <= 30; n += 1) ids.push((await anna.process.send(anna.conversation, `while away ${n}`)).id);
    for (const id of ids) await anna.process.reaches(id, anna.conversation, ['on-server', 'on-device']);
    ben.process = ben.start();
    await ben.process.shown(ben.conversation, 'while away 30');
    expect(await texts(ben)).toEqual(['first', 'second', ...ids.map((_, index) => `while away ${index + 1}`)]);
    for (const id of ids) await anna.process.reaches(id, anna.conversation, ['on-device']);
  });

  test('a stranger who writes is a request, not a conversation', { timeout: longEnough }, async (context) => {
    if (missing) context.skip(missing);
    pair = await startStrangers({ server: true, nearby: false });
    const { anna, ben } = pair;
    const asked = ben.process.when('the request', (event) =>
      event.type === 'contact' && event.contact.subscription === 'pending-in' ? event.contact : null,
    );
    const contact = await anna.process.get('contacts.addByJid', { jid: 'ben@bothy.test' });
    anna.conversation = (await anna.process.get('conversations.openWith', { contactId: contact.id })).id;
    const sent = await anna.process.send(anna.conversation, 'You do not know me');
    await anna.process.reaches(sent.id, anna.conversation, ['on-server']);
    const request = await asked;
    expect(await ben.process.get('conversations.list', {})).toEqual([]);
    await ben.process.get('contacts.answerRequest', { contactId: request.id, accept: true });
    const conversation = await ben.process.get('conversations.openWith', { contactId: request.id });
    await ben.process.shown(conversation.id, 'You do not know me');
  });
});
