/** The people one talks with. */
import type { BareJid, ContactId, Xid } from '../../../shared/model.ts';
import { boolean, integer, oneOf, text, textOrNull } from '../columns.ts';
import type { Connection, Row } from '../connection.ts';
import type { ContactRecord, DeviceRecord, Store } from '../records.ts';
import { Remembered } from '../remembered.ts';

const subscriptions = ['none', 'pending-out', 'pending-in', 'both', 'from', 'to'] as const;

function contact(row: Row): ContactRecord {
  return {
    id: text(row, 'id') as ContactId,
    name: text(row, 'name'),
    jid: textOrNull(row, 'jid') as BareJid | null,
    xid: textOrNull(row, 'xid') as Xid | null,
    subscription: oneOf(row, 'subscription', subscriptions),
    xidShared: boolean(row, 'xid_shared'),
    addedAt: integer(row, 'added_at'),
  };
}

export function contactRepository(
  connection: Connection,
  devicesOf: Remembered<readonly DeviceRecord[]>,
): Store['contacts'] {
  const one = (row: Row | null) => (row === null ? null : connection.decode(() => contact(row)));
  const byId = new Remembered<ContactRecord | null>(connection);
  const byAddress = new Remembered<ContactRecord | null>(connection);
  const forget = (): void => {
    byId.forget();
    byAddress.forget();
  };
  return {
    list: () => {
      const rows = connection.all('SELECT * FROM contact ORDER BY added_at, id');
      return connection.decode(() => rows.map(contact));
    },
    get: (id) => byId.get(id, () => one(connection.get('SELECT * FROM contact WHERE id = ?', [id]))),
    byAddress: (address) =>
      byAddress.get(address, () =>
        one(connection.get('SELECT * FROM contact WHERE jid = ? OR xid = ?', [address, address])),
      ),
    put: (record) => {
      forget();
      connection.run(
        `INSERT INTO contact (id, name, jid, xid, subscription, xid_shared, added_at) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, jid = excluded.jid, xid = excluded.xid,
           subscription = excluded.subscription, xid_shared = excluded.xid_shared, added_at = excluded.added_at`,
        [record.id, record.name, record.jid, record.xid, record.subscription, record.xidShared ? 1 : 0, record.addedAt],
      );
    },
    // Foreign keys and a trigger take the conversation, messages, devices, outbox rows and invitations along.
    remove: (id) => {
      forget();
      devicesOf.forget();
      connection.transaction(() => void connection.run('DELETE FROM contact WHERE id = ?', [id]));
    },
  };
}
