/** Messages that could not be decrypted: asked for again inside the encryption, and only what was meant for the device. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { selfOf } from '../../src/main/messaging/context.ts';
import { resendRequest } from '../../src/main/messaging/repair/resend.ts';
import { queueForDevice } from '../../src/main/messaging/sending/device-mail.ts';
import { gapPatience } from '../../src/main/messaging/timeline/gaps.ts';
import { fail } from '../../src/shared/errors.ts';
import type { BareJid, Message, MessageId } from '../../src/shared/model.ts';
import { addByJid, MemoryServer } from '../support/memory-server.ts';
import { MessagingPerson, makeContacts, type PersonOptions, until } from '../support/messaging-person.ts';

const annaJid = 'anna@bothy.test' as BareJid;
const benJid = 'ben@bothy.test' as BareJid;
const people: MessagingPerson[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const person of people.splice(0)) person.close();
});
function person(name: string, options: PersonOptions = {}): MessagingPerson {
  const made = new MessagingPerson(name, options);
  people.push(made);
  return made;
}
async function talkingByServer() {
  const server = new MemoryServer();
  const [anna, ben] = [person('Anna'), person('Ben')];
  addByJid(anna, benJid, 'Ben');
  addByJid(ben, annaJid, 'Anna');
  await server.signIn(anna, annaJid);
  await server.signIn(ben, benJid);
  await delivered(anna, anna.say(ben, 'Hello Ben'));
  await delivered(ben, ben.say(anna, 'Hello Anna'));
  await quiet(anna, ben);
  return { server, anna, ben };
}
const stateOf = (who: MessagingPerson, id: MessageId): Message['state'] | undefined =>
  who.store.messages.get(id)?.state;
const delivered = (who: MessagingPerson, id: MessageId): Promise<void> => until(() => stateOf(who, id) === 'on-device');
const quiet = (...all: MessagingPerson[]): Promise<void> =>
  until(() => all.every((who) => who.store.outbox.pending().length === 0));
/** What was begun has come to its end, as far as nobody else has to say something. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
const bodies = (who: MessagingPerson, other: MessagingPerson): [string, string][] =>
  who.history(other).map(({ kind, body }) => [kind, body]);
const texts = (who: MessagingPerson, other: MessagingPerson): string[] =>
  who
    .history(other)
    .filter(({ kind }) => kind === 'text')
    .map(({ body }) => body);
const line = (who: MessagingPerson, id: MessageId): string | null => {
  const message = who.store.messages.get(id);
  return message?.kind === 'undecryptable' ? message.body : null;
};
const unread = (who: MessagingPerson, other: MessagingPerson): number => {
  const conversation = who.store.conversations.byContact(who.contactOf(other));
  return conversation ? who.store.conversations.summary(conversation.id).unread : -1;
};

function forgetSessions(who: MessagingPerson): void {
  who.store.sessions.clear();
  who.context.cipher.rolledBack();
}

/** One byte of the ciphertext is another one, of the next stanza of this account with a payload only. */
function spoilOnce(server: MemoryServer, from: BareJid): void {
  let done = false;
  server.change = (stanza) => {
    if (done || !stanza.includes(`from="${from}"`) || !stanza.includes('<payload>')) return stanza;
    done = true;
    return stanza.replace(/<payload>(.)/, (_, first: string) => `<payload>${first === 'A' ? 'B' : 'A'}`);
  };
}

/** Asks as a device would that is not honest. */
function ask(who: MessagingPerson, whom: MessagingPerson, ...ids: MessageId[]): void {
  const contactId = who.contactOf(whom);
  const contact = who.store.contacts.get(contactId);
  const device = who.store.devices.get(contactId, whom.deviceId);
  if (!contact || !device) throw new Error('not acquainted');
  const mail = { directory: who.directory, outbox: who.outbox };
  who.store.transaction(() =>
    queueForDevice(
      who.context,
      mail,
      { contact, device, content: ids.map((id) => resendRequest(whom.deviceId, id)) },
      (after) => setImmediate(after),
    ),
  );
}

describe('a message that the other Bothy cannot decrypt, through the server', () => {
  test('is asked for again in a new session and stands where its line stood', async () => {
    const { anna, ben } = await talkingByServer();
    forgetSessions(ben);
    const id = anna.say(ben, 'Do you read me?');
    await until(() => line(ben, id) !== null);
    expect(line(ben, id)).toBe(
      'A message could not be decrypted. It was asked for again and will stand here when it comes.',
    );
    const before = ben.store.messages.get(id);
    expect(unread(ben, anna)).toBe(2);
    ben.say(anna, 'something between');
    await delivered(anna, id);
    const there = ben.store.messages.get(id);
    expect(there).toMatchObject({ kind: 'text', body: 'Do you read me?', encryption: 'omemo2' });
    expect([there?.sortAt, there?.sequence]).toEqual([before?.sortAt, before?.sequence]);
    expect(texts(ben, anna)).toEqual(['Hello Ben', 'Hello Anna', 'Do you read me?', 'something between']);
    expect(unread(ben, anna)).toBe(2);
    expect(bodies(ben, anna).filter(([kind]) => kind === 'info')).toEqual([
      ['info', 'The secure connection with a device of Anna was renewed.'],
    ]);
    expect(ben.store.messages.search('read me', 5).map((message) => message.id)).toEqual([id]);
    await quiet(anna, ben);
    await delivered(anna, anna.say(ben, 'Good'));
    expect(texts(ben, anna).at(-1)).toBe('Good');
    expect(bodies(anna, ben).filter(([kind]) => kind !== 'text')).toEqual([]);
  });

  test('may be several, and one damaged on the way is asked for without touching the others', async () => {
    const { server, anna, ben } = await talkingByServer();
    forgetSessions(ben);
    const ids = ['one', 'two', 'three'].map((body) => anna.say(ben, body));
    for (const id of ids) await delivered(anna, id);
    expect(texts(ben, anna).slice(2)).toEqual(['one', 'two', 'three']);
    await quiet(anna, ben);
    spoilOnce(server, annaJid);
    const spoilt = anna.say(ben, 'spoilt');
    await delivered(anna, spoilt);
    expect(texts(ben, anna).slice(2)).toEqual(['one', 'two', 'three', 'spoilt']);
    expect(bodies(ben, anna).filter(([kind]) => kind === 'undecryptable' || kind === 'gap')).toEqual([]);
  });

  test('is asked for after the app was closed in between, and by the archive', async () => {
    const { server, anna, ben } = await talkingByServer();
    server.signOut(ben);
    forgetSessions(ben);
    const id = anna.say(ben, 'while you were off');
    await until(() => stateOf(anna, id) === 'on-server');
    server.signOut(anna);
    await server.signIn(ben, benJid);
    await until(() => line(ben, id) !== null);
    await quiet(ben);
    await server.signIn(anna, annaJid);
    await delivered(anna, id);
    expect(texts(ben, anna).at(-1)).toBe('while you were off');
  });

  test('is sent again only once its sender may encrypt', async () => {
    const { server, anna, ben } = await talkingByServer();
    forgetSessions(ben);
    anna.mayEncrypt = true;
    const id = anna.say(ben, 'Wait for it');
    anna.mayEncrypt = false;
    await until(() => line(ben, id) !== null);
    await quiet(ben);
    const from = server.carried.length;
    await until(() => bodies(ben, anna).some(([, body]) => body.includes('renewed')));
    await quiet(ben);
    expect(server.carried.slice(from).some((stanza) => stanza.includes(`id="${id}"`))).toBe(false);
    anna.mayEncrypt = true;
    anna.care.caughtUp();
    await delivered(anna, id);
    expect(texts(ben, anna).at(-1)).toBe('Wait for it');
  });

  test.each(['by itself', 'when the server is there again'] as const)(
    'is asked for %s after nobody could be asked',
    async (how) => {
      const { anna, ben } = await talkingByServer();
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      forgetSessions(ben);
      const account = ben.account;
      if (!account) throw new Error('not signed in');
      let refused = 0;
      const request: typeof account.request = async () => {
        refused += 1;
        return fail('transport.timeout', 'The answer took too long.');
      };
      ben.account = { ...account, request };
      const id = anna.say(ben, 'Is anybody there?');
      await until(() => line(ben, id) !== null && refused > 0);
      await turns();
      ben.account = account;
      expect(line(ben, id)).not.toBeNull();
      if (how === 'by itself') await vi.advanceTimersByTimeAsync(15_000);
      else ben.care.reached(null);
      await delivered(anna, id);
      expect(texts(ben, anna).at(-1)).toBe('Is anybody there?');
    },
  );

  test('is asked for over a link when one comes up first', async () => {
    const { server, anna, ben } = await talkingByServer();
    await until(() => anna.store.contacts.byAddress(benJid)?.xid !== null);
    await until(() => ben.store.contacts.byAddress(annaJid)?.xid !== null);
    await quiet(anna, ben);
    forgetSessions(ben);
    ben.mayEncrypt = false;
    const id = anna.say(ben, 'by server');
    await until(() => line(ben, id) !== null);
    server.signOut(ben);
    server.signOut(anna);
    anna.linkTo(ben);
    ben.linkTo(anna);
    ben.mayEncrypt = true;
    ben.care.reached(ben.contactOf(anna));
    await delivered(anna, id);
    expect(texts(ben, anna).at(-1)).toBe('by server');
    expect(anna.store.messages.get(id)?.state).toBe('on-device');
  });

  test('does not disturb the other devices of either side', async () => {
    const { server, anna, ben } = await talkingByServer();
    const tablet = person('Ben');
    addByJid(tablet, annaJid, 'Anna');
    await server.signIn(tablet, benJid);
    const desktop = person('Anna');
    addByJid(desktop, benJid, 'Ben');
    await server.signIn(desktop, annaJid);
    await delivered(anna, anna.say(ben, 'to all of you'));
    await until(() => texts(tablet, anna).length === 1 && texts(desktop, ben).length === 1);
    await quiet(anna, ben);
    forgetSessions(ben);
    const id = anna.say(ben, 'again to all');
    await until(() => texts(ben, anna).at(-1) === 'again to all');
    await until(() => texts(desktop, ben).length === 2);
    await quiet(anna, ben, tablet, desktop);
    expect(stateOf(anna, id)).toBe('on-device');
    const said = (who: MessagingPerson, other: MessagingPerson): [string, string][] =>
      bodies(who, other).filter(([kind]) => kind === 'text' || kind === 'undecryptable');
    expect(said(tablet, anna)).toEqual([
      ['text', 'to all of you'],
      ['text', 'again to all'],
    ]);
    expect(said(desktop, ben)).toEqual([
      ['text', 'to all of you'],
      ['text', 'again to all'],
    ]);
  });

  test('is lost when its sender no longer has it, and that is said', async () => {
    const { anna, ben } = await talkingByServer();
    forgetSessions(ben);
    const id = anna.say(ben, 'gone soon');
    anna.store.messages.takeSealedFor(id, { deviceId: ben.deviceId, identityKey: selfOf(ben.context).identityKey });
    await until(() => line(ben, id)?.includes('cannot send it any more') ?? false);
    expect(line(ben, id)).toBe(
      'A message could not be decrypted. It was asked for again, but their device cannot send it any more. Ask Anna what it said.',
    );
    expect(stateOf(anna, id)).toBe('on-server');
  });

  test('is no message but a receipt: that is said, and what it told is told again', async () => {
    const { server, anna, ben } = await talkingByServer();
    spoilOnce(server, benJid);
    const id = anna.say(ben, 'Are you there?');
    await delivered(anna, id);
    await until(() => bodies(anna, ben).some(([, body]) => body.includes('only a receipt')));
    expect(bodies(anna, ben).slice(3)).toEqual([
      [
        'info',
        'Something could not be decrypted here, but nothing that was written is missing: it was only a receipt.',
      ],
      ['info', 'The secure connection with a device of Ben was renewed.'],
    ]);
    expect(unread(anna, ben)).toBe(1);
  });
});

describe('a read marker that a linked device cannot decrypt', () => {
  test('is not lost: what was read is told again in a new session', async () => {
    const [anna, ben] = [person('Anna'), person('Ben')];
    makeContacts(anna, ben);
    anna.linkTo(ben);
    ben.linkTo(anna);
    const id = anna.say(ben, 'Read me');
    await delivered(anna, id);
    await delivered(ben, ben.say(anna, 'Hello'));
    await quiet(anna, ben);
    forgetSessions(anna);
    const conversation = ben.store.conversations.byContact(ben.contactOf(anna));
    if (!conversation) throw new Error('no conversation');
    ben.speaker.markRead(conversation.id, id, true);
    await until(() => stateOf(anna, id) === 'read');
    await quiet(anna, ben);
    expect(bodies(anna, ben).filter(([kind]) => kind === 'undecryptable')).toEqual([]);
  });
});

describe('an undecryptable message', () => {
  test('has one line, not a gap beside it', async () => {
    const { server, anna, ben } = await talkingByServer();
    spoilOnce(server, annaJid);
    server.signOut(ben);
    ben.mayEncrypt = false;
    const spoilt = anna.say(ben, 'spoilt');
    const after = anna.say(ben, 'after it');
    await until(() => stateOf(anna, after) === 'on-server');
    server.signOut(anna);
    await server.signIn(ben, benJid);
    await until(() => texts(ben, anna).includes('after it'));
    ben.now += 2 * gapPatience;
    ben.gaps.review();
    expect(line(ben, spoilt)).not.toBeNull();
    expect(bodies(ben, anna).filter(([kind]) => kind === 'gap')).toEqual([]);
    // And when it comes it stands before what was said after it.
    ben.mayEncrypt = true;
    await server.signIn(anna, annaJid);
    ben.care.caughtUp();
    await delivered(anna, spoilt);
    expect(texts(ben, anna).slice(-2)).toEqual(['spoilt', 'after it']);
  });

  test('of a client that is not Bothy says what the person can do', async () => {
    const { anna, ben } = await talkingByServer();
    const contactId = ben.contactOf(anna);
    const device = ben.store.devices.get(contactId, anna.deviceId);
    if (!device) throw new Error('no device');
    ben.store.devices.put({ ...device, trust: 'distrusted' });
    forgetSessions(ben);
    const id = anna.say(ben, 'unheard');
    await until(() => line(ben, id) !== null);
    expect(line(ben, id)).toBe('A message could not be decrypted. Ask Anna to send it again.');
  });
});

describe('who asks without a right', () => {
  test('gets nothing written before their device was let in', async () => {
    const { server, anna, ben } = await talkingByServer();
    const early = anna.say(ben, 'before the tablet');
    await delivered(anna, early);
    const tablet = person('Ben');
    addByJid(tablet, annaJid, 'Anna');
    await server.signIn(tablet, benJid);
    await delivered(anna, anna.say(ben, 'after it'));
    await until(() => texts(tablet, anna).length > 0);
    await quiet(anna, ben, tablet);
    const from = server.carried.length;
    ask(tablet, anna, early);
    await until(() => server.carried.length > from + 1);
    await quiet(anna, tablet);
    expect(server.carried.slice(from).some((stanza) => stanza.includes(early))).toBe(false);
    expect(texts(tablet, anna)).toEqual(['after it']);
  });

  test('gets nothing written to somebody else, and nothing twice', async () => {
    const { server, anna, ben } = await talkingByServer();
    const eve = person('Eve');
    const eveJid = 'eve@bothy.test' as BareJid;
    addByJid(eve, annaJid, 'Anna');
    addByJid(anna, eveJid, 'Eve');
    await server.signIn(eve, eveJid);
    await delivered(anna, anna.say(eve, 'Hello Eve'));
    const secret = anna.say(ben, 'for Ben alone');
    await delivered(anna, secret);
    await quiet(anna, ben, eve);
    let from = server.carried.length;
    ask(eve, anna, secret, 'nothing-like-that' as MessageId);
    await until(() => server.carried.length > from + 1);
    await quiet(anna, eve);
    expect(server.carried.slice(from).some((stanza) => stanza.includes(secret))).toBe(false);
    from = server.carried.length;
    ask(ben, anna, secret, secret);
    ask(ben, anna, secret);
    await until(() => server.carried.length > from + 3);
    await quiet(anna, ben);
    expect(server.carried.slice(from).filter((stanza) => stanza.includes(`id="${secret}"`))).toHaveLength(1);
  });

  test('gets nothing with the id of a device under another key', async () => {
    const { anna, ben } = await talkingByServer();
    const id = anna.say(ben, 'for this key');
    await delivered(anna, id);
    const contactId = anna.contactOf(ben);
    const other = person('Mallory');
    const taken = anna.store.messages.takeSealedFor(id, {
      deviceId: ben.deviceId,
      identityKey: selfOf(other.context).identityKey,
    });
    expect(taken).toBe(false);
    expect(anna.store.devices.get(contactId, ben.deviceId)?.identityKey).toEqual(selfOf(ben.context).identityKey);
  });

  test('gets nothing while not let in', async () => {
    const { server, anna, ben } = await talkingByServer();
    const id = anna.say(ben, 'before you lost my trust');
    await delivered(anna, id);
    await quiet(anna, ben);
    const device = anna.store.devices.get(anna.contactOf(ben), ben.deviceId);
    if (!device) throw new Error('no device');
    anna.store.devices.put({ ...device, trust: 'distrusted' });
    const from = server.carried.length;
    ask(ben, anna, id);
    await until(() => server.carried.length > from);
    await quiet(anna, ben);
    expect(server.carried.slice(from)).toHaveLength(1);
  });
});
