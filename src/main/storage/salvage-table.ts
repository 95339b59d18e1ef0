/** Copies the rows of one table that can be read, around the pages that cannot. */
import type { Connection, Row, SqlValue } from './connection.ts';
import type { ReadRows } from './salvage-source.ts';

/** Rows read at once; also how finely the readable rows around a bad page are looked for at first. */
const batch = 1024;
/** Failed reads a table may cost before the rest of it is given up: bounds the time on a file that is all holes. */
const maximumFailures = 20_000;

type Keep = (rows: readonly Row[]) => void;

/** True when every row was read. `order`: what the table is walked by, its rowid or its own primary key. */
export function copyTable(source: ReadRows, target: Connection, table: string, order: 'rowid' | 'key'): boolean {
  const schema = target.all(`SELECT name, pk FROM pragma_table_info('${table}') ORDER BY pk`);
  const columns = readableColumns(
    source,
    table,
    schema.map((row) => String(row['name'])),
  );
  const insert = `INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
  const keep: Keep = (rows) =>
    target.transaction(() => {
      for (const row of rows)
        target.run(
          insert,
          columns.map((column) => row[column] ?? null),
        );
    });
  if (order === 'rowid')
    return copyByRowid(source, `SELECT ${columns.join(', ')}, rowid AS position FROM ${table}`, keep);
  const key = schema.filter((row) => row['pk'] !== 0).map((row) => String(row['name']));
  return copyBothWays(source, `SELECT ${columns.join(', ')} FROM ${table}`, key, keep);
}

/** An older database may lack columns of the newest schema; the new ones then keep their defaults. */
function readableColumns(source: ReadRows, table: string, columns: readonly string[]): readonly string[] {
  const present = new Set(source(`SELECT name FROM pragma_table_info('${table}')`)?.map((row) => row['name']));
  return present.size === 0 ? columns : columns.filter((column) => present.has(column));
}

/** Walks forward; at a bad page steps over it, doubling the step until rows can be read again, then closes in. */
function copyByRowid(source: ReadRows, select: string, keep: Keep): boolean {
  let whole = true;
  let failures = 0;
  /** The next rows after a rowid; null where they cannot be read. */
  const next = (after: number, limit: number): readonly Row[] | null => {
    const rows = source(`${select} WHERE rowid > ? ORDER BY rowid LIMIT ?`, [after, limit]);
    if (rows === null) {
      whole = false;
      failures += 1;
    }
    return rows;
  };
  const last = lastRowid(source, select);
  let after = Number.MIN_SAFE_INTEGER;
  let limit = batch;
  while (failures < maximumFailures) {
    const rows = next(after, limit);
    if (rows !== null) {
      keep(rows);
      const end = rows.at(-1)?.['position'];
      if (rows.length < limit || typeof end !== 'number') return whole;
      after = end;
      limit = Math.min(batch, limit * 2);
    } else if (limit > 1) {
      limit = Math.ceil(limit / 4);
    } else {
      const beyond = firstReadableAfter(Math.max(after, 0), last, (position) => next(position, 1) !== null);
      if (beyond === null) return false;
      after = beyond;
      limit = batch;
    }
  }
  return false;
}

/** The highest rowid, if the end of the table can be read; otherwise a bound that no count of messages reaches. */
function lastRowid(source: ReadRows, select: string): number {
  const rows = source(`${select} ORDER BY rowid DESC LIMIT 1`);
  const position = rows?.[0]?.['position'];
  return typeof position === 'number' ? position : rows === null ? 2 ** 40 : 0;
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

/** For tables without a rowid: from both ends up to the first bad page. */
function copyBothWays(source: ReadRows, select: string, key: readonly string[], keep: Keep): boolean {
  const marks = key.map(() => '?').join(', ');
  const walk = (comparison: '>' | '<', direction: 'ASC' | 'DESC'): boolean => {
    const order = key.map((column) => `${column} ${direction}`).join(', ');
    let after: Row | undefined;
    let limit = batch;
    for (;;) {
      const where = after === undefined ? '' : `WHERE (${key.join(', ')}) ${comparison} (${marks})`;
      const position: SqlValue[] = after === undefined ? [] : key.map((column) => after?.[column] ?? null);
      const rows = source(`${select} ${where} ORDER BY ${order} LIMIT ${limit}`, position);
      if (rows !== null) {
        keep(rows);
        if (rows.length < limit) return true;
        after = rows.at(-1);
      } else if (limit > 1) limit = Math.ceil(limit / 4);
      else return false;
    }
  };
  if (walk('>', 'ASC')) return true;
  walk('<', 'DESC');
  return false;
}
