/** Event-loop delay of the main process while 10,000 archived messages come in, beside the same process at rest. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProsody } from '../../test/support/prosody.ts';
import { type BothyPeer, hasServerDevice, startBothy } from './bothy-peer.ts';
import type { Line } from './line-process.ts';
import { type Measurement, measurement } from './measurement.ts';

const count = 10_000;
const atOnce = 20;
const probe = fileURLToPath(new URL('event-loop-probe.ts', import.meta.url));

async function eventLoopDuring(peer: BothyPeer, work: () => Promise<void>): Promise<{ p99: number; max: number }> {
  const started = peer.process.waitFor((line) => line['eventLoop'] === 'started');
  peer.process.kill('SIGUSR2');
  await started;
  await work();
  const ended = peer.process.waitFor((line) => typeof line['eventLoop'] === 'object');
  peer.process.kill('SIGUSR2');
  return ((await ended) as Line)['eventLoop'] as { p99: number; max: number };
}

export async function benchArchive(): Promise<Measurement> {
  const folder = await mkdtemp(join(tmpdir(), 'bothy-bench-'));
  const prosody = await startProsody({
    domain: 'localhost',
    users: { alice: 'secret', bob: 'secret' },
    // In files it slows down and then ends at 10,000 messages; what is measured is our own process.
    configuration: 'storage = { archive = "memory"; offline = "memory" }',
  });
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, prosody.ca);
  const server = { port: prosody.port, caFile };
  const bob = startBothy(join(folder, 'bob'), server);
  let alice = startBothy(join(folder, 'alice'), server);
  try {
    await Promise.all([alice.open('Alice'), bob.open('Bob')]);
    for (const peer of [alice, bob]) await peer.process.call('nearby.setEnabled', { enabled: false });
    await alice.process.call('account.signIn', { jid: 'alice@localhost', password: 'secret' });
    await bob.process.call('account.signIn', { jid: 'bob@localhost', password: 'secret' });
    await alice.process.call('contacts.addByJid', { jid: 'bob@localhost' });
    await bob.process.call('contacts.addByJid', { jid: 'alice@localhost' });
    for (const peer of [alice, bob]) await peer.conversationWhere(hasServerDevice);
    const met = alice.shown('before');
    await Promise.all([met, bob.send('before')]);
    await alice.stop();

    const last = bob.process.waitFor((line) => {
      const params = line['params'] as Line | undefined;
      const message = params?.['message'] as Line | undefined;
      return message?.['body'] === `archived ${count - 1}` && message['state'] === 'on-server';
    }, 600_000);
    for (let first = 0; first < count; first += atOnce) {
      const indexes = Array.from({ length: atOnce }, (_, offset) => first + offset);
      await Promise.all(indexes.map((index) => bob.send(`archived ${index}`)));
    }
    await last;

    alice = startBothy(join(folder, 'alice'), server, ['--import', probe]);
    await alice.process.call('app.status', {});
    const during = await eventLoopDuring(alice, async () => {
      const complete = alice.shown(`archived ${count - 1}`, 600_000);
      await alice.open('Alice');
      await complete;
    });
    const atRest = await eventLoopDuring(alice, () => new Promise((resolve) => setTimeout(resolve, 3000)));
    const name = 'event-loop delay of main, p99, while 10,000 archived messages come in (beside at rest)';
    return measurement(name, during.p99, Math.max(atRest.p99, 0.01), 'ms', { below: 50 });
  } finally {
    await Promise.all([alice.stop(), bob.stop()]);
    await prosody.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
