/** Computers on one network (namespaces on a bridge) that find each other by real multicast, and lose each other. */
import { afterEach, describe, expect, it } from 'vitest';
import { toHex } from '../../src/main/nearby/bytes.ts';
import { followPeer, type PeerLine, peerProgram, type RemotePeer } from '../support/direct-peer-remote.ts';
import { crypto } from '../support/nearby-people.ts';
import { type Computer, makeNetwork, type Network, whyNoNamespaces } from '../support/netns.ts';

const reason = whyNoNamespaces();
const peers: RemotePeer[] = [];
let network: Network | null = null;

afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.stop()));
  network?.remove();
  network = null;
});

const seeds = new Map<string, string>();
function seedOf(name: string): string {
  const seed = seeds.get(name) ?? toHex(crypto.randomBytes(32));
  seeds.set(name, seed);
  return seed;
}

function start(computer: Computer, name: string, contacts: readonly string[]): RemotePeer {
  const known = contacts.map((contact) => ({ name: contact, seed: seedOf(contact) }));
  const setup = JSON.stringify({ name, seed: seedOf(name), contacts: known });
  const peer = followPeer(computer.spawn(process.execPath, [peerProgram, setup]));
  peers.push(peer);
  return peer;
}

function computers(count: number): Computer[] {
  network = makeNetwork(count);
  return [...network.computers];
}

async function send(from: RemotePeer, to: string, body: string): Promise<{ ok: unknown; code: unknown }> {
  from.say({ send: to, body });
  const sent = await from.heard((line) => line['event'] === 'sent' && line['body'] === body);
  return { ok: sent['ok'], code: sent['code'] };
}

// Several processes start in each test; a busy machine takes its time.
describe('computers on one network', { timeout: 180_000 }, () => {
  it('find their contacts and nobody else', async (ctx) => {
    if (reason !== null) return ctx.skip(reason);
    const [one, two, three] = computers(3);
    if (one === undefined || two === undefined || three === undefined) throw new Error('too few computers');
    const ada = start(one, 'ada', ['ben', 'carol']);
    const ben = start(two, 'ben', ['ada']);
    const carol = start(three, 'carol', ['ada']);
    await Promise.all([ada.connected('ben', 'carol'), ben.connected('ada'), carol.connected('ada')]);
    expect(await send(ada, 'ben', 'to ben')).toEqual({ ok: true, code: null });
    expect(await send(carol, 'ada', 'to ada')).toEqual({ ok: true, code: null });
    await ada.heard((line) => line['event'] === 'stanza' && line['body'] === 'to ada' && line['from'] === 'carol');
    await ben.heard((line) => line['event'] === 'stanza' && line['body'] === 'to ben' && line['from'] === 'ada');
    expect(await send(ben, 'carol', 'to nobody')).toEqual({ ok: false, code: 'transport.unreachable' });
    expect(carol.lines.filter((line) => line['event'] === 'stanza')).toEqual([]);
  });

  it.for(['cable', 'silence'] as const)('notice a cut (%s) and come back', async (kind, ctx) => {
    if (reason !== null) return ctx.skip(reason);
    const [one, two] = computers(2);
    if (one === undefined || two === undefined) throw new Error('too few computers');
    const ada = start(one, 'ada', ['ben']);
    const ben = start(two, 'ben', ['ada']);
    await Promise.all([ada.connected('ben'), ben.connected('ada')]);
    const before = ada.lines.length;
    two[kind]('down');
    const lost = await send(ada, 'ben', 'into the void');
    expect(lost.ok).toBe(false);
    expect(lost.code).toMatch(/^transport\.(timeout|unreachable)$/);
    const alone = (line: PeerLine): boolean =>
      line['event'] === 'connected' && (line['contacts'] as string[]).length === 0;
    await ada.heard(alone, before);
    const [sinceAda, sinceBen] = [ada.lines.length, ben.lines.length];
    two[kind]('up');
    const back = (line: PeerLine): boolean =>
      line['event'] === 'connected' && (line['contacts'] as string[]).length > 0;
    await Promise.all([ada.heard(back, sinceAda), ben.heard(back, sinceBen)]);
    expect(await send(ada, 'ben', 'hello again')).toEqual({ ok: true, code: null });
    await ben.heard((line) => line['event'] === 'stanza' && line['body'] === 'hello again');
  });
});
