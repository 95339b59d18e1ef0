/** Delivery and its enemies, with real stores and real encryption. */

import xml, { type Element } from '@xmpp/xml';
import { afterEach, describe, expect, test } from 'vitest';
import { selfOf } from '../../src/main/messaging/context.ts';
import { writeEncryptedMessage } from '../../src/main/messaging/envelope/omemo-stanza.ts';
import { receiptFor } from '../../src/main/messaging/envelope/receipts.ts';
import { writeEnvelope } from '../../src/main/messaging/envelope/sce-envelope.ts';
import { bodyElement } from '../../src/main/messaging/envelope/text-body.ts';
import { encryptFor } from '../../src/main/messaging/sending/encrypt-for.ts';
import type { MessageId } from '../../src/shared/model.ts';
import { MessagingPerson, makeContacts, until } from '../support/messaging-person.ts';

const people: MessagingPerson[] = [];
afterEach(() => {
  for (const person of people.splice(0)) person.close();
});
function person(name: string): MessagingPerson {
  const made = new MessagingPerson(name);
  people.push(made);
  return made;
}
function linkedPair(): [MessagingPerson, MessagingPerson] {
  const [anna, ben] = [person('Anna'), person('Ben')];
  makeContacts(anna, ben);
  anna.linkTo(ben);
  ben.linkTo(anna);
  return [anna, ben];
}
const bodies = (who: MessagingPerson, other: MessagingPerson): string[] =>
  who
    .history(other)
    .filter((message) => message.kind === 'text')
    .map((message) => message.body);
const stateOf = (who: MessagingPerson, id: MessageId): string | undefined => who.store.messages.get(id)?.state;

/** A stanza with real encryption around whatever `from` and `to` the liar likes. */
function forge(
  liar: MessagingPerson,
  victim: MessagingPerson,
  content: readonly Element[],
  claims: { from?: string; to?: string } = {},
): Element {
  const from = claims.from ?? selfOf(liar.context).xid;
  const to = claims.to ?? selfOf(victim.context).xid;
  const contactId = liar.contactOf(victim);
  const devices = liar.store.devices.of(contactId);
  const plaintext = writeEnvelope({ content, from, to, time: liar.now }, liar.context.random);
  const sealed = encryptFor(liar.context, liar.directory, devices, plaintext);
  return writeEncryptedMessage({
    id: crypto.randomUUID() as string as MessageId,
    from: selfOf(liar.context).xid,
    to: selfOf(victim.context).xid,
    encrypted: {
      sid: selfOf(liar.context).deviceId,
      payload: sealed.payload,
      recipients: [{ jid: selfOf(victim.context).xid, keys: sealed.keysOf(contactId) }],
    },
  });
}

describe('delivery', () => {
  test('a link that loses, doubles and forgets to acknowledge delivers everything once, in order', {
    timeout: 120_000,
  }, async () => {
    const [anna, ben] = linkedPair();
    const ids: MessageId[] = [];
    for (const [index, fate] of [
      { arrives: 0, acknowledged: false },
      { arrives: 2, acknowledged: true },
      { arrives: 1, acknowledged: false },
      { arrives: 3, acknowledged: false },
      { arrives: 1, acknowledged: true },
    ].entries()) {
      let times = 0;
      anna.fate = () => {
        times += 1;
        return times === 1 ? fate : { arrives: 1, acknowledged: true };
      };
      ids.push(anna.say(ben, `message ${index}`));
      await until(() => times > 0);
      // Whatever was being waited for: now.
      await until(() => {
        anna.outbox.kickAll();
        return ids.every((id) => stateOf(anna, id) === 'on-device');
      });
    }
    expect(bodies(ben, anna)).toEqual(ids.map((_, index) => `message ${index}`));
    expect(ben.history(anna).every((message) => message.kind === 'text')).toBe(true);
    // Every transmission of one message is the same bytes.
    const versions = new Map<string, Set<string>>();
    for (const stanza of anna.sent) {
      const id = /id="([^"]+)"/.exec(stanza)?.[1] ?? '';
      versions.set(id, (versions.get(id) ?? new Set()).add(stanza));
    }
    for (const copies of versions.values()) expect(copies.size).toBe(1);
    expect(anna.store.outbox.pending()).toEqual([]);
  });

  test('both starting at once end in one conversation', async () => {
    const [anna, ben] = linkedPair();
    const ids = [anna.say(ben, 'from Anna'), ben.say(anna, 'from Ben')] as const;
    await until(() => stateOf(anna, ids[0]) === 'on-device' && stateOf(ben, ids[1]) === 'on-device');
    const more = [anna.say(ben, 'again from Anna'), ben.say(anna, 'again from Ben')] as const;
    await until(() => stateOf(anna, more[0]) === 'on-device' && stateOf(ben, more[1]) === 'on-device');
    expect(bodies(ben, anna).sort()).toEqual(['again from Anna', 'again from Ben', 'from Anna', 'from Ben']);
    expect(ben.history(anna).every((message) => message.kind === 'text')).toBe(true);
  });

  test('what was said before any link existed is encrypted and sent when there is one', async () => {
    const [anna, ben] = [person('Anna'), person('Ben')];
    makeContacts(anna, ben);
    const id = anna.say(ben, 'waiting');
    expect(anna.store.outbox.byMessage(id)?.stage).toBe('plaintext');
    ben.linkTo(anna);
    anna.linkTo(ben);
    await until(() => stateOf(anna, id) === 'on-device');
    expect(bodies(ben, anna)).toEqual(['waiting']);
  });
});

describe('lies', () => {
  async function three(): Promise<[MessagingPerson, MessagingPerson, MessagingPerson]> {
    const [anna, ben] = linkedPair();
    const mallory = person('Mallory');
    makeContacts(mallory, ben);
    mallory.linkTo(ben);
    ben.linkTo(mallory);
    const known = mallory.say(ben, 'I am Mallory');
    await until(() => stateOf(mallory, known) === 'on-device');
    return [anna, ben, mallory];
  }

  test('a replayed stanza is shown once and is no error', async () => {
    const [anna, ben] = linkedPair();
    const id = anna.say(ben, 'once');
    await until(() => stateOf(anna, id) === 'on-device');
    const [stanza] = anna.sent;
    if (!stanza) throw new Error('nothing was sent');
    await anna.hand(ben, stanza);
    // Under another id the duplicate key does not know it; the ratchet does.
    await anna.hand(ben, stanza.replace(id, crypto.randomUUID()));
    expect(ben.history(anna).map((message) => [message.kind, message.body])).toEqual([['text', 'once']]);
  });

  test('an envelope from somebody else, or for somebody else, is refused', async () => {
    const [anna, ben, mallory] = await three();
    await mallory.hand(ben, forge(mallory, ben, [bodyElement('I am Anna')], { from: selfOf(anna.context).xid }));
    await mallory.hand(ben, forge(mallory, ben, [bodyElement('for Anna')], { to: selfOf(anna.context).xid }));
    expect(bodies(ben, mallory)).toEqual(['I am Mallory']);
    expect(bodies(ben, anna)).toEqual([]);
    expect(ben.history(mallory).filter((message) => message.kind === 'undecryptable')).toHaveLength(2);
  });

  test("a link carries nothing but its own device's messages", async () => {
    const [anna, ben, mallory] = await three();
    anna.fate = () => ({ arrives: 0, acknowledged: false });
    anna.say(ben, 'stolen on the way');
    await until(() => anna.sent.length > 0);
    await mallory.hand(ben, anna.sent.at(-1) ?? '');
    expect(bodies(ben, mallory)).toEqual(['I am Mallory']);
    expect(bodies(ben, anna)).toEqual([]);
  });

  test('a receipt for a message to somebody else acknowledges nothing', async () => {
    const [anna, ben, mallory] = await three();
    ben.fate = () => ({ arrives: 0, acknowledged: false });
    const id = ben.say(anna, 'to Anna');
    await until(() => ben.sent.some((stanza) => stanza.includes(id)));
    await mallory.hand(ben, forge(mallory, ben, [receiptFor(id)]));
    expect(stateOf(ben, id)).toBe('queued');
    const marker = xml('displayed', { xmlns: 'urn:xmpp:chat-markers:0', id });
    await mallory.hand(ben, forge(mallory, ben, [marker]));
    expect(stateOf(ben, id)).toBe('queued');
  });

  test('the marker that was a receipt before XEP-0333 had none is one, from the device that has the message', async () => {
    const [anna, ben, mallory] = await three();
    const hello = anna.say(ben, 'hello');
    await until(() => stateOf(anna, hello) === 'on-device');
    ben.fate = () => ({ arrives: 0, acknowledged: false });
    const id = ben.say(anna, 'to Anna');
    await until(() => ben.sent.some((stanza) => stanza.includes(id)));
    const marker = xml('received', { xmlns: 'urn:xmpp:chat-markers:0', id });
    await mallory.hand(ben, forge(mallory, ben, [marker]));
    expect(stateOf(ben, id)).toBe('queued');
    await anna.hand(ben, forge(anna, ben, [marker]));
    expect(stateOf(ben, id)).toBe('on-device');
  });

  test("nobody is introduced under another person's XID", async () => {
    const [anna, ben, mallory] = await three();
    const stolen = selfOf(anna.context).xid;
    const proof = Buffer.alloc(64, 7).toString('base64');
    const introduction = xml('introduction', {
      xmlns: 'urn:bothy:introduction:0',
      xid: stolen,
      name: 'Anna',
      proof,
      knows: 'true',
    });
    await mallory.hand(ben, forge(mallory, ben, [introduction, bodyElement('trust me')]));
    expect(ben.store.contacts.get(ben.contactOf(mallory))?.xid).toBe(selfOf(mallory.context).xid);
    expect(ben.store.contacts.list()).toHaveLength(2);
  });
});
