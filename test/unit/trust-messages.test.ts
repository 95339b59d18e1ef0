/** Automatic Trust Management (XEP-0450) between several devices of several people, and those who would misuse it. */
import { afterEach, describe, expect, test } from 'vitest';
import { inTransaction, selfOf } from '../../src/main/messaging/context.ts';
import { ownQueue } from '../../src/main/messaging/devices/recipients.ts';
import { believe } from '../../src/main/messaging/devices/trust-belief.ts';
import { ownDeviceJudged } from '../../src/main/messaging/devices/trust-news.ts';
import { trustMessage } from '../../src/main/messaging/trust/trust-message.ts';
import { takeTrustMessage } from '../../src/main/messaging/trust/trust-receiving.ts';
import type { Message, MessageId } from '../../src/shared/model.ts';
import { addByJid } from '../support/memory-server.ts';
import { type MessagingPerson, makeContacts, until } from '../support/messaging-person.ts';
import {
  allVerified,
  annaJid,
  benJid,
  carlJid,
  codeOf,
  compare,
  ownerOf,
  quiet,
  scan,
  TrustPeople,
  trustIn,
} from '../support/trust-people.ts';

let people = new TrustPeople();
afterEach(() => {
  people.close();
  people = new TrustPeople();
});

const linesWith = (who: MessagingPerson, whom: MessagingPerson): string[] =>
  who.history(whom).flatMap(({ kind, body }: Message) => (kind === 'info' || kind === 'new-device' ? [body] : []));

/** Says something about keys as only a device with a changed program would. */
function sayTrust(
  who: MessagingPerson,
  to: MessagingPerson,
  about: string,
  said: { readonly trusted?: MessagingPerson; readonly distrusted?: MessagingPerson },
): void {
  const keys = (device?: MessagingPerson): Uint8Array[] => (device ? [selfOf(device.context).identityKey] : []);
  const content = [trustMessage([{ jid: about, trusted: keys(said.trusted), distrusted: keys(said.distrusted) }])];
  const messageId = crypto.randomUUID() as string as MessageId;
  const owner = ownerOf(who, to);
  const contactId = owner === 'self' ? ownQueue : owner;
  who.store.transaction(() => {
    const after: (() => void)[] = [];
    const queued = { messageId, contactId, kind: 'control', content, preference: 'automatic', choice: null } as const;
    // Only verified devices are told by honest programs; this one tells everybody.
    who.outbox.add(contactId === ownQueue ? { ...queued, kind: 'trust' } : queued, (action) => after.push(action));
    setImmediate(() => {
      for (const action of after) action();
    });
  });
}

/** Both know each other's keys. */
async function acquaint(one: MessagingPerson, other: MessagingPerson): Promise<void> {
  const id = one.say(other, 'Hello');
  await until(() => other.history(one).some((message) => message.body === 'Hello'));
  await until(() => one.store.messages.get(id)?.state === 'on-device');
}

describe('one comparison is enough', () => {
  test('between people who verified their own devices with each other', { timeout: 60_000 }, async () => {
    const [a1, a2] = [await people.device(annaJid), await people.device(annaJid)];
    const [b1, b2] = [await people.device(benJid), await people.device(benJid)];
    await compare(a1, a2);
    await compare(b1, b2);
    await allVerified([a1, a2]);
    await allVerified([b1, b2]);
    expect(trustIn(a2, b2)).not.toBe('verified');
    await compare(a1, b1);
    await allVerified([a1, a2, b1, b2]);
    expect(linesWith(a2, b2).some((line) => /is verified: one of your devices says so\.$/.test(line))).toBe(true);
    expect(linesWith(a1, b2).some((line) => /is verified: a device of Ben says so\.$/.test(line))).toBe(true);
    await quiet([a1, a2, b1, b2]);
    const heard = (who: MessagingPerson, whom: MessagingPerson): string[] =>
      who.history(whom).flatMap(({ kind, body }) => (kind === 'text' ? [body] : []));
    expect([heard(a1, b1), heard(b2, a2)]).toEqual([[], []]);
  });

  test('for a device that comes later: its owner lets it in, and everybody else does', {
    timeout: 60_000,
  }, async () => {
    const [a1, b1] = [await people.device(annaJid), await people.device(benJid)];
    await compare(a1, b1);
    const b2 = await people.device(benJid);
    await acquaint(b1, a1);
    await until(() => trustIn(a1, b2) === 'undecided');
    // It may speak, under a line that says who does, and gets no answer.
    b2.say(a1, 'This is my new phone');
    await until(() => a1.history(b1).some((message) => message.body === 'This is my new phone'));
    expect(linesWith(a1, b1)).toContain('A device of Ben that you have not let in says:');
    expect(trustIn(b2, a1)).toBe('blind');
    await compare(b1, b2);
    await allVerified([a1, b1, b2]);
    expect(linesWith(a1, b1).at(-1)).toBe('A device of Ben is verified: a device of Ben says so.');
  });

  test('for a device compared before it was seen', { timeout: 60_000 }, async () => {
    const [a1, b1] = [await people.device(annaJid), await people.device(benJid)];
    const b2 = people.person('Ben');
    b2.store.accounts.put({ jid: benJid, password: 'x', state: '', archiveCursor: null });
    const code = codeOf(b2);
    b2.store.accounts.remove();
    expect((await scan(b1, code)).expected).toBe(1);
    await compare(a1, b1);
    await quiet([a1, b1]);
    addByJid(b2, annaJid, 'Anna');
    await people.server.signIn(b2, benJid);
    await until(() => trustIn(b1, b2) === 'verified' && trustIn(a1, b2) === 'verified');
  });

  test('and a revoked one is trusted by nobody any more', { timeout: 60_000 }, async () => {
    const [a1, b1, b2] = [await people.device(annaJid), await people.device(benJid), await people.device(benJid)];
    await acquaint(b2, a1);
    await compare(b1, b2);
    await compare(a1, b1);
    await allVerified([a1, b1, b2]);
    const stolen = b1.store.devices.get('self', b2.deviceId);
    if (!stolen) throw new Error('no such device');
    b1.trust.judge('self', [{ device: stolen, trust: 'distrusted' }]);
    await until(() => trustIn(a1, b2) === 'distrusted');
    expect(linesWith(a1, b1).at(-1)).toBe(
      'A device of Ben is not to be trusted any more: a device of Ben says so. It is not trusted and gets no messages.',
    );
    // Its own word counts for nothing any more.
    sayTrust(b2, a1, benJid, { trusted: b2, distrusted: b1 });
    await quiet([a1, b1, b2]);
    await acquaint(b1, a1);
    expect([trustIn(a1, b1), trustIn(a1, b2)]).toEqual(['verified', 'distrusted']);
  });

  test('over direct links, between people without an account', { timeout: 60_000 }, async () => {
    const anna = people.person('Anna');
    const b1 = people.person('Ben');
    const b2 = people.person('Ben', { deviceOf: b1 });
    makeContacts(anna, b1);
    makeContacts(anna, b2);
    for (const ben of [b1, b2]) {
      anna.linkTo(ben);
      ben.linkTo(anna);
      await acquaint(ben, anna);
    }
    // Ben's devices have no account to meet in: he told each of the other by hand.
    b1.store.devices.put({
      owner: 'self',
      deviceId: b2.deviceId,
      wire: 'omemo2',
      label: '',
      localName: '',
      identityKey: selfOf(b2.context).identityKey,
      trust: 'verified',
      active: true,
      lastSeenAt: null,
    });
    await scan(anna, codeOf(b1));
    expect([trustIn(anna, b1), trustIn(anna, b2)]).toEqual(['verified', 'blind']);
    await scan(b1, codeOf(anna));
    await until(() => trustIn(anna, b2) === 'verified');
    expect(linesWith(anna, b2).at(-1)).toBe('A device of Ben is verified: a device of Ben says so.');
  });
});

test('what a device says before it is verified is kept, and counts from then on', {
  timeout: 60_000,
}, async () => {
  const [a1, b1, b2] = [await people.device(annaJid), await people.device(benJid), await people.device(benJid)];
  await acquaint(a1, b1);
  await acquaint(a1, b2);
  await compare(b1, b2);
  await scan(b1, codeOf(a1));
  await until(() => a1.store.statements.countBy(selfOf(b1.context).identityKey) > 0);
  expect(trustIn(a1, b2)).toBe('blind');
  await scan(a1, codeOf(b1));
  await until(() => trustIn(a1, b2) === 'verified');
});

test('only verified devices that read the newer format are told', { timeout: 60_000 }, async () => {
  const [a1, a2, b1] = [await people.device(annaJid), await people.device(annaJid), await people.device(benJid)];
  await acquaint(a1, b1);
  await quiet([a1, a2, b1]);
  const before = people.server.carried.length;
  const ben = a1.store.devices.get(a1.contactOf(b1), b1.deviceId);
  if (!ben) throw new Error('no such device');
  // Her other device is not verified, and his reads the older format only.
  a1.trust.judge(a1.contactOf(b1), [{ device: { ...ben, wire: 'omemo-legacy' }, trust: 'verified' }]);
  await quiet([a1, a2, b1]);
  expect(people.server.carried.slice(before)).toEqual([]);
  expect(a1.store.outbox.pending().filter(({ kind }) => kind === 'trust')).toEqual([]);
});

test('what is to be told waits on disk until the server is there', { timeout: 60_000 }, async () => {
  const [a1, a2, b1] = [await people.device(annaJid), await people.device(annaJid), await people.device(benJid)];
  await compare(a1, a2);
  await acquaint(a1, b1);
  await acquaint(b1, a2);
  await quiet([a1, a2, b1]);
  people.server.signOut(a1);
  await scan(a1, codeOf(b1));
  const waiting = a1.store.outbox.pending().filter(({ kind }) => kind === 'trust');
  expect(waiting.map(({ contactId }) => contactId)).toEqual([ownQueue, a1.contactOf(b1)]);
  expect(trustIn(a2, b1)).toBe('blind');
  await people.server.signIn(a1, annaJid);
  await until(() => trustIn(a2, b1) === 'verified');
});

describe('who speaks out of turn is not believed', () => {
  async function household() {
    const [anna, ben, carl] = [await people.device(annaJid), await people.device(benJid), await people.device(carlJid)];
    await acquaint(ben, anna);
    await acquaint(carl, anna);
    return { anna, ben, carl };
  }

  test('a device that is not verified', { timeout: 60_000 }, async () => {
    const { anna, ben } = await household();
    const b2 = await people.device(benJid);
    await acquaint(b2, anna);
    sayTrust(ben, anna, benJid, { trusted: b2 });
    await acquaint(ben, anna);
    expect(anna.store.statements.countBy(selfOf(ben.context).identityKey)).toBe(1);
    expect(trustIn(anna, b2)).toBe('blind');
  });

  test('a verified contact about somebody else, or about us', { timeout: 60_000 }, async () => {
    const { anna, ben, carl } = await household();
    const a2 = await people.device(annaJid);
    await acquaint(ben, anna);
    await scan(anna, codeOf(carl));
    sayTrust(carl, anna, benJid, { trusted: ben });
    sayTrust(carl, anna, benJid, { distrusted: ben });
    sayTrust(carl, anna, annaJid, { trusted: a2 });
    sayTrust(carl, anna, annaJid, { distrusted: anna });
    sayTrust(carl, anna, `${benJid}/phone`, { distrusted: ben });
    await acquaint(carl, anna);
    expect(anna.store.statements.countBy(selfOf(carl.context).identityKey)).toBe(0);
    expect([trustIn(anna, ben), trustIn(anna, a2), trustIn(anna, carl)]).toEqual(['blind', 'blind', 'verified']);
  });

  test('a verified contact who calls another’s keys their own', { timeout: 60_000 }, async () => {
    const { anna, ben, carl } = await household();
    await scan(anna, codeOf(carl));
    sayTrust(carl, anna, carlJid, { distrusted: ben });
    await acquaint(carl, anna);
    expect(anna.store.statements.countBy(selfOf(carl.context).identityKey)).toBe(1);
    expect(trustIn(anna, ben)).toBe('blind');
    // Nor if it had been kept under the other's name, by a mistake elsewhere.
    const saidBy = selfOf(carl.context).identityKey;
    const keyId = selfOf(ben.context).identityKey;
    anna.store.statements.put({ about: benJid, keyId, saidBy, trust: 'distrusted', saidAt: anna.now });
    const device = anna.store.devices.get(anna.contactOf(ben), ben.deviceId);
    expect(device && believe(anna.context, [device])).toEqual([]);
  });

  test('a device that the server added to our account', { timeout: 60_000 }, async () => {
    const { anna, ben } = await household();
    const planted = await people.device(annaJid);
    await until(() => trustIn(anna, planted) !== 'unknown');
    // It trusts this device, so its words come through; this one does not trust it.
    await scan(planted, codeOf(anna));
    sayTrust(planted, anna, benJid, { distrusted: ben });
    await until(() => anna.store.statements.countBy(selfOf(planted.context).identityKey) > 0);
    await quiet([anna, planted]);
    expect(trustIn(anna, ben)).toBe('blind');
    expect(ownDeviceJudged(anna.store)).toBeNull();
  });

  test('a contact against what the person has distrusted', { timeout: 60_000 }, async () => {
    const { anna, ben } = await household();
    const b2 = await people.device(benJid);
    await acquaint(b2, anna);
    await scan(anna, codeOf(ben));
    const device = anna.store.devices.get(anna.contactOf(b2), b2.deviceId);
    if (!device) throw new Error('no such device');
    anna.trust.judge(anna.contactOf(b2), [{ device, trust: 'distrusted' }]);
    // Later, by every clock.
    for (const who of [anna, ben]) who.now += 60_000;
    sayTrust(ben, anna, benJid, { trusted: b2 });
    await acquaint(ben, anna);
    expect(anna.store.statements.countBy(selfOf(ben.context).identityKey)).toBe(1);
    expect(trustIn(anna, b2)).toBe('distrusted');
    // The other way round his newer word is taken: he says that one of his own was stolen.
    anna.trust.judge(anna.contactOf(b2), [{ device, trust: 'verified' }]);
    for (const who of [anna, ben]) who.now += 60_000;
    sayTrust(ben, anna, benJid, { distrusted: b2 });
    await until(() => trustIn(anna, b2) === 'distrusted');
  });

  test('somebody who says more than anybody has to say', { timeout: 60_000 }, async () => {
    const { anna, ben } = await household();
    await scan(anna, codeOf(ben));
    const many = (first: number) =>
      Array.from({ length: 90 }, (_, index) => new Uint8Array(32).fill(1).with(0, index).with(1, first));
    for (const first of [1, 2, 3]) {
      const content = [trustMessage([{ jid: benJid, trusted: many(first), distrusted: [] }])];
      const messageId = crypto.randomUUID() as string as MessageId;
      const after: (() => void)[] = [];
      ben.store.transaction(() =>
        ben.outbox.add(
          {
            messageId,
            contactId: ben.contactOf(anna),
            kind: 'control',
            content,
            preference: 'automatic',
            choice: null,
          },
          (action) => after.push(action),
        ),
      );
      for (const action of after) action();
    }
    await acquaint(ben, anna);
    expect(anna.store.statements.countBy(selfOf(ben.context).identityKey)).toBe(100);
  });
});

test('an older word does not undo a newer one, and a clock that is ahead gives no say over what comes after', {
  timeout: 60_000,
}, async () => {
  const [anna, ben, b2] = [await people.device(annaJid), await people.device(benJid), await people.device(benJid)];
  await acquaint(b2, anna);
  await scan(anna, codeOf(ben));
  const contact = anna.store.contacts.get(anna.contactOf(ben));
  const { identityKey } = selfOf(ben.context);
  const key = selfOf(b2.context).identityKey;
  const hour = 60 * 60 * 1000;
  const took = (trust: 'trusted' | 'distrusted', time: number | null): string => {
    const content = [trustMessage([{ jid: benJid, trusted: [], distrusted: [], [trust]: [key] }])];
    const speaker = { owner: anna.contactOf(ben), deviceId: ben.deviceId, identityKey };
    inTransaction(anna.context, (after) =>
      takeTrustMessage(anna.context, after, speaker, contact, { content, from: benJid, to: annaJid, time }),
    );
    return trustIn(anna, b2);
  };
  const judge = (): void => {
    const device = anna.store.devices.get(anna.contactOf(b2), b2.deviceId);
    if (device) anna.trust.judge(anna.contactOf(b2), [{ device, trust: 'verified' }]);
  };
  expect(took('distrusted', null)).toBe('blind');
  expect(took('trusted', anna.now - 3 * hour)).toBe('verified');
  expect(took('distrusted', anna.now - 4 * hour)).toBe('verified');
  expect(took('distrusted', anna.now - 2 * hour)).toBe('distrusted');
  judge();
  expect(took('distrusted', anna.now - hour)).toBe('verified');
  expect(took('distrusted', anna.now + 1_000 * hour)).toBe('distrusted');
  judge();
  const device = anna.store.devices.get(anna.contactOf(b2), b2.deviceId);
  expect(device && believe(anna.context, [device])).toEqual([]);
  expect(trustIn(anna, b2)).toBe('verified');
});
