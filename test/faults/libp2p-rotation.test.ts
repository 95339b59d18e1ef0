/** Identities that change all the time, found by multicast: contacts stay in touch and no stanza is lost. */
import xml from '@xmpp/xml';
import { expect, it } from 'vitest';
import { startDirectPeer } from '../support/direct-peer.ts';
import { freeUdpPort } from '../support/free-udp-port.ts';
import { befriend, person } from '../support/nearby-people.ts';

it('contacts stay connected while both rotate', async () => {
  const [ada, ben] = [person('ada'), person('ben')];
  befriend(ada, ben);
  const options = { discovery: true, mdnsPort: await freeUdpPort(), rotateEveryMs: 1 };
  const [hers, his] = [startDirectPeer(ada, options), startDirectPeer(ben, options)];
  try {
    const addresses = new Set<string>();
    const delivered: string[] = [];
    while (addresses.size < 4) {
      await hers.connectedTo(ben);
      for (const address of hers.transport.listenAddresses()) addresses.add(address);
      const id = `m${delivered.length}`;
      const stanza = xml('message', { id }, xml('body', {}, id));
      const sent = await hers.transport.send(stanza, { address: ben.xid, devices: [] }, new AbortController().signal);
      if (sent.ok) delivered.push(id);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const received = new Set(his.bodies());
    expect(delivered.length).toBeGreaterThan(4);
    expect(delivered.filter((id) => !received.has(id))).toEqual([]);
  } finally {
    await Promise.all([hers.transport.stop(), his.transport.stop()]);
  }
});
