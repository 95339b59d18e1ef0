/** The devices of contacts and of ourselves, as last announced or seen. */
import type { ContactId } from '../../../shared/model.ts';
import { boolean, bytesOrNull, integer, integerOrNull, oneOf, text } from '../columns.ts';
import type { Connection, Row } from '../connection.ts';
import type { DeviceRecord, Store } from '../records.ts';
import type { Remembered } from '../remembered.ts';

function device(row: Row): DeviceRecord {
  return {
    owner: text(row, 'owner') as ContactId | 'self',
    deviceId: integer(row, 'device_id'),
    wire: oneOf(row, 'wire', ['omemo2', 'omemo-legacy']),
    label: text(row, 'label'),
    localName: text(row, 'local_name'),
    identityKey: bytesOrNull(row, 'identity_key', 32),
    trust: oneOf(row, 'trust', ['undecided', 'blind', 'verified', 'distrusted']),
    active: boolean(row, 'active'),
    lastSeenAt: integerOrNull(row, 'last_seen_at'),
  };
}

export function deviceRepository(
  connection: Connection,
  devicesOf: Remembered<readonly DeviceRecord[]>,
): Store['devices'] {
  const one = (row: Row | null) => (row === null ? null : connection.decode(() => device(row)));
  const of = (owner: DeviceRecord['owner']): readonly DeviceRecord[] =>
    devicesOf.get(owner, () => {
      const rows = connection.all('SELECT * FROM device WHERE owner = ? ORDER BY device_id', [owner]);
      return connection.decode(() => rows.map(device));
    });
  return {
    of: (owner) => [...of(owner)],
    get: (owner, deviceId) => of(owner).find((record) => record.deviceId === deviceId) ?? null,
    byIdentity: (identityKey, deviceId) =>
      one(
        connection.get('SELECT * FROM device WHERE identity_key = ? AND device_id = ? ORDER BY active DESC, owner', [
          identityKey,
          deviceId,
        ]),
      ),
    put: (record) => {
      devicesOf.forget();
      connection.run(
        `INSERT INTO device (owner, device_id, wire, label, local_name, identity_key, trust, active, last_seen_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (owner, device_id) DO UPDATE SET wire = excluded.wire, label = excluded.label,
           local_name = excluded.local_name,
           identity_key = excluded.identity_key, trust = excluded.trust, active = excluded.active,
           last_seen_at = excluded.last_seen_at`,
        [
          record.owner,
          record.deviceId,
          record.wire,
          record.label,
          record.localName,
          record.identityKey,
          record.trust,
          record.active ? 1 : 0,
          record.lastSeenAt,
        ],
      );
    },
  };
}
