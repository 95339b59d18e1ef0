/** Prekeys: that there are always enough, and that two do not take the same one. */
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import * as omemo from '../../src/main/e2ee/omemo.ts';
import { createOwnDevice } from '../../src/main/e2ee/own-device.ts';
import { wireLegacy } from '../../src/main/e2ee/wire-legacy.ts';
import { wireOmemo2 } from '../../src/main/e2ee/wire-omemo2.ts';
import { bundlesNode, devicesNode, writeBundle } from '../../src/main/messaging/devices/key-nodes.ts';
import { legacyBundleNode, writeLegacyBundle } from '../../src/main/messaging/devices/legacy-nodes.ts';
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
