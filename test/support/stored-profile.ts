/** A database in a folder of its own, filled with history, for tests of what happens to the file. */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type OpenedStore, type OpenStoreOptions, openStore } from '../../src/main/storage/open-store.ts';
import type { Store } from '../../src/main/storage/records.ts';
import {
  bytes,
  contact,
  contactId,
  conversation,
  device,
  jid,
  message,
  messageId,
  outboxRow,
  outgoing,
  self,
} from './store-samples.ts';
import { key } from './stored-profile-key.ts';

export { key };

export function mustOpen(path: string, options: Partial<OpenStoreOptions> = {}): OpenedStore {
  const opened = openStore({ path, key, keyIsProven: true, ...options });
  if (!opened.ok) throw new Error(`${opened.error.code}: ${opened.error.detail}`);
  return opened.value;
}

/** Two people, `count` messages, and a row in every other table. */
export function fill(store: Store, count: number): void {
  store.transaction(() => {
    store.self.put(self);
    store.accounts.put({ jid: jid('romeo'), password: 'secret', state: '{}', archiveCursor: 'c' });
    store.devices.put(device('self', self.deviceId));
    for (const name of ['tybalt', 'nurse']) {
      store.contacts.put(contact(name));
      store.conversations.put(conversation(name));
      store.devices.put(device(contactId(name), 7));
      store.sessions.put({ identityKey: bytes(32, name.length), deviceId: 7, state: bytes(3_000, 8) });
      store.conversations.seeOrderCounter(conversation(name).id, bytes(32, 1), 7, 4);
    }
    for (let number = 0; number < count; number += 1) {
      const name = number % 2 === 0 ? 'tybalt' : 'nurse';
      store.messages.insert(number % 3 === 0 ? outgoing(name, number) : message(name, number));
      store.seen.add(bytes(32, 1), messageId(number), number);
    }
    const row = store.outbox.add(outboxRow('tybalt', 0));
    store.outbox.setEncrypted(row.id, '<message/>', [
      { owner: contactId('tybalt'), deviceId: 7, state: 'waiting', route: null },
    ]);
    store.invitations.put({ secret: bytes(32, 9), expiresAt: 1, direction: 'out', xid: null, contactId: null });
    store.settings.set({ theme: 'dark', sendReadMarkers: false, notifications: 'name', blindTrust: true });
  });
}

/** Every file of a folder but the lock, with a digest of its content, to compare before and after. */
export function filesOf(directory: string): Record<string, string> {
  return Object.fromEntries(
    filesIn(directory)
      .filter((name) => !name.endsWith('.lock'))
      .map((name) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(directory, name)))
          .digest('hex'),
      ]),
  );
}

/** The files as a crash would leave them: copied while the database is open. */
export function copyLive(directory: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of filesIn(directory))
    if (!name.endsWith('.lock')) copyFileSync(join(directory, name), join(to, name));
}

export function filesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => statSync(join(directory, name)).isFile())
    .sort();
}
