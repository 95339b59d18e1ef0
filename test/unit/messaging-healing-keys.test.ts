/** Devices whose keys cannot be had, or change, and device ids that belong to two. */
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import * as omemo from '../../src/main/e2ee/omemo.ts';
import { createOwnDevice } from '../../src/main/e2ee/own-device.ts';
import { selfOf } from '../../src/main/messaging/context.ts';
import { bundlesNode, devicesNode, writeBundle, writeDeviceList } from '../../src/main/messaging/devices/key-nodes.ts';
import {
  legacyBundleNode,
  legacyDevicesNode,
  writeLegacyBundle,
  writeLegacyDeviceList,
} from '../../src/main/messaging/devices/legacy-nodes.ts';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import type { BareJid, Message, MessageId } from '../../src/shared/model.ts';
import { addByJid, MemoryServer } from '../support/memory-server.ts';
import { MessagingPerson, type PersonOptions, until } from '../support/messaging-person.ts';

const annaJid = 'anna@bothy.test' as BareJid;
const benJid = 'ben@bothy.test' as BareJid;
const people: MessagingPerson[] = [];
afterEach(() => {
  for (const person of people.splice(0)) person.close();
});
function person(name: string, options: PersonOptions = {}): MessagingPerson {
  const made = new MessagingPerson(name, options);
  people.push(made);
  return made;
}
const stateOf = (who: MessagingPerson, id: MessageId): Message['state'] | undefined =>
  who.store.messages.get(id)?.state;
const delivered = (who: MessagingPerson, id: MessageId): Promise<void> => until(() => stateOf(who, id) === 'on-device');
const shown = (who: MessagingPerson, other: MessagingPerson, kind: Message['kind']): string[] =>
  who
    .history(other)
    .filter((message) => message.kind === kind)
    .map(({ body }) => body);
const leftOut = 'A device of Ben gets no messages for now: its keys could not be fetched.';

/** Anna, and Ben with a laptop and a tablet whose keys Anna has not asked for yet. */
async function withTablet() {
  const server = new MemoryServer();
  const [anna, ben, tablet] = [person('Anna'), person('Ben'), person('Ben')];
  addByJid(anna, benJid, 'Ben');
  for (const who of [ben, tablet]) addByJid(who, annaJid, 'Anna');
  await server.signIn(anna, annaJid);
  await server.signIn(ben, benJid);
  await delivered(anna, anna.say(ben, 'Hello'));
  await server.signIn(tablet, benJid);
  await until(() => anna.store.devices.get(anna.contactOf(ben), tablet.deviceId)?.active === true);
  return { server, anna, ben, tablet };
}

const badSignature = (who: MessagingPerson) => {
  const bundle = who.context.cipher.ownBundle();
  return writeBundle({ ...bundle, signedPrekeySignature: bundle.signedPrekeySignature.map((byte) => byte ^ 1) });
};
const withoutPrekeys = (who: MessagingPerson) => writeBundle({ ...who.context.cipher.ownBundle(), prekeys: [] });

describe('a device of a contact', () => {
  test('whose keys are never sent does not keep the others waiting', async () => {
    const { server, anna, ben, tablet } = await withTablet();
    server.unanswered = (node, item) => node === bundlesNode && item === String(tablet.deviceId);
    await delivered(anna, anna.say(ben, 'do not wait'));
    expect(shown(anna, ben, 'info')).toEqual([leftOut]);
    // Nor do the next ones wait again.
    await delivered(anna, anna.say(ben, 'nor this one'));
    expect(shown(ben, anna, 'text')).toEqual(['Hello', 'do not wait', 'nor this one']);
  });

  /** Its keys are not there yet, in either version. Published, as the device would. */
  async function announcedWithoutKeys(server: MemoryServer, tablet: MessagingPerson): Promise<() => Promise<void>> {
    const { deviceId } = tablet;
    const { cipher } = tablet.context;
    await server.publish(benJid, bundlesNode, String(deviceId), undefined);
    await server.publish(benJid, legacyBundleNode(deviceId), 'current', undefined);
    return () => server.publish(benJid, bundlesNode, String(deviceId), writeBundle(cipher.ownBundle()));
  }

  test('that announces itself before its keys gets what is written two seconds after they are there', async () => {
    const { server, anna, ben, tablet } = await withTablet();
    const publishKeys = await announcedWithoutKeys(server, tablet);
    await delivered(anna, anna.say(ben, 'not for the tablet'));
    expect(shown(anna, ben, 'info')).toEqual([leftOut]);
    await publishKeys();
    anna.now += 2_000;
    ben.now += 2_000;
    await Promise.all([delivered(anna, anna.say(ben, 'for both')), delivered(ben, ben.say(anna, 'from one of us'))]);
    await until(() => shown(tablet, anna, 'text').length === 2);
    expect(shown(tablet, anna, 'text').sort()).toEqual(['for both', 'from one of us']);
    expect(shown(anna, ben, 'info').at(-1)).toBe('A device of Ben gets messages again.');
  });

  test('that announces itself before its keys, of our own account, is asked for them when the list comes again', async () => {
    const { server, anna, ben, tablet } = await withTablet();
    const publishKeys = await announcedWithoutKeys(server, tablet);
    await delivered(ben, ben.say(anna, 'not for the tablet'));
    await publishKeys();
    const listed = server.item(benJid, devicesNode, 'current');
    const list = parseElement(listed ?? '');
    if (!list.ok) throw new Error('no list');
    await server.publish(benJid, devicesNode, 'current', list.value);
    await delivered(ben, ben.say(anna, 'for the tablet, too'));
    await until(() => shown(tablet, anna, 'text').includes('for the tablet, too'));
  });

  test('that announces itself before its keys, and is the only one: the message goes by itself soon after', async () => {
    const server = new MemoryServer();
    const [anna, ben] = [person('Anna'), person('Ben')];
    addByJid(anna, benJid, 'Ben');
    addByJid(ben, annaJid, 'Anna');
    await server.signIn(ben, benJid);
    const publishKeys = await announcedWithoutKeys(server, ben);
    await server.signIn(anna, annaJid);
    const id = anna.say(ben, 'to somebody new');
    await until(() => anna.store.messages.get(id)?.failure?.code === 'encryption.no-usable-device');
    await publishKeys();
    anna.now += 2_000;
    await delivered(anna, id);
    expect(shown(ben, anna, 'text')).toEqual(['to somebody new']);
  });

  test.each([
    ['a signature that is wrong', badSignature],
    ['no prekeys left', withoutPrekeys],
    ['nothing there', () => undefined],
  ])('with %s in the newer version is written to in the older one, which is good', async (_, spoilt) => {
    const { server, anna, ben, tablet } = await withTablet();
    await server.publish(benJid, bundlesNode, String(tablet.deviceId), spoilt(tablet));
    const id = anna.say(ben, 'to both');
    await until(() => shown(tablet, anna, 'text').includes('to both'));
    expect(tablet.history(anna).find(({ body }) => body === 'to both')?.encryption).toBe('omemo-legacy');
    await delivered(anna, id);
    expect(shown(anna, ben, 'info')).toEqual([]);
    // Mended, and announced again: the newer one it is.
    await server.publish(benJid, bundlesNode, String(tablet.deviceId), writeBundle(tablet.context.cipher.ownBundle()));
    await until(() => tablet.store.outbox.pending().length === 0 && anna.store.outbox.pending().length === 0);
    tablet.say(anna, 'I can do better');
    await until(() => shown(anna, ben, 'text').includes('I can do better'));
    anna.say(ben, 'so I see');
    await until(() => shown(tablet, anna, 'text').includes('so I see'));
    expect(tablet.history(anna).find(({ body }) => body === 'so I see')?.encryption).toBe('omemo2');
  });

  test('whose newer keys come after its older ones is written to in the newer version from then on', async () => {
    const { server, anna, ben, tablet } = await withTablet();
    const { deviceId } = tablet;
    const encryptionOf = (body: string) => tablet.history(anna).find((message) => message.body === body)?.encryption;
    await server.publish(benJid, bundlesNode, String(deviceId), undefined);
    server.hidden.add(bundlesNode);
    const say = async (body: string): Promise<void> => {
      const said = [anna.say(ben, `${body}, Anna`), ben.say(anna, `${body}, Ben`)] as const;
      await until(() => shown(tablet, anna, 'text').includes(`${body}, Anna`));
      await until(() => shown(tablet, anna, 'text').includes(`${body}, Ben`));
      await Promise.all([delivered(anna, said[0]), delivered(ben, said[1])]);
    };
    const versions = (body: string) => [encryptionOf(`${body}, Anna`), encryptionOf(`${body}, Ben`)];
    await say('before');
    for (const who of [anna, ben]) who.now += 2_000;
    await say('still before');
    server.hidden.delete(bundlesNode);
    await server.publish(benJid, bundlesNode, String(deviceId), writeBundle(tablet.context.cipher.ownBundle()));
    for (const who of [anna, ben]) who.now += 4_000;
    await say('after');
    expect(versions('before')).toEqual(['omemo-legacy', 'omemo-legacy']);
    expect(versions('still before')).toEqual(['omemo-legacy', 'omemo-legacy']);
    expect(versions('after')).toEqual(['omemo2', 'omemo2']);
  });

  test('that reads the older version alone gets no sign of what is no text, which its client would show', async () => {
    const { server, anna, ben, tablet } = await withTablet();
    await server.publish(benJid, bundlesNode, String(tablet.deviceId), undefined);
    await delivered(anna, anna.say(ben, 'to both'));
    const from = server.carried.length;
    await delivered(ben, ben.say(anna, 'from the laptop'));
    await delivered(anna, anna.say(ben, 'and back'));
    await until(() => shown(tablet, anna, 'text').includes('and back'));
    const marks = server.carried.slice(from).map((text) => [text.includes('<body>'), text.includes('urn:xmpp:eme:0')]);
    const [texts, others] = [marks.filter(([isText]) => isText), marks.filter(([isText]) => !isText)];
    expect([texts.length, texts.every(([, isHinted]) => isHinted)]).toEqual([2, true]);
    expect([others.length >= 2, others.some(([, isHinted]) => isHinted)]).toEqual([true, false]);
  });

  test('that reads the newer version: what is a text cannot be told from what is none', async () => {
    const server = new MemoryServer();
    const [anna, ben] = [person('Anna'), person('Ben')];
    addByJid(anna, benJid, 'Ben');
    addByJid(ben, annaJid, 'Anna');
    await server.signIn(anna, annaJid);
    await server.signIn(ben, benJid);
    for (const who of [anna, ben]) await delivered(who, who.say(who === anna ? ben : anna, 'Hello'));
    expect(server.carried.length).toBeGreaterThanOrEqual(4);
    expect(server.carried.filter((text) => !text.includes('urn:xmpp:eme:0'))).toEqual([]);
  });

  test('with bad keys in both versions is left out, and that is said', async () => {
    const { server, anna, ben, tablet } = await withTablet();
    await server.publish(benJid, bundlesNode, String(tablet.deviceId), badSignature(tablet));
    const legacy = tablet.context.cipher.ownLegacyBundle();
    await server.publish(
      benJid,
      legacyBundleNode(tablet.deviceId),
      'current',
      writeLegacyBundle({ ...legacy, prekeys: [] }),
    );
    await delivered(anna, anna.say(ben, 'to whom it can be'));
    expect(shown(anna, ben, 'info')).toEqual([leftOut]);
    expect(shown(tablet, anna, 'text')).toEqual([]);
  });
});

describe('a device id', () => {
  test('under which the account has another device is given up for a new one', async () => {
    const server = new MemoryServer();
    const [anna, ben] = [person('Anna'), person('Ben', { marker: null })];
    ben.guard?.start();
    addByJid(anna, benJid, 'Ben');
    addByJid(ben, annaJid, 'Anna');
    const taken = ben.deviceId;
    const other = {
      ...omemo.bundleOf(createOwnDevice((n) => new Uint8Array(randomBytes(n)), ben.now)),
      deviceId: taken,
    };
    await server.publish(benJid, bundlesNode, String(taken), writeBundle(other));
    await server.signIn(anna, annaJid);
    await server.signIn(ben, benJid);
    await until(() => ben.deviceId !== taken);
    await ben.directory.announce();
    expect(server.item(benJid, bundlesNode, String(taken))).toBe(writeBundle(other).toString());
    expect(ben.context.cipher.ownBundle().deviceId).toBe(ben.deviceId);
    await delivered(anna, anna.say(ben, 'found you'));
    await delivered(ben, ben.say(anna, 'so you did'));
    expect(anna.store.devices.get(anna.contactOf(ben), ben.deviceId)?.identityKey).toEqual(
      selfOf(ben.context).identityKey,
    );
  });
});

describe('a text that waits', () => {
  test('because the contact lost all devices says so, never goes out in plain, and is sent when one appears', async () => {
    const server = new MemoryServer();
    const [anna, ben] = [person('Anna'), person('Ben')];
    addByJid(anna, benJid, 'Ben');
    addByJid(ben, annaJid, 'Anna');
    await server.signIn(anna, annaJid);
    await server.signIn(ben, benJid);
    const contactId = anna.contactOf(ben);
    await until(() => anna.store.devices.get(contactId, ben.deviceId)?.active === true);
    await ben.directory.announce();
    server.signOut(ben);
    await server.publish(benJid, bundlesNode, String(ben.deviceId), undefined);
    await server.publish(benJid, legacyBundleNode(ben.deviceId), 'current', undefined);
    const id = anna.say(ben, 'promised to be encrypted');
    expect(anna.store.messages.get(id)?.encryption).toBe('omemo2');
    const conversation = anna.store.conversations.byContact(contactId);
    if (!conversation) throw new Error('no conversation');
    anna.store.conversations.put({ ...conversation, plainAllowed: true });
    for (const [node, list] of [
      [devicesNode, writeDeviceList([])],
      [legacyDevicesNode, writeLegacyDeviceList([])],
    ] as const) {
      await server.publish(benJid, node, 'current', list);
    }
    anna.outbox.kick(contactId);
    await until(() => anna.store.messages.get(id)?.failure?.code === 'encryption.no-devices');
    expect(anna.store.messages.get(id)?.state).toBe('queued');
    expect(server.carried.some((stanza) => stanza.includes('promised'))).toBe(false);
    await server.signIn(ben, benJid);
    await delivered(anna, id);
    expect(anna.store.messages.get(id)?.failure).toBeNull();
    expect(shown(ben, anna, 'text')).toEqual(['promised to be encrypted']);
  });
});

describe('a device of a contact with another key', () => {
  async function reinstalled(judged: boolean) {
    const server = new MemoryServer();
    const [anna, ben] = [person('Anna'), person('Ben')];
    addByJid(anna, benJid, 'Ben');
    addByJid(ben, annaJid, 'Anna');
    await server.signIn(anna, annaJid);
    await server.signIn(ben, benJid);
    await delivered(anna, anna.say(ben, 'before'));
    await until(() => anna.store.outbox.pending().length + ben.store.outbox.pending().length === 0);
    const contactId = anna.contactOf(ben);
    const device = anna.store.devices.get(contactId, ben.deviceId);
    if (!device) throw new Error('no device');
    if (judged) anna.store.devices.put({ ...device, trust: 'verified' });
    server.signOut(ben);
    const fresh = person('Ben');
    addByJid(fresh, annaJid, 'Anna');
    const keys = omemo.createOwnDevice((n) => new Uint8Array(randomBytes(n)), ben.now);
    const own = { ...keys, deviceId: ben.deviceId };
    fresh.store.self.put({
      ...selfOf(fresh.context),
      deviceId: own.deviceId,
      identityKey: own.identityKey,
      device: omemo.serializeOwnDevice(own),
    });
    fresh.context.cipher.rolledBack();
    await server.signIn(fresh, benJid);
    return { server, anna, ben, fresh, contactId };
  }

  test('is told, and under blind trust everything flows', async () => {
    const { anna, fresh, ben, contactId } = await reinstalled(false);
    await delivered(fresh, fresh.say(anna, 'I am new here'));
    expect(shown(anna, ben, 'new-device')).toEqual(['A device of Ben has a new key.']);
    await delivered(anna, anna.say(ben, 'welcome'));
    expect(shown(fresh, anna, 'text')).toEqual(['I am new here', 'welcome']);
    expect(anna.store.devices.get(contactId, ben.deviceId)?.trust).toBe('blind');
  });

  test('after a judgement gets nothing until it is let in, and then what waited', async () => {
    const { anna, fresh, ben, contactId } = await reinstalled(true);
    fresh.say(anna, 'I am new here');
    await until(() => shown(anna, ben, 'text').includes('I am new here'));
    expect(shown(anna, ben, 'new-device')).toEqual([
      'A device of Ben has a new key. It gets no messages until you let it in.',
    ]);
    const id = anna.say(ben, 'who are you?');
    await until(() => anna.store.messages.get(id)?.failure != null);
    expect(anna.store.messages.get(id)).toMatchObject({ state: 'queued', failure: { code: 'encryption.not-let-in' } });
    expect(shown(fresh, anna, 'text')).toEqual(['I am new here']);
    const device = anna.store.devices.get(contactId, ben.deviceId);
    if (!device) throw new Error('no device');
    anna.store.devices.put({ ...device, trust: 'verified' });
    anna.outbox.kick(contactId);
    await delivered(anna, id);
    expect(shown(fresh, anna, 'text').at(-1)).toBe('who are you?');
    expect(anna.store.messages.get(id)?.failure).toBeNull();
  });
});
