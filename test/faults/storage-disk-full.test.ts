import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { openStore } from '../../src/main/storage/open-store.ts';
import type { Store } from '../../src/main/storage/records.ts';
import { StorageFault } from '../../src/main/storage/storage-fault.ts';
import { contact, message, outboxRow } from '../support/store-samples.ts';
import { filesOf, fill, key, mustOpen } from '../support/stored-profile.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** A disk of a few megabytes in memory, mounted for this test. */
function smallDisk({ skip }: TestContext, megabytes: number): string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) skip('mounting a small disk takes root on Linux');
  const directory = temporaryDirectory();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory], { stdio: 'pipe' });
  } catch {
    skip('no file system can be mounted here');
  }
  onTestFinished(() => void execFileSync('umount', ['--lazy', directory]));
  return directory;
}

/** Takes all the space there is but `left` bytes. */
function useUp(directory: string, left = 0): () => void {
  const file = join(directory, 'ballast');
  const { bavail, bsize } = statfsSync(directory);
  writeFileSync(file, Buffer.alloc(Math.max(0, bavail * bsize - left)));
  return () => rmSync(file);
}

function fault(work: () => void): string {
  try {
    work();
  } catch (error) {
    if (error instanceof StorageFault) return error.error.code;
    throw error;
  }
  return 'none';
}

function send(store: Store, number: number): void {
  store.transaction(() => {
    store.messages.insert(message('tybalt', number, { body: 'x'.repeat(20_000) }));
    store.outbox.add(outboxRow('tybalt', number, { kind: 'control' }));
  });
}

test('a full disk is said, loses nothing, and all goes on when there is space again', (context) => {
  const directory = smallDisk(context, 4);
  const path = join(directory, 'bothy.db');
  const { store } = mustOpen(path);
  fill(store, 20);
  const freeSomeSpace = useUp(directory, 2_000_000);
  const elbowRoom = join(directory, 'elbow-room');
  writeFileSync(elbowRoom, Buffer.alloc(200_000));
  let sent = 0;
  let code = 'none';
  while (code === 'none') {
    code = fault(() => send(store, 100 + sent));
    if (code === 'none') sent += 1;
  }
  expect(code).toBe('profile.disk-full');
  expect(sent).toBeGreaterThan(5);
  // All or nothing, and reading works.
  expect(store.messages.count()).toBe(20 + sent);
  expect(store.outbox.pending()).toHaveLength(1 + sent);
  // Work that swallows the fault cannot commit the half of it, not even when there is space again by then.
  expect(
    fault(() =>
      store.transaction(() => {
        store.contacts.put(contact('paris'));
        // More than SQLite keeps in memory until the commit, so the disk is full in the middle.
        expect(fault(() => store.settings.setValue('huge', 'x'.repeat(40_000_000)))).toBe('profile.disk-full');
        rmSync(elbowRoom);
        store.contacts.put(contact('peter'));
      }),
    ),
  ).toBe('profile.disk-full');
  expect(store.contacts.list().map(({ name }) => name)).toEqual(['nurse', 'tybalt']);
  // Closing on a full disk keeps every commit, whether or not the log could be written back.
  fault(() => store.close());
  const full = openStore({ path, key, keyIsProven: true });
  if (full.ok) full.value.store.close();
  else expect(full.error.code).toBe('profile.disk-full');
  freeSomeSpace();
  const again = mustOpen(path);
  expect(again.salvage).toBeNull();
  expect(again.store.messages.count()).toBe(20 + sent);
  expect(again.store.outbox.pending()).toHaveLength(1 + sent);
  again.store.close();
});

test('no space for a new profile: said, and nothing half-made stays behind', (context) => {
  const directory = smallDisk(context, 1);
  const makeRoom = useUp(directory, 8_192);
  const path = join(directory, 'profile', 'bothy.db');
  expect(openStore({ path, key })).toMatchObject({ ok: false, error: { code: 'profile.disk-full' } });
  expect(filesOf(join(directory, 'profile'))).toEqual({});
  makeRoom();
  mustOpen(path).store.close();
});

test('no space to salvage a damaged database: said, the damaged one stays as it is until there is', (context) => {
  const directory = smallDisk(context, 8);
  const path = join(directory, 'bothy.db');
  const { store } = mustOpen(path);
  fill(store, 500);
  store.close();
  const content = readFileSync(path);
  content.fill(0, 100, 200);
  writeFileSync(path, content);
  const makeRoom = useUp(directory, 200_000);
  const before = filesOf(directory);
  expect(openStore({ path, key, keyIsProven: true })).toMatchObject({
    ok: false,
    error: { code: 'profile.disk-full' },
  });
  expect(filesOf(directory)).toEqual(before);
  makeRoom();
  const opened = mustOpen(path);
  expect(opened.salvage?.messages).toBe(500);
  opened.store.close();
});
