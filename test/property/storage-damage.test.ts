import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type OpenedStore, openStore } from '../../src/main/storage/open-store.ts';
import { forgetSalvage, salvageError } from '../../src/main/storage/salvage-report.ts';
import { StorageFault } from '../../src/main/storage/storage-fault.ts';
import { bytes, contactId, conversationId, messageId, self } from '../support/store-samples.ts';
import { copyLive, filesIn, filesOf, fill, mustOpen } from '../support/stored-profile.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const count = 1_500;
const pageSize = 4096;

/** One filled database, copied for every case. */
function template(): { directory: string; size: number } {
  const directory = temporaryDirectory();
  const { store } = mustOpen(join(directory, 'bothy.db'));
  fill(store, count);
  store.close();
  return { directory, size: readFileSync(join(directory, 'bothy.db')).length };
}

let copies = 0;
function copyOf(directory: string): string {
  const copy = join(directory, `copy-${copies++}`);
  copyLive(directory, copy);
  return join(copy, 'bothy.db');
}

function flip(path: string, position: number, length = 1): void {
  const content = readFileSync(path);
  for (let index = position; index < Math.min(position + length, content.length); index += 1)
    content[index] = (content[index] ?? 0) ^ 0x5a;
  writeFileSync(path, content);
}

/** Everything that is left must be exactly as it was written. */
function expectOnlyTruth({ store }: OpenedStore): number {
  const me = store.self.get();
  if (me !== null) expect(me).toEqual(self);
  let messages = 0;
  for (const { id } of store.conversations.list()) {
    let page = store.messages.page(id, { limit: 200 });
    for (;;) {
      for (const message of page.messages) expect(message.body).toBe(`Message ${message.id.replace('message-', '')}`);
      messages += page.messages.length;
      const before = page.messages[0];
      if (!page.hasOlder || before === undefined) break;
      page = store.messages.page(id, { before, limit: 200 });
    }
  }
  expect(messages).toBe(store.messages.count());
  for (const contact of store.contacts.list()) expect(store.conversations.byContact(contact.id)).toBeDefined();
  expect(store.sessions.get(bytes(32, 6), 7)).toBeNull();
  // The new database is whole and goes on.
  store.settings.setValue('after', '1');
  expect(store.settings.getValue('after')).toBe('1');
  return messages;
}

describe('a damaged database', () => {
  test('at any place, in any way: is said, set aside unchanged, and what is left is true', () => {
    const { directory, size } = template();
    const damage = fc.oneof(
      fc.record({ kind: fc.constant('flip' as const), at: fc.nat(size - 1), length: fc.constant(1) }),
      fc.record({
        kind: fc.constant('flip' as const),
        at: fc.nat(size - 1),
        length: fc.integer({ min: 2, max: 60_000 }),
      }),
      fc.record({ kind: fc.constant('cut' as const), at: fc.nat(size - 1), length: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (damages) => {
        const path = copyOf(directory);
        for (const { kind, at, length } of damages)
          if (kind === 'cut') truncateSync(path, Math.min(at, readFileSync(path).length));
          else flip(path, at, length);
        const bad = readFileSync(path);
        const original = readFileSync(join(directory, 'bothy.db'));
        // The first 16 bytes are the salt, which comes with the key: damage to them alone is none.
        if (bad.subarray(16).equals(original.subarray(16))) return;
        const opened = mustOpen(path);
        const report = opened.salvage;
        if (report === null) throw new Error('damage was not said');
        expect(readFileSync(join(path, '..', report.setAsideAs)).equals(bad)).toBe(true);
        expect(report.messages).toBe(expectOnlyTruth(opened));
        expect(report.selfKept).toBe(opened.store.self.get() !== null);
        if (report.incomplete.length === 0) expect(report.messages).toBe(count);
        opened.store.close();
      }),
      { numRuns: 30 },
    );
  });

  test('keeps nearly all messages when one page is lost, wherever it is', () => {
    const { directory, size } = template();
    fc.assert(
      fc.property(fc.nat(Math.floor(size / pageSize) - 1), (page) => {
        const path = copyOf(directory);
        flip(path, page * pageSize + 100);
        const opened = mustOpen(path);
        const messages = expectOnlyTruth(opened);
        // An inner page of the message table takes the rows below it along; a leaf, some dozens of them.
        expect(opened.salvage?.selfKept || opened.salvage?.incomplete.includes('self')).toBe(true);
        if (opened.salvage?.incomplete.includes('message') !== true) expect(messages).toBe(count);
        opened.store.close();
      }),
      { numRuns: 15 },
    );
  });

  test('loses nothing at all but sessions when only the first page is lost', () => {
    const { directory } = template();
    const path = copyOf(directory);
    const before = mustOpen(path).store;
    before.conversations.markRead(conversationId('nurse'), messageId(999));
    const { unread, firstUnread } = before.conversations.summary(conversationId('nurse'));
    expect(firstUnread).toBe(messageId(1_001));
    before.close();
    flip(path, 0, pageSize);
    const opened = mustOpen(path);
    expect(opened.store.conversations.summary(conversationId('nurse'))).toMatchObject({ unread, firstUnread });
    expect(opened.salvage).toMatchObject({
      selfKept: true,
      accountKept: true,
      contacts: 2,
      conversations: 2,
      messages: count,
      incomplete: [],
    });
    const { store } = opened;
    expect(store.seen.has(bytes(32, 1), messageId(count - 1))).toBe(true);
    expect(store.outbox.pending()).toHaveLength(1);
    expect(store.outbox.targets(store.outbox.pending()[0]?.id ?? 0)).toHaveLength(1);
    expect(store.devices.of(contactId('nurse'))).toHaveLength(1);
    expect(store.settings.get().theme).toBe('dark');
    expect(store.invitations.list()).toHaveLength(1);
    expect(store.messages.search('message 77', 10).length).toBeGreaterThan(0);
    expect(store.conversations.seeOrderCounter(conversationId('nurse'), bytes(32, 1), 7, 6)).toEqual([5]);
    expectOnlyTruth(opened);
    store.close();
  });

  test('is reported at every start until the person has seen it, then never again', () => {
    const { directory } = template();
    const path = copyOf(directory);
    flip(path, 0, pageSize);
    const first = mustOpen(path, { now: () => Date.UTC(2026, 0, 2, 3, 4, 5) });
    expect(first.salvage?.setAsideAs).toBe('bothy.db.damaged-20260102T030405000Z');
    if (first.salvage !== null) expect(salvageError(first.salvage).what).toContain(`${count} messages`);
    first.store.close();
    const second = mustOpen(path);
    expect(second.salvage).toEqual(first.salvage);
    forgetSalvage(second.store);
    second.store.close();
    const third = mustOpen(path);
    expect(third.salvage).toBeNull();
    third.store.close();
  });

  test('reduced to nothing gives an empty store, and says that nobody was found in it', () => {
    const { directory } = template();
    for (const content of [Buffer.alloc(0), Buffer.alloc(10, 1), Buffer.alloc(100_000, 7), Buffer.alloc(100_000)]) {
      const path = copyOf(directory);
      writeFileSync(path, content);
      const opened = mustOpen(path);
      expect(opened.salvage).toMatchObject({ selfKept: false, messages: 0 });
      expectOnlyTruth(opened);
      opened.store.close();
    }
  });

  test('is told from a wrong key also where nothing but the file and the key are known', () => {
    const { directory } = template();
    const path = copyOf(directory);
    flip(path, 5_000);
    const before = filesOf(join(path, '..'));
    const wrong = openStore({ path, key: new Uint8Array(48) });
    expect(wrong).toMatchObject({ ok: false, error: { code: 'profile.wrong-passphrase' } });
    expect(filesOf(join(path, '..'))).toEqual(before);
    const opened = mustOpen(path, { keyIsProven: false });
    expect(opened.salvage).not.toBeNull();
    opened.store.close();
  });

  test('found while reading a large file is thrown as a fault; the next start repairs it', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'bothy.db');
    const { store } = mustOpen(path);
    fill(store, 10);
    store.transaction(() => {
      // Beyond the size up to which every start verifies every page.
      for (let number = 0; number < 150; number += 1) store.settings.setValue(`filler ${number}`, 'x'.repeat(80_000));
    });
    store.close();
    const size = readFileSync(path).length;
    expect(size).toBeGreaterThan(9_000_000);
    flip(path, size - 5 * pageSize, 3 * pageSize);
    const opened = mustOpen(path);
    expect(opened.salvage).toBeNull();
    const readAll = () => {
      for (let number = 0; number < 150; number += 1) opened.store.settings.getValue(`filler ${number}`);
    };
    expect(readAll).toThrow(StorageFault);
    opened.store.close();
    const repaired = mustOpen(path);
    expect(repaired.salvage).toMatchObject({ selfKept: true, messages: 10, incomplete: ['setting'] });
    repaired.store.close();
    expect(filesIn(directory).filter((name) => !name.includes('damaged'))).toEqual(['bothy.db', 'bothy.db.lock']);
  });

  test('a salvage cut off between its renames is finished by the next start', () => {
    const { directory } = template();
    const path = copyOf(directory);
    flip(path, 0, pageSize);
    const bad = readFileSync(path);
    const done = mustOpen(path);
    done.store.close();
    const report = done.salvage;
    if (report === null) throw new Error('no salvage');
    const setAside = join(path, '..', report.setAsideAs);
    const good = readFileSync(path);
    const expectFinished = () => {
      const again = mustOpen(path);
      expect(again.salvage).toEqual(report);
      expect(again.store.messages.count()).toBe(count);
      again.store.close();
      expect(existsSync(`${path}.salvaged`)).toBe(false);
      expect(readFileSync(setAside).equals(bad)).toBe(true);
    };
    // As the last renames leave it one after the other: the new one complete, then the damaged one out of the way.
    rmSync(setAside);
    writeFileSync(`${path}.salvaged`, good);
    writeFileSync(path, bad);
    expectFinished();
    writeFileSync(`${path}.salvaged`, good);
    rmSync(path);
    expectFinished();
  });
});

describe('a damaged write-ahead log', () => {
  test('gives a state that once was, or is said', () => {
    const directory = temporaryDirectory();
    const live = join(directory, 'bothy.db');
    const { store } = mustOpen(live);
    fill(store, 0);
    store.close();
    const again = mustOpen(live).store;
    for (let number = 1; number <= 30; number += 1) again.settings.setValue('counter', String(number));
    const crashed = join(directory, 'crashed');
    copyLive(directory, crashed);
    again.close();
    const size = readFileSync(join(crashed, 'bothy.db-wal')).length;
    let said = 0;
    fc.assert(
      fc.property(fc.nat(size - 1), (at) => {
        const path = copyOf(crashed);
        flip(`${path}-wal`, at);
        const opened = mustOpen(path);
        const value = opened.store.settings.getValue('counter');
        if (opened.salvage !== null) said += 1;
        // Only the very last transaction can pass for one that was never finished.
        else expect(Number(value)).toBeGreaterThanOrEqual(29);
        expect(opened.store.self.get()).toEqual(self);
        opened.store.close();
      }),
      { numRuns: 40 },
    );
    expect(said).toBeGreaterThan(20);
  });
});
