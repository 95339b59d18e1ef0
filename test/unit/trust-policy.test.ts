/** Strict trust, and the news of devices: who gets messages, who waits, and what is said about it. */
import { afterEach, describe, expect, test } from 'vitest';
import { selfOf } from '../../src/main/messaging/context.ts';
import { devicesNode, writeDeviceList } from '../../src/main/messaging/devices/key-nodes.ts';
import { legacyDevicesNode, writeLegacyDeviceList } from '../../src/main/messaging/devices/legacy-nodes.ts';
import {
  contactDevices,
  contactReach,
  conversationEncryption,
  ownOtherDevices,
} from '../../src/main/messaging/devices/recipients.ts';
import { conversationWith } from '../../src/main/messaging/timeline/conversation-timeline.ts';
import type { Message, MessageId } from '../../src/shared/model.ts';
import { addByJid } from '../support/memory-server.ts';
import { type MessagingPerson, makeContacts, until } from '../support/messaging-person.ts';
import { annaJid, benJid, codeOf, compare, scan, TrustPeople, trustIn } from '../support/trust-people.ts';

let people = new TrustPeople();
afterEach(() => {
  people.close();
  people = new TrustPeople();
});

/** As the command does it. */
function setBlindTrust(who: MessagingPerson, blindTrust: boolean): void {
  who.store.settings.set({ ...who.store.settings.get(), blindTrust });
  who.trust.attendAll();
}

const arrived = (who: MessagingPerson, body: string): Promise<void> =>
  until(() => who.told.some((message) => message.body === body && message.direction === 'in'));
const stateOf = (who: MessagingPerson, id: MessageId): Message['state'] | undefined =>
  who.store.messages.get(id)?.state;
const reasonOf = (who: MessagingPerson, id: MessageId): string | undefined => who.store.messages.get(id)?.failure?.code;

function encryption(who: MessagingPerson, whom: MessagingPerson): string {
  const contact = who.store.contacts.get(who.contactOf(whom));
  if (!contact) throw new Error('no contact');
  return conversationEncryption(who.context, contact, (owner) => who.directory.announcesNothing(owner));
}

function receiving(who: MessagingPerson, whom: MessagingPerson): number[] {
  const contact = who.store.contacts.get(who.contactOf(whom));
  return contact ? contactDevices(who.context, contact).map(({ deviceId }) => deviceId) : [];
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('strict trust', () => {
  test('a message to somebody nobody verified waits and says why; verified, it goes out by itself', async () => {
    const [anna, ben] = [await people.device(annaJid), await people.device(benJid)];
    setBlindTrust(anna, false);
    const id = anna.say(ben, 'psst');
    await until(() => reasonOf(anna, id) === 'encryption.not-let-in');
    expect(anna.told.some((message) => message.id === id && message.failure !== null)).toBe(true);
    expect([stateOf(anna, id), encryption(anna, ben), receiving(anna, ben)]).toEqual(['queued', 'pending', []]);
    const contact = anna.store.contacts.get(anna.contactOf(ben));
    expect(contact && contactReach(anna.context, contact)).toEqual([]);
    // Its keys are there to be compared though nothing was encrypted for it.
    await until(() => anna.store.devices.get(anna.contactOf(ben), ben.deviceId)?.identityKey !== null);
    await turns();
    expect(people.server.carried.filter((stanza) => stanza.includes(id))).toEqual([]);
    await scan(anna, codeOf(ben));
    await arrived(ben, 'psst');
    await until(() => stateOf(anna, id) === 'on-device');
    expect(reasonOf(anna, id)).toBeUndefined();
    expect([encryption(anna, ben), receiving(anna, ben)]).toEqual(['omemo2', [ben.deviceId]]);
  });

  test('whom was let in blindly waits too, and is let in again when it is turned off', async () => {
    const [anna, ben] = [await people.device(annaJid), await people.device(benJid)];
    const before = anna.say(ben, 'before');
    await until(() => stateOf(anna, before) === 'on-device');
    setBlindTrust(anna, false);
    const id = anna.say(ben, 'meanwhile');
    await until(() => reasonOf(anna, id) === 'encryption.not-let-in');
    // What a device says that is not let in is shown under a line that says so, and counts for nothing else.
    ben.say(anna, 'are you there?');
    await arrived(anna, 'are you there?');
    expect(anna.history(ben).map(({ body }) => body)).toContain('A device of Ben that you have not let in says:');
    expect(trustIn(anna, ben)).toBe('blind');
    setBlindTrust(anna, true);
    await arrived(ben, 'meanwhile');
    await until(() => stateOf(anna, id) === 'on-device');
  });

  test('its receipts and read markers count for nothing', async () => {
    const [anna, ben] = [await people.device(annaJid), await people.device(benJid)];
    const id = anna.say(ben, 'have you read this?');
    await until(() => stateOf(anna, id) === 'on-device');
    setBlindTrust(anna, false);
    const conversation = ben.store.conversations.byContact(ben.contactOf(anna));
    if (!conversation) throw new Error('no conversation');
    expect(ben.speaker.markRead(conversation.id, id, true)).toBe(1);
    ben.say(anna, 'after the marker');
    await arrived(anna, 'after the marker');
    expect(stateOf(anna, id)).toBe('on-device');
    // The same from a device that is let in.
    setBlindTrust(anna, true);
    const again = anna.say(ben, 'and this?');
    await until(() => stateOf(anna, again) === 'on-device');
    expect(ben.speaker.markRead(conversation.id, again, true)).toBe(1);
    await until(() => stateOf(anna, again) === 'read');
  });

  test('own other devices wait likewise', async () => {
    const [a1, a2, ben] = [await people.device(annaJid), await people.device(annaJid), await people.device(benJid)];
    await until(() => ownOtherDevices(a1.context).length === 1);
    setBlindTrust(a1, false);
    expect(ownOtherDevices(a1.context)).toEqual([]);
    await scan(a1, codeOf(ben));
    const id = a1.say(ben, 'not for my other computer');
    await until(() => stateOf(a1, id) === 'on-device');
    expect(a2.told.map(({ body }) => body)).not.toContain('not for my other computer');
    await compare(a1, a2);
    a1.say(ben, 'for both');
    await until(() => a2.told.some(({ body }) => body === 'for both'));
  });

  test('over a direct link too', async () => {
    const [anna, ben] = [people.person('Anna'), people.person('Ben')];
    setBlindTrust(anna, false);
    makeContacts(anna, ben);
    anna.linkTo(ben);
    ben.linkTo(anna);
    const id = anna.say(ben, 'psst');
    await until(() => reasonOf(anna, id) === 'encryption.not-let-in');
    await turns();
    expect(anna.sent).toEqual([]);
    await scan(anna, codeOf(ben));
    await arrived(ben, 'psst');
  });

  test('a device of the past does not get what a new one waits for', async () => {
    const [anna, b1] = [await people.device(annaJid), await people.device(benJid)];
    await scan(anna, codeOf(b1));
    const b2 = await people.device(benJid);
    people.server.signOut(b1);
    const list = writeDeviceList([{ id: b2.deviceId, label: null, labelSignature: null }]);
    await people.server.publish(benJid, devicesNode, 'current', list);
    await people.server.publish(benJid, legacyDevicesNode, 'current', writeLegacyDeviceList([b2.deviceId]));
    await until(() => anna.store.devices.get(anna.contactOf(b1), b1.deviceId)?.active === false);
    const id = anna.say(b1, 'to the phone you use now');
    await until(() => reasonOf(anna, id) === 'encryption.not-let-in');
    await scan(anna, codeOf(b2));
    await arrived(b2, 'to the phone you use now');
  });
});

describe('a new device is told in the conversation', () => {
  const news = (who: MessagingPerson, whom: MessagingPerson): string[] =>
    who.history(whom).flatMap(({ kind, body }) => (kind === 'new-device' ? [body] : []));
  const waits = ' It gets no messages until you let it in.';

  test('when it is announced, when its first message says it, and when it has another key', async () => {
    const [anna, b1] = [people.person('Anna'), people.person('Ben')];
    const [b2, b3] = [people.person('Ben', { deviceOf: b1 }), people.person('Ben', { deviceOf: b1 })];
    makeContacts(anna, b1);
    for (const ben of [b1, b2, b3]) makeContacts(ben, anna);
    const hand = async (ben: MessagingPerson, body: string): Promise<void> => {
      ben.linkTo(anna);
      ben.say(anna, body);
      await arrived(anna, body);
    };
    await hand(b1, 'first');
    expect(news(anna, b1)).toEqual([]);
    await hand(b2, 'second');
    expect(news(anna, b1)).toEqual(['Ben uses a new device.']);
    setBlindTrust(anna, false);
    await hand(b3, 'third');
    expect(news(anna, b1)).toEqual(['Ben uses a new device.', `Ben uses a new device.${waits}`]);
    const known = anna.store.devices.get(anna.contactOf(b1), b2.deviceId);
    if (!known) throw new Error('no such device');
    anna.store.devices.put({ ...known, identityKey: selfOf(anna.context).identityKey });
    b2.say(anna, 'with my real key');
    await arrived(anna, 'with my real key');
    expect(news(anna, b1).at(-1)).toBe(`A device of Ben has a new key.${waits}`);
  });

  test('each of many, when they appear at once', async () => {
    const [anna, ben] = [await people.device(annaJid), await people.device(benJid)];
    await scan(anna, codeOf(ben));
    const ids = Array.from({ length: 30 }, (_, index) => ({ id: 1_000 + index, label: null, labelSignature: null }));
    const list = writeDeviceList([{ id: ben.deviceId, label: null, labelSignature: null }, ...ids]);
    await people.server.publish(benJid, devicesNode, 'current', list);
    await until(() => news(anna, ben).length === 30);
    expect(new Set(news(anna, ben))).toEqual(new Set([`Ben uses a new device.${waits}`]));
    expect(receiving(anna, ben)).toEqual([ben.deviceId]);
  });
});

test('who was verified nearby is still verified when they turn out to be a contact of the account', async () => {
  const [anna, ben] = [people.person('Anna'), people.person('Ben')];
  makeContacts(anna, ben);
  const nearby = anna.contactOf(ben);
  anna.linkTo(ben);
  ben.linkTo(anna);
  ben.say(anna, 'in the same room');
  await arrived(anna, 'in the same room');
  await scan(anna, codeOf(ben));
  anna.unlink(ben);
  ben.unlink(anna);
  const viaServer = addByJid(anna, benJid, 'ben');
  const annaThere = addByJid(ben, annaJid, 'anna');
  await people.server.signIn(anna, annaJid);
  await people.server.signIn(ben, benJid);
  const choice = { preference: 'automatic', direct: [], server: [] } as const;
  const { id } = ben.store.transaction(() => conversationWith(ben.context, annaThere));
  ben.speaker.say(id, crypto.randomUUID() as string as MessageId, 'this is my account', choice);
  await until(() => anna.removed.includes(nearby));
  expect(anna.store.devices.get(viaServer, ben.deviceId)?.trust).toBe('verified');
});
