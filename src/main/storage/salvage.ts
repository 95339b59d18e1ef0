/**
 * Reads what can be read of a damaged database into a new one and sets the damaged one aside, unchanged. Every page is
 * authenticated, so a row is either what was written or not readable at all. Sessions are left behind: a ratchet that
 * may have gone back would use a message key twice.
 */
import { existsSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Connection, type DatabaseKey } from './connection.ts';
import { removeDatabase, renameDurably, syncFile } from './files.ts';
import { readSalvageReport, type SalvageReport, writeSalvageReport } from './salvage-report.ts';
import { type CreateDatabase, copyDatabase, makeSchemaReadable, read, rowsOf } from './salvage-source.ts';
import { copyTable } from './salvage-table.ts';

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
  { name: 'unread', order: 'key' },
  { name: 'seen', order: 'key' },
  { name: 'outbox', order: 'rowid' },
  { name: 'outbox_target', order: 'rowid' },
  { name: 'invitation', order: 'rowid' },
  { name: 'trust_statement', order: 'rowid' },
] as const;

interface SalvageOptions {
  readonly path: string;
  readonly key: DatabaseKey;
  readonly now: number;
  readonly create: CreateDatabase;
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
      // Nothing of it counts before all of it is there: written through to the disk once, at the end.
      target.exec('PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF');
      const resumeTriggers = pauseTriggers(target);
      makeSchemaReadable(copy, key, create);
      const incomplete = tables.filter(({ name, order }) => !copyTable(rowsOf(copy, key), target, name, order));
      target.transaction(() => {
        resumeTriggers();
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

/**
 * The search index is made in one go at the end, which is several times faster than message by message; and what is
 * unread is copied, not concluded.
 */
function pauseTriggers(target: Connection): () => void {
  const triggers = ['message_said_added', 'message_unread'].map((name) => {
    const sql = target.value('SELECT sql FROM sqlite_schema WHERE name = ?', [name]);
    target.exec(`DROP TRIGGER ${name}`);
    return String(sql);
  });
  return () => {
    target.exec("INSERT INTO message_text (message_text) VALUES ('rebuild')");
    for (const sql of triggers) target.exec(sql);
  };
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
    DELETE FROM unread WHERE sequence NOT IN (SELECT sequence FROM message);
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
