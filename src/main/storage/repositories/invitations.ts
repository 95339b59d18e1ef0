/** Invitations made, and accepted ones that are not completed yet. */
import type { ContactId, Xid } from '../../../shared/model.ts';
import { bytes, integer, oneOf, textOrNull } from '../columns.ts';
import type { Connection } from '../connection.ts';
import type { Store } from '../records.ts';

export function invitationRepository(connection: Connection): Store['invitations'] {
  return {
    list: () => {
      const rows = connection.all('SELECT * FROM invitation ORDER BY expires_at, secret');
      return connection.decode(() =>
        rows.map((row) => ({
          secret: bytes(row, 'secret', 32),
          expiresAt: integer(row, 'expires_at'),
          direction: oneOf(row, 'direction', ['out', 'in']),
          xid: textOrNull(row, 'xid') as Xid | null,
          contactId: textOrNull(row, 'contact_id') as ContactId | null,
        })),
      );
    },
    put: (record) => {
      connection.run(
        `INSERT INTO invitation (secret, expires_at, direction, xid, contact_id) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (secret) DO UPDATE SET expires_at = excluded.expires_at, direction = excluded.direction,
           xid = excluded.xid, contact_id = excluded.contact_id`,
        [record.secret, record.expiresAt, record.direction, record.xid, record.contactId],
      );
    },
    remove: (secret) => {
      connection.run('DELETE FROM invitation WHERE secret = ?', [secret]);
    },
  };
}
