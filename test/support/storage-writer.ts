/**
 * A process of its own that writes as delivery does, each step one transaction, and says each step on standard output
 * once it is committed. It is killed in the middle; see the fault test.
 */
import { openStore } from '../../src/main/storage/open-store.ts';
import { conversationId, message, messageId, outboxRow } from './store-samples.ts';
import { key } from './stored-profile-key.ts';

const [path = '', from = '0'] = process.argv.slice(2);
const opened = openStore({ path, key, keyIsProven: true });
if (!opened.ok) {
  process.stdout.write(`failed ${opened.error.code}\n`);
  process.exit(1);
}
const { store } = opened.value;
process.stdout.write('open\n');
for (let number = Number(from); ; number += 1) {
  store.transaction(() => {
    store.settings.setValue('ratchet', String(number));
    store.messages.insert(message('tybalt', number, { body: 'x'.repeat(number % 7_000) }));
    store.transaction(() => {
      const row = store.outbox.add(outboxRow('tybalt', number));
      store.outbox.setEncrypted(row.id, `<message n="${number}"/>`, [
        { owner: 'self', deviceId: number, state: 'waiting', route: null },
      ]);
    });
    store.seen.add(new Uint8Array(32), messageId(number), number);
    store.conversations.nextOrderCounter(conversationId('tybalt'));
  });
  process.stdout.write(`${number}\n`);
}
