/** Devices whose keys cannot be had, keys that run out, and device ids that belong to two. */
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import * as omemo from '../../src/main/e2ee/omemo.ts';
import { createOwnDevice } from '../../src/main/e2ee/own-device.ts';
import { wireLegacy } from '../../src/main/e2ee/wire-legacy.ts';
import { wireOmemo2 } from '../../src/main/e2ee/wire-omemo2.ts';
import { selfOf } from '../../src/main/messaging/context.ts';
import { bundlesNode, devicesNode, writeBundle, writeDeviceList } from '../../src/main/messaging/devices/key-nodes.ts';
import {
  legacyBundleNode,
  legacyDevicesNode,
  writeLegacyBundle,
  writeLegacyDeviceList,
} from '../../src/main/messaging/devices/legacy-nodes.ts';
import { readLegacy } from '../../src/main/messaging/envelope/legacy-stanza.ts';
import { readEncrypted } from '../../src/main/messaging/envelope/omemo-stanza.ts';
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

/** Of this device, by the key exchanges in a stanza. */
function prekeysTaken(stanza: string, deviceId: number): number[] {
  const parsed = parseElement(stanza);
  if (!parsed.ok) throw new Error('not a stanza');
  const current = parsed.value.getChild('encrypted', 'urn:xmpp:omemo:2');
  const older = parsed.value.getChild('encrypted', 'eu.siacs.conversations.axolotl');
  const [inCurrent, inOlder] = [current && readEncrypted(current), older && readLegacy(older)];
  const keys = [
    ...(inCurrent?.ok ? inCurrent.value.recipients.flatMap((one) => one.keys) : []).map(
      (key) => [key, wireOmemo2] as const,
    ),
    ...(inOlder?.ok ? inOlder.value.keys : []).map((key) => [key, wireLegacy] as const),
  ];
  return keys.flatMap(([key, wire]) => {
    const exchange = key.deviceId === deviceId && key.keyExchange ? wire.readKeyExchange(key.data) : null;
    return exchange?.ok ? [exchange.value.prekeyId] : [];
  });
}

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

describe('keys of ours', () => {
  test('are filled up long before they run out, however many take one', async () => {
    const server = new MemoryServer();
    const ben = person('Ben');
    await server.signIn(ben, benJid);
    let lowest = Number.POSITIVE_INFINITY;
    const offered = new Set(ben.context.cipher.ownBundle().prekeys.map(({ id }) => id));
    for (let number = 0; number < 24; number += 1) {
      const friend = person(`Friend ${number}`);
      const jid = `friend${number}@bothy.test` as BareJid;
      addByJid(friend, benJid, 'Ben');
      addByJid(ben, jid, `Friend ${number}`);
      await server.signIn(friend, jid);
      await delivered(friend, friend.say(ben, 'first words'));
      const { prekeys } = ben.context.cipher.ownBundle();
      lowest = Math.min(lowest, prekeys.length);
      for (const { id } of prekeys) offered.add(id);
    }
    expect(lowest).toBe(100);
    const after = ben.context.cipher.ownBundle();
    // A new one for each that was taken, by then or later taken itself.
    expect(offered.size).toBe(100 + 24);
    const published = server.item(benJid, bundlesNode, String(ben.deviceId));
    await ben.directory.announce();
    expect(server.item(benJid, bundlesNode, String(ben.deviceId))).toEqual(writeBundle(after).toString());
    expect(published).toBeDefined();
  });

  test('one prekey taken by two who saw the same bundle: both are read', async () => {
    const server = new MemoryServer();
    const [anna, carl, ben] = [person('Anna'), person('Carl'), person('Ben')];
    const carlJid = 'carl@bothy.test' as BareJid;
    for (const who of [anna, carl]) addByJid(who, benJid, 'Ben');
    addByJid(ben, annaJid, 'Anna');
    addByJid(ben, carlJid, 'Carl');
    await server.signIn(ben, benJid);
    server.signOut(ben);
    const bundle = ben.context.cipher.ownBundle();
    const only = writeBundle({ ...bundle, prekeys: bundle.prekeys.slice(0, 1) });
    await server.publish(benJid, bundlesNode, String(ben.deviceId), only);
    await server.signIn(anna, annaJid);
    await server.signIn(carl, carlJid);
    const ids = [anna.say(ben, 'from Anna'), carl.say(ben, 'from Carl')] as const;
    await until(() => stateOf(anna, ids[0]) === 'on-server' && stateOf(carl, ids[1]) === 'on-server');
    await server.signIn(ben, benJid);
    await delivered(anna, ids[0]);
    await delivered(carl, ids[1]);
    expect(shown(ben, anna, 'text')).toEqual(['from Anna']);
    expect(shown(ben, carl, 'text')).toEqual(['from Carl']);
  });

  test.each(['omemo2', 'omemo-legacy'] as const)(
    '%s: a prekey that was seen to be taken is not taken again',
    async (wire) => {
      const server = new MemoryServer();
      if (wire === 'omemo-legacy') for (const node of [devicesNode, bundlesNode]) server.hidden.add(node);
      const [anna, ben, ...tablets] = [person('Anna'), ...Array.from({ length: 8 }, () => person('Ben'))];
      if (!ben) throw new Error('no Ben');
      addByJid(anna, benJid, 'Ben');
      for (const who of [ben, ...tablets]) addByJid(who, annaJid, 'Anna');
      for (const tablet of tablets) {
        await server.signIn(tablet, benJid);
        server.signOut(tablet);
        const [bundle, legacy] = [tablet.context.cipher.ownBundle(), tablet.context.cipher.ownLegacyBundle()];
        const two = writeBundle({ ...bundle, prekeys: bundle.prekeys.slice(0, 2) });
        const older = writeLegacyBundle({ ...legacy, prekeys: legacy.prekeys.slice(0, 2) });
        await server.publish(benJid, bundlesNode, String(tablet.deviceId), two);
        await server.publish(benJid, legacyBundleNode(tablet.deviceId), 'current', older);
      }
      await server.signIn(anna, annaJid);
      await server.signIn(ben, benJid);
      ben.say(anna, 'for all my tablets, too');
      await until(() => shown(anna, ben, 'text').length === 1);
      anna.say(ben, 'and so is this');
      await until(() => shown(ben, anna, 'text').includes('and so is this'));
      for (const tablet of tablets) {
        const taken = server.carried.flatMap((stanza) => prekeysTaken(stanza, tablet.deviceId));
        expect(new Set(taken).size).toBe(2);
      }
    },
  );

  test('a prekey that is gone: the message is asked for again and comes', async () => {
    const server = new MemoryServer();
    const [anna, ben] = [person('Anna'), person('Ben')];
    addByJid(anna, benJid, 'Ben');
    addByJid(ben, annaJid, 'Anna');
    await server.signIn(anna, annaJid);
    await server.signIn(ben, benJid);
    await delivered(ben, ben.say(anna, 'so that you know my device'));
    await until(() => anna.store.outbox.pending().length + ben.store.outbox.pending().length === 0);
    // Keys of ours that were published and are no longer known here: another device's worth of them.
    const strange = { ...omemo.bundleOf(createOwnDevice((n) => new Uint8Array(randomBytes(n)), ben.now)) };
    const own = ben.context.cipher.ownBundle();
    const gone = { ...own, prekeys: strange.prekeys.map(({ key }, index) => ({ id: 1_000_000 + index, key })) };
    await server.publish(benJid, bundlesNode, String(ben.deviceId), writeBundle(gone));
    anna.store.sessions.clear();
    anna.context.cipher.rolledBack();
    const id = anna.say(ben, 'with a key that is gone');
    await until(() => shown(ben, anna, 'undecryptable').length > 0);
    await delivered(anna, id);
    expect(shown(ben, anna, 'text').at(-1)).toBe('with a key that is gone');
    expect(shown(ben, anna, 'undecryptable')).toEqual([]);
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
