import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/main/storage/open-store.ts';
import type { Store } from '../../src/main/storage/records.ts';
import { conversationId, messageId } from '../support/store-samples.ts';
import { fill, key, mustOpen } from '../support/stored-profile.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const writer = fileURLToPath(new URL('../support/storage-writer.ts', import.meta.url));
const kills = 25;

type Writer = ChildProcessByStdio<null, Readable, null>;

function start(path: string, from: number): Writer {
  const child = spawn(process.execPath, [writer, path, String(from)], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Lets it commit a random number of steps, kills it at a random instant after, and hands back the last step said. */
async function killInTheMiddle(child: Writer, from: number): Promise<number> {
  const steps = Math.floor(Math.random() * 40);
  const ended = new Promise((resolve) => child.once('close', resolve));
  let last = from - 1;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('failed')) throw new Error(line);
    if (line !== 'open') last = Number(line);
    if (last - from + 1 >= steps) {
      // Busy for a moment, so that the kill does not always fall right behind a commit.
      for (let spin = Math.random() * 300_000; spin > 0; spin -= 1);
      child.kill('SIGKILL');
    }
  }
  await ended;
  return last;
}

/** All of a step or nothing of it, and no step that was said is missing. Hands back the next step to write. */
function expectWhole(store: Store, said: number): number {
  const count = store.messages.count();
  expect(count).toBeGreaterThanOrEqual(said + 1);
  const rows = store.outbox.pending();
  expect(rows).toHaveLength(count);
  for (const [number, row] of rows.entries()) {
    expect(row).toMatchObject({ messageId: messageId(number), stage: 'encrypted', stanza: `<message n="${number}"/>` });
    expect(store.outbox.targets(row.id)).toHaveLength(1);
    expect(store.messages.get(row.messageId)?.body).toHaveLength(number % 7_000);
    expect(store.seen.has(new Uint8Array(32), row.messageId)).toBe(true);
  }
  if (count > 0) expect(store.settings.getValue('ratchet')).toBe(String(count - 1));
  expect(store.messages.get(messageId(count))).toBeNull();
  return count;
}

test(`killed ${kills} times while writing, the database is never between two states`, async () => {
  const path = join(temporaryDirectory(), 'bothy.db');
  const first = mustOpen(path).store;
  fill(first, 0);
  for (const row of first.outbox.pending()) first.outbox.remove(row.id);
  first.close();
  let next = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    const said = await killInTheMiddle(start(path, next), next);
    const { store, salvage } = mustOpen(path);
    expect(salvage).toBeNull();
    next = expectWhole(store, said);
    expect(store.conversations.nextOrderCounter(conversationId('tybalt'))).toBe(next + kill + 1);
    store.close();
  }
  expect(next).toBeGreaterThan(kills);
}, 240_000);

test('another process is kept out while one lives, and let in when it is killed', async () => {
  const path = join(temporaryDirectory(), 'bothy.db');
  const store = mustOpen(path).store;
  fill(store, 0);
  store.close();
  const child = start(path, 1);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('open');
  expect(openStore({ path, key })).toMatchObject({ ok: false, error: { code: 'profile.in-use' } });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  const again = openStore({ path, key });
  expect(again.ok).toBe(true);
  if (again.ok) again.value.store.close();
});
