/** What a server, a contact or a stranger must not be able to do, tried. */
import { afterEach, describe, expect, test } from 'vitest';
import { mergeRosterEntry } from '../../src/main/app/roster-contacts.ts';
import { inTransaction, selfOf } from '../../src/main/messaging/context.ts';
import { learnDevice, maxDevicesKnown, type Owner } from '../../src/main/messaging/devices/device-records.ts';
import { ownDeviceNews, ownDeviceNewsSeen } from '../../src/main/messaging/devices/own-device-news.ts';
import { bodyElement, bodyIn, cleanBody } from '../../src/main/messaging/envelope/text-body.ts';
import { wireId } from '../../src/main/messaging/envelope/wire-id.ts';
import { conversationWith } from '../../src/main/messaging/timeline/conversation-timeline.ts';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import type { BareJid, DeviceId, MessageId, TrustState } from '../../src/shared/model.ts';
import { addByJid, MemoryServer } from '../support/memory-server.ts';
import { MessagingPerson, makeContacts, until } from '../support/messaging-person.ts';

const annaJid = 'anna@bothy.test' as BareJid;
const benJid = 'ben@bothy.test' as BareJid;
const people: MessagingPerson[] = [];
afterEach(() => {
  for (const person of people.splice(0)) person.close();
});
function person(name: string): MessagingPerson {
  const made = new MessagingPerson(name);
  people.push(made);
  return made;
}
const arrived = (who: MessagingPerson, body: string): Promise<void> =>
  until(() => who.told.some((message) => message.body === body));

function learn(who: MessagingPerson, owner: Owner, deviceId: DeviceId, key: number, active = true): void {
  const identityKey = new Uint8Array(32).fill(key);
  inTransaction(who.context, (after) => learnDevice(who.context, after, owner, { deviceId, identityKey, active }));
}
function trustOf(who: MessagingPerson, owner: Owner, deviceId: DeviceId): TrustState | undefined {
  return who.store.devices.get(owner, deviceId)?.trust;
}
function judge(who: MessagingPerson, owner: Owner, deviceId: DeviceId, trust: TrustState): void {
  const record = who.store.devices.get(owner, deviceId);
  if (!record) throw new Error('no such device');
  who.store.devices.put({ ...record, trust });
}

async function acquainted() {
  const server = new MemoryServer();
  const [anna, ben] = [person('Anna'), person('Ben')];
  addByJid(anna, benJid, 'Ben');
  addByJid(ben, annaJid, 'Anna');
  await server.signIn(anna, annaJid);
  await server.signIn(ben, benJid);
  anna.say(ben, 'hello');
  await arrived(ben, 'hello');
  ben.say(anna, 'hello yourself');
  await arrived(anna, 'hello yourself');
  return { server, anna, ben, benId: anna.contactOf(ben) };
}

describe('what a judgement about a device is worth', () => {
  test('another key under a verified device does not open the door to the next device', () => {
    const anna = person('Anna');
    const ben = addByJid(anna, benJid, 'Ben');
    learn(anna, ben, 1, 1);
    judge(anna, ben, 1, 'verified');
    learn(anna, ben, 1, 2);
    expect(trustOf(anna, ben, 1)).toBe('undecided');
    learn(anna, ben, 2, 3);
    expect(trustOf(anna, ben, 2)).toBe('undecided');
  });

  test('a device that is not trusted does not come back by changing its key twice, or its id', () => {
    const anna = person('Anna');
    const ben = addByJid(anna, benJid, 'Ben');
    learn(anna, ben, 1, 1);
    judge(anna, ben, 1, 'distrusted');
    learn(anna, ben, 1, 2);
    learn(anna, ben, 1, 1);
    expect(trustOf(anna, ben, 1)).toBe('undecided');
    learn(anna, ben, 2, 1);
    expect(trustOf(anna, ben, 2)).toBe('undecided');
  });

  test('devices are not remembered without end', () => {
    const anna = person('Anna');
    const ben = addByJid(anna, benJid, 'Ben');
    inTransaction(anna.context, (after) => {
      for (let deviceId = 1; deviceId <= maxDevicesKnown + 50; deviceId += 1) {
        learnDevice(anna.context, after, ben, { deviceId, active: false });
      }
    });
    expect(anna.store.devices.of(ben)).toHaveLength(maxDevicesKnown);
  });
});

describe('a device that the person has not let in', () => {
  /** Ben's device was verified; then the server adds one to his account that is not his. */
  async function infiltrated() {
    const people = await acquainted();
    const { server, anna, ben, benId } = people;
    judge(anna, benId, ben.deviceId, 'verified');
    const eve = person('Eve');
    addByJid(eve, annaJid, 'Anna');
    await server.signIn(eve, benJid);
    await until(() => trustOf(anna, benId, eve.deviceId) !== undefined);
    return { ...people, eve };
  }

  test('gets nothing, and cannot say that it did', async () => {
    const { anna, ben, eve, benId } = await infiltrated();
    expect(trustOf(anna, benId, eve.deviceId)).toBe('undecided');
    ben.account = null;
    const before = eve.told.length;
    const id = anna.say(ben, 'for Ben alone');
    await until(() => anna.store.messages.get(id)?.state === 'on-server');
    expect(eve.told.slice(before).map((message) => message.body)).not.toContain('for Ben alone');
    inTransaction(anna.context, (after) => anna.outbox.outcomes.acknowledged(benId, eve.deviceId, id, after));
    expect(anna.store.messages.get(id)?.state).toBe('on-server');
    const there = conversationWith(eve.context, eve.contactOf(anna)).id;
    eve.store.messages.insert({
      id,
      conversationId: there,
      direction: 'in',
      kind: 'text',
      body: 'x',
      sentAt: 1,
      receivedAt: 1,
      sortAt: 1,
      senderOwner: null,
      senderDeviceId: null,
      encryption: 'omemo2',
      route: 'server',
      state: 'on-device',
      orderCounter: null,
    });
    eve.speaker.markRead(there, id, true);
    eve.say(anna, 'after the forged marker');
    await arrived(anna, 'after the forged marker');
    expect(anna.store.messages.get(id)?.state).toBe('on-server');
  });

  test('does not change who the contact is nearby', async () => {
    const { anna, eve, benId } = await infiltrated();
    const xid = anna.store.contacts.get(benId)?.xid;
    eve.say(anna, 'I am Ben, and this is my new XID');
    await arrived(anna, 'I am Ben, and this is my new XID');
    const said = anna.store.messages.page(conversationWith(anna.context, benId).id, { limit: 50 }).messages;
    const at = said.findIndex((message) => message.body.startsWith('I am Ben'));
    expect(said[at - 1]?.body).toContain('that you have not let in says');
    expect(xid).not.toBeNull();
    expect(anna.store.contacts.get(benId)?.xid).toBe(xid);
  });
});

describe('a device that appears on our own account', () => {
  test('is told to the person, once for as long as they have not seen it', async () => {
    const { server, anna } = await acquainted();
    expect(ownDeviceNews(anna.store)).toBeNull();
    const eve = person('Eve');
    await server.signIn(eve, annaJid);
    await until(() => anna.ownDevicesTold > 0);
    expect(ownDeviceNews(anna.store)).not.toBeNull();
    ownDeviceNewsSeen(anna.store);
    expect(ownDeviceNews(anna.store)).toBeNull();
    await server.signIn(eve, annaJid);
    expect(ownDeviceNews(anna.store)).toBeNull();
  });

  test('does not speak in our name once it is not trusted', async () => {
    const { server, anna, ben, benId } = await acquainted();
    const eve = person('Eve');
    addByJid(eve, benJid, 'Ben');
    await server.signIn(eve, annaJid);
    await until(() => trustOf(anna, 'self', eve.deviceId) !== undefined);
    judge(anna, 'self', eve.deviceId, 'distrusted');
    eve.say(ben, 'Anna never said this');
    await arrived(ben, 'Anna never said this');
    eve.say(ben, 'nor this');
    await arrived(ben, 'nor this');
    const shown = anna.store.messages.page(conversationWith(anna.context, benId).id, { limit: 50 }).messages;
    expect(shown.map((message) => message.body)).not.toContain('Anna never said this');
  });
});

test('one device that refuses a message does not keep it from the others', async () => {
  const [anna, laptop] = [person('Anna'), person('Ben')];
  const desktop = new MessagingPerson('Ben', { deviceOf: laptop });
  people.push(desktop);
  makeContacts(anna, laptop);
  makeContacts(anna, desktop);
  anna.linkTo(laptop);
  laptop.linkTo(anna);
  anna.linkTo(desktop);
  desktop.linkTo(anna);
  anna.say(laptop, 'both know us');
  await Promise.all([arrived(laptop, 'both know us'), arrived(desktop, 'both know us')]);
  await until(() => anna.store.outbox.pending().length === 0);
  anna.unlink(desktop);
  anna.fate = () => ({
    arrives: 1,
    acknowledged: true,
    spoil: (stanza) => stanza.replace('urn:xmpp:omemo:2', 'urn:x'),
  });
  const id: MessageId = anna.say(laptop, 'refused by one');
  const targets = (): (string | undefined)[] => {
    const row = anna.store.outbox.byMessage(id);
    return row ? anna.store.outbox.targets(row.id).map((target) => target.state) : [];
  };
  await until(() => targets().includes('failed'));
  expect(targets().sort()).toEqual(['failed', 'waiting']);
  anna.fate = () => ({ arrives: 1, acknowledged: true });
  anna.linkTo(desktop);
  await arrived(desktop, 'refused by one');
});

describe('somebody unknown', () => {
  const eveJid = 'eve@bothy.test' as BareJid;

  test('fills neither the disk nor the list of devices', async () => {
    const server = new MemoryServer();
    const [anna, eve] = [person('Anna'), person('Eve')];
    await server.signIn(anna, annaJid);
    await server.signIn(eve, eveJid);
    for (let n = 0; n < 80; n += 1) await server.sayPlain(eveJid, annaJid, bodyElement(`spam ${n}`));
    const contact = anna.store.contacts.byAddress(eveJid);
    if (!contact) throw new Error('no request');
    expect(contact.subscription).toBe('pending-in');
    const there = conversationWith(anna.context, contact.id).id;
    expect(anna.store.messages.page(there, { limit: 200 }).messages).toHaveLength(50);
  });

  test('does not make us remember repairs of devices that nobody ever saw', async () => {
    const { server, anna, ben, benId } = await acquainted();
    const header = (sid: number): string =>
      `<encrypted xmlns="urn:xmpp:omemo:2"><header sid="${sid}"><keys jid="${annaJid}">` +
      `<key rid="${anna.deviceId}">AAAA</key></keys></header><payload>AAAA</payload></encrypted>`;
    const noise = async (sid: number): Promise<void> => {
      const parsed = parseElement(header(sid));
      if (!parsed.ok) throw new Error('not XML');
      await server.sayPlain(benJid, annaJid, parsed.value);
    };
    await noise(77);
    expect(anna.store.settings.getValue(`repaired/${benId}/77`)).toBeNull();
    await noise(ben.deviceId);
    await expect.poll(() => anna.store.settings.getValue(`repaired/${benId}/${ben.deviceId}`)).not.toBeNull();
  });
});

test('ids of messages are taken as their senders write them', () => {
  const local = `a#b#${crypto.randomUUID()}` as MessageId;
  expect(wireId('a#b' as MessageId)).toBe('a#b');
  expect(wireId(local)).toBe('a#b');
});

test('numbers that leap make no endless list of missing messages', async () => {
  const { anna, ben, benId } = await acquainted();
  const conversationId = conversationWith(anna.context, benId).id;
  const identityKey = selfOf(ben.context).identityKey;
  for (let n = 1; n < 30; n += 1) {
    inTransaction(anna.context, (after) =>
      anna.gaps.saw({ conversationId, owner: benId, deviceId: ben.deviceId, identityKey, counter: n * 1000 }, after),
    );
  }
  const kept = JSON.parse(anna.store.settings.getValue('missing-messages') ?? '[]') as unknown[];
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.length).toBeLessThanOrEqual(500);
});

describe('the length of a text', () => {
  test('is limited by what it becomes as XML, so that no server closes the stream over it', () => {
    expect(cleanBody('a'.repeat(64 * 1024)).ok).toBe(true);
    expect(cleanBody('&'.repeat(64 * 1024)).ok).toBe(false);
  });

  test('beyond ours is shown cut, not acknowledged and lost', () => {
    const shown = bodyIn([bodyElement(`${'é'.repeat(60 * 1024)}end`)]);
    expect(shown?.startsWith('éé')).toBe(true);
    expect(shown?.endsWith('é […]')).toBe(true);
  });
});

test('names from a roster or a request do not turn the text around them', () => {
  const entry = { jid: benJid, name: 'Ben\u202enna\u0007', subscription: 'both', ask: false } as const;
  expect(mergeRosterEntry(null, entry, 0).name).toBe('Bennna');
});

test('a contact whose identity for direct connections changes is said to have a new one', async () => {
  const { anna, ben, benId } = await acquainted();
  await until(() => anna.store.contacts.get(benId)?.xid !== null);
  const other = selfOf(person('Other').context);
  const first = selfOf(ben.context);
  const introduceAs = async (self: typeof first, text: string): Promise<void> => {
    ben.store.self.put({ ...first, xid: self.xid, xidSeed: self.xidSeed });
    const contact = ben.store.contacts.get(ben.contactOf(anna));
    if (!contact) throw new Error('no contact');
    ben.store.contacts.put({ ...contact, xidShared: false });
    ben.say(anna, text);
    await arrived(anna, text);
    expect(anna.store.contacts.get(benId)?.xid).toBe(self.xid);
  };
  const news = (): number => anna.told.filter((message) => message.body.includes('new identity')).length;
  await introduceAs(other, 'I installed it anew');
  expect(news()).toBe(1);
  // Two computers of one person introduce themselves in turn.
  await introduceAs(first, 'From the old one again');
  await introduceAs(other, 'And from the new one');
  expect(news()).toBe(1);
});

test('a clock that is set back by a year does not hold messages up for a year', async () => {
  const [anna, ben] = [person('Anna'), person('Ben')];
  makeContacts(anna, ben);
  anna.linkTo(ben);
  ben.linkTo(anna);
  anna.say(ben, 'before');
  await arrived(ben, 'before');
  anna.fate = () => ({ arrives: 0, acknowledged: false });
  anna.say(ben, 'lost at first');
  const states = (): string =>
    anna.told.flatMap((message) => (message.body === 'lost at first' ? [message.state] : [])).join();
  await until(() => states() === 'queued,sending,queued');
  anna.now -= 365 * 24 * 60 * 60 * 1000;
  anna.fate = () => ({ arrives: 1, acknowledged: true });
  anna.say(ben, 'after');
  await arrived(ben, 'lost at first');
});
