/** The copy of a damaged database that a salvage reads from: made readable as far as can be, and read without fear. */
import { closeSync, copyFileSync, existsSync, openSync, readSync, statSync, truncateSync, writeSync } from 'node:fs';
import { Connection, type DatabaseKey, type Row, type SqlValue } from './connection.ts';
import { removeDatabase } from './files.ts';
import { isDamage, sqliteCode } from './storage-fault.ts';

/** Makes an empty database of the newest schema. */
export type CreateDatabase = (path: string, key: DatabaseKey) => void;

/** The log goes along: it holds the newest pages. */
export function copyDatabase(path: string, copy: string): void {
  removeDatabase(copy);
  copyFileSync(path, copy);
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`);
}

/** Damage, or what a damaged schema makes of a correct query (no such table). */
function isUnreadable(error: unknown): boolean {
  return isDamage(error) || sqliteCode(error) === 'SQLITE_ERROR';
}

/** A connection of its own for every read: one that met a bad page refuses everything after. */
export function read<T>(path: string, key: DatabaseKey, work: (source: Connection) => T): T {
  const source = new Connection({ path, key });
  let result: T;
  try {
    source.exec('PRAGMA locking_mode = EXCLUSIVE');
    result = work(source);
  } catch (error) {
    source.abandon();
    throw error;
  }
  source.abandon();
  return result;
}

/** Answers a query, or null where the pages it needs are unreadable. */
export type ReadRows = (sql: string, parameters?: readonly SqlValue[]) => readonly Row[] | null;

export function rowsOf(path: string, key: DatabaseKey): ReadRows {
  return (sql, parameters = []) => {
    try {
      return read(path, key, (source) => source.all(sql, parameters));
    } catch (error) {
      if (isUnreadable(error)) return null;
      throw error;
    }
  };
}

/** Afterwards the tables can be found, if there is any way to find them. */
export function makeSchemaReadable(copy: string, key: DatabaseKey, create: CreateDatabase): void {
  // A file cut short is refused whole, until it is as long again as it says it is.
  if (!isSchemaReadable(copy, key)) lengthen(copy, 2 * statSync(copy).size);
  if (!isSchemaReadable(copy, key)) transplantFirstPage(copy, key, create);
}

function isSchemaReadable(path: string, key: DatabaseKey): boolean {
  return (rowsOf(path, key)('SELECT name FROM sqlite_schema')?.length ?? 0) > 0;
}

/**
 * The first page holds the roots of all tables and is written most, so it is the likeliest to be torn. A new database
 * of the same schema and key has the same roots in the same places: its first page takes the place of the lost one.
 * It must believe itself as large as the damaged file, hence the filler.
 */
function transplantFirstPage(copy: string, key: DatabaseKey, create: CreateDatabase): void {
  const donor = `${copy}.donor`;
  try {
    removeDatabase(donor);
    const size = statSync(copy).size;
    if (size < 4096) return;
    create(donor, withSaltOf(copy, key));
    const connection = new Connection({ path: donor, key: withSaltOf(copy, key) });
    try {
      connection.prepareForUse();
      connection.transaction(() => {
        connection.exec(`CREATE TABLE filler (content BLOB); INSERT INTO filler VALUES (zeroblob(${size}))`);
        connection.exec('DROP TABLE filler');
      });
      connection.writeBack();
    } finally {
      connection.abandon();
    }
    const page = new Uint8Array(4096);
    const from = openSync(donor, 'r');
    const to = openSync(copy, 'r+');
    try {
      readSync(from, page, 0, page.length, 0);
      writeSync(to, page, 0, page.length, 0);
    } finally {
      closeSync(from);
      closeSync(to);
    }
    lengthen(copy, statSync(donor).size);
  } finally {
    removeDatabase(donor);
  }
}

/** Fills up with zeros, which no table takes for rows. Never shortens. */
function lengthen(path: string, size: number): void {
  const whole = Math.ceil(size / 4096) * 4096;
  if (whole > statSync(path).size) truncateSync(path, whole);
}

/** A 32-byte key takes its salt from the file's first 16 bytes; a database to exchange pages with needs the same. */
function withSaltOf(path: string, key: DatabaseKey): DatabaseKey {
  if (key.length === 48) return key;
  const joined = new Uint8Array(48);
  joined.set(key);
  const handle = openSync(path, 'r');
  try {
    readSync(handle, joined, 32, 16, 0);
  } finally {
    closeSync(handle);
  }
  return joined;
}
