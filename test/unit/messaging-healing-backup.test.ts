/** An old copy of a profile that is put back: noticed, and no key is ever used a second time. With real database files. */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readEncrypted } from '../../src/main/messaging/envelope/omemo-stanza.ts';
import { rollbackNews } from '../../src/main/messaging/repair/rollback-guard.ts';
import { openStepMarker, type StepMarker } from '../../src/main/storage/step-marker.ts';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import type { BareJid, Message, MessageId } from '../../src/shared/model.ts';
import { addByJid, MemoryServer } from '../support/memory-server.ts';
import { MessagingPerson, makeContacts, type PersonOptions, type Profile, until } from '../support/messaging-person.ts';

const annaJid = 'anna@bothy.test' as BareJid;
const benJid = 'ben@bothy.test' as BareJid;
const people: MessagingPerson[] = [];
let folder = '';
const markers: StepMarker[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bothy-backup-'));
});
afterEach(() => {
  vi.useRealTimers();
  for (const person of people.splice(0)) person.close();
  for (const open of markers.splice(0)) open.close();
  rmSync(folder, { recursive: true, force: true });
});
function person(name: string, options: PersonOptions = {}): MessagingPerson {
  const made = new MessagingPerson(name, options);
  people.push(made);
  return made;
}
/** As a restarted program would open it. */
function marker(name: string): StepMarker {
  const opened = openStepMarker(join(folder, name));
  markers.push(opened);
  return opened;
}
const stateOf = (who: MessagingPerson, id: MessageId): Message['state'] | undefined =>
  who.store.messages.get(id)?.state;
const delivered = (who: MessagingPerson, id: MessageId): Promise<void> => until(() => stateOf(who, id) === 'on-device');
const quiet = (...all: MessagingPerson[]): Promise<void> =>
  until(() => all.every((who) => who.store.outbox.pending().length === 0));
const texts = (who: MessagingPerson, other: MessagingPerson): string[] =>
  who
    .history(other)
    .filter(({ kind }) => kind === 'text')
    .map(({ body }) => body);

/** The files of the database as a crash, or a backup program, would find them. */
function backUp(who: MessagingPerson): string {
  const to = mkdtempSync(join(folder, 'copy-'));
  copyFiles(who.profile.folder, to);
  return to;
}
function copyFiles(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from).filter((name) => name.startsWith('bothy.db') && !name.endsWith('.lock'))) {
    copyFileSync(join(from, name), join(to, name));
  }
}
/** The person ends, and starts again with the old files. */
function putBack(who: MessagingPerson, copy: string, options: PersonOptions): MessagingPerson {
  who.leave();
  const profile: Profile = who.profile;
  for (const name of readdirSync(profile.folder)) rmSync(join(profile.folder, name));
  copyFiles(copy, profile.folder);
  const again = person(who.name, { ...options, profile });
  again.now = who.now;
  return again;
}

/** Ratchet key and number of each key in the stanzas of one device, by the device it was for: never twice the same. */
function keysUsed(stanzas: readonly string[], sid: number): string[] {
  const used: string[] = [];
  for (const text of new Set(stanzas)) {
    const parsed = parseElement(text);
    const element = parsed.ok ? parsed.value.getChild('encrypted', 'urn:xmpp:omemo:2') : undefined;
    const read = element ? readEncrypted(element) : null;
    if (!read?.ok || read.value.sid !== sid) continue;
    for (const { jid, keys } of read.value.recipients) {
      for (const key of keys) used.push(`${jid}/${key.deviceId}/${headerOf(key.data, key.keyExchange)}`);
    }
  }
  return used;
}

/** `n` and `dh_pub` of OMEMOMessage (XEP-0384 §11): enough of protobuf to find them, independent of our own reader. */
function headerOf(data: Uint8Array, keyExchange: boolean): string {
  const fields = (bytes: Uint8Array): Map<number, Uint8Array | number> => {
    const found = new Map<number, Uint8Array | number>();
    let at = 0;
    const varint = (): number => {
      let value = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[at] ?? 0;
        at += 1;
        value += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) return value;
      }
    };
    while (at < bytes.length) {
      const tag = varint();
      if ((tag & 7) === 0) found.set(tag >> 3, varint());
      else {
        const length = varint();
        found.set(tag >> 3, bytes.subarray(at, at + length));
        at += length;
      }
    }
    return found;
  };
  const bytesOf = (value: Uint8Array | number | undefined): Uint8Array =>
    value instanceof Uint8Array ? value : new Uint8Array();
  const authenticated = keyExchange ? bytesOf(fields(data).get(5)) : data;
  const message = fields(bytesOf(fields(authenticated).get(2)));
  return `${Buffer.from(bytesOf(message.get(3))).toString('hex')}/${message.get(1) ?? 0}`;
}

function expectNoKeyTwice(stanzas: readonly string[], sid: number): void {
  const used = keysUsed(stanzas, sid);
  expect(used.length).toBeGreaterThan(3);
  expect(used.filter((key, index) => used.indexOf(key) !== index)).toEqual([]);
}

async function byServer(benOptions: PersonOptions) {
  const server = new MemoryServer();
  const anna = person('Anna');
  const ben = person('Ben', benOptions);
  ben.guard?.start();
  addByJid(anna, benJid, 'Ben');
  addByJid(ben, annaJid, 'Anna');
  await server.signIn(anna, annaJid);
  await server.signIn(ben, benJid);
  await delivered(anna, anna.say(ben, 'Hello Ben'));
  await delivered(ben, ben.say(anna, 'Hello Anna'));
  await quiet(anna, ben);
  return { server, anna, ben };
}

async function byLink(benOptions: PersonOptions) {
  const anna = person('Anna');
  const ben = person('Ben', benOptions);
  ben.guard?.start();
  makeContacts(anna, ben);
  anna.linkTo(ben);
  ben.linkTo(anna);
  await delivered(anna, anna.say(ben, 'Hello Ben'));
  await delivered(ben, ben.say(anna, 'Hello Anna'));
  await quiet(anna, ben);
  return { anna, ben };
}

/** What is said after a copy was made of what Ben has. */
async function goOn(anna: MessagingPerson, ben: MessagingPerson): Promise<void> {
  await delivered(ben, ben.say(anna, 'after the copy was made'));
  await delivered(anna, anna.say(ben, 'an answer'));
  await delivered(ben, ben.say(anna, 'and more'));
  await delivered(anna, anna.say(ben, 'noted'));
  await quiet(anna, ben);
}

describe('an old copy that is put back', () => {
  test('without any server: the marker tells, and the next words begin a new session', async () => {
    const { anna, ben } = await byLink({ marker: marker('state') });
    const copy = backUp(ben);
    await delivered(ben, ben.say(anna, 'after the copy was made'));
    await delivered(anna, anna.say(ben, 'an answer that will be forgotten'));
    await delivered(ben, ben.say(anna, 'and more'));
    anna.unlink(ben);
    const again = putBack(ben, copy, { marker: marker('state') });
    again.guard?.start();
    expect(rollbackNews(again.store)).not.toBeNull();
    expect(again.guard?.mayEncrypt()).toBe(true);
    anna.linkTo(again);
    again.linkTo(anna);
    const id = again.say(anna, 'back again');
    await delivered(again, id);
    await delivered(anna, anna.say(again, 'welcome back'));
    expect(texts(anna, again).slice(-2)).toEqual(['back again', 'welcome back']);
    expect(texts(again, anna)).toEqual(['Hello Ben', 'Hello Anna', 'back again', 'welcome back']);
    expect(anna.history(again).filter(({ kind }) => kind === 'undecryptable')).toEqual([]);
    expectNoKeyTwice([...ben.sent, ...again.sent], again.deviceId);
  });

  test('is no alarm after an ordinary restart', async () => {
    const { anna, ben } = await byLink({ marker: marker('state') });
    await delivered(ben, ben.say(anna, 'more'));
    await quiet(anna, ben);
    const copy = backUp(ben);
    anna.unlink(ben);
    const again = putBack(ben, copy, { marker: marker('state') });
    again.guard?.start();
    expect(rollbackNews(again.store)).toBeNull();
    again.linkTo(anna);
    anna.linkTo(again);
    await delivered(again, again.say(anna, 'no alarm'));
    expectNoKeyTwice([...ben.sent, ...again.sent], again.deviceId);
  });

  test.each([
    ['with the marker', true],
    ['by its archive alone, on another computer', false],
  ])('with a server, %s: what was lost comes back, and nothing leaves under an old key', async (_, sameComputer) => {
    const { server, anna, ben } = await byServer({ marker: marker('state') });
    const copy = backUp(ben);
    await goOn(anna, ben);
    server.signOut(ben);
    const again = putBack(ben, copy, { marker: sameComputer ? marker('state') : marker('elsewhere') });
    again.guard?.start();
    expect(again.guard?.mayEncrypt()).toBe(false);
    // Written before anything is known: it waits.
    const early = again.say(anna, 'written at once');
    expect(stateOf(again, early)).toBe('queued');
    expect(rollbackNews(again.store) !== null).toBe(sameComputer);
    await server.signIn(again, benJid);
    expect(rollbackNews(again.store)).not.toBeNull();
    await delivered(again, early);
    await until(() => texts(again, anna).includes('noted') && texts(again, anna).includes('an answer'));
    await delivered(anna, anna.say(again, 'welcome back'));
    expect(texts(again, anna).slice(0, 2)).toEqual(['Hello Ben', 'Hello Anna']);
    expect(texts(again, anna)).toEqual(
      expect.arrayContaining(['an answer', 'noted', 'written at once', 'welcome back']),
    );
    expect(again.history(anna).filter(({ kind }) => kind === 'undecryptable')).toEqual([]);
    expect(texts(anna, again).slice(-2)).toEqual(['written at once', 'welcome back']);
    expect(anna.history(again).filter(({ kind }) => kind === 'undecryptable')).toEqual([]);
    expectNoKeyTwice(server.carried, again.deviceId);
    // Said once.
    await quiet(again);
    again.leave();
    const third = person('Ben', { profile: again.profile, marker: marker('third') });
    third.now = again.now;
    third.store.settings.setValue('rolled-back', '0');
    third.guard?.start();
    await server.signIn(third, benJid);
    expect(rollbackNews(third.store)).toBeNull();
  });

  test('encrypts nothing when its archive could not be read to the end', async () => {
    const { server, anna, ben } = await byServer({ marker: marker('state') });
    const copy = backUp(ben);
    await goOn(anna, ben);
    server.signOut(ben);
    const again = putBack(ben, copy, { marker: marker('elsewhere') });
    again.guard?.start();
    again.guard?.caughtUp(false);
    expect(again.guard?.mayEncrypt()).toBe(false);
    again.guard?.caughtUp(true);
    expect(again.guard?.mayEncrypt()).toBe(true);
  });

  test('made on the day of a repair: what was lost comes back all the same', async () => {
    const { server, anna, ben } = await byServer({ marker: marker('state') });
    ben.store.sessions.clear();
    ben.context.cipher.rolledBack();
    await delivered(anna, anna.say(ben, 'not readable at first'));
    await quiet(anna, ben);
    const copy = backUp(ben);
    await goOn(anna, ben);
    server.signOut(ben);
    const again = putBack(ben, copy, { marker: marker('elsewhere') });
    again.guard?.start();
    // Now, not when it is tried again some time later.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await server.signIn(again, benJid);
    await until(() => texts(again, anna).includes('noted'));
    expect(again.history(anna).filter(({ kind }) => kind === 'undecryptable')).toEqual([]);
    await delivered(anna, anna.say(again, 'welcome back'));
    expectNoKeyTwice(server.carried, again.deviceId);
  });

  test('known by the archive alone: what is written meanwhile waits, and does not take the keys of what was sent', async () => {
    const { server, anna, ben } = await byServer({ marker: marker('state') });
    server.signOut(anna);
    const onServer = (id: MessageId): Promise<void> => until(() => stateOf(ben, id) === 'on-server');
    await onServer(ben.say(anna, 'one'));
    const copy = backUp(ben);
    await onServer(ben.say(anna, 'two'));
    await onServer(ben.say(anna, 'three'));
    server.signOut(ben);
    const again = putBack(ben, copy, { marker: null });
    again.guard?.start();
    const early = again.say(anna, 'four');
    await server.signIn(again, benJid);
    await until(() => stateOf(again, early) === 'on-server');
    await server.signIn(anna, annaJid);
    await delivered(again, early);
    expect(texts(anna, again)).toEqual(['Hello Ben', 'Hello Anna', 'one', 'two', 'three', 'four']);
    expect(anna.history(again).filter(({ kind }) => kind === 'undecryptable')).toEqual([]);
    expectNoKeyTwice(server.carried, again.deviceId);
  });

  test.each(['server', 'link'] as const)(
    'that nothing at home tells of is known by the word of the peer, over the %s',
    async (way) => {
      const server = way === 'server' ? await byServer({}) : null;
      const { anna, ben } = server ?? (await byLink({}));
      if (server) server.server.signOut(anna);
      else {
        anna.unlink(ben);
        ben.unlink(anna);
      }
      // Two more on the same chain, of which the copy knows one.
      const left = (id: MessageId): Promise<void> => until(() => way === 'link' || stateOf(ben, id) === 'on-server');
      await left(ben.say(anna, 'one'));
      const copy = backUp(ben);
      await left(ben.say(anna, 'two'));
      if (server) {
        server.server.signOut(ben);
        await server.server.signIn(anna, annaJid);
      } else {
        anna.linkTo(ben);
        ben.linkTo(anna);
      }
      await until(() => texts(anna, ben).includes('two'));
      const again = putBack(ben, copy, {});
      const id = again.say(anna, 'three');
      if (server) await server.server.signIn(again, benJid);
      else {
        anna.unlink(ben);
        anna.linkTo(again);
        again.linkTo(anna);
      }
      await delivered(again, id);
      expect(texts(anna, again).slice(-3)).toEqual(['one', 'two', 'three']);
      expect(anna.history(again).filter(({ kind }) => kind === 'undecryptable')).toEqual([]);
      await delivered(anna, anna.say(again, 'four'));
    },
  );
});
