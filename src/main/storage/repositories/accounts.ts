/** The XMPP account, if there is one. */
import type { BareJid } from '../../../shared/model.ts';
import { text, textOrNull } from '../columns.ts';
import type { Connection } from '../connection.ts';
import type { AccountRecord, Store } from '../records.ts';
import { Remembered } from '../remembered.ts';

export function accountRepository(connection: Connection): Store['accounts'] {
  const remembered = new Remembered<AccountRecord | null>(connection);
  const read = (): AccountRecord | null => {
    const row = connection.get('SELECT * FROM account');
    if (row === null) return null;
    return connection.decode(() => ({
      jid: text(row, 'jid') as BareJid,
      password: text(row, 'password'),
      state: text(row, 'state'),
      archiveCursor: textOrNull(row, 'archive_cursor'),
    }));
  };
  return {
    get: () => remembered.get('', read),
    put: (record) => {
      remembered.forget();
      connection.run(
        `INSERT INTO account (only, jid, password, state, archive_cursor) VALUES (1, ?, ?, ?, ?)
         ON CONFLICT (only) DO UPDATE SET jid = excluded.jid, password = excluded.password, state = excluded.state,
           archive_cursor = excluded.archive_cursor`,
        [record.jid, record.password, record.state, record.archiveCursor],
      );
    },
    putState: (state) => {
      remembered.forget();
      connection.run('UPDATE account SET state = ?', [state]);
    },
    putArchiveCursor: (id) => {
      remembered.forget();
      connection.run('UPDATE account SET archive_cursor = ?', [id]);
    },
    remove: () => {
      remembered.forget();
      connection.run('DELETE FROM account');
    },
  };
}
