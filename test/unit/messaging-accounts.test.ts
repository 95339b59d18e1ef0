/** Several devices of one account, clients without encryption, and contacts that turn out to be one person. */
import xml from '@xmpp/xml';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { selfOf } from '../../src/main/messaging/context.ts';
import { devicesNode, writeDeviceList } from '../../src/main/messaging/devices/key-nodes.ts';
import { conversationEncryption } from '../../src/main/messaging/devices/recipients.ts';
import { conversationWith } from '../../src/main/messaging/timeline/conversation-timeline.ts';
import type { BareJid, ContactId, ConversationId, Message, MessageId } from '../../src/shared/model.ts';
import { addByJid, MemoryServer } from '../support/memory-server.ts';
import { MessagingPerson, makeContacts, until } from '../support/messaging-person.ts';

const annaJid = 'anna@bothy.test' as BareJid;
const benJid = 'ben@bothy.test' as BareJid;
const choice = { preference: 'automatic', direct: [], server: [] } as const;
const people: MessagingPerson[] = [];
afterEach(() => {
  for (const person of people.splice(0)) person.close();
});
function person(name: string): MessagingPerson {
  const made = new MessagingPerson(name);
  people.push(made);
  return made;
}

/** The conversation of this device with an address. */
function conversation(who: MessagingPerson, jid: BareJid): { id: ConversationId; contactId: ContactId } {
  const contact = who.store.contacts.byAddress(jid);
  const found = contact ? who.store.conversations.byContact(contact.id) : null;
  if (!found) throw new Error('no conversation');
  return found;
}
function texts(who: MessagingPerson, jid: BareJid): [string, string, string][] {
  return who.store.messages
    .page(conversation(who, jid).id, { limit: 100 })
    .messages.filter((message) => message.kind === 'text')
    .map((message) => [message.direction, message.encryption, message.body]);
}
function others(who: MessagingPerson, jid: BareJid): string[] {
  return who.store.messages
    .page(conversation(who, jid).id, { limit: 100 })
    .messages.filter((message) => message.kind !== 'text')
    .map((message) => message.body);
}
const stateOf = (who: MessagingPerson, id: MessageId): Message['state'] | undefined =>
  who.store.messages.get(id)?.state;
const arrived = (who: MessagingPerson, body: string): Promise<void> =>
  until(() => who.told.some((message) => message.body === body));

/** Anna with a laptop and a desktop, Ben with one device, all signed in and acquainted. */
async function household() {
  const server = new MemoryServer();
  const [laptop, desktop, ben] = [person('Anna'), person('Anna'), person('Ben')];
  for (const [who, jid] of [
    [laptop, annaJid],
    [desktop, annaJid],
    [ben, benJid],
  ] as const) {
    addByJid(who, jid === annaJid ? benJid : annaJid, jid === annaJid ? 'Ben' : 'Anna');
    await server.signIn(who, jid);
  }
  return { server, laptop, desktop, ben };
}

describe('two devices of one account', () => {
  test('both get what comes in, and each shows what the other said as ours', async () => {
    const { laptop, desktop, ben } = await household();
    const first = laptop.say(ben, 'from the laptop');
    await arrived(ben, 'from the laptop');
    await arrived(desktop, 'from the laptop');
    await until(() => stateOf(laptop, first) === 'on-device');
    ben.say(laptop, 'to both');
    await Promise.all([arrived(laptop, 'to both'), arrived(desktop, 'to both')]);
    desktop.say(ben, 'from the desktop');
    await Promise.all([arrived(ben, 'from the desktop'), arrived(laptop, 'from the desktop')]);
    const said = [
      ['out', 'omemo2', 'from the laptop'],
      ['in', 'omemo2', 'to both'],
      ['out', 'omemo2', 'from the desktop'],
    ];
    expect(texts(laptop, benJid)).toEqual(said);
    expect(texts(desktop, benJid)).toEqual(said);
    expect(texts(ben, annaJid).map(([direction]) => direction)).toEqual(['in', 'out', 'in']);
    expect(others(laptop, benJid)).toEqual([]);
    expect(others(desktop, benJid)).toEqual([]);
  });

  test('one that was off reads in the archive what the other said and heard', async () => {
    const { server, laptop, desktop, ben } = await household();
    laptop.say(ben, 'while both are here');
    await arrived(desktop, 'while both are here');
    server.signOut(desktop);
    laptop.say(ben, 'while you were off');
    await arrived(ben, 'while you were off');
    ben.say(laptop, 'an answer');
    await arrived(laptop, 'an answer');
    await server.signIn(desktop, annaJid);
    await arrived(desktop, 'an answer');
    expect(texts(desktop, benJid)).toEqual(texts(laptop, benJid));
  });

  test('what goes directly is copied to the other device, without saying whom it is for', async () => {
    const { server, laptop, desktop, ben } = await household();
    laptop.say(ben, 'by server');
    await arrived(desktop, 'by server');
    await until(
      () => laptop.store.contacts.byAddress(benJid)?.xid !== null && laptop.store.outbox.pending().length === 0,
    );
    await until(() => ben.store.contacts.byAddress(annaJid)?.xid !== null);
    laptop.linkTo(ben);
    ben.linkTo(laptop);
    const before = server.carried.length;
    const id = laptop.say(ben, 'directly');
    await Promise.all([arrived(ben, 'directly'), arrived(desktop, 'directly')]);
    expect(texts(desktop, benJid).at(-1)).toEqual(['out', 'omemo2', 'directly']);
    const copies = server.carried.slice(before).filter((stanza) => stanza.includes(id));
    expect(copies).toHaveLength(1);
    expect(copies[0]).not.toContain(benJid);
  });

  test('what one has read is read on the other', async () => {
    const { laptop, desktop, ben } = await household();
    const id = ben.say(laptop, 'read me');
    await Promise.all([arrived(laptop, 'read me'), arrived(desktop, 'read me')]);
    const there = conversation(desktop, benJid).id;
    expect(desktop.store.conversations.summary(there).unread).toBe(1);
    laptop.speaker.markRead(conversation(laptop, benJid).id, id, true);
    await until(() => desktop.store.conversations.summary(there).unread === 0);
    await until(() => stateOf(ben, id) === 'read');
  });
});

describe('a contact whose app has no encryption', () => {
  const carl = 'carl@bothy.test' as BareJid;

  async function withCarl() {
    const server = new MemoryServer();
    const heard = [] as NonNullable<ReturnType<typeof server.plainClients.get>>;
    server.plainClients.set(carl, heard);
    const anna = person('Anna');
    const contactId = addByJid(anna, carl, 'Carl');
    await server.signIn(anna, annaJid);
    await server.sayPlain(carl, annaJid, xml('body', {}, 'Hello from Carl'));
    const { id } = conversation(anna, carl);
    await anna.directory.fetchList(contactId, carl);
    const allow = (plainAllowed: boolean): void => {
      const record = anna.store.conversations.get(id);
      if (record) anna.store.conversations.put({ ...record, plainAllowed });
      anna.outbox.kick(contactId);
    };
    const encryption = () => {
      const contact = anna.store.contacts.get(contactId);
      return (
        contact && conversationEncryption(anna.context, contact, (owner) => anna.directory.announcesNothing(owner))
      );
    };
    const say = (body: string) => anna.speaker.say(id, crypto.randomUUID() as string as MessageId, body, choice);
    return { server, anna, heard, id, contactId, allow, encryption, say };
  }

  test('is shown as unencrypted, and nothing is sent so without consent', async () => {
    const { anna, heard, allow, encryption, say } = await withCarl();
    expect(texts(anna, carl)).toEqual([['in', 'none', 'Hello from Carl']]);
    expect(encryption()).toBe('none');
    const refused = say('psst');
    expect(refused.ok ? null : refused.error.code).toBe('message.plain-not-allowed');
    expect(heard).toEqual([]);
    allow(true);
    const sent = say('Hello Carl');
    expect(sent.ok && sent.value.encryption).toBe('none');
    await until(() => heard.length > 0);
    expect(heard[0]?.getChildText('body')).toBe('Hello Carl');
    expect(heard[0]?.toString()).not.toContain('urn:bothy');
    if (!sent.ok) throw new Error('not sent');
    await until(() => stateOf(anna, sent.value.id) === 'on-server');
  });

  test('a message written for encryption never leaves in clear, even with consent', async () => {
    const { server, anna, heard, allow, contactId } = await withCarl();
    const tablet = person('Carl');
    // Carl gets a device: what is written now is for it.
    await server.publish(
      carl,
      devicesNode,
      'current',
      writeDeviceList([{ id: 77, label: null, labelSignature: null }]),
    );
    allow(true);
    const waiting = anna.speaker.say(
      conversation(anna, carl).id,
      crypto.randomUUID() as string as MessageId,
      'secret',
      choice,
    );
    expect(waiting.ok && waiting.value.encryption).toBe('omemo2');
    expect(heard).toEqual([]);
    // Its keys become known, then it vanishes from the list, as a server that wants to read along would have it.
    anna.store.devices.put({
      owner: contactId,
      deviceId: 77,
      wire: 'omemo2',
      label: '',
      localName: '',
      identityKey: selfOf(tablet.context).identityKey,
      trust: 'blind',
      active: true,
      lastSeenAt: null,
    });
    await server.publish(carl, devicesNode, 'current', writeDeviceList([]));
    anna.outbox.kick(contactId);
    const again = anna.speaker.say(
      conversation(anna, carl).id,
      crypto.randomUUID() as string as MessageId,
      'more',
      choice,
    );
    expect(again.ok && again.value.encryption).not.toBe('none');
    // The same for devices that the person has rejected.
    const device = anna.store.devices.get(contactId, 77);
    if (device) anna.store.devices.put({ ...device, trust: 'distrusted' });
    const third = anna.speaker.say(
      conversation(anna, carl).id,
      crypto.randomUUID() as string as MessageId,
      'third',
      choice,
    );
    expect(third.ok && third.value.encryption).toBe('pending');
    // A whole round of the queue later nothing has left.
    await server.sayPlain(carl, annaJid, xml('body', {}, 'are you there?'));
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toEqual([]);
    expect(server.carried.filter((stanza) => stanza.includes('<body'))).toEqual([]);
    expect(texts(anna, carl).at(-1)).toEqual(['in', 'none', 'are you there?']);
  });

  test('a message for an address that does not exist is failed with the reason', async () => {
    const { server, anna, allow, id, contactId, say } = await withCarl();
    server.plainClients.delete(carl);
    allow(true);
    const sent = say('anybody?');
    if (!sent.ok) throw new Error('not taken');
    await until(() => stateOf(anna, sent.value.id) === 'failed');
    expect(anna.store.messages.get(sent.value.id)?.failure?.code).toBe('stanza.not-found');
    expect(anna.store.conversations.get(id)?.contactId).toBe(contactId);
  });
});

describe('one person, known twice', () => {
  test('becomes one contact when they introduce themselves, with all that was said and still waits', async () => {
    const server = new MemoryServer();
    const [anna, ben] = [person('Anna'), person('Ben')];
    makeContacts(anna, ben);
    const nearby = anna.contactOf(ben);
    anna.linkTo(ben);
    ben.linkTo(anna);
    const first = anna.say(ben, 'in the same room');
    await until(() => stateOf(anna, first) === 'on-device');
    anna.unlink(ben);
    ben.unlink(anna);
    const waiting = anna.say(ben, 'not there any more');
    for (const who of [anna, ben]) who.now += 60_000;
    const viaServer = addByJid(anna, benJid, 'ben');
    addByJid(ben, annaJid, 'anna');
    await server.signIn(anna, annaJid);
    await server.signIn(ben, benJid);
    const introducing = ben.speaker.say(
      conversationWith(ben.context, mustContact(ben, annaJid)).id,
      crypto.randomUUID() as string as MessageId,
      'this is my account',
      choice,
    );
    expect(introducing.ok).toBe(true);
    await until(() => anna.removed.includes(nearby));
    const contacts = anna.store.contacts.list();
    expect(contacts).toHaveLength(1);
    expect(contacts[0]).toMatchObject({ id: viaServer, jid: benJid, xid: selfOf(ben.context).xid, name: 'Ben' });
    expect(texts(anna, benJid).map(([, , body]) => body)).toEqual([
      'in the same room',
      'not there any more',
      'this is my account',
    ]);
    expect(anna.store.outbox.byMessage(waiting)?.contactId ?? viaServer).toBe(viaServer);
    await arrived(ben, 'not there any more');
    expect(anna.store.devices.of(viaServer)).toHaveLength(1);
    expect(others(anna, benJid)).toEqual([]);
    // What was read is still read, and the session went with them: no new key exchange for what follows.
    expect(ben.store.conversations.summary(conversation(ben, annaJid).id).unread).toBe(2);
    const id = anna.say(ben, 'and on we go');
    await arrived(ben, 'and on we go');
    const stanza = server.carried.find((one) => one.includes(`id="${id}"`)) ?? '';
    expect(stanza).toContain('<payload>');
    expect(stanza).not.toContain('kex=');
  });
});

test('an answer to an introduction introduces once', async () => {
  const { laptop, ben } = await household();
  const encrypt = vi.spyOn(ben.context.cipher, 'encrypt');
  laptop.say(ben, 'I am Anna');
  await until(() => encrypt.mock.calls.some(([, plaintext]) => plaintext !== null));
  await until(() => ben.store.outbox.pending().length === 0);
  const said = encrypt.mock.calls.flatMap(([, plaintext]) => (plaintext ? [new TextDecoder().decode(plaintext)] : []));
  expect(said[0]).toContain('<received ');
  expect(Math.max(...said.map((text) => text.match(/<introduction /g)?.length ?? 0))).toBe(1);
});

test('contacts that know each other tell where they can be reached directly now', async () => {
  const { server, laptop, ben } = await household();
  laptop.say(ben, 'Hello');
  await arrived(ben, 'Hello');
  const anna = mustContact(ben, annaJid);
  await until(() => laptop.store.contacts.byAddress(benJid)?.xidShared === true);
  laptop.ownAddresses = ['/ip4/198.51.100.7/tcp/4001'];
  laptop.speaker.tellAddresses(mustContact(laptop, benJid));
  await until(() => ben.learned.some(([, addresses]) => addresses.length > 0));
  expect(ben.learned.filter(([, addresses]) => addresses.length > 0)).toEqual([[anna, laptop.ownAddresses]]);
  // Inside the encryption, and no message.
  expect(server.carried.join()).not.toContain('198.51.100.7');
  expect(texts(ben, annaJid)).toHaveLength(1);
});

function mustContact(who: MessagingPerson, jid: BareJid): ContactId {
  const contact = who.store.contacts.byAddress(jid);
  if (!contact) throw new Error('no contact');
  return contact.id;
}
