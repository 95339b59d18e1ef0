/** Clocks that are years off, and that jump while the program runs: nothing stops for ever, and order stays causal. */
import { randomBytes } from 'node:crypto';
import xml from '@xmpp/xml';
import { afterEach, describe, expect, test } from 'vitest';
import { ClockWatch } from '../../src/main/app/clock-watch.ts';
import { consumePrekey, createOwnDevice, maintainOwnDevice, PREKEY_COUNT } from '../../src/main/e2ee/own-device.ts';
import { gapPatience } from '../../src/main/messaging/timeline/gaps.ts';
import { isOpen } from '../../src/main/nearby/invitation.ts';
import type { BareJid, Message, MessageId } from '../../src/shared/model.ts';
import { addByJid, MemoryServer } from '../support/memory-server.ts';
import { MessagingPerson, makeContacts, until } from '../support/messaging-person.ts';

const annaJid = 'anna@bothy.test' as BareJid;
const benJid = 'ben@bothy.test' as BareJid;
const day = 24 * 60 * 60 * 1000;
const right = Date.UTC(2026, 10, 23, 12);
const past = Date.UTC(2001, 0, 1);
const future = Date.UTC(2100, 0, 1);
const people: MessagingPerson[] = [];
const ends: AbortController[] = [];
afterEach(() => {
  for (const person of people.splice(0)) person.close();
  for (const end of ends.splice(0)) end.abort();
});
function person(name: string): MessagingPerson {
  const made = new MessagingPerson(name);
  people.push(made);
  return made;
}
const stateOf = (who: MessagingPerson, id: MessageId): Message['state'] | undefined =>
  who.store.messages.get(id)?.state;
const delivered = (who: MessagingPerson, id: MessageId): Promise<void> => until(() => stateOf(who, id) === 'on-device');
const quiet = (...all: MessagingPerson[]): Promise<void> =>
  until(() => all.every((who) => who.store.outbox.pending().length === 0));
const shown = (who: MessagingPerson, other: MessagingPerson, kind: Message['kind']): string[] =>
  who
    .history(other)
    .filter((message) => message.kind === kind)
    .map(({ body }) => body);

describe('a clock that jumps while Bothy runs', () => {
  test.each(['server', 'direct'] as const)(
    'over %s: everything arrives, is acknowledged and stands in order',
    async (route) => {
      const [anna, ben] = [person('Anna'), person('Ben')];
      if (route === 'server') {
        const server = new MemoryServer();
        addByJid(anna, benJid, 'Ben');
        addByJid(ben, annaJid, 'Anna');
        await server.signIn(anna, annaJid);
        await server.signIn(ben, benJid);
      } else {
        makeContacts(anna, ben);
        anna.linkTo(ben);
        ben.linkTo(anna);
      }
      const said: string[] = [];
      let number = 0;
      for (const [annasClock, bensClock] of [
        [right, right],
        [past, right],
        [future, right],
        [right + 60_000, past],
        [past, future],
        [future, past],
        [right + 120_000, right + 120_000],
        [right + 180_000, right + 180_000],
      ] as const) {
        anna.now = annasClock;
        ben.now = bensClock;
        for (const [who, other] of [
          [anna, ben],
          [ben, anna],
          [anna, ben],
        ] as const) {
          number += 1;
          said.push(`${number}`);
          await delivered(who, who.say(other, `${number}`));
        }
      }
      expect(shown(anna, ben, 'text')).toEqual(said);
      expect(shown(ben, anna, 'text')).toEqual(said);
      for (const [who, other] of [
        [anna, ben],
        [ben, anna],
      ] as const) {
        expect(shown(who, other, 'undecryptable')).toEqual([]);
        expect(shown(who, other, 'gap')).toEqual([]);
      }
      await quiet(anna, ben);
    },
  );

  test('what has no order of its own stands where it came, in every clock', async () => {
    const server = new MemoryServer();
    const anna = person('Anna');
    const carl = 'carl@bothy.test' as BareJid;
    server.plainClients.set(carl, []);
    const contactId = addByJid(anna, carl, 'Carl');
    await server.signIn(anna, annaJid);
    const said: string[] = [];
    for (const clock of [right, future, right + 60_000, past, past + 60_000, right + 120_000]) {
      anna.now = clock;
      said.push(new Date(clock).toISOString());
      await server.sayPlain(carl, annaJid, xml('body', {}, said.at(-1) ?? ''));
    }
    const conversation = anna.store.conversations.byContact(contactId);
    if (!conversation) throw new Error('no conversation');
    const { messages } = anna.store.messages.page(conversation.id, { limit: 100 });
    expect(messages.map(({ body }) => body)).toEqual(said);
  });

  test('a session that breaks in 2100 is mended, and one that breaks after that as well', async () => {
    const server = new MemoryServer();
    const [anna, ben] = [person('Anna'), person('Ben')];
    addByJid(anna, benJid, 'Ben');
    addByJid(ben, annaJid, 'Anna');
    await server.signIn(anna, annaJid);
    await server.signIn(ben, benJid);
    await delivered(anna, anna.say(ben, 'Hello'));
    for (const clock of [future, right + day, past]) {
      await quiet(anna, ben);
      ben.now = clock;
      ben.store.sessions.clear();
      ben.context.cipher.rolledBack();
      await delivered(anna, anna.say(ben, `after ${clock}`));
    }
    expect(shown(ben, anna, 'text')).toHaveLength(4);
    expect(shown(ben, anna, 'undecryptable')).toEqual([]);
    expect(shown(ben, anna, 'info').filter((body) => body.includes('renewed'))).toHaveLength(3);
  });

  test('a gap met in 2100 is said when the clock is right again', async () => {
    const [anna, ben] = [person('Anna'), person('Ben')];
    makeContacts(anna, ben);
    anna.linkTo(ben);
    ben.linkTo(anna);
    await delivered(anna, anna.say(ben, 'Hello'));
    anna.fate = () => ({ arrives: 0, acknowledged: false });
    const from = anna.sent.length;
    const ids = ['one', 'two', 'three'].map((body) => anna.say(ben, body));
    const stanzaOf = (id: MessageId): string =>
      anna.sent.slice(from).find((stanza) => stanza.includes(`id="${id}"`)) ?? '';
    await until(() => ids.every((id) => stanzaOf(id) !== ''));
    const [one, two, three] = ids.map(stanzaOf) as [string, string, string];
    ben.now = future;
    await anna.hand(ben, one);
    await anna.hand(ben, three);
    ben.now = right + 2 * gapPatience;
    ben.gaps.review();
    expect(shown(ben, anna, 'gap')).toEqual(['A message is missing here.']);
    // It comes after all: then nothing is missing any more.
    await anna.hand(ben, two);
    expect(shown(ben, anna, 'gap')).toEqual([]);
    expect(shown(ben, anna, 'info')).toEqual(['What was missing here has come.']);
    expect(shown(ben, anna, 'text')).toHaveLength(4);
  });
});

describe('what a wrong clock must not spoil for ever', () => {
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

  test('signed prekeys made in 2100 are rotated once the clock is right, and the last ones stay readable', () => {
    const made = createOwnDevice(random, right);
    const ahead = maintainOwnDevice(made, random, future);
    expect(ahead?.signedPrekeys[0]?.createdAt).toBe(future);
    const back = ahead && maintainOwnDevice(ahead, random, right + day);
    expect(back?.signedPrekeys[0]?.createdAt).toBe(right + day);
    expect(back?.signedPrekeys.map(({ id }) => id)).toEqual([3, 2, 1]);
    expect(back && maintainOwnDevice(back, random, right + 2 * day)).toBeNull();
    expect(maintainOwnDevice(made, random, past)?.signedPrekeys).toHaveLength(2);
  });

  test('prekeys are filled up in any year', () => {
    const made = createOwnDevice(random, future);
    const [first] = made.prekeys;
    const used = consumePrekey(made, first?.id ?? 0, random(32), past);
    expect(maintainOwnDevice(used, random, past)?.prekeys).toHaveLength(PREKEY_COUNT);
  });

  test('an invitation made in 2100 is not open for years', () => {
    expect(isOpen(right + day, right)).toBe(true);
    expect(isOpen(right - 1, right)).toBe(false);
    expect(isOpen(future + day, future)).toBe(true);
    expect(isOpen(future + day, right)).toBe(false);
  });
});

describe('the person is told', () => {
  function watch(who: MessagingPerson, told: () => void): ClockWatch {
    const end = new AbortController();
    ends.push(end);
    return new ClockWatch(who.context, told, end.signal);
  }

  test('of a clock that is before this program, until it is right', () => {
    const anna = person('Anna');
    anna.now = past;
    let told = 0;
    const clock = watch(anna, () => {
      told += 1;
    });
    expect(clock.notices()).toEqual([]);
    clock.look();
    expect(clock.notices()[0]?.error).toMatchObject({ code: 'clock.wrong' });
    expect(clock.notices()[0]?.error.what).toContain('2001-01-01');
    expect(told).toBe(1);
    anna.now = right;
    clock.look();
    expect(clock.notices()).toEqual([]);
    anna.now = past;
    clock.look();
    clock.dismiss();
    expect(clock.notices()).toEqual([]);
  });

  test('of a clock that the server disagrees with by more than a day', async () => {
    const server = new MemoryServer();
    const anna = person('Anna');
    server.time = right;
    anna.now = future;
    await server.signIn(anna, annaJid);
    let told = 0;
    const clock = watch(anna, () => {
      told += 1;
    });
    clock.online();
    await until(() => told > 0);
    expect(clock.notices()[0]?.error.what).toContain('2100-01-01');
    anna.now = right + day / 2;
    clock.look();
    await until(() => clock.notices().length === 0);
  });
});
