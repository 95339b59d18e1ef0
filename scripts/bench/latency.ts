/** Send → shown on the other side, for each route, beside the barest program that moves the same text the same way. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProsody } from '../../test/support/prosody.ts';
import { type BothyPeer, hasServerDevice, introduceDirectly, startBothy } from './bothy-peer.ts';
import { type Line, type LineProcess, startLineProcess } from './line-process.ts';
import { type Measurement, measurement, median } from './measurement.ts';

const rounds = 200;
const warmUp = 20;

function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** Median of `work`; what is still to come of one round (`rest`) is waited for, and not counted, before the next. */
async function timed(work: (index: number, rest: Promise<unknown>[]) => Promise<void>): Promise<number> {
  const samples: number[] = [];
  for (let index = 0; index < warmUp + rounds; index += 1) {
    const rest: Promise<unknown>[] = [];
    const start = performance.now();
    await work(index, rest);
    if (index >= warmUp) samples.push(performance.now() - start);
    await Promise.all(rest);
  }
  return median(samples);
}

function isOnDevice(line: Line, body: string): boolean {
  const params = line['params'] as Line | undefined;
  const message = params?.['message'] as Line | undefined;
  return message?.['body'] === body && message['direction'] === 'out' && message['state'] === 'on-device';
}

/** Each message meets both sides at rest: its sender has learned that the one before arrived. */
async function bothyRound(from: BothyPeer, to: BothyPeer): Promise<number> {
  return timed(async (index, rest) => {
    const body = `message number ${index}`;
    rest.push(from.process.waitFor((line) => isOnDevice(line, body)));
    const shown = to.shown(body);
    const [message] = await Promise.all([shown, from.send(body)]);
    if (message.body !== body) throw new Error('another message was shown');
  });
}

async function bareEcho(): Promise<number> {
  const listener = startLineProcess(process.execPath, [script('bare-libp2p-peer.ts')]);
  const address = (await listener.waitFor((line) => 'listen' in line))['listen'];
  if (typeof address !== 'string') throw new Error('the echo node did not say where it listens');
  const dialer = startLineProcess(process.execPath, [script('bare-libp2p-peer.ts'), address]);
  try {
    await dialer.waitFor((line) => 'ready' in line);
    return await timed(async (index) => {
      const text = `message number ${index}`;
      const echoed = dialer.waitFor((line) => line['echo'] === text);
      dialer.send({ text });
      await echoed;
    });
  } finally {
    listener.kill();
    dialer.kill();
  }
}

export async function benchDirectLatency(): Promise<Measurement> {
  const folder = await mkdtemp(join(tmpdir(), 'bothy-bench-'));
  const one = startBothy(join(folder, 'one'), null);
  const other = startBothy(join(folder, 'other'), null);
  try {
    await Promise.all([one.open('One'), other.open('Other')]);
    await introduceDirectly(one, other);
    const ours = await bothyRound(one, other);
    const baseline = await bareEcho();
    return measurement('send → shown, direct (beside a bare libp2p echo)', ours, baseline, 'ms', { ratioAtMost: 1.5 });
  } finally {
    await Promise.all([one.stop(), other.stop()]);
    await rm(folder, { recursive: true, force: true });
  }
}

function startBareClient(port: number, caFile: string, user: string): LineProcess {
  const args = [script('bare-xmpp-peer.ts'), `xmpp://localhost:${port}`, 'localhost', user, 'secret'];
  return startLineProcess(process.execPath, args, { NODE_EXTRA_CA_CERTS: caFile });
}

async function bareXmpp(port: number, caFile: string): Promise<number> {
  const sender = startBareClient(port, caFile, 'carol');
  const receiver = startBareClient(port, caFile, 'dave');
  try {
    await Promise.all([sender, receiver].map((client) => client.waitFor((line) => 'ready' in line)));
    return await timed(async (index) => {
      const text = `message number ${index}`;
      const shown = receiver.waitFor((line) => line['text'] === text);
      sender.send({ to: 'dave@localhost', text });
      await shown;
    });
  } finally {
    sender.kill();
    receiver.kill();
  }
}

export async function benchServerLatency(): Promise<Measurement> {
  const folder = await mkdtemp(join(tmpdir(), 'bothy-bench-'));
  const users = Object.fromEntries(['alice', 'bob', 'carol', 'dave'].map((user) => [user, 'secret']));
  const prosody = await startProsody({ domain: 'localhost', users });
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, prosody.ca);
  const server = { port: prosody.port, caFile };
  const alice = startBothy(join(folder, 'alice'), server);
  const bob = startBothy(join(folder, 'bob'), server);
  try {
    await Promise.all([alice.open('Alice'), bob.open('Bob')]);
    for (const peer of [alice, bob]) await peer.process.call('nearby.setEnabled', { enabled: false });
    await alice.process.call('account.signIn', { jid: 'alice@localhost', password: 'secret' });
    await bob.process.call('account.signIn', { jid: 'bob@localhost', password: 'secret' });
    await alice.process.call('contacts.addByJid', { jid: 'bob@localhost' });
    await bob.process.call('contacts.addByJid', { jid: 'alice@localhost' });
    for (const peer of [alice, bob]) await peer.conversationWhere(hasServerDevice);
    const ours = await bothyRound(alice, bob);
    const baseline = await bareXmpp(prosody.port, caFile);
    const name = 'send → shown, through Prosody (beside two bare @xmpp/client, plain text)';
    return measurement(name, ours, baseline, 'ms', { ratioAtMost: 1.5 });
  } finally {
    await Promise.all([alice.stop(), bob.stop()]);
    await prosody.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
