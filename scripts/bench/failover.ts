/** The server is killed with SIGKILL; how long until the next message is shown on the other side, gone directly. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConversationId } from '../../src/shared/model.ts';
import type { RoutePreference } from '../../src/shared/routing.ts';
import { startProsody } from '../../test/support/prosody.ts';
import { type BothyPeer, hasDirectDevice, hasServerDevice, startBothy } from './bothy-peer.ts';
import { type Measurement, measurement, median } from './measurement.ts';

const rounds = 5;

async function deliver(from: BothyPeer, to: BothyPeer, body: string): Promise<string | null> {
  const shown = to.shown(body);
  const [message] = await Promise.all([shown, from.send(body)]);
  return message.route;
}

/** Pins the route and waits until the peer was told, as a window would show it before the next message. */
async function pin(peer: BothyPeer, conversationId: ConversationId, preference: RoutePreference): Promise<void> {
  await peer.process.call('conversations.setRoute', { conversationId, preference });
  await peer.conversationWhere((conversation) => conversation.routePreference === preference);
}

/** Milliseconds from the kill to the message shown directly, and of one message through the server before it. */
async function round(number: number, connected: boolean): Promise<{ failover: number; server: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'bothy-bench-'));
  const prosody = await startProsody({ domain: 'localhost', users: { alice: 'secret', bob: 'secret' } });
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, prosody.ca);
  const server = { port: prosody.port, caFile };
  const alice = startBothy(join(folder, 'alice'), server);
  const bob = startBothy(join(folder, 'bob'), server);
  try {
    await Promise.all([alice.open('Alice'), bob.open('Bob')]);
    await alice.process.call('account.signIn', { jid: 'alice@localhost', password: 'secret' });
    await bob.process.call('account.signIn', { jid: 'bob@localhost', password: 'secret' });
    await alice.process.call('contacts.addByJid', { jid: 'bob@localhost' });
    await bob.process.call('contacts.addByJid', { jid: 'alice@localhost' });
    for (const peer of [alice, bob]) await peer.conversationWhere(hasServerDevice);
    // The first messages carry the introduction that lets them recognise each other nearby.
    await deliver(alice, bob, 'hello');
    await deliver(bob, alice, 'hello to you');
    for (const peer of [alice, bob]) await peer.conversationWhere(hasDirectDevice);
    const { id } = await alice.conversation();
    await pin(alice, id, 'server');
    const serverStart = performance.now();
    if ((await deliver(alice, bob, 'through the server')) !== 'server') throw new Error('the pin was not kept');
    const throughServer = performance.now() - serverStart;
    if (!connected) {
      await bob.process.call('nearby.setEnabled', { enabled: false });
      await alice.conversationWhere((conversation) => !hasDirectDevice(conversation));
    }
    await pin(alice, id, 'automatic');
    const start = performance.now();
    prosody.kill();
    if (!connected) await bob.process.call('nearby.setEnabled', { enabled: true });
    const route = await deliver(alice, bob, `next message ${number}`);
    if (route !== 'direct') throw new Error(`the message after the kill went by ${route}`);
    return { failover: performance.now() - start, server: throughServer };
  } finally {
    await Promise.all([alice.stop(), bob.stop()]);
    await prosody.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

export async function benchFailover(): Promise<Measurement[]> {
  const results: Measurement[] = [];
  for (const [connected, limit] of [
    [true, 2000],
    [false, 5000],
  ] as const) {
    const samples: { failover: number; server: number }[] = [];
    for (let number = 0; number < rounds; number += 1) samples.push(await round(number, connected));
    const name = `server killed → next message shown directly, ${connected ? 'already connected' : 'not connected before'}`;
    results.push(
      measurement(
        `${name} (beside one message through the living server)`,
        median(samples.map((sample) => sample.failover)),
        median(samples.map((sample) => sample.server)),
        'ms',
        { below: limit },
      ),
    );
  }
  return results;
}
