/**
 * Reads what can be read of a damaged database into a new one and sets the damaged one aside, unchanged. Every page is
 * authenticated, so a row is either what was written or not readable at all. Sessions are left behind: a ratchet that
 * may have gone back would use a message key twice.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Connection, type DatabaseKey, type Row } from './connection.ts';
import { removeDatabase, renameDurably, syncFile } from './files.ts';
import { readSalvageReport, type SalvageReport, writeSalvageReport } from './salvage-report.ts';
import { isDamage, sqliteCode } from './storage-fault.ts';

/** Everything worth keeping, parents first. `order` is what a table is walked by. */
const tables = [
  { name: 'self', order: 'rowid' },
  { name: 'account', order: 'rowid' },
  { name: 'setting', order: 'rowid' },
  { name: 'contact', order: 'rowid' },
  { name: 'device', order: 'rowid' },
  { name: 'conversation', order: 'rowid' },
  { name: 'order_seen', order: 'rowid' },
  { name: 'message', order: 'rowid' },
  { name: 'seen', order: 'identity_key' },
  { name: 'outbox', order: 'rowid' },
  { name: 'outbox_target', order: 'rowid' },
  { name: 'invitation', order: 'rowid' },
] as const;

/** Rows read at once; also how finely the readable rows around a bad page are looked for at first. */
const batch = 256;
/** Failed reads a table may cost before the rest of it is given up: bounds the time on a file that is all holes. */
const maximumFailures = 20_000;

interface SalvageOptions {
  readonly path: string;
  readonly key: DatabaseKey;
  readonly now: number;
  /** Makes an empty database of the newest schema. */
  readonly create: (path: string, key: DatabaseKey) => void;
}

/** Throws `StorageFault` (a full disk), with the damaged file where and as it was. */
export function salvage({ path, key, now, create }: SalvageOptions): void {
  const copy = `${path}.read`;
  const unfinished = `${path}.salvage`;
  const setAside = freeName(`${path}.damaged-${new Date(now).toISOString().replaceAll(/[-:.]/g, '')}`);
  try {
    removeDatabase(unfinished);
    create(unfinished, key);
    copyDatabase(path, copy);
    const target = new Connection({ path: unfinished, key });
    try {
      target.prepareForUse();
      target.exec('PRAGMA foreign_keys = OFF');
      // A file cut short is refused whole, until it is as long again as it says it is.
      if (!isSchemaReadable(copy, key)) lengthen(copy, 2 * statSync(copy).size);
      if (!isSchemaReadable(copy, key)) transplantFirstPage(copy, key, create);
      const incomplete = tables.filter(({ name, order }) => !copyTable(copy, key, target, name, order));
      target.transaction(() => {
        mendReferences(target);
        writeSalvageReport(
          target,
          report(
            target,
            now,
            basename(setAside),
            incomplete.map(({ name }) => name),
          ),
        );
      });
      target.writeBack();
    } finally {
      target.abandon();
    }
    syncFile(unfinished);
    // From here on the next start finishes what a crash leaves undone.
    renameDurably(unfinished, `${path}.salvaged`);
    replaceDamaged(path, setAside);
  } finally {
    removeDatabase(copy);
    removeDatabase(unfinished);
  }
}

/** Finishes a salvage that was cut off among its last renames. Throws `StorageFault`. */
export function finishSalvage(path: string, key: DatabaseKey): void {
  const salvaged = `${path}.salvaged`;
  if (!existsSync(salvaged)) return;
  const name = read(salvaged, key, readSalvageReport)?.setAsideAs;
  if (name !== undefined) replaceDamaged(path, join(dirname(path), name));
}

/** Each step can be taken again. The log goes first: it must never lie beside the new database. */
function replaceDamaged(path: string, setAside: string): void {
  if (existsSync(`${path}-wal`)) renameDurably(`${path}-wal`, `${setAside}-wal`);
  if (existsSync(path)) renameDurably(path, setAside);
  renameDurably(`${path}.salvaged`, path);
  rmSync(`${path}.verify`, { force: true });
}

function freeName(name: string): string {
  let free = name;
  for (let number = 2; existsSync(free); number += 1) free = `${name}-${number}`;
  return free;
}

function copyDatabase(path: string, copy: string): void {
  removeDatabase(copy);
  copyFileSync(path, copy);
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`);
}

/** Damage, or what a damaged schema makes of a correct query (no such table). */
function isUnreadable(error: unknown): boolean {
  return isDamage(error) || sqliteCode(error) === 'SQLITE_ERROR';
}

/** A connection of its own for every read: one that met a bad page refuses everything after. */
function read<T>(path: string, key: DatabaseKey, work: (source: Connection) => T): T {
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

function isSchemaReadable(path: string, key: DatabaseKey): boolean {
  try {
    return read(path, key, (source) => source.all('SELECT name FROM sqlite_schema')).length > 0;
  } catch (error) {
    if (isUnreadable(error)) return false;
    throw error;
  }
}

/**
 * The first page holds the roots of all tables and is written most, so it is the likeliest to be torn. A new database
 * of the same schema and key has the same roots in the same places: its first page takes the place of the lost one.
 * It must believe itself as large as the damaged file, hence the filler.
 */
function transplantFirstPage(copy: string, key: DatabaseKey, create: SalvageOptions['create']): void {
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

/** True when every row was read. */
function copyTable(path: string, key: DatabaseKey, target: Connection, table: string, order: string): boolean {
  const columns = target.all(`SELECT name FROM pragma_table_info('${table}')`).map((row) => String(row['name']));
  const readable = readableColumns(path, key, table, columns);
  const insert = `INSERT OR IGNORE INTO ${table} (${readable.join(', ')}) VALUES (${readable.map(() => '?').join(', ')})`;
  const keep = (rows: readonly Row[]) =>
    target.transaction(() => {
      for (const row of rows)
        target.run(
          insert,
          readable.map((column) => row[column] ?? null),
        );
    });
  const select = `SELECT ${readable.join(', ')}${order === 'rowid' ? ', rowid AS position' : ''} FROM ${table}`;
  return order === 'rowid'
    ? copyByRowid(path, key, select, keep)
    : copyBothWays(path, key, select, readable.slice(0, 2).join(', '), keep);
}

/** An older database may lack columns of the newest schema; the new ones then keep their defaults. */
function readableColumns(path: string, key: DatabaseKey, table: string, columns: readonly string[]): readonly string[] {
  try {
    const present = read(path, key, (source) => source.all(`SELECT name FROM pragma_table_info('${table}')`));
    const names = new Set(present.map((row) => row['name']));
    return names.size === 0 ? columns : columns.filter((column) => names.has(column));
  } catch (error) {
    if (isUnreadable(error)) return columns;
    throw error;
  }
}

/** Walks forward; at a bad page steps over it, doubling the step until rows can be read again, then closes in. */
function copyByRowid(path: string, key: DatabaseKey, select: string, keep: (rows: readonly Row[]) => void): boolean {
  let whole = true;
  let failures = 0;
  /** After this rowid; null when nothing more can be read. */
  const attempt = (after: number, limit: number): readonly Row[] | null => {
    try {
      return read(path, key, (source) =>
        source.all(`${select} WHERE rowid > ? ORDER BY rowid LIMIT ?`, [after, limit]),
      );
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      whole = false;
      failures += 1;
      return null;
    }
  };
  let after = Number.MIN_SAFE_INTEGER;
  let limit = batch;
  const last = lastRowid(path, key, select);
  while (failures < maximumFailures) {
    const rows = attempt(after, limit);
    if (rows !== null) {
      keep(rows);
      const end = rows.at(-1)?.['position'];
      if (rows.length < limit || typeof end !== 'number') return whole;
      after = end;
      limit = Math.min(batch, limit * 2);
    } else if (limit > 1) {
      limit = Math.ceil(limit / 4);
    } else {
      const next = firstReadableAfter(Math.max(after, 0), last, (position) => attempt(position, 1) !== null);
      if (next === null) return false;
      after = next;
      limit = batch;
    }
  }
  return false;
}

/** The highest rowid, if the end of the table can be read; otherwise a bound no message count reaches. */
function lastRowid(path: string, key: DatabaseKey, select: string): number {
  try {
    const rows = read(path, key, (source) => source.all(`${select} ORDER BY rowid DESC LIMIT 1`));
    const position = rows[0]?.['position'];
    return typeof position === 'number' ? position : 0;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return 2 ** 40;
  }
}

/** A position beyond `from` from which reading works again, as near to it as bisection tells; null when none is. */
function firstReadableAfter(from: number, last: number, works: (position: number) => boolean): number | null {
  let step = 1;
  while (!works(from + step)) {
    if (from + step > last) return null;
    step *= 2;
  }
  let low = from + Math.floor(step / 2);
  let high = from + step;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (works(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** For the one table without a rowid: from both ends up to the first bad page. */
function copyBothWays(
  path: string,
  key: DatabaseKey,
  select: string,
  order: string,
  keep: (rows: readonly Row[]) => void,
): boolean {
  const [first, second] = order.split(', ');
  let whole = true;
  for (const [comparison, direction] of [
    ['>', 'ASC'],
    ['<', 'DESC'],
  ] as const) {
    let after: Row | undefined;
    let limit = batch;
    for (;;) {
      const where = after === undefined ? '' : `WHERE (${order}) ${comparison} (?, ?)`;
      const bound = after === undefined ? [] : [after[first ?? ''] ?? null, after[second ?? ''] ?? null];
      let rows: readonly Row[];
      try {
        rows = read(path, key, (source) =>
          source.all(`${select} ${where} ORDER BY ${first} ${direction}, ${second} ${direction} LIMIT ${limit}`, bound),
        );
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        whole = false;
        if (limit === 1) break;
        limit = Math.ceil(limit / 4);
        continue;
      }
      keep(rows);
      if (rows.length < limit) break;
      after = rows.at(-1);
    }
    if (whole) break;
  }
  return whole;
}

/** History whose contact or conversation was lost gets a stand-in; what refers to nothing else goes. */
function mendReferences(target: Connection): void {
  const orphans = target.all(`SELECT conversation_id, max(sort_at) AS at FROM message
    WHERE conversation_id NOT IN (SELECT id FROM conversation) GROUP BY conversation_id`);
  for (const row of orphans)
    target.run(
      `INSERT INTO conversation (id, contact_id, route_preference, plain_allowed, draft, updated_at)
       VALUES (?, ?, 'automatic', 0, '', ?)`,
      [row['conversation_id'] ?? null, crypto.randomUUID(), row['at'] ?? 0],
    );
  target.exec(`
    INSERT INTO contact (id, name, subscription, xid_shared, added_at)
      SELECT contact_id, 'Recovered history', 'none', 0, updated_at FROM conversation
      WHERE contact_id NOT IN (SELECT id FROM contact);
    DELETE FROM device WHERE owner <> 'self' AND owner NOT IN (SELECT id FROM contact);
    DELETE FROM order_seen WHERE conversation_id NOT IN (SELECT id FROM conversation);
    DELETE FROM outbox WHERE contact_id NOT IN (SELECT id FROM contact);
    DELETE FROM outbox_target WHERE outbox_id NOT IN (SELECT id FROM outbox);
    DELETE FROM invitation WHERE contact_id IS NOT NULL AND contact_id NOT IN (SELECT id FROM contact);
  `);
}

function report(target: Connection, now: number, setAsideAs: string, incomplete: readonly string[]): SalvageReport {
  const count = (table: string) => Number(target.value(`SELECT count(*) FROM ${table}`));
  return {
    at: now,
    setAsideAs,
    selfKept: count('self') === 1,
    accountKept: count('account') === 1,
    contacts: count('contact'),
    conversations: count('conversation'),
    messages: count('message'),
    incomplete,
  };
}
