/** Which messages were already taken, by (sender identity key, message id). */
import type { Connection } from '../connection.ts';
import type { Store } from '../records.ts';

export function seenRepository(connection: Connection): Store['seen'] {
  return {
    has: (identityKey, messageId) =>
      connection.value('SELECT 1 FROM seen WHERE identity_key = ? AND message_id = ?', [identityKey, messageId]) !==
      null,
    add: (identityKey, messageId, at) => {
      connection.run('INSERT INTO seen (identity_key, message_id, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING', [
        identityKey,
        messageId,
        at,
      ]);
    },
  };
}
