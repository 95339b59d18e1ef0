/** What other clients send that Bothy has no feature for: stanzas as Gajim, Dino and Conversations write them. */
import xml, { type Element } from '@xmpp/xml';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bundlesNode, devicesNode } from '../../src/main/messaging/devices/key-nodes.ts';
import { shownText } from '../../src/main/messaging/envelope/foreign-content.ts';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import { fail, ok } from '../../src/shared/errors.ts';
import type { BareJid } from '../../src/shared/model.ts';
import { addByJid, MemoryServer } from '../support/memory-server.ts';
import { MessagingPerson, until } from '../support/messaging-person.ts';

const annaJid = 'anna@bothy.test' as BareJid;
const benJid = 'ben@bothy.test' as BareJid;
const dinoJid = 'dino@bothy.test' as BareJid;
const secret = 'ab'.repeat(44);

let server: MemoryServer;
let anna: MessagingPerson;
let ben: MessagingPerson;

beforeEach(async () => {
  server = new MemoryServer();
  server.hidden.add(devicesNode).add(bundlesNode);
  server.plainClients.set(dinoJid, []);
  anna = new MessagingPerson('Anna');
  ben = new MessagingPerson('Ben');
  addByJid(anna, benJid, 'Ben');
  addByJid(anna, dinoJid, 'Dino');
  addByJid(ben, annaJid, 'Anna');
  await server.signIn(anna, annaJid);
  await server.signIn(ben, benJid);
});
afterEach(() => {
  anna.close();
  ben.close();
});

function element(text: string): Element {
  const parsed = parseElement(text);
  if (!parsed.ok) throw new Error('not XML');
  return parsed.value;
}

function history(): string[] {
  return anna.store.conversations
    .list()
    .flatMap(({ id }) => anna.store.messages.page(id, { limit: 100 }).messages)
    .map(({ kind, direction, body }) => `${kind === 'text' ? direction : kind}: ${body}`);
}

async function dinoSays(...children: string[]): Promise<void> {
  await server.sayPlain(dinoJid, annaJid, ...children.map(element));
}

describe('in clear', () => {
  test('typing, reactions, receipts and markers say nothing', async () => {
    await dinoSays('<composing xmlns="http://jabber.org/protocol/chatstates"/>', '<no-store xmlns="urn:xmpp:hints"/>');
    await dinoSays('<reactions xmlns="urn:xmpp:reactions:0" id="x"><reaction>👍</reaction></reactions>');
    await dinoSays('<received xmlns="urn:xmpp:receipts" id="x"/>');
    await dinoSays('<displayed xmlns="urn:xmpp:chat-markers:0" id="x"/>');
    expect(history()).toEqual([]);
  });

  test('a correction stands under a line that says what it is', async () => {
    await dinoSays('<body xmlns="jabber:client">teh</body>');
    await dinoSays(
      '<body xmlns="jabber:client">the</body>',
      '<replace xmlns="urn:xmpp:message-correct:0" id="5798a75c"/>',
    );
    expect(history()).toEqual(['in: teh', 'info: Dino corrected an earlier message:', 'in: the']);
  });

  test('a retraction is said, not the words for clients that know none', async () => {
    const fallback = '<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:message-retract:1"/>';
    const body = '<body xmlns="jabber:client">This person attempted to retract a previous message</body>';
    const line = 'info: Dino took back an earlier message. Bothy still shows it.';
    await dinoSays('<retract xmlns="urn:xmpp:message-retract:1" id="x"/>', fallback, body);
    expect(history()).toEqual([line]);
    const older = '<apply-to xmlns="urn:xmpp:fasten:0" id="x"><retract xmlns="urn:xmpp:message-retract:0"/></apply-to>';
    await dinoSays(older, body);
    expect(history()).toEqual([line, line]);
  });

  test('a call is told once, however often it rings', async () => {
    const propose = '<propose xmlns="urn:xmpp:jingle-message:0" id="ca3cf894"/>';
    await dinoSays(propose);
    await dinoSays(propose);
    expect(history()).toEqual(['info: Dino called. Bothy cannot take calls yet.']);
  });

  test('what is encrypted otherwise is not shown as if it were the text', async () => {
    const line = 'undecryptable: Dino wrote with an encryption that Bothy does not read yet.';
    await dinoSays(
      '<body xmlns="jabber:client">This message is encrypted with something</body>',
      '<encryption xmlns="urn:xmpp:eme:0" namespace="urn:xmpp:omemo:1" name="OMEMO"/>',
    );
    expect(history()).toEqual([line]);
    await dinoSays('<body xmlns="jabber:client">?OTRv23?</body>');
    expect(history()).toEqual([line, line]);
  });

  test('a link to a file in clear is the text it is', async () => {
    const url = 'https://upload.bothy.test/x/plain.jpg';
    await dinoSays(`<body xmlns="jabber:client">${url}</body>`, `<x xmlns="jabber:x:oob"><url>${url}</url></x>`);
    expect(history()).toEqual([`in: ${url}`]);
  });

  test('a room that invites is not somebody who asks to be a contact', async () => {
    const room = 'room@conference.bothy.test' as BareJid;
    const invitation = element(
      '<x xmlns="http://jabber.org/protocol/muc#user"><invite from="mallory@bothy.test"/></x>',
    );
    await server.sayPlain(room, annaJid, invitation, xml('body', { xmlns: 'jabber:client' }, 'come in'));
    expect(anna.store.contacts.byAddress(room)).toBeNull();
    await server.sayPlain(room, annaJid, xml('body', { xmlns: 'jabber:client' }, 'come in'));
    expect(anna.store.contacts.byAddress(room)).not.toBeNull();
  });
});

describe('in the older OMEMO', () => {
  test('a correction is marked, though what says so is outside', async () => {
    server.change = (stanza) =>
      stanza.replace('</encrypted>', '</encrypted><replace xmlns="urn:xmpp:message-correct:0" id="x"/>');
    ben.say(anna, 'second one corrected');
    await until(() => anna.told.some(({ kind }) => kind === 'text'));
    expect(history()).toEqual(['info: Ben corrected an earlier message:', 'in: second one corrected']);
    expect(anna.told.at(-1)?.encryption).toBe('omemo-legacy');
  });

  test('a file is named, and the link with its key is not shown', async () => {
    ben.say(anna, `aesgcm://upload.bothy.test/x/my%20cat.jpg#${secret}`);
    await until(() => anna.told.some(({ kind }) => kind === 'text'));
    expect(history()).toEqual(['in: [my cat.jpg: an encrypted file. Bothy cannot open files yet.]']);
  });
});

test('only what is nothing but such a link is taken for a file', () => {
  const link = `aesgcm://u.test/a/b.png#${secret}`;
  expect(shownText(`${link}\ndata:image/jpeg;base64,AAAA`)).toBe(
    '[b.png: an encrypted file. Bothy cannot open files yet.]',
  );
  expect(shownText(`aesgcm://u.test/#${secret}`)).toBe('[an encrypted file. Bothy cannot open files yet.]');
  expect(shownText(`aesgcm://u.test/%E0%A4%A#${secret}`)).toBe(
    '[%E0%A4%A: an encrypted file. Bothy cannot open files yet.]',
  );
  for (const text of [`see ${link}`, `${link} and more`, 'aesgcm://u.test/a#12', 'hello']) {
    expect(shownText(text)).toBe(text);
  }
  for (const long of [`aesgcm://${'a'.repeat(60_000)}`, 'aesgcm://'.repeat(7000), `${link}${' '.repeat(60_000)}x`]) {
    expect(shownText(long)).toBe(long);
  }
});

describe('ids that a client counts, and begins anew at each start (Psi)', () => {
  const counted = (stanza: string): string => stanza.replace(/ id="[^"]*"/, ' id="aac7a"');

  test('name another message each time it is another; the same one is still shown once', async () => {
    const carried = server.carried.length;
    server.change = (stanza) => (stanza.includes('axolotl') ? counted(stanza) : stanza);
    ben.say(anna, 'before the restart');
    await until(() => anna.told.some(({ body }) => body === 'before the restart'));
    ben.say(anna, 'after the restart');
    await until(() => anna.told.some(({ body }) => body === 'after the restart'));
    expect(history()).toEqual(['in: before the restart', 'in: after the restart']);
    // The same bytes once more, as from an archive.
    for (const stanza of server.carried.slice(carried)) {
      if (stanza.includes('<payload>'))
        await server.sayPlain(benJid, annaJid, ...element(counted(stanza)).getChildElements());
    }
    expect(history()).toHaveLength(2);
  });

  test('so do those in clear, by what the archive calls them', async () => {
    const say = (mark: string, body: string) =>
      anna.inbox.take({
        stanza: element(
          `<message xmlns="jabber:client" type="chat" id="aac7a"><body>${body}</body>` +
            `<stanza-id xmlns="urn:xmpp:sid:0" by="${annaJid}" id="${mark}"/></message>`,
        ),
        arrival: {
          ...{ transport: 'xmpp', route: 'server', from: dinoJid, to: annaJid, device: null },
          ...{ kind: 'live', archiveId: null, delayedSince: null },
        },
      });
    await say('1795422101815378', 'one');
    await say('1795422101815379', 'two');
    await say('1795422101815379', 'two');
    expect(history()).toEqual(['in: one', 'in: two']);
  });
});

describe('an account whose server keeps no device lists (no PEP, a gateway)', () => {
  const gateway = 'someone@sms.bothy.test' as BareJid;
  const refuse = (detail: string): void => {
    const { account } = anna;
    if (account) anna.account = { ...account, request: async () => fail('stanza.error', '', '', detail) };
  };

  test.each(['service-unavailable', 'feature-not-implemented'])('has none: %s', async (condition) => {
    const contactId = addByJid(anna, gateway, 'Someone');
    refuse(condition);
    expect(await anna.directory.fetchList(contactId, gateway)).toEqual(ok());
    expect(anna.directory.announcesNothing(contactId)).toBe(true);
  });

  test('any other error says nothing, and devices we know stay', async () => {
    const contactId = addByJid(anna, gateway, 'Someone');
    refuse('internal-server-error');
    await anna.directory.fetchList(contactId, gateway);
    expect(anna.directory.announcesNothing(contactId)).toBe(false);
    ben.say(anna, 'with a device');
    await until(() => anna.told.some(({ body }) => body === 'with a device'));
    const benId = anna.store.contacts.byAddress(benJid)?.id;
    if (!benId) throw new Error('no contact');
    const before = anna.store.devices.of(benId);
    refuse('service-unavailable');
    expect(await anna.directory.fetchList(benId, benJid)).toMatchObject({ ok: false });
    expect(anna.store.devices.of(benId)).toEqual(before);
  });
});
