/** Serialised sessions, by (identity key, device id): never by address or transport. */
import { bytes, integer } from '../columns.ts';
import type { Connection, Row } from '../connection.ts';
import type { SessionRow, Store } from '../records.ts';

function session(row: Row): SessionRow {
  return {
    identityKey: bytes(row, 'identity_key', 32),
    deviceId: integer(row, 'device_id'),
    state: bytes(row, 'state'),
  };
}

export function sessionRepository(connection: Connection): Store['sessions'] {
  return {
    get: (identityKey, deviceId) => {
      const row = connection.get('SELECT * FROM session WHERE identity_key = ? AND device_id = ?', [
        identityKey,
        deviceId,
      ]);
      if (row === null) return null;
      return connection.decode(() => session(row));
    },
    put: (row) => {
      connection.run(
        `INSERT INTO session (identity_key, device_id, state) VALUES (?, ?, ?)
         ON CONFLICT (identity_key, device_id) DO UPDATE SET state = excluded.state`,
        [row.identityKey, row.deviceId, row.state],
      );
    },
    remove: (identityKey, deviceId) => {
      connection.run('DELETE FROM session WHERE identity_key = ? AND device_id = ?', [identityKey, deviceId]);
    },
    clear: () => {
      connection.run('DELETE FROM session');
    },
    isEmpty: () => connection.value('SELECT 1 FROM session LIMIT 1') === null,
    list: () => {
      const rows = connection.all('SELECT * FROM session');
      return connection.decode(() => rows.map(session));
    },
  };
}
