/** Messages: kept, paged in their order, and searched. */
import type { Message } from '../../../shared/model.ts';
import { integerOrNull } from '../columns.ts';
import type { Connection, Row } from '../connection.ts';
import type { Store } from '../records.ts';
import { messageOf } from './message-row.ts';

/** A search sorts at most this many of the newest matches by time, so that a common word stays fast. */
const searchDepth = 2_000;

export function messageRepository(connection: Connection): Store['messages'] {
  const one = (row: Row | null) => (row === null ? null : connection.decode(() => messageOf(row)));
  const many = (rows: readonly Row[]) => connection.decode(() => rows.map(messageOf));
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

    count: () => Number(connection.value('SELECT count(*) FROM message')),
  };
}

/** Every word of the text, each as the beginning of a word or, where a script has no spaces, of a run of signs. */
function searchQuery(connection: Connection, text: string): string {
  return text
    .split(/\s+/u)
    .filter((word) => connection.tokenize(word).length > 0)
    .map((word) => `"${word.replaceAll('"', '""')}"*`)
    .join(' ');
}
