/** Conversations: their record, what the list shows of them, and the order counters of the devices in them. */
import type { ContactId, ConversationId, MessageId } from '../../../shared/model.ts';
import { boolean, integer, oneOf, text } from '../columns.ts';
import type { Connection, Row } from '../connection.ts';
import type { ConversationRecord, Store } from '../records.ts';
import { messageOf } from './message-row.ts';

const maximumMissing = 100;

function conversation(row: Row): ConversationRecord {
  return {
    id: text(row, 'id') as ConversationId,
    contactId: text(row, 'contact_id') as ContactId,
    routePreference: oneOf(row, 'route_preference', ['automatic', 'direct', 'server']),
    plainAllowed: boolean(row, 'plain_allowed'),
    clearSignalsAllowed: boolean(row, 'clear_signals_allowed'),
    draft: text(row, 'draft'),
    updatedAt: integer(row, 'updated_at'),
  };
}

export function conversationRepository(connection: Connection): Store['conversations'] {
  const one = (row: Row | null) => (row === null ? null : connection.decode(() => conversation(row)));
  return {
    list: () => {
      const rows = connection.all('SELECT * FROM conversation ORDER BY updated_at DESC, id');
      return connection.decode(() => rows.map(conversation));
    },
    get: (id) => one(connection.get('SELECT * FROM conversation WHERE id = ?', [id])),
    byContact: (contactId) => one(connection.get('SELECT * FROM conversation WHERE contact_id = ?', [contactId])),
    put: (record) => {
      connection.run(
        `INSERT INTO conversation (id, contact_id, route_preference, plain_allowed, clear_signals_allowed, draft, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET contact_id = excluded.contact_id, route_preference = excluded.route_preference,
           plain_allowed = excluded.plain_allowed, clear_signals_allowed = excluded.clear_signals_allowed,
           draft = excluded.draft, updated_at = excluded.updated_at`,
        [
          record.id,
          record.contactId,
          record.routePreference,
          record.plainAllowed ? 1 : 0,
          record.clearSignalsAllowed ? 1 : 0,
          record.draft,
          record.updatedAt,
        ],
      );
    },
    summary: (id) => {
      const unread = connection.value('SELECT count(*) FROM unread WHERE conversation_id = ?', [id]);
      const first = connection.get(
        'SELECT message_id FROM unread WHERE conversation_id = ? ORDER BY sort_at, sequence LIMIT 1',
        [id],
      );
      const last = connection.get(
        'SELECT * FROM message WHERE conversation_id = ? ORDER BY sort_at DESC, sequence DESC LIMIT 1',
        [id],
      );
      return connection.decode(() => ({
        unread: Number(unread),
        firstUnread: first === null ? null : (text(first, 'message_id') as MessageId),
        lastMessage: last === null ? null : messageOf(last),
      }));
    },
    newestUnreadEncrypted: (id, upTo) => {
      const found = connection.value(
        `SELECT message.id FROM unread JOIN message ON message.sequence = unread.sequence
         WHERE unread.conversation_id = ? AND message.kind = 'text' AND message.encryption <> 'none'
           AND (unread.sort_at, unread.sequence) <=
             (SELECT sort_at, sequence FROM message WHERE id = ? AND conversation_id = ?)
         ORDER BY unread.sort_at DESC, unread.sequence DESC LIMIT 1`,
        [id, upTo, id],
      );
      return typeof found === 'string' ? (found as MessageId) : null;
    },
    markRead: (id, upTo) =>
      connection.run(
        `DELETE FROM unread WHERE conversation_id = ? AND (sort_at, sequence) <= (SELECT sort_at, sequence FROM message WHERE id = ? AND conversation_id = ?)`,
        [id, upTo, id],
      ).changes,
    nextOrderCounter: (id) => {
      const next = connection.value(
        'UPDATE conversation SET order_counter = order_counter + 1 WHERE id = ? RETURNING order_counter',
        [id],
      );
      if (typeof next !== 'number') throw new Error('no such conversation');
      return next;
    },
    giveBackOrderCounter: (id, counter) =>
      connection.run('UPDATE conversation SET order_counter = order_counter - 1 WHERE id = ? AND order_counter = ?', [
        id,
        counter,
      ]).changes > 0,
    seeOrderCounter: (id, identityKey, deviceId, counter) =>
      connection.transaction(() => {
        const key = [id, identityKey, deviceId];
        const highest = connection.value(
          'SELECT highest FROM order_seen WHERE conversation_id = ? AND identity_key = ? AND device_id = ?',
          key,
        );
        if (typeof highest === 'number' && counter <= highest) return null;
        connection.run(
          `INSERT INTO order_seen (conversation_id, identity_key, device_id, highest) VALUES (?, ?, ?, ?)
           ON CONFLICT (conversation_id, identity_key, device_id) DO UPDATE SET highest = excluded.highest`,
          [...key, counter],
        );
        // Of a device heard for the first time nothing is known to be missing: what it said before was not for us.
        if (typeof highest !== 'number') return [];
        const first = Math.max(highest + 1, counter - maximumMissing);
        return Array.from({ length: counter - first }, (_, index) => first + index);
      }),
    hasSeenOrder: (id, identityKey, deviceId) =>
      connection.value('SELECT 1 FROM order_seen WHERE conversation_id = ? AND identity_key = ? AND device_id = ?', [
        id,
        identityKey,
        deviceId,
      ]) !== null,
  };
}
