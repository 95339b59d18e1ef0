/** Messages: kept, paged in their order, and searched. */
import type { Message } from '../../../shared/model.ts';
import { bytesOrNull, integerOrNull } from '../columns.ts';
import type { Connection, Row } from '../connection.ts';
import type { SealedFor, Store } from '../records.ts';
import { messageOf } from './message-row.ts';

/** A search sorts at most this many of the newest matches by time, so that a common word stays fast. */
const searchDepth = 2_000;

export function messageRepository(connection: Connection): Store['messages'] {
  const one = (row: Row | null) => (row === null ? null : connection.decode(() => messageOf(row)));
  const many = (rows: readonly Row[]) => connection.decode(() => rows.map(messageOf));
  /** Null: there is no such message. */
  const sealedFor = (id: string): Buffer[] | null => {
    const row = connection.get('SELECT sealed_for FROM message WHERE id = ?', [id]);
    if (row === null) return null;
    const all = Buffer.from(connection.decode(() => bytesOrNull(row, 'sealed_for')) ?? []);
    return Array.from({ length: Math.floor(all.length / sealedEntryBytes) }, (_, index) =>
      all.subarray(index * sealedEntryBytes, (index + 1) * sealedEntryBytes),
    );
  };
  const keepSealedFor = (id: string, entries: readonly Buffer[]): void => {
    connection.run('UPDATE message SET sealed_for = ? WHERE id = ?', [Buffer.concat(entries), id]);
  };
  const exists = (sql: string, parameters: readonly (string | number)[]) => connection.value(sql, parameters) !== null;

  return {
    get: (id) => one(connection.get('SELECT * FROM message WHERE id = ?', [id])),

    insert: (message) =>
      one(
        connection.get(
          `INSERT INTO message (id, conversation_id, direction, kind, body, sent_at, received_at, sort_at,
             sender_owner, sender_device_id, encryption, route, state, order_counter)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING RETURNING *`,
          [
            message.id,
            message.conversationId,
            message.direction,
            message.kind,
            message.body,
            message.sentAt,
            message.receivedAt,
            message.sortAt,
            message.senderOwner,
            message.senderDeviceId,
            message.encryption,
            message.route,
            message.state,
            message.orderCounter,
          ],
        ),
      ),

    setDelivery: (id, state, route, failure) =>
      one(
        connection.get('UPDATE message SET state = ?, route = ?, failure = ? WHERE id = ? RETURNING *', [
          state,
          route,
          failure === null ? null : JSON.stringify(failure),
          id,
        ]),
      ),

    setEncryption: (id, encryption) =>
      one(connection.get('UPDATE message SET encryption = ? WHERE id = ? RETURNING *', [encryption, id])),

    page: (conversationId, { before, after, limit }) => {
      if (limit < 1) return { messages: [], hasOlder: false, hasNewer: false };
      if (after !== undefined && before === undefined) {
        const rows = connection.all(
          `SELECT * FROM message WHERE conversation_id = ? AND (sort_at, sequence) > (?, ?)
           ORDER BY sort_at, sequence LIMIT ?`,
          [conversationId, after.sortAt, after.sequence, limit + 1],
        );
        const hasOlder = exists(
          'SELECT 1 FROM message WHERE conversation_id = ? AND (sort_at, sequence) <= (?, ?) LIMIT 1',
          [conversationId, after.sortAt, after.sequence],
        );
        return { messages: many(rows.slice(0, limit)), hasOlder, hasNewer: rows.length > limit };
      }
      const end = before ?? { sortAt: Number.MAX_SAFE_INTEGER, sequence: Number.MAX_SAFE_INTEGER };
      const rows = connection.all(
        `SELECT * FROM message WHERE conversation_id = ? AND (sort_at, sequence) < (?, ?)
         ORDER BY sort_at DESC, sequence DESC LIMIT ?`,
        [conversationId, end.sortAt, end.sequence, limit + 1],
      );
      const hasNewer =
        before !== undefined &&
        exists('SELECT 1 FROM message WHERE conversation_id = ? AND (sort_at, sequence) >= (?, ?) LIMIT 1', [
          conversationId,
          before.sortAt,
          before.sequence,
        ]);
      return { messages: many(rows.slice(0, limit).reverse()), hasOlder: rows.length > limit, hasNewer };
    },

    newestAt: (conversationId) => {
      const value = connection.value(
        'SELECT sort_at FROM message WHERE conversation_id = ? ORDER BY sort_at DESC LIMIT 1',
        [conversationId],
      );
      return typeof value === 'number' ? value : null;
    },

    search: (text, limit) => {
      const query = searchQuery(connection, text);
      if (query === '' || limit < 1) return [];
      const rows: Message[] = many(
        connection.all(
          `SELECT message.* FROM message
           WHERE sequence IN (SELECT rowid FROM message_text WHERE message_text MATCH ? ORDER BY rowid DESC LIMIT ?)
           ORDER BY sort_at DESC, sequence DESC LIMIT ?`,
          [query, Math.max(searchDepth, limit), limit],
        ),
      );
      return rows;
    },

    unreadOutgoingUpTo: (id) =>
      many(
        connection.all(
          `SELECT message.* FROM message, (SELECT conversation_id AS c, sort_at AS s, sequence AS q FROM message WHERE id = ?)
           WHERE conversation_id = c AND direction = 'out' AND state <> 'read' AND kind = 'text'
             AND (sort_at, sequence) <= (s, q) AND (state IN ('on-server', 'on-device') OR id = ?)
           ORDER BY sort_at, sequence`,
          [id, id],
        ),
      ),

    orderCounter: (id) => {
      const row = connection.get('SELECT order_counter FROM message WHERE id = ?', [id]);
      return row === null ? null : connection.decode(() => integerOrNull(row, 'order_counter'));
    },

    setOrderCounter: (id, counter) => {
      connection.run('UPDATE message SET order_counter = ? WHERE id = ?', [counter, id]);
    },

    remove: (id) => {
      connection.run('DELETE FROM message WHERE id = ?', [id]);
    },

    setLine: (id, kind, body) =>
      connection.transaction(() => {
        const changed = one(
          connection.get("UPDATE message SET kind = ?, body = ? WHERE id = ? AND kind <> 'text' RETURNING *", [
            kind,
            body,
            id,
          ]),
        );
        // Only what somebody said, or may have said, waits to be read.
        if (changed && kind !== 'undecryptable') {
          const { conversationId, sortAt, sequence } = changed;
          connection.run(notUnread, [conversationId, sortAt, sequence]);
        }
        return changed;
      }),

    putInPlace: (line, text) =>
      connection.transaction(() => {
        const row = connection.get("DELETE FROM message WHERE id = ? AND kind <> 'text' RETURNING sequence, sort_at", [
          line,
        ]);
        if (row === null) return null;
        const { sequence = null, sort_at: sortAt = null } = row;
        connection.run(notUnread, [text.conversationId, sortAt, sequence]);
        return one(
          connection.get(
            `INSERT INTO message (sequence, id, conversation_id, direction, kind, body, sent_at, received_at, sort_at,
               sender_owner, sender_device_id, encryption, route, state, order_counter)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *`,
            [
              sequence,
              line,
              text.conversationId,
              text.direction,
              text.kind,
              text.body,
              text.sentAt,
              text.receivedAt,
              sortAt,
              text.senderOwner,
              text.senderDeviceId,
              text.encryption,
              text.route,
              text.state,
              text.orderCounter,
            ],
          ),
        );
      }),

    addSealedFor: (id, devices) =>
      connection.transaction(() => {
        const known = sealedFor(id);
        if (known === null) return;
        const all = devices.map(sealedEntry);
        const added = known.length === 0 ? all : all.filter((entry) => !known.some((other) => other.equals(entry)));
        if (added.length > 0) keepSealedFor(id, [...known, ...added]);
      }),

    takeSealedFor: (id, device) =>
      connection.transaction(() => {
        const known = sealedFor(id) ?? [];
        const wanted = sealedEntry(device);
        const left = known.filter((entry) => !entry.equals(wanted));
        if (left.length === known.length) return false;
        keepSealedFor(id, left);
        return true;
      }),

    count: () => Number(connection.value('SELECT count(*) FROM message')),
  };
}

const notUnread = 'DELETE FROM unread WHERE conversation_id = ? AND sort_at = ? AND sequence = ?';

/** See migrations/0003-healing.ts. */
const sealedEntryBytes = 20;

function sealedEntry({ deviceId, identityKey }: SealedFor): Buffer {
  const entry = Buffer.alloc(sealedEntryBytes);
  entry.writeUInt32BE(deviceId);
  entry.set(identityKey.subarray(0, sealedEntryBytes - 4), 4);
  return entry;
}

/** Every word of the text, each as the beginning of a word or, where a script has no spaces, of a run of signs. */
function searchQuery(connection: Connection, text: string): string {
  return text
    .split(/\s+/u)
    .filter((word) => connection.tokenize(word).length > 0)
    .map((word) => `"${word.replaceAll('"', '""')}"*`)
    .join(' ');
}
