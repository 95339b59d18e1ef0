/** Sessions that broke, devices that are left out, gaps and markers: what is shown must be what is true. */
import { afterEach, describe, expect, test } from 'vitest';
import { gapPatience } from '../../src/main/messaging/timeline/gaps.ts';
import type { Message, MessageId } from '../../src/shared/model.ts';
import { MessagingPerson, makeContacts, type PersonOptions, until } from '../support/messaging-person.ts';

const day = 24 * 60 * 60 * 1000;
const people: MessagingPerson[] = [];
afterEach(() => {
  for (const person of people.splice(0)) person.close();
});
function person(name: string, options: PersonOptions = {}): MessagingPerson {
  const made = new MessagingPerson(name, options);
  people.push(made);
  return made;
}
function link(one: MessagingPerson, other: MessagingPerson): void {
  one.linkTo(other);
  other.linkTo(one);
}
async function talkingPair(): Promise<[MessagingPerson, MessagingPerson]> {
  const [anna, ben] = [person('Anna'), person('Ben')];
  makeContacts(anna, ben);
  link(anna, ben);
  await delivered(anna, anna.say(ben, 'Hello Ben'));
  await delivered(ben, ben.say(anna, 'Hello Anna'));
  return [anna, ben];
}
const stateOf = (who: MessagingPerson, id: MessageId): Message['state'] | undefined =>
  who.store.messages.get(id)?.state;
const delivered = (who: MessagingPerson, id: MessageId): Promise<void> =>
  until(() => stateOf(who, id) === 'on-device' && who.store.outbox.pending().length === 0);
const shown = (who: MessagingPerson, other: MessagingPerson, kind: Message['kind']): string[] =>
  who
    .history(other)
    .filter((message) => message.kind === kind)
    .map((message) => message.body);

/** As after a restored backup that is older than the session. */
function forgetSessions(who: MessagingPerson): void {
  who.store.sessions.clear();
  who.context.cipher.rolledBack();
}

/** One byte of the ciphertext is another one. */
const spoil = (stanza: string): string =>
  stanza.replace(/<payload>(.)/, (_, first: string) => `<payload>${first === 'A' ? 'B' : 'A'}`);

describe('a message that the other device cannot decrypt', () => {
  test('is encrypted again with a fresh session, and not said to be there before it is', async () => {
    const [anna, ben] = await talkingPair();
    forgetSessions(ben);
    let early = false;
    const id = anna.say(ben, 'Do you read me?');
    await until(() => {
      const there = ben.store.messages.get(id) !== null;
      if (stateOf(anna, id) === 'on-device' && !there) early = true;
      return stateOf(anna, id) === 'on-device';
    });
    expect(early).toBe(false);
    expect(shown(ben, anna, 'text')).toEqual(['Hello Ben', 'Hello Anna', 'Do you read me?']);
    expect(shown(ben, anna, 'undecryptable')).toEqual([]);
    // Two ciphertexts under one id: the one that could not be read, and the one that could.
    expect(new Set(anna.sent.filter((stanza) => stanza.includes(id))).size).toBe(2);
    await until(() => shown(ben, anna, 'info').length > 0);
    expect(shown(ben, anna, 'info')).toEqual(['The secure connection with a device of Anna was renewed.']);
    await delivered(ben, ben.say(anna, 'Yes'));
    await delivered(anna, anna.say(ben, 'Good'));
    expect(shown(anna, ben, 'undecryptable')).toEqual([]);
    expect(shown(ben, anna, 'gap')).toEqual([]);
  });

  test('is failed with the reason when that did not help, and can be sent again', async () => {
    const [anna, ben] = await talkingPair();
    anna.fate = () => ({ arrives: 1, acknowledged: true, spoil });
    const id = anna.say(ben, 'Crackle');
    await until(() => stateOf(anna, id) === 'failed');
    expect(anna.store.messages.get(id)?.failure?.code).toBe('encryption.unreadable');
    expect(anna.told.some((message) => message.id === id && message.state === 'on-device')).toBe(false);
    expect(shown(ben, anna, 'undecryptable')).toEqual([
      'A message could not be decrypted. It was asked for again and will stand here when it comes.',
    ]);
    anna.fate = () => ({ arrives: 1, acknowledged: true });
    anna.store.transaction(() => anna.outbox.outcomes.retry(anna.contactOf(ben), id, (after) => setImmediate(after)));
    await delivered(anna, id);
    expect(shown(ben, anna, 'text').at(-1)).toBe('Crackle');
  });

  test('renews the session at most once a day', async () => {
    const [anna, ben] = await talkingPair();
    anna.fate = () => ({ arrives: 1, acknowledged: true, spoil });
    for (const body of ['one', 'two', 'three']) {
      const id = anna.say(ben, body);
      await until(() => stateOf(anna, id) === 'failed');
    }
    await until(() => shown(ben, anna, 'info').length > 0 && ben.store.outbox.pending().length === 0);
    expect(shown(ben, anna, 'info')).toHaveLength(1);
    ben.now += day;
    const id = anna.say(ben, 'four');
    await until(() => stateOf(anna, id) === 'failed');
    await until(() => shown(ben, anna, 'info').length > 1 && ben.store.outbox.pending().length === 0);
    expect(shown(ben, anna, 'info')).toHaveLength(2);
  });

  test('keeps its other copies: a second device that reads it is not asked again', async () => {
    const [anna, ben] = await talkingPair();
    const tablet = person('Ben', { deviceOf: ben });
    makeContacts(tablet, anna);
    link(anna, tablet);
    await delivered(anna, anna.say(ben, 'to both'));
    expect(shown(tablet, anna, 'text')).toEqual(['to both']);
    forgetSessions(ben);
    await delivered(anna, anna.say(ben, 'to both again'));
    expect(shown(ben, anna, 'text').at(-1)).toBe('to both again');
    expect(shown(tablet, anna, 'text')).toEqual(['to both', 'to both again']);
    expect(shown(tablet, anna, 'undecryptable')).toEqual([]);
  });
});

describe('devices', () => {
  test('the first of a contact is no news; each further one is, once', async () => {
    const [anna, ben] = await talkingPair();
    expect(shown(anna, ben, 'new-device')).toEqual([]);
    const tablet = person('Ben', { deviceOf: ben });
    makeContacts(tablet, anna);
    link(anna, tablet);
    await delivered(anna, anna.say(ben, 'one'));
    await delivered(tablet, tablet.say(anna, 'from the tablet'));
    await delivered(anna, anna.say(ben, 'two'));
    expect(shown(anna, ben, 'new-device')).toEqual(['Ben uses a new device.']);
    expect(shown(tablet, anna, 'new-device')).toEqual([]);
  });

  test('one whose keys cannot be had does not stop the others, and that is said until it ends', async () => {
    const [anna, ben] = await talkingPair();
    const tablet = person('Ben', { deviceOf: ben });
    makeContacts(tablet, anna);
    anna.store.devices.put({
      owner: anna.contactOf(ben),
      deviceId: tablet.deviceId,
      wire: 'omemo2',
      label: '',
      localName: '',
      identityKey: null,
      trust: 'blind',
      active: true,
      lastSeenAt: null,
    });
    await delivered(anna, anna.say(ben, 'one'));
    await delivered(anna, anna.say(ben, 'two'));
    const leftOut = 'A device of Ben gets no messages for now: its keys could not be fetched.';
    expect(shown(anna, ben, 'info')).toEqual([leftOut]);
    link(anna, tablet);
    await delivered(anna, anna.say(ben, 'three'));
    expect(shown(anna, ben, 'info')).toEqual([leftOut, 'A device of Ben gets messages again.']);
    expect(shown(tablet, anna, 'text')).toEqual(['three']);
    expect(shown(ben, anna, 'text').slice(-3)).toEqual(['one', 'two', 'three']);
  });

  test('a long monologue is answered by one empty message, so that the ratchet moves on', async () => {
    const [anna, ben] = await talkingPair();
    const before = ben.sent.length;
    for (let n = 1; n <= 70; n += 1) await delivered(anna, anna.say(ben, `${n}`));
    await until(() => ben.store.outbox.pending().length === 0);
    const heartbeats = ben.sent.slice(before);
    expect(heartbeats).toHaveLength(1);
    expect(heartbeats[0]).not.toContain('<payload>');
    // Nobody misses anything in it: no client is told to show that it could not be read (XEP-0380).
    expect(heartbeats[0]).not.toContain('urn:xmpp:eme:0');
    expect(shown(anna, ben, 'text')).toHaveLength(72);
  });
});

test('a key exchange that is not marked as one is read', async () => {
  const [anna, ben] = [person('Anna'), person('Ben')];
  makeContacts(anna, ben);
  link(anna, ben);
  let marks = 0;
  const unmarked = (stanza: string): string =>
    stanza.replaceAll(' kex="true"', () => {
      marks += 1;
      return '';
    });
  anna.fate = () => ({ arrives: 1, acknowledged: true, spoil: unmarked });
  await delivered(anna, anna.say(ben, 'I am new'));
  expect(marks).toBe(1);
  expect(shown(ben, anna, 'text')).toEqual(['I am new']);
  expect(shown(ben, anna, 'undecryptable')).toEqual([]);
});

describe('a message that never comes', () => {
  async function twoOfThree(): Promise<{ anna: MessagingPerson; ben: MessagingPerson; lost: string }> {
    const [anna, ben] = await talkingPair();
    anna.fate = () => ({ arrives: 0, acknowledged: false });
    const from = anna.sent.length;
    const ids = ['one', 'two', 'three'].map((body) => anna.say(ben, body));
    await until(() => ids.every((id) => anna.sent.slice(from).some((stanza) => stanza.includes(id))));
    const [one, two, three] = ids.map((id) => anna.sent.find((stanza) => stanza.includes(`id="${id}"`)) ?? '');
    if (!one || !two || !three) throw new Error('not sent');
    await anna.hand(ben, one);
    await anna.hand(ben, three);
    return { anna, ben, lost: two };
  }

  test('is shown as a gap, once, and not before it had time to come', async () => {
    const { anna, ben } = await twoOfThree();
    ben.gaps.review();
    expect(shown(ben, anna, 'gap')).toEqual([]);
    ben.now += gapPatience;
    ben.gaps.review();
    ben.gaps.review();
    expect(shown(ben, anna, 'gap')).toEqual(['A message is missing here.']);
  });

  test('is no gap when it comes late', async () => {
    const { anna, ben, lost } = await twoOfThree();
    await anna.hand(ben, lost);
    ben.now += gapPatience;
    ben.gaps.review();
    expect(shown(ben, anna, 'gap')).toEqual([]);
    expect(shown(ben, anna, 'text').slice(-3)).toEqual(['one', 'two', 'three']);
  });
});

describe('messages that come after a later one', () => {
  /** Ten that left in this order; the last one is there. */
  async function lastOfTen(): Promise<{ anna: MessagingPerson; ben: MessagingPerson; late: string[] }> {
    const [anna, ben] = await talkingPair();
    anna.fate = () => ({ arrives: 0, acknowledged: false });
    const from = anna.sent.length;
    const ids = Array.from({ length: 10 }, (_, index) => anna.say(ben, `message ${index}`));
    const stanzaOf = (id: MessageId): string =>
      anna.sent.slice(from).find((stanza) => stanza.includes(`id="${id}"`)) ?? '';
    await until(() => ids.every((id) => stanzaOf(id) !== ''));
    const stanzas = ids.map(stanzaOf);
    await anna.hand(ben, stanzas.at(-1) ?? '');
    return { anna, ben, late: stanzas.slice(0, -1) };
  }

  test('are not missing any more, also when they were said to be and a restart lies between', async () => {
    const { anna, ben, late } = await lastOfTen();
    ben.now += gapPatience;
    ben.gaps.review();
    expect(shown(ben, anna, 'gap')).toEqual(['9 messages are missing here.']);
    ben.leave();
    const again = person('Ben', { profile: ben.profile });
    again.gaps.load();
    for (const stanza of late) await anna.hand(again, stanza);
    expect(shown(again, anna, 'gap')).toEqual([]);
    expect(shown(again, anna, 'text')).toHaveLength(12);
    expect(shown(again, anna, 'info')).toEqual(['What was missing here has come.']);
  });

  test('are not missing when one transaction takes them all', async () => {
    const { anna, ben, late } = await lastOfTen();
    await anna.handAll(ben, late);
    ben.now += gapPatience;
    ben.gaps.review();
    expect(shown(ben, anna, 'text')).toHaveLength(12);
    expect(shown(ben, anna, 'gap')).toEqual([]);
  });
});

test('a read marker covers what came before it, and nothing after', async () => {
  const [anna, ben] = await talkingPair();
  const ids = ['one', 'two', 'three'].map((body) => anna.say(ben, body));
  for (const id of ids) await until(() => stateOf(anna, id) === 'on-device');
  const [one, two, three] = ids as [MessageId, MessageId, MessageId];
  const conversation = ben.store.conversations.byContact(ben.contactOf(anna));
  if (!conversation) throw new Error('no conversation');
  ben.speaker.markRead(conversation.id, two, true);
  await until(() => stateOf(anna, two) === 'read');
  expect([one, two, three].map((id) => stateOf(anna, id))).toEqual(['read', 'read', 'on-device']);
});

describe('a clock that is years off', () => {
  const years = 365 * day;

  test.each([
    ['behind', -20 * years],
    ['ahead', 20 * years],
  ])('%s neither hides nor reorders what is said', async (_, off) => {
    const [anna, ben] = await talkingPair();
    ben.now += 60_000;
    anna.now += off;
    await delivered(anna, anna.say(ben, 'question'));
    ben.now += 60_000;
    await delivered(ben, ben.say(anna, 'answer'));
    ben.now += 60_000;
    await delivered(anna, anna.say(ben, 'thanks'));
    const said = ['Hello Ben', 'Hello Anna', 'question', 'answer', 'thanks'];
    expect(shown(ben, anna, 'text')).toEqual(said);
    expect(shown(anna, ben, 'text')).toEqual(said);
    expect(ben.history(anna).filter((message) => message.kind !== 'text')).toEqual([]);
    // And set right again.
    anna.now -= off;
    await delivered(anna, anna.say(ben, 'my clock was wrong'));
    expect(shown(ben, anna, 'text').at(-1)).toBe('my clock was wrong');
    expect(shown(anna, ben, 'text').at(-1)).toBe('my clock was wrong');
  });
});
