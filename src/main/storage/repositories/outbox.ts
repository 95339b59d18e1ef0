/** Stanzas on their way out, and how far each device of each got. */
import type { ContactId, MessageId } from '../../../shared/model.ts';
import { integer, oneOf, oneOfOrNull, text, textOrNull } from '../columns.ts';
import type { Connection, Row } from '../connection.ts';
import type { OutboxRecord, OutboxTarget, Store } from '../records.ts';

/** Stands for no contact: the row is for our own other devices. */
const ownDevices = 'self' as ContactId;

function record(row: Row): OutboxRecord {
  return {
    id: integer(row, 'id'),
    messageId: text(row, 'message_id') as MessageId,
    contactId: (textOrNull(row, 'contact_id') ?? ownDevices) as ContactId,
    kind: oneOf(row, 'kind', ['text', 'control', 'trust']),
    stage: oneOf(row, 'stage', ['plaintext', 'encrypted']),
    stanza: text(row, 'stanza'),
    preference: oneOf(row, 'preference', ['automatic', 'direct', 'server']),
    attempts: integer(row, 'attempts'),
    createdAt: integer(row, 'created_at'),
  };
}

function target(row: Row): OutboxTarget {
  return {
    outboxId: integer(row, 'outbox_id'),
    owner: text(row, 'owner') as ContactId | 'self',
    deviceId: integer(row, 'device_id'),
    state: oneOf(row, 'state', ['waiting', 'accepted', 'done', 'failed']),
    route: oneOfOrNull(row, 'route', ['direct', 'server']),
  };
}

export function outboxRepository(connection: Connection): Store['outbox'] {
  const one = (row: Row | null) => (row === null ? null : connection.decode(() => record(row)));
  const setTarget = ({ outboxId, owner, deviceId, state, route }: OutboxTarget) => {
    connection.run(
      `INSERT INTO outbox_target (outbox_id, owner, device_id, state, route) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (outbox_id, owner, device_id) DO UPDATE SET state = excluded.state, route = excluded.route`,
      [outboxId, owner, deviceId, state, route],
    );
  };
  return {
    add: (row) => {
      const { lastInsertRowid } = connection.run(
        `INSERT INTO outbox (message_id, contact_id, kind, stage, stanza, preference, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
        [
          row.messageId,
          row.contactId === ownDevices ? null : row.contactId,
          row.kind,
          row.stage,
          row.stanza,
          row.preference,
          row.createdAt,
        ],
      );
      return { ...row, id: lastInsertRowid, attempts: 0 };
    },
    get: (id) => one(connection.get('SELECT * FROM outbox WHERE id = ?', [id])),
    byMessage: (messageId) => one(connection.get('SELECT * FROM outbox WHERE message_id = ?', [messageId])),
    pending: () => {
      const rows = connection.all('SELECT * FROM outbox ORDER BY id');
      return connection.decode(() => rows.map(record));
    },
    setEncrypted: (id, stanza, targets) =>
      connection.transaction(() => {
        connection.run("UPDATE outbox SET stage = 'encrypted', stanza = ? WHERE id = ?", [stanza, id]);
        connection.run('DELETE FROM outbox_target WHERE outbox_id = ?', [id]);
        for (const one of targets) setTarget({ ...one, outboxId: id });
      }),
    setPreference: (id, preference) => {
      connection.run('UPDATE outbox SET preference = ? WHERE id = ?', [preference, id]);
    },
    countAttempt: (id) => {
      connection.run('UPDATE outbox SET attempts = attempts + 1 WHERE id = ?', [id]);
    },
    targets: (id) => {
      const rows = connection.all('SELECT * FROM outbox_target WHERE outbox_id = ? ORDER BY owner, device_id', [id]);
      return connection.decode(() => rows.map(target));
    },
    setTarget,
    remove: (id) => {
      connection.run('DELETE FROM outbox WHERE id = ?', [id]);
    },
  };
}
