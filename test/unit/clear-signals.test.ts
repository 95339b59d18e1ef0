/** Receipts and read markers in clear: where the person allowed them, and nowhere else. */
import xml, { type Element } from '@xmpp/xml';
import { afterEach, describe, expect, test } from 'vitest';
import { inTransaction } from '../../src/main/messaging/context.ts';
import { bundlesNode, devicesNode } from '../../src/main/messaging/devices/key-nodes.ts';
import { displayedMarker } from '../../src/main/messaging/envelope/markers.ts';
import { receiptFor, receiptRequest } from '../../src/main/messaging/envelope/receipts.ts';
import { bodyElement } from '../../src/main/messaging/envelope/text-body.ts';
import { stopClearSignals } from '../../src/main/messaging/sending/clear-signal-mail.ts';
import { conversationWith } from '../../src/main/messaging/timeline/conversation-timeline.ts';
import type { BareJid, ContactId, Message, MessageId } from '../../src/shared/model.ts';
import { addByJid, MemoryServer } from '../support/memory-server.ts';
import { MessagingPerson, until } from '../support/messaging-person.ts';

const annaJid = 'anna@bothy.test' as BareJid;
const benJid = 'ben@bothy.test' as BareJid;
const carlJid = 'carl@bothy.test' as BareJid;
const signals = /urn:xmpp:receipts|urn:xmpp:chat-markers/;

const people: MessagingPerson[] = [];
afterEach(() => {
  for (const person of people.splice(0)) person.close();
});

async function join(server: MemoryServer, name: string, jid: BareJid): Promise<MessagingPerson> {
  const person = new MessagingPerson(name);
  people.push(person);
  for (const [otherJid, otherName] of [
    [annaJid, 'Anna'],
    [benJid, 'Ben'],
    [carlJid, 'Carl'],
  ] as const) {
    if (otherJid !== jid) addByJid(person, otherJid, otherName);
  }
  await server.signIn(person, jid);
  return person;
}

/** Two people whose apps speak only the older OMEMO with each other, and Carl, who has none. */
async function older() {
  const server = new MemoryServer();
  server.hidden.add(devicesNode).add(bundlesNode);
  server.plainClients.set(carlJid, []);
  const anna = await join(server, 'Anna', annaJid);
  const ben = await join(server, 'Ben', benJid);
  return { server, anna, ben };
}

function idOf(who: MessagingPerson, jid: BareJid): ContactId {
  const contact = who.store.contacts.byAddress(jid);
  if (!contact) throw new Error('no contact');
  return contact.id;
}

function allow(who: MessagingPerson, jid: BareJid, allowed = true): void {
  const conversation = conversationWith(who.context, idOf(who, jid));
  inTransaction(who.context, (after) => {
    const changed = { ...conversation, clearSignalsAllowed: allowed };
    who.store.conversations.put(changed);
    if (!allowed) stopClearSignals(who.context, who.outbox, changed, after);
  });
}

function read(who: MessagingPerson, jid: BareJid, upTo: MessageId, tell = true): number {
  return who.speaker.markRead(conversationWith(who.context, idOf(who, jid)).id, upTo, tell);
}

async function shown(who: MessagingPerson, body: string): Promise<Message> {
  await until(() => who.told.some((message) => message.body === body));
  const found = who.told.find((message) => message.body === body);
  if (!found) throw new Error('not shown');
  return found;
}

const stateOf = (who: MessagingPerson, id: MessageId): string => who.store.messages.get(id)?.state ?? 'none';

/** Everything that was going to happen has happened. */
async function settled(...who: MessagingPerson[]): Promise<void> {
  let quiet = 0;
  // What the server has of a plain text is kept, in case it comes back.
  const waits = (one: MessagingPerson): boolean =>
    one.store.outbox.pending().some((row) => {
      const targets = one.store.outbox.targets(row.id);
      return targets.length === 0 || targets.some((target) => target.state === 'waiting');
    });
  await until(() => {
    quiet = who.some(waits) ? 0 : quiet + 1;
    return quiet > 20;
  });
}

function clearOf(server: MemoryServer, from: number): string[] {
  return server.carried.slice(from).filter((stanza) => signals.test(stanza));
}

describe('beside the older OMEMO', () => {
  test('nothing is said in clear unless it was allowed', async () => {
    const { server, anna, ben } = await older();
    const id = anna.say(ben, 'hello');
    const message = await shown(ben, 'hello');
    expect(message.encryption).toBe('omemo-legacy');
    read(ben, annaJid, message.id);
    await settled(anna, ben);
    expect(server.carried.length).toBeGreaterThan(0);
    expect(clearOf(server, 0)).toEqual([]);
    expect(stateOf(anna, id)).toBe('on-server');
  });

  test('where both allow it, one learns that it arrived and that it was read', async () => {
    const { server, anna, ben } = await older();
    allow(anna, benJid);
    allow(ben, annaJid);
    const id = anna.say(ben, 'hello');
    const message = await shown(ben, 'hello');
    await until(() => stateOf(anna, id) === 'on-device');
    read(ben, annaJid, message.id);
    await until(() => stateOf(anna, id) === 'read');
    await settled(anna, ben);
    // Once each, and to the contact alone.
    const said = clearOf(server, 0);
    expect(said.map((stanza) => /<(request|received|displayed)/.exec(stanza)?.[1])).toEqual([
      'request',
      'received',
      'displayed',
    ]);
    expect(said[1]).not.toContain('encrypted');
    read(ben, annaJid, message.id);
    await settled(anna, ben);
    expect(clearOf(server, 0)).toHaveLength(3);
  });

  test('whoever allows it alone says it alone, and believes nothing that was not allowed', async () => {
    const { server, anna, ben } = await older();
    allow(anna, benJid);
    const asked = anna.say(ben, 'asks');
    const message = await shown(ben, 'asks');
    read(ben, annaJid, message.id);
    await settled(anna, ben);
    expect(stateOf(anna, asked)).toBe('on-server');
    expect(clearOf(server, 0)).toHaveLength(1);

    const unasked = ben.say(anna, 'does not ask');
    read(anna, benJid, (await shown(anna, 'does not ask')).id);
    await settled(anna, ben);
    expect(clearOf(server, 0)).toHaveLength(1);
    await server.sayPlain(annaJid, benJid, receiptFor(unasked));
    await server.sayPlain(annaJid, benJid, displayedMarker(unasked));
    expect(stateOf(ben, unasked)).toBe('on-server');
  });

  test('read markers that are turned off altogether stay off', async () => {
    const { server, anna, ben } = await older();
    allow(anna, benJid);
    allow(ben, annaJid);
    const id = anna.say(ben, 'hello');
    const message = await shown(ben, 'hello');
    await until(() => stateOf(anna, id) === 'on-device');
    expect(read(ben, annaJid, message.id, false)).toBe(1);
    await settled(anna, ben);
    expect(clearOf(server, 0).join()).not.toContain('displayed');
    expect(stateOf(anna, id)).toBe('on-device');
  });

  test('counts only from the contact, through the server, and never for OMEMO 2', async () => {
    const server = new MemoryServer();
    const [anna, ben] = [await join(server, 'Anna', annaJid), await join(server, 'Ben', benJid)];
    const eve = await join(server, 'Eve', carlJid);
    allow(anna, benJid);
    allow(anna, carlJid);
    const id = anna.say(ben, 'hello');
    expect((await shown(ben, 'hello')).encryption).toBe('omemo2');
    await until(() => stateOf(anna, id) === 'on-device');
    expect(clearOf(server, 0)).toEqual([]);
    await server.sayPlain(benJid, annaJid, displayedMarker(id));
    expect(stateOf(anna, id)).toBe('on-device');

    const old = await older();
    allow(old.anna, benJid);
    allow(old.anna, carlJid);
    const plain = old.anna.say(old.ben, 'in the older one');
    await shown(old.ben, 'in the older one');
    await until(() => stateOf(old.anna, plain) === 'on-server');
    // Somebody else, our own account, and a direct link.
    await old.server.sayPlain(carlJid, annaJid, displayedMarker(plain), receiptFor(plain));
    await old.server.sayPlain(annaJid, benJid, displayedMarker(plain), receiptFor(plain));
    const over = xml('message', { type: 'chat', from: benJid, to: annaJid }, displayedMarker(plain));
    old.anna.store.contacts.put({
      ...contactOf(old.anna, benJid),
      xid: contactXid(old.ben),
    });
    old.ben.store.contacts.put({ ...contactOf(old.ben, annaJid), xid: contactXid(old.anna) });
    await old.ben.hand(old.anna, over);
    expect(stateOf(old.anna, plain)).toBe('on-server');
    await old.server.sayPlain(benJid, annaJid, displayedMarker(plain));
    expect(stateOf(old.anna, plain)).toBe('read');
    expect(eve.told).toEqual([]);
  });

  test('turning it off stops at once what waits: requests, receipts and markers', async () => {
    const { server, anna, ben } = await older();
    allow(anna, benJid);
    allow(ben, annaJid);
    const first = anna.say(ben, 'first');
    const message = await shown(ben, 'first');
    await until(() => stateOf(anna, first) === 'on-device');
    // The server is away: Anna's next text and Ben's marker wait, written while it was allowed.
    const before = server.carried.length;
    const [annaAccount, benAccount] = [anna.account, ben.account];
    anna.account = null;
    ben.account = null;
    anna.say(ben, 'second');
    read(ben, annaJid, message.id);
    await until(() => anna.store.outbox.pending().some((row) => row.stage === 'encrypted'));
    const waiting = anna.store.outbox.pending().find((row) => row.kind === 'text');
    expect(waiting?.stanza).toMatch(signals);
    expect(ben.store.outbox.pending().some((row) => row.stanza.includes('displayed'))).toBe(true);
    allow(anna, benJid, false);
    allow(ben, annaJid, false);
    anna.account = annaAccount;
    ben.account = benAccount;
    anna.outbox.kickAll();
    ben.outbox.kickAll();
    await shown(ben, 'second');
    await settled(anna, ben);
    expect(clearOf(server, before)).toEqual([]);
    expect(stateOf(anna, first)).toBe('on-device');
  });

  test('what was missed is acknowledged after the archive: the newest fifty', async () => {
    const { server, anna, ben } = await older();
    allow(anna, benJid);
    allow(ben, annaJid);
    anna.say(ben, 'hello');
    await shown(ben, 'hello');
    await settled(anna, ben);
    server.signOut(ben);
    const ids = Array.from({ length: 55 }, (_, index) => anna.say(ben, `number ${index}`));
    await settled(anna);
    const before = server.carried.length;
    await server.signIn(ben, benJid);
    await until(() => stateOf(anna, ids.at(-1) ?? ('' as MessageId)) === 'on-device');
    await settled(anna, ben);
    expect(clearOf(server, before)).toHaveLength(50);
    expect(ids.filter((id) => stateOf(anna, id) === 'on-device')).toHaveLength(50);
  });

  test('with "only direct" nothing goes to the server', async () => {
    const { server, anna, ben } = await older();
    allow(anna, benJid);
    allow(ben, annaJid);
    const conversation = conversationWith(ben.context, idOf(ben, annaJid));
    ben.store.conversations.put({ ...conversation, routePreference: 'direct' });
    anna.say(ben, 'hello');
    read(ben, annaJid, (await shown(ben, 'hello')).id);
    await settled(anna);
    expect(clearOf(server, 0)).toHaveLength(1);
    expect(ben.store.outbox.pending().filter((row) => signals.test(row.stanza))).toEqual([]);
  });
});

describe('beside plain text', () => {
  async function withCarl() {
    const { server, anna } = await older();
    const heard = server.plainClients.get(carlJid);
    if (!heard) throw new Error('no Carl');
    const conversation = conversationWith(anna.context, idOf(anna, carlJid));
    anna.store.conversations.put({ ...conversation, plainAllowed: true });
    await anna.directory.fetchList(conversation.contactId, carlJid);
    const say = (body: string): MessageId => {
      const choice = { preference: 'automatic', direct: [], server: [] } as const;
      const said = anna.speaker.say(conversation.id, crypto.randomUUID() as string as MessageId, body, choice);
      if (!said.ok) throw new Error(said.error.code);
      return said.value.id;
    };
    const hears = async (test: (stanza: Element) => boolean): Promise<Element> => {
      await until(() => heard.some(test));
      return heard.find(test) ?? xml('none', {});
    };
    return { server, anna, heard, say, hears };
  }
  const said = (body: string) => (stanza: Element) => stanza.getChildText('body') === body;

  test('follows the same switch', async () => {
    const { server, anna, heard, say, hears } = await withCarl();
    const before = say('not asking');
    expect((await hears(said('not asking'))).toString()).not.toMatch(signals);
    await server.sayPlain(carlJid, annaJid, receiptFor(before));
    await settled(anna);
    expect(stateOf(anna, before)).toBe('on-server');
    await server.sayPlain(carlJid, annaJid, bodyElement('unanswered'), receiptRequest());
    allow(anna, carlJid);
    const id = say('asking');
    expect((await hears(said('asking'))).toString()).toMatch(signals);
    await server.sayPlain(carlJid, annaJid, receiptFor(id));
    expect(stateOf(anna, id)).toBe('on-device');
    // Older clients know a marker for it.
    const again = say('asking again');
    await hears(said('asking again'));
    await server.sayPlain(carlJid, annaJid, xml('received', { xmlns: 'urn:xmpp:chat-markers:0', id: again }));
    expect(stateOf(anna, again)).toBe('on-device');
    await server.sayPlain(
      carlJid,
      annaJid,
      bodyElement('hello'),
      receiptRequest(),
      xml('markable', { xmlns: 'urn:xmpp:chat-markers:0' }),
    );
    const hello = await shown(anna, 'hello');
    await hears((stanza) => stanza.getChild('received')?.attrs['id'] === hello.id);
    read(anna, carlJid, hello.id);
    await hears((stanza) => stanza.getChild('displayed')?.attrs['id'] === hello.id);
    await settled(anna);
    const answers = heard.filter((stanza) => stanza.getChild('received') ?? stanza.getChild('displayed'));
    expect(answers).toHaveLength(2);
  });

  test('nobody is told who did not ask', async () => {
    const { server, anna, heard } = await withCarl();
    allow(anna, carlJid);
    await server.sayPlain(carlJid, annaJid, bodyElement('just this'));
    read(anna, carlJid, (await shown(anna, 'just this')).id);
    await settled(anna);
    expect(heard.filter((stanza) => signals.test(stanza.toString()))).toEqual([]);
  });
});

describe('reading up to a message of one’s own', () => {
  test('tells of the newest of theirs before it', async () => {
    const server = new MemoryServer();
    const [anna, ben] = [await join(server, 'Anna', annaJid), await join(server, 'Ben', benJid)];
    const first = ben.say(anna, 'one');
    const second = ben.say(anna, 'two');
    await shown(anna, 'two');
    const own = anna.say(ben, 'my own');
    await shown(ben, 'my own');
    expect(read(anna, benJid, own)).toBe(2);
    await until(() => stateOf(ben, second) === 'read');
    expect(stateOf(ben, first)).toBe('read');
    const before = server.carried.length;
    expect(read(anna, benJid, own)).toBe(0);
    await settled(anna, ben);
    expect(server.carried).toHaveLength(before);
  });
});

function contactOf(who: MessagingPerson, jid: BareJid) {
  const contact = who.store.contacts.byAddress(jid);
  if (!contact) throw new Error('no contact');
  return contact;
}

function contactXid(who: MessagingPerson) {
  const self = who.store.self.get();
  if (!self) throw new Error('nobody');
  return self.xid;
}
