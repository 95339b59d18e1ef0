import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Connection } from '../../src/main/storage/connection.ts';
import { migrate, newestVersion, schemaVersion } from '../../src/main/storage/migrate.ts';
import { openStore } from '../../src/main/storage/open-store.ts';
import { StorageFault } from '../../src/main/storage/storage-fault.ts';
import { message, self } from '../support/store-samples.ts';
import { copyLive, filesIn, filesOf, fill, key, mustOpen } from '../support/stored-profile.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

function codeOf(result: ReturnType<typeof openStore>): string {
  if (!result.ok) return result.error.code;
  result.value.store.close();
  return 'ok';
}

describe('opening a database', () => {
  test('makes private files and leaves nothing but the database and its lock', () => {
    const directory = join(temporaryDirectory(), 'new', 'profile');
    const path = join(directory, 'bothy.db');
    const { store, salvage } = mustOpen(path);
    store.self.put(self);
    expect(salvage).toBeNull();
    for (const name of filesIn(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    store.close();
    expect(filesIn(directory)).toEqual(['bothy.db', 'bothy.db.lock']);
  });

  test('leaves no readable word on the disk, neither in the file nor in its log', () => {
    const directory = temporaryDirectory();
    const { store } = mustOpen(join(directory, 'bothy.db'));
    fill(store, 20);
    store.messages.insert(message('tybalt', 1_000, { body: 'a plague o both your houses' }));
    store.accounts.put({ jid: 'romeo@verona.lit' as never, password: 'sekrit', state: 'x', archiveCursor: null });
    const look = () => {
      for (const name of filesIn(directory)) {
        const raw = readFileSync(join(directory, name));
        for (const word of ['plague', 'romeo@', 'sekrit', 'Romeo', 'CREATE TABLE', 'SQLite format'])
          expect(raw.includes(word), `${word} in ${name}`).toBe(false);
      }
    };
    expect(filesIn(directory)).toContain('bothy.db-wal');
    look();
    store.close();
    look();
  });

  test('keeps a second program out until the first one closes', () => {
    const path = join(temporaryDirectory(), 'bothy.db');
    const first = mustOpen(path);
    expect(codeOf(openStore({ path, key }))).toBe('profile.in-use');
    expect(codeOf(openStore({ path, key }))).toBe('profile.in-use');
    first.store.close();
    expect(codeOf(openStore({ path, key }))).toBe('ok');
  });

  test('tells a wrong key and touches nothing, whether or not the log was written back', () => {
    const directory = temporaryDirectory();
    const { store } = mustOpen(join(directory, 'bothy.db'));
    fill(store, 50);
    const crashed = join(directory, 'crashed');
    copyLive(directory, crashed);
    store.close();
    const closed = join(directory, 'closed');
    copyLive(directory, closed);
    for (const copy of [crashed, closed]) {
      const before = filesOf(copy);
      for (const wrong of [new Uint8Array(48), new Uint8Array(32), key.slice().fill(0, 31, 32)])
        expect(codeOf(openStore({ path: join(copy, 'bothy.db'), key: wrong }))).toBe('profile.wrong-passphrase');
      expect(filesOf(copy)).toEqual(before);
      expect(mustOpen(join(copy, 'bothy.db')).store.messages.count()).toBe(50);
    }
  });

  test('works with the key alone, the salt being in the file', () => {
    const path = join(temporaryDirectory(), 'bothy.db');
    const short = key.slice(0, 32);
    const first = mustOpen(path, { key: short });
    first.store.self.put(self);
    first.store.close();
    const again = mustOpen(path, { key: short });
    expect(again.store.self.get()).toEqual(self);
    again.store.close();
  });

  test('refuses a database of a newer version and touches nothing, whether or not the log was written back', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'bothy.db');
    const { store } = mustOpen(path);
    fill(store, 50);
    store.close();
    const newer = new Connection({ path, key });
    newer.prepareForUse();
    newer.exec(`CREATE TABLE future (a); PRAGMA user_version = ${newestVersion + 1}`);
    const crashed = join(directory, 'crashed');
    copyLive(directory, crashed);
    newer.close();
    const closed = join(directory, 'closed');
    copyLive(directory, closed);
    expect(filesIn(crashed)).toContain('bothy.db-wal');
    for (const copy of [crashed, closed]) {
      const before = filesOf(copy);
      expect(codeOf(openStore({ path: join(copy, 'bothy.db'), key }))).toBe('profile.newer-version');
      expect(filesOf(copy)).toEqual(before);
    }
  });

  test('keeps what was committed when the program just ends, without closing', () => {
    const directory = temporaryDirectory();
    const { store } = mustOpen(join(directory, 'bothy.db'));
    fill(store, 100);
    copyLive(directory, join(directory, 'crashed'));
    store.close();
    const again = mustOpen(join(directory, 'crashed', 'bothy.db'));
    expect(again.salvage).toBeNull();
    expect(again.store.messages.count()).toBe(100);
    again.store.close();
  });

  test('throws what the disk is to blame for as a fault with a code, and a bug as it is', () => {
    const path = join(temporaryDirectory(), 'bothy.db');
    const { store } = mustOpen(path);
    expect(() => store.messages.insert(message('nobody', 1))).toThrow(/FOREIGN KEY/);
    expect(() => store.messages.insert(message('nobody', 1))).not.toThrow(StorageFault);
    store.close();
  });

  test('reports a value that the schema does not allow, without its content', () => {
    const path = join(temporaryDirectory(), 'bothy.db');
    const first = mustOpen(path);
    fill(first.store, 1);
    first.store.close();
    const connection = new Connection({ path, key });
    connection.exec("UPDATE contact SET subscription = 'sworn enemies'");
    connection.close();
    const { store } = mustOpen(path);
    let thrown: unknown;
    try {
      store.contacts.list();
    } catch (error) {
      thrown = error;
    }
    store.close();
    expect(thrown).toBeInstanceOf(StorageFault);
    expect(JSON.stringify((thrown as StorageFault).error)).not.toContain('sworn');
    expect((thrown as StorageFault).error).toMatchObject({
      code: 'profile.unreadable',
      detail: 'malformed column subscription',
    });
  });

  test('reports a folder that cannot be written', ({ skip }) => {
    if (process.getuid?.() === 0) skip('root may write everywhere');
    const directory = temporaryDirectory();
    chmodSync(directory, 0o500);
    expect(codeOf(openStore({ path: join(directory, 'bothy.db'), key }))).toBe('profile.unreadable');
  });

  test('reports a path where no database can be', () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    expect(codeOf(openStore({ path: join(file, 'bothy.db'), key }))).toBe('profile.unreadable');
    expect(readFileSync(file).length).toBe(0);
    expect(dirname(file)).not.toBe('');
  });
});

describe('migrations', () => {
  const path = () => join(temporaryDirectory(), 'migrated.db');

  test('are taken in order, once each, and counted', () => {
    const connection = new Connection({ path: path(), key });
    const steps = ['CREATE TABLE a (x)', 'INSERT INTO a VALUES (1)', 'UPDATE a SET x = x + 1'];
    migrate(connection, steps.slice(0, 2));
    expect(schemaVersion(connection)).toBe(2);
    migrate(connection, steps);
    migrate(connection, steps);
    expect(schemaVersion(connection)).toBe(3);
    expect(connection.value('SELECT x FROM a')).toBe(2);
    connection.close();
  });

  test('leave a database as it was when a step fails in the middle', () => {
    const connection = new Connection({ path: path(), key });
    migrate(connection, ['CREATE TABLE a (x)']);
    expect(() => migrate(connection, ['', 'CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)'])).toThrow();
    expect(schemaVersion(connection)).toBe(1);
    expect(connection.all('SELECT name FROM sqlite_schema')).toEqual([{ name: 'a' }]);
    connection.close();
  });
});
