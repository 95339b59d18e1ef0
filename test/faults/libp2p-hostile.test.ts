/** A hostile neighbour on the loopback interface: floods, stalls, oversize frames, malformed and false announcements. */
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import type { Connection } from '@libp2p/interface';
import xml from '@xmpp/xml';
import makeMdns from 'multicast-dns';
import { afterEach, describe, expect, it } from 'vitest';
import { createRecogniser } from '../../src/main/nearby/recogniser.ts';
import {
  type Announcement,
  announcementRecords,
  readAnnouncements,
} from '../../src/main/transports/libp2p/announcement.ts';
import { EphemeralNode } from '../../src/main/transports/libp2p/ephemeral-node.ts';
import { encodeFrame, frameType, HELLO_PROTOCOL } from '../../src/main/transports/libp2p/frame.ts';
import { Handshakes } from '../../src/main/transports/libp2p/handshake.ts';
import { Doorkeeper, limits } from '../../src/main/transports/libp2p/limits.ts';
import type { StreamChannel } from '../../src/main/transports/libp2p/stream-channel.ts';
import { type DirectPeer, introduce, loopback, startDirectPeer } from '../support/direct-peer.ts';
import { freeUdpPort } from '../support/free-udp-port.ts';
import { deferred } from '../support/nearby-channel.ts';
import { befriend, crypto, type Person, person } from '../support/nearby-people.ts';

const cleanups: (() => unknown)[] = [];
const never = new AbortController().signal;

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function start(who: Person, options: Parameters<typeof startDirectPeer>[1] = {}): DirectPeer {
  const peer = startDirectPeer(who, options);
  cleanups.push(() => peer.transport.stop());
  return peer;
}

async function portOf(peer: DirectPeer): Promise<number> {
  await peer.until(() => peer.transport.listenAddresses().length > 0);
  return Number(peer.transport.listenAddresses()[0]?.split('/').at(-1));
}

/** A node of the attacker's own; `as` null: nobody the victim knows. */
async function attack(
  port: number,
  as: Person,
): Promise<{ connection: Connection; channel: Promise<StreamChannel | null> }> {
  const recogniser = createRecogniser({ crypto, book: as.book, now: () => Date.now() });
  const outcome = deferred<StreamChannel | null>();
  const handshakes = new Handshakes(
    recogniser,
    { onRecognised: (channel) => outcome.resolve(channel), onStranger: () => outcome.resolve(null) },
    never,
  );
  const node = await EphemeralNode.start(loopback, new Doorkeeper(), {
    onConnection: () => {},
    onHello: () => {},
    onStanzas: () => {},
  });
  cleanups.push(() => node.stop());
  const connection = await node.dial(`/ip4/127.0.0.1/tcp/${port}`, never);
  const channel = handshakes.dialled(connection, node).then(() => outcome.promise);
  channel.catch(() => {});
  return { connection, channel };
}

function closed(connection: Connection): Promise<void> {
  return new Promise((resolve) => {
    if (connection.status !== 'open') resolve();
    else connection.addEventListener('close', () => resolve(), { once: true });
  });
}

async function openSocket(port: number, localAddress: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  cleanups.push(() => socket.destroy());
  socket.on('error', () => {});
  await new Promise<void>((resolve) => {
    socket.once('connect', () => resolve());
    socket.once('close', () => resolve());
  });
  return socket;
}

function gone(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())));
}

describe('a contact that breaks the protocol', () => {
  it.each([
    ['an oversize length', Uint8Array.of(0x00, 0x20, 0x00, 0x00)],
    ['a length below the header', Uint8Array.of(0, 0, 0, 1, 1)],
  ])('with %s is disconnected', async (_, bytes) => {
    const [ada, eve] = [person('ada'), person('eve')];
    befriend(ada, eve);
    const hers = start(ada);
    const { connection, channel } = await attack(await portOf(hers), eve);
    const stanzas = await channel;
    await hers.connectedTo(eve);
    await stanzas?.write(bytes);
    await closed(connection);
    expect(hers.transport.connectedContacts()).toEqual([]);
  });

  it.each([
    ['not UTF-8', Uint8Array.of(0xff, 0xfe)],
    ['a document type', new TextEncoder().encode('<!DOCTYPE x [<!ENTITY a "b">]><message/>')],
    ['an entity', new TextEncoder().encode('<message>&a;</message>')],
    ['two elements', new TextEncoder().encode('<message/><message/>')],
    ['too deep', new TextEncoder().encode('<message>'.repeat(65) + '</message>'.repeat(65))],
    ['an iq as a message', new TextEncoder().encode('<iq type="get" id="1"/>')],
    ['nothing', new Uint8Array(0)],
  ])('with a stanza that is %s is refused, and the link goes on', async (_, bytes) => {
    const [ada, eve] = [person('ada'), person('eve')];
    befriend(ada, eve);
    const hers = start(ada);
    const stanzas = await (await attack(await portOf(hers), eve)).channel;
    if (stanzas === null) throw new Error('not recognised');
    await stanzas.write(encodeFrame(frameType.stanza, 7, bytes));
    expect([...(await stanzas.read(10))]).toEqual([0, 0, 0, 6, frameType.ack, 0, 0, 0, 7, 1]);
    await stanzas.write(encodeFrame(99, 1, new Uint8Array(3)));
    await stanzas.write(
      encodeFrame(frameType.stanza, 8, new TextEncoder().encode('<message><body>fine</body></message>')),
    );
    expect([...(await stanzas.read(10))]).toEqual([0, 0, 0, 6, frameType.ack, 0, 0, 0, 8, 0]);
    expect(hers.bodies()).toEqual(['fine']);
  });
});

describe('a stranger', () => {
  it('who opens a connection and says nothing is closed', async () => {
    const hers = start(person('ada'));
    const socket = await openSocket(await portOf(hers), '127.0.0.1');
    socket.resume();
    await gone(socket);
  });

  it('who finishes Noise and never says hello is closed', async () => {
    const hers = start(person('ada'));
    const node = await EphemeralNode.start(loopback, new Doorkeeper(), {
      onConnection: () => {},
      onHello: () => {},
      onStanzas: () => {},
    });
    cleanups.push(() => node.stop());
    await closed(await node.dial(`/ip4/127.0.0.1/tcp/${await portOf(hers)}`, never));
  });

  it('who says hello and stalls is closed', async () => {
    const hers = start(person('ada'));
    const node = await EphemeralNode.start(loopback, new Doorkeeper(), {
      onConnection: () => {},
      onHello: () => {},
      onStanzas: () => {},
    });
    cleanups.push(() => node.stop());
    const connection = await node.dial(`/ip4/127.0.0.1/tcp/${await portOf(hers)}`, never);
    const stream = await connection.newStream(HELLO_PROTOCOL);
    stream.send(new Uint8Array(5));
    await closed(connection);
  });

  it('who goes straight for the stanza stream is closed', async () => {
    const hers = start(person('ada'));
    const node = await EphemeralNode.start(loopback, new Doorkeeper(), {
      onConnection: () => {},
      onHello: () => {},
      onStanzas: () => {},
    });
    cleanups.push(() => node.stop());
    const connection = await node.dial(`/ip4/127.0.0.1/tcp/${await portOf(hers)}`, never);
    await connection.newStream('/bothy/stanza/1.0.0').catch(() => {});
    await closed(connection);
    expect(hers.received).toEqual([]);
  });

  it('is told no identify, ping or other protocol', async () => {
    const hers = start(person('ada'));
    const { connection } = await attack(await portOf(hers), person('stranger'));
    for (const protocol of [
      '/ipfs/id/1.0.0',
      '/ipfs/id/push/1.0.0',
      '/ipfs/ping/1.0.0',
      '/libp2p/circuit/relay/0.2.0/hop',
    ]) {
      await expect(connection.newStream(protocol)).rejects.toThrow();
    }
  });

  it('who floods from one address does not keep contacts at another out', async () => {
    const [ada, ben] = [person('ada'), person('ben')];
    befriend(ada, ben);
    const hers = start(ada);
    const port = await portOf(hers);
    const flood = await Promise.all(Array.from({ length: 100 }, () => openSocket(port, '127.0.0.66')));
    const refused = flood.slice(limits.connectionsPerAddress);
    for (const socket of refused) socket.resume();
    const his = start(ben);
    await introduce(his, hers);
    await Promise.all([his.connectedTo(ada), hers.connectedTo(ben)]);
    await Promise.all(flood.map((socket) => gone(socket.resume())));
    const sent = await his.transport.send(
      xml('message', {}, xml('body', {}, 'through')),
      { address: ada.xid, devices: [] },
      never,
    );
    expect(sent.ok).toBe(true);
  });
});

describe('malformed and false announcements', () => {
  it('neither stop discovery nor crash it', async () => {
    const [ada, ben] = [person('ada'), person('ben')];
    befriend(ada, ben);
    const mdnsPort = await freeUdpPort();
    const hers = start(ada, { discovery: true, mdnsPort });
    await portOf(hers);
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    cleanups.push(() => socket.close());
    socket.setMulticastInterface('127.0.0.1');
    const post = (bytes: Uint8Array): Promise<void> =>
      new Promise((resolve) => socket.send(bytes, mdnsPort, '224.0.0.251', () => resolve()));
    for (let length = 0; length < 300; length += 1) await post(crypto.randomBytes(length));
    // A name that points at itself, a response with huge counts, a cut-off record.
    await post(Uint8Array.of(0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xc0, 12, 0, 33, 0, 1));
    await post(Uint8Array.of(0, 0, 0x84, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
    await post(Uint8Array.of(0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 3, 97));
    const false_ = makeMdns({ port: mdnsPort, interface: '127.0.0.1', bind: '0.0.0.0' });
    cleanups.push(() => new Promise<void>((resolve) => false_.destroy(() => resolve())));
    for (let index = 0; index < 100; index += 1) {
      const node = { name: `flood${index}`.padEnd(16, 'x'), port: 9, peerId: await strangerId() };
      false_.respond(announcementRecords(node, false));
    }
    const his = start(ben, { discovery: true, mdnsPort });
    await Promise.all([his.connectedTo(ada), hers.connectedTo(ben)]);
  });

  it('are not read as announcements', () => {
    const good: Announcement = {
      name: 'a'.repeat(16),
      port: 4000,
      peerId: '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA',
    };
    const records = announcementRecords(good, false);
    expect(readAnnouncements({ answers: records })).toEqual([{ ...good, goodbye: false }]);
    expect(readAnnouncements({ answers: announcementRecords(good, true) })).toEqual([{ ...good, goodbye: true }]);
    for (const bad of [
      { ...good, port: 0 },
      { ...good, port: 70_000 },
      { ...good, name: 'short' },
      { ...good, peerId: 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N' },
      { ...good, peerId: `${good.peerId}x` },
    ]) {
      expect(readAnnouncements({ answers: announcementRecords(bad, false) })).toEqual([]);
    }
    expect(readAnnouncements({ answers: records.slice(0, 2) })).toEqual([]);
  });
});

async function strangerId(): Promise<string> {
  const { generateKeyPair } = await import('@libp2p/crypto/keys');
  const { peerIdFromPrivateKey } = await import('@libp2p/peer-id');
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString();
}

describe('an observer of the multicast', () => {
  it('sees a random name, a port and a PeerId, all new after a restart, and nothing else', async () => {
    const ada = person('ada');
    const mdnsPort = await freeUdpPort();
    const seen: { text: string; types: string[] }[] = [];
    const announced = new Map<string, Announcement>();
    let heard = (): void => {};
    const observer = makeMdns({ port: mdnsPort, interface: '127.0.0.1', bind: '0.0.0.0' });
    cleanups.push(() => new Promise<void>((resolve) => observer.destroy(() => resolve())));
    observer.on('response', (packet) => {
      const types = [...(packet.answers ?? []), ...(packet.additionals ?? [])].map((record) => record.type);
      seen.push({ text: JSON.stringify(packet), types });
      for (const { goodbye, ...one } of readAnnouncements(packet)) if (!goodbye) announced.set(one.peerId, one);
      heard();
    });
    for (let run = 1; run <= 2; run += 1) {
      const peer = startDirectPeer(ada, { discovery: true, mdnsPort });
      await new Promise<void>((resolve) => {
        heard = () => (announced.size === run ? resolve() : undefined);
        heard();
      });
      await peer.transport.stop();
    }
    const nodes = [...announced.values()];
    expect(new Set(nodes.map(({ name }) => name)).size).toBe(2);
    expect(new Set(nodes.map(({ port }) => port)).size).toBe(2);
    for (const { types } of seen) expect(types.sort()).toEqual(['PTR', 'SRV', 'TXT']);
    const everything = seen.map(({ text }) => text).join('\n');
    for (const secret of [ada.name, ada.xid.slice(2, 66), String(ada.device.deviceId)]) {
      expect(everything.includes(`"${secret}"`)).toBe(false);
    }
    expect(everything).not.toContain(ada.xid);
  });
});
