/** What was said about keys (XEP-0434), by the person here and by devices; at most one word of each about each key. */
import type { Address } from '../../../shared/model.ts';
import { bytes, integer, oneOf, text } from '../columns.ts';
import type { Connection, Row } from '../connection.ts';
import type { Store, TrustStatement } from '../records.ts';

/** The person here, where a device's identity key stands: no key is all zeroes. */
const here = new Uint8Array(32);
const stored = (saidBy: Uint8Array | null): Uint8Array => saidBy ?? here;
const speaker = (saidBy: Uint8Array): Uint8Array | null => (saidBy.every((byte) => byte === 0) ? null : saidBy);

function statement(row: Row): TrustStatement {
  return {
    about: text(row, 'about') as Address | 'self',
    keyId: bytes(row, 'key_id', 32),
    saidBy: speaker(bytes(row, 'said_by', 32)),
    trust: oneOf(row, 'trust', ['verified', 'distrusted', 'undecided']),
    saidAt: integer(row, 'said_at'),
  };
}

export function statementRepository(connection: Connection): Store['statements'] {
  const many = (rows: readonly Row[]) => connection.decode(() => rows.map(statement));
  return {
    about: (about) =>
      many(connection.all('SELECT * FROM trust_statement WHERE about = ? ORDER BY said_at, rowid', [about])),
    by: (saidBy) =>
      many(connection.all('SELECT * FROM trust_statement WHERE said_by = ? ORDER BY said_at, rowid', [stored(saidBy)])),
    countBy: (saidBy) =>
      Number(connection.value('SELECT count(*) FROM trust_statement WHERE said_by = ?', [stored(saidBy)])),
    get: ({ about, keyId, saidBy }) => {
      const row = connection.get('SELECT * FROM trust_statement WHERE about = ? AND key_id = ? AND said_by = ?', [
        about,
        keyId,
        stored(saidBy),
      ]);
      return row === null ? null : connection.decode(() => statement(row));
    },
    put: ({ about, keyId, saidBy, trust, saidAt }) => {
      connection.run(
        `INSERT INTO trust_statement (about, key_id, said_by, trust, said_at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (about, key_id, said_by) DO UPDATE SET trust = excluded.trust, said_at = excluded.said_at`,
        [about, keyId, stored(saidBy), trust, saidAt],
      );
    },
    remove: ({ about, keyId, saidBy }) => {
      connection.run('DELETE FROM trust_statement WHERE about = ? AND key_id = ? AND said_by = ?', [
        about,
        keyId,
        stored(saidBy),
      ]);
    },
    removeAbout: (about) => {
      connection.run('DELETE FROM trust_statement WHERE about = ?', [about]);
    },
  };
}
