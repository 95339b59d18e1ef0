/** Taking back what was written: only what nobody has, and without anything missing on the other side. */
import { afterEach, describe, expect, test } from 'vitest';
import { discardText } from '../../src/main/messaging/sending/discard.ts';
import { gapPatience } from '../../src/main/messaging/timeline/gaps.ts';
import type { Message, MessageId } from '../../src/shared/model.ts';
import { MessagingPerson, makeContacts, type PersonOptions, until } from '../support/messaging-person.ts';

const people: MessagingPerson[] = [];
afterEach(() => {
  for (const person of people.splice(0)) person.close();
});
function person(name: string, options: PersonOptions = {}): MessagingPerson {
  const made = new MessagingPerson(name, options);
  people.push(made);
  return made;
}
function strangers(): [MessagingPerson, MessagingPerson] {
  const [anna, ben] = [person('Anna'), person('Ben')];
  makeContacts(anna, ben);
  return [anna, ben];
}
function link(anna: MessagingPerson, ben: MessagingPerson): void {
  ben.linkTo(anna);
  anna.linkTo(ben);
}
/** They have talked, so that what is written next is encrypted at once. */
async function apart(): Promise<[MessagingPerson, MessagingPerson]> {
  const [anna, ben] = strangers();
  link(anna, ben);
  await delivered(anna, anna.say(ben, 'Hello'));
  anna.unlink(ben);
  return [anna, ben];
}
const stateOf = (who: MessagingPerson, id: MessageId): Message['state'] | undefined =>
  who.store.messages.get(id)?.state;
const delivered = (who: MessagingPerson, id: MessageId): Promise<void> =>
  until(() => stateOf(who, id) === 'on-device' && who.store.outbox.pending().length === 0);
const discard = (who: MessagingPerson, id: MessageId): string => {
  const result = discardText(who.context, who.outbox, id);
  return result.ok ? 'gone' : result.error.code;
};
const stageOf = (who: MessagingPerson, id: MessageId): string | undefined => who.store.outbox.byMessage(id)?.stage;
const said = (who: MessagingPerson, other: MessagingPerson): string[] => who.history(other).map(({ body }) => body);

/** Everything `who` was told, and whatever would be called missing by now. */
function read(who: MessagingPerson, other: MessagingPerson): string[] {
  who.now += 2 * gapPatience;
  who.gaps.review();
  return said(who, other);
}

describe('a text that was not encrypted yet', () => {
  test('goes without a trace, and what was written after it is no later than it', async () => {
    const [anna, ben] = strangers();
    const [first, second, third] = ['one', 'two', 'three'].map((body) => anna.say(ben, body));
    if (!first || !second || !third) throw new Error('three were said');
    expect(stageOf(anna, second)).toBe('plaintext');
    expect(discard(anna, second)).toBe('gone');
    expect(anna.store.messages.get(second)).toBeNull();
    expect(anna.store.outbox.byMessage(second)).toBeNull();
    expect(anna.store.messages.search('two', 5)).toEqual([]);
    expect(anna.takenBack).toEqual([second]);
    expect(discard(anna, second)).toBe('message.unknown');
    link(anna, ben);
    await delivered(anna, third);
    expect(read(ben, anna)).toEqual(['one', 'three']);
    expect([first, third].map((id) => anna.store.messages.orderCounter(id))).toEqual([1, 2]);
    expect(anna.sent.some((stanza) => stanza.includes(second))).toBe(false);
  });

  test('does not keep what waited behind it', async () => {
    const [anna, ben] = strangers();
    const first = anna.say(ben, 'never mind');
    const second = anna.say(ben, 'this one');
    link(anna, ben);
    // Its keys are being asked for while it is taken back.
    await Promise.resolve();
    expect(discard(anna, first)).toBe('gone');
    await delivered(anna, second);
    expect(read(ben, anna)).toEqual(['this one']);
  });
});

describe('a text that was encrypted and has not left', () => {
  test('gives its number back when it was the last', async () => {
    const [anna, ben] = await apart();
    const id = anna.say(ben, 'oh no');
    expect(stageOf(anna, id)).toBe('encrypted');
    expect(discard(anna, id)).toBe('gone');
    const next = anna.say(ben, 'better');
    expect(anna.store.messages.orderCounter(next)).toBe(2);
    link(anna, ben);
    await delivered(anna, next);
    expect(read(ben, anna)).toEqual(['Hello', 'better']);
  });

  test('is not missed by the other side when others were written after it', async () => {
    const [anna, ben] = await apart();
    const id = anna.say(ben, 'oh no');
    const next = anna.say(ben, 'better');
    expect(anna.store.messages.orderCounter(next)).toBe(3);
    expect(discard(anna, id)).toBe('gone');
    link(anna, ben);
    await delivered(anna, next);
    expect(read(ben, anna)).toEqual(['Hello', 'better']);
    await delivered(ben, ben.say(anna, 'What?'));
    expect(read(anna, ben)).toEqual(['Hello', 'better', 'What?']);
  });

  test('cannot be taken back after a restart: nobody knows any more whether it was on its way', async () => {
    const [anna, ben] = await apart();
    const id = anna.say(ben, 'oh no');
    anna.leave();
    const again = person('Anna', { profile: anna.profile });
    expect(discard(again, id)).toBe('message.already-sent');
    expect(stateOf(again, id)).toBe('queued');
  });
});

describe('a text that left, or may have', () => {
  test('stays when a device has it', async () => {
    const [anna, ben] = await apart();
    link(anna, ben);
    const id = anna.say(ben, 'there');
    await delivered(anna, id);
    expect(discard(anna, id)).toBe('message.already-sent');
    expect(discard(ben, id)).toBe('message.unknown');
    expect(said(anna, ben)).toEqual(['Hello', 'there']);
  });

  test('stays when it arrived and nobody said so', async () => {
    const [anna, ben] = await apart();
    let tried = 0;
    anna.fate = () => {
      tried += 1;
      return { arrives: 1, acknowledged: false };
    };
    link(anna, ben);
    const id = anna.say(ben, 'there');
    await until(() => tried > 0 && said(ben, anna).includes('there'));
    expect(discard(anna, id)).toBe('message.already-sent');
    expect(stateOf(anna, id)).toBe('queued');
    expect(anna.takenBack).toEqual([]);
  });

  test('stays when their device could not read it', async () => {
    const [anna, ben] = await apart();
    const spoil = (stanza: string): string =>
      stanza.replace(/<payload>(.)/, (_, first: string) => `<payload>${first === 'A' ? 'B' : 'A'}`);
    anna.fate = () => ({ arrives: 1, acknowledged: true, spoil });
    link(anna, ben);
    const id = anna.say(ben, 'Crackle');
    await until(() => stateOf(anna, id) === 'failed');
    expect(discard(anna, id)).toBe('message.already-sent');
  });
});
