/**
 * 10,000 messages that were archived while one of two was away: how long decrypting and storing them takes, beside a bare
 * @xmpp/client that downloads the same pages and does nothing with them; and the event-loop delay of the main process
 * meanwhile, beside the same process at rest.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PAGE_SIZE } from '../../src/main/transports/xmpp/archive-page.ts';
import { startProsody } from '../../test/support/prosody.ts';
import { type BothyPeer, hasServerDevice, startBothy, type TestServer } from './bothy-peer.ts';
import { type Line, startLineProcess } from './line-process.ts';
import { type Measurement, measurement } from './measurement.ts';

/** Fewer for a quick look. */
const count = Number(process.env['BENCH_COUNT'] ?? 10_000);
const atOnce = 20;
const probe = fileURLToPath(new URL('event-loop-probe.ts', import.meta.url));
const bare = fileURLToPath(new URL('bare-archive-peer.ts', import.meta.url));

async function eventLoopDuring(peer: BothyPeer, work: () => Promise<void>): Promise<{ p99: number; max: number }> {
  const started = peer.process.waitFor((line) => line['eventLoop'] === 'started');
  peer.process.kill('SIGUSR2');
  await started;
  await work();
  const ended = peer.process.waitFor((line) => typeof line['eventLoop'] === 'object');
  peer.process.kill('SIGUSR2');
  return ((await ended) as Line)['eventLoop'] as { p99: number; max: number };
}

/** Milliseconds in which a bare client downloads the archive of this account. */
async function bareDownload({ port, caFile }: TestServer, user: string): Promise<number> {
  const args = [bare, `xmpp://localhost:${port}`, 'localhost', user, 'secret', String(PAGE_SIZE)];
  const client = startLineProcess(process.execPath, args, { NODE_EXTRA_CA_CERTS: caFile });
  try {
    const { messages, milliseconds } = await client.waitFor((line) => 'milliseconds' in line, 600_000);
    if (Number(messages) < count) throw new Error(`the archive holds ${messages} messages only`);
    return Number(milliseconds);
  } finally {
    client.kill();
  }
}

function isMessage(line: Line, body: string, direction: 'in' | 'out', state?: string): boolean {
  const params = line['params'] as Line | undefined;
  const message = params?.['message'] as Line | undefined;
  if (message?.['body'] !== body || message['direction'] !== direction) return false;
  return state === undefined || message['state'] === state;
}

export async function benchArchive(): Promise<Measurement[]> {
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

    const lastText = `archived ${count - 1}`;
    const last = bob.process.waitFor((line) => isMessage(line, lastText, 'out', 'on-server'), 600_000);
    for (let first = 0; first < count; first += atOnce) {
      const indexes = Array.from({ length: atOnce }, (_, offset) => first + offset);
      await Promise.all(indexes.map((index) => bob.send(`archived ${index}`)));
    }
    await last;

    const downloads = [await bareDownload(server, 'alice')];
    const answered = bob.process.waitFor((line) => isMessage(line, lastText, 'out', 'on-device'), 600_000);
    answered.catch(() => undefined);
    alice = startBothy(join(folder, 'alice'), server, ['--import', probe]);
    await alice.process.call('app.status', {});
    let [began, ended] = [0, 0];
    alice.process.onLine((line) => {
      if (isMessage(line, 'archived 0', 'in')) began = performance.now();
      else if (isMessage(line, lastText, 'in')) ended = performance.now();
    });
    const during = await eventLoopDuring(alice, async () => {
      const complete = alice.shown(lastText, 600_000);
      await alice.open('Alice');
      await complete;
    });
    // At rest is when every receipt has been sent.
    await answered;
    downloads.push(await bareDownload(server, 'alice'));
    const atRest = await eventLoopDuring(alice, () => new Promise((resolve) => setTimeout(resolve, 3000)));
    const rate = (milliseconds: number): number => (count * 1000) / milliseconds;
    const bareRate = rate(downloads.reduce((sum, one) => sum + one, 0) / downloads.length);
    return [
      measurement(
        `decrypting and storing ${count.toLocaleString('en')} archived messages (beside downloading them)`,
        rate(ended - began),
        bareRate,
        'messages/s',
        { ratioAtLeast: 0.5 },
      ),
      measurement(
        'event-loop delay of main, p99, meanwhile (beside at rest)',
        during.p99,
        Math.max(atRest.p99, 0.01),
        'ms',
        { below: 50 },
      ),
      measurement(
        'longest event-loop delay of main meanwhile (beside at rest)',
        during.max,
        Math.max(atRest.max, 0.01),
        'ms',
        { below: 200 },
      ),
    ];
  } finally {
    await Promise.all([alice.stop(), bob.stop()]);
    await prosody.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
