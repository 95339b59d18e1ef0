import xml from '@xmpp/xml';
import { describe, expect, test } from 'vitest';
import type { BareJid } from '../../src/shared/model.ts';
import { MemoryNetwork, type MemoryNetworkOptions } from '../support/memory-transport.ts';
import { transportContract } from './transport.contract.ts';

const alice = 'alice@memory.test' as BareJid;
const bob = 'bob@memory.test' as BareJid;

transportContract('memory', async () => {
  const network = new MemoryNetwork();
  return {
    a: { transport: network.transport(alice), address: alice },
    b: { transport: network.transport(bob), address: bob },
    nowhere: 'nobody@memory.test' as BareJid,
    outcome: 'acknowledged',
    answeredBy: 'peer',
    close: async () => {},
  };
});

/** Sends 300 stanzas; what arrived in which order, and which sends were reported as taken. */
async function schedule(options: MemoryNetworkOptions): Promise<{ arrived: string[]; taken: string[] }> {
  const network = new MemoryNetwork(options);
  const [a, b] = [network.transport(alice), network.transport(bob)];
  const arrived: string[] = [];
  const online = (transport: typeof a) =>
    new Promise<void>((resolve) =>
      transport.start(
        {
          onStatus: (status) => (status.state === 'online' ? resolve() : undefined),
          onReach: () => {},
          onStanza: async ({ stanza }) => void arrived.push(String(stanza.attrs['id'])),
          onRequest: () => Promise.reject(new Error('nobody asks')),
        },
        new AbortController().signal,
      ),
    );
  await Promise.all([online(a), online(b)]);
  const ids = Array.from({ length: 300 }, (_, index) => `m-${index}`);
  const signal = new AbortController().signal;
  const sent = await Promise.all(
    ids.map((id) => a.send(xml('message', { id }), { address: bob, devices: [] }, signal)),
  );
  await network.settled();
  return { arrived, taken: ids.filter((_, index) => sent[index]?.ok) };
}

describe('the network in memory', () => {
  test('does the same for the same seed, and something else for another', async () => {
    const options = { seed: 7, loss: 0.2, duplication: 0.2, acknowledgementLoss: 0.1, delay: [1, 50] } as const;
    const first = await schedule(options);
    expect(await schedule(options)).toEqual(first);
    expect(await schedule({ ...options, seed: 8 })).not.toEqual(first);
  });

  test('loses, doubles and reorders as asked', async () => {
    const lossy = await schedule({ loss: 0.3 });
    expect(new Set(lossy.arrived).size).toBeLessThan(260);
    expect(new Set(lossy.arrived).size).toBeGreaterThan(150);
    expect(lossy.taken).toEqual(lossy.arrived);
    const doubling = await schedule({ duplication: 0.3 });
    expect(new Set(doubling.arrived).size).toBe(300);
    expect(doubling.arrived.length).toBeGreaterThan(340);
    const reordering = await schedule({ delay: [1, 100] });
    expect(reordering.arrived.toSorted()).toEqual((await schedule({})).arrived.toSorted());
    expect(reordering.arrived).not.toEqual((await schedule({})).arrived);
  });

  test('leaves the sender in doubt when only the acknowledgement is lost', async () => {
    const { arrived, taken } = await schedule({ acknowledgementLoss: 0.5 });
    expect(arrived).toHaveLength(300);
    expect(taken.length).toBeLessThan(220);
  });
});
