/** The person and this device: one row. */
import type { Xid } from '../../../shared/model.ts';
import { bytes, integer, text } from '../columns.ts';
import type { Connection } from '../connection.ts';
import type { SelfRecord, Store } from '../records.ts';
import { Remembered } from '../remembered.ts';

export function selfRepository(connection: Connection): Store['self'] {
  const remembered = new Remembered<SelfRecord | null>(connection);
  const read = (): SelfRecord | null => {
    const row = connection.get('SELECT * FROM self');
    if (row === null) return null;
    return connection.decode(() => ({
      name: text(row, 'name'),
      xid: text(row, 'xid') as Xid,
      xidSeed: bytes(row, 'xid_seed', 32),
      device: bytes(row, 'device'),
      deviceId: integer(row, 'device_id'),
      identityKey: bytes(row, 'identity_key', 32),
    }));
  };
  return {
    get: () => remembered.get('', read),
    put: (record) => {
      remembered.forget();
      connection.run(
        `INSERT INTO self (only, name, xid, xid_seed, device, device_id, identity_key) VALUES (1, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (only) DO UPDATE SET name = excluded.name, xid = excluded.xid, xid_seed = excluded.xid_seed,
           device = excluded.device, device_id = excluded.device_id, identity_key = excluded.identity_key`,
        [record.name, record.xid, record.xidSeed, record.device, record.deviceId, record.identityKey],
      );
    },
    rename: (name) => {
      remembered.forget();
      connection.run('UPDATE self SET name = ?', [name]);
    },
    putDevice: (device) => {
      remembered.forget();
      connection.run('UPDATE self SET device = ?', [device]);
    },
  };
}
