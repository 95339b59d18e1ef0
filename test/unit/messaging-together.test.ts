/** What is done together, because each commit waits for the disk, and where it stops, because others wait too. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { selfOf } from '../../src/main/messaging/context.ts';
import { StorageFault, storageError } from '../../src/main/storage/storage-fault.ts';
import type { IncomingStanza } from '../../src/main/transports/transport.ts';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import type { BareJid } from '../../src/shared/model.ts';
import { MessagingPerson, makeContacts, until } from '../support/messaging-person.ts';

const people: MessagingPerson[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const person of people.splice(0)) person.close();
});

function linkedPair(): [MessagingPerson, MessagingPerson] {
  const [anna, ben] = [new MessagingPerson('Anna'), new MessagingPerson('Ben')];
  people.push(anna, ben);
  makeContacts(anna, ben);
  anna.linkTo(ben);
  ben.linkTo(anna);
  return [anna, ben];
}

const bodies = (who: MessagingPerson, other: MessagingPerson): string[] => who.history(other).map(({ body }) => body);

/** How often each crash point was passed. */
function counted(person: MessagingPerson): Map<string, number> {
  const counts = new Map<string, number>();
  person.onCrashPoint = (name) => counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** A clock by which each look at it takes a millisecond. */
function slowClock(): void {
  let time = performance.now();
  vi.spyOn(performance, 'now').mockImplementation(() => {
    time += 1;
    return time;
  });
}

/** What `anna` says while nothing arrives, as an archive would hand it to `ben`. */
async function archivedFor(anna: MessagingPerson, ben: MessagingPerson, texts: readonly string[]) {
  anna.say(ben, 'hello');
  await until(() => bodies(ben, anna).includes('hello'));
  anna.fate = () => ({ arrives: 0, acknowledged: false });
  const stanzas: string[] = [];
  for (const text of texts) {
    const id = anna.say(ben, text);
    const isIt = (stanza: string): boolean => stanza.includes(id);
    await until(() => anna.sent.some(isIt));
    stanzas.push(anna.sent.find(isIt) ?? '');
  }
  const self = selfOf(anna.context);
  return stanzas.map((stanza): IncomingStanza => {
    const parsed = parseElement(stanza);
    if (!parsed.ok) throw new Error('not a stanza');
    return {
      stanza: parsed.value,
      arrival: {
        transport: 'libp2p',
        route: 'direct',
        to: selfOf(ben.context).xid,
        from: self.xid,
        device: { contactId: ben.contactOf(anna), deviceId: self.deviceId, identityKey: self.identityKey },
        kind: 'archive',
        archiveId: null,
        delayedSince: null,
      },
    };
  });
}

const texts = Array.from({ length: 40 }, (_, index) => `message ${index}`);

describe('a page of the archive', () => {
  test('is taken in order, many messages in one transaction, yet not all before others get a turn', async () => {
    const [anna, ben] = linkedPair();
    const page = await archivedFor(anna, ben, texts);
    const counts = counted(ben);
    slowClock();
    await ben.inbox.takeAll(page);
    expect(bodies(ben, anna)).toEqual(['hello', ...texts]);
    expect(counts.get('inbox.before-commit')).toBe(page.length);
    // Five at least, and by this clock eight more.
    expect(counts.get('inbox.committed')).toBe(Math.ceil(page.length / 13));
  });

  test('of which one cannot be taken comes again, and nothing is lost or doubled', async () => {
    const [anna, ben] = linkedPair();
    const page = await archivedFor(anna, ben, texts);
    slowClock();
    let passed = 0;
    ben.onCrashPoint = (name) => {
      if (name !== 'inbox.before-commit') return;
      passed += 1;
      if (passed === 30) throw new StorageFault(storageError('profile.disk-full', 'SQLITE_FULL'));
    };
    await expect(ben.inbox.takeAll(page)).rejects.toThrow('SQLITE_FULL');
    const taken = bodies(ben, anna).length - 1;
    expect(taken).toBeGreaterThanOrEqual(5);
    expect(taken).toBeLessThan(29);
    expect(bodies(ben, anna)).toEqual(['hello', ...texts.slice(0, taken)]);
    await ben.inbox.takeAll(page);
    expect(bodies(ben, anna)).toEqual(['hello', ...texts]);
  });
});

describe('a message that our own code breaks on', () => {
  /** Breaks whenever this very message is decrypted, however often it is tried. */
  function breakOn(person: MessagingPerson, stanza: string): void {
    const payload = /<payload>([^<]+)/.exec(stanza)?.[1] ?? '';
    const { decrypt } = person.context.cipher;
    vi.spyOn(person.context.cipher, 'decrypt').mockImplementation((input) => {
      if (Buffer.from(input.payload ?? []).toString('base64') === payload) throw new TypeError('a bug');
      return decrypt(input);
    });
  }

  test('has a line in its place in a page of the archive; all others are taken, and the archive is read on', async () => {
    const [anna, ben] = linkedPair();
    ben.store.accounts.put({ jid: 'ben@bothy.test' as BareJid, password: 'x', state: '', archiveCursor: null });
    const page = (await archivedFor(anna, ben, texts)).map((one, index) => ({
      ...one,
      arrival: { ...one.arrival, archiveId: `archived-${index}` },
    }));
    breakOn(ben, String(page[12]?.stanza));
    await ben.inbox.takeAll(page);
    const taken = ben.history(anna).slice(1);
    expect(taken.filter(({ kind }) => kind === 'text').map(({ body }) => body)).toEqual(texts.toSpliced(12, 1));
    expect(taken.filter(({ kind }) => kind !== 'text').map(({ kind }) => kind)).toEqual(['undecryptable']);
    expect(ben.store.accounts.get()?.archiveCursor).toBe('archived-39');
    await ben.inbox.takeAll(page);
    expect(ben.history(anna).slice(1)).toEqual(taken);
  });

  test('is refused on a link, and the link goes on', async () => {
    const [anna, ben] = linkedPair();
    const [broken, next] = await archivedFor(anna, ben, ['broken', 'next']);
    breakOn(ben, String(broken?.stanza));
    expect(await anna.hand(ben, String(broken?.stanza))).toBe('refused');
    expect(await anna.hand(ben, String(next?.stanza))).toBe('taken');
    const texts = ben.history(anna).filter(({ kind }) => kind === 'text');
    expect(texts.map(({ body }) => body)).toEqual(['hello', 'next']);
  });

  test('only after it was stored is stored all the same', async () => {
    const [anna, ben] = linkedPair();
    const [message] = await archivedFor(anna, ben, ['stored']);
    vi.spyOn(ben.context.events, 'message').mockImplementation(() => {
      throw new TypeError('a bug');
    });
    expect(await anna.hand(ben, String(message?.stanza))).toBe('taken');
    expect(bodies(ben, anna)).toEqual(['hello', 'stored']);
  });
});

describe('the outbox', () => {
  test('gives others a turn after eight milliseconds of work', async () => {
    const [anna, ben] = linkedPair();
    anna.say(ben, 'hello');
    await until(() => bodies(ben, anna).includes('hello'));
    anna.mayEncrypt = false;
    for (const text of texts) anna.say(ben, text);
    anna.mayEncrypt = true;
    // How many were encrypted in which turn.
    let turn = 0;
    let running = true;
    const count = (): void => {
      turn += 1;
      if (running) setImmediate(count);
    };
    setImmediate(count);
    const sealedIn = new Map<number, number>();
    let sealed = 0;
    anna.onCrashPoint = (name) => {
      if (name !== 'outbox.sealed') return;
      sealed += 1;
      sealedIn.set(turn, (sealedIn.get(turn) ?? 0) + 1);
    };
    slowClock();
    anna.outbox.kickAll();
    await until(() => sealed === texts.length);
    running = false;
    expect(Math.max(...sealedIn.values())).toBeLessThanOrEqual(9);
    expect(sealedIn.size).toBeGreaterThanOrEqual(4);
  });

  test('records together what came of transmissions that end together', async () => {
    const [anna, ben] = linkedPair();
    anna.say(ben, 'hello');
    await until(() => bodies(ben, anna).includes('hello'));
    await until(() => anna.store.outbox.pending().length === 0 && ben.store.outbox.pending().length === 0);
    anna.unlink(ben);
    const said = texts.slice(0, 20).map((text) => anna.say(ben, text));
    const counts = counted(anna);
    anna.linkTo(ben);
    await until(() => said.every((id) => anna.store.messages.get(id)?.state === 'on-device'));
    expect(counts.get('outbox.transmitted')).toBeGreaterThanOrEqual(20);
    expect(counts.get('outbox.recorded') ?? 0).toBeLessThan(10);
    expect(bodies(ben, anna)).toEqual(['hello', ...texts.slice(0, 20)]);
  });

  test('records what went well before the store closes', async () => {
    const [anna, ben] = linkedPair();
    anna.say(ben, 'hello');
    await until(() => bodies(ben, anna).includes('hello') && anna.store.outbox.pending().length === 0);
    // Ben's own receipt would say the same.
    ben.fate = () => ({ arrives: 0, acknowledged: false });
    const id = anna.say(ben, 'the last word');
    await new Promise<void>((resolve) => {
      anna.onCrashPoint = (name) => {
        if (name === 'outbox.transmitted') queueMicrotask(resolve);
      };
    });
    anna.leave();
    const again = new MessagingPerson('Anna', { profile: anna.profile });
    people.push(again);
    expect(again.store.messages.get(id)?.state).toBe('on-device');
  });
});
