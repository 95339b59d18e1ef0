/** The XMPP account, if there is one. */
import type { BareJid } from '../../../shared/model.ts';
import { text, textOrNull } from '../columns.ts';
import type { Connection } from '../connection.ts';
import type { Store } from '../records.ts';

export function accountRepository(connection: Connection): Store['accounts'] {
  return {
    get: () => {
      const row = connection.get('SELECT * FROM account');
      if (row === null) return null;
      return connection.decode(() => ({
        jid: text(row, 'jid') as BareJid,
        password: text(row, 'password'),
        state: text(row, 'state'),
        archiveCursor: textOrNull(row, 'archive_cursor'),
      }));
    },
    put: (record) => {
      connection.run(
        `INSERT INTO account (only, jid, password, state, archive_cursor) VALUES (1, ?, ?, ?, ?)
         ON CONFLICT (only) DO UPDATE SET jid = excluded.jid, password = excluded.password, state = excluded.state,
           archive_cursor = excluded.archive_cursor`,
        [record.jid, record.password, record.state, record.archiveCursor],
      );
    },
    putState: (state) => {
      connection.run('UPDATE account SET state = ?', [state]);
    },
    putArchiveCursor: (id) => {
      connection.run('UPDATE account SET archive_cursor = ?', [id]);
    },
    remove: () => {
      connection.run('DELETE FROM account');
    },
  };
}
