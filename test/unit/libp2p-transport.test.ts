/** Two and three real libp2p nodes on the loopback interface. */
import xml, { type Element } from '@xmpp/xml';
import { afterEach, describe, expect, it } from 'vitest';
import type { Libp2pTransportOptions } from '../../src/main/transports/libp2p/libp2p-transport.ts';
import { ok } from '../../src/shared/errors.ts';
import { type DirectPeer, introduce, startDirectPeer } from '../support/direct-peer.ts';
import { deferred } from '../support/nearby-channel.ts';
import { befriend, knows, type Person, person } from '../support/nearby-people.ts';

const running: DirectPeer[] = [];
const never = new AbortController().signal;

function start(who: Person, options: Partial<Libp2pTransportOptions> = {}): DirectPeer {
  const peer = startDirectPeer(who, options);
  running.push(peer);
  return peer;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((peer) => peer.transport.stop()));
});

async function connectedPair(): Promise<[DirectPeer, DirectPeer]> {
  const [ada, ben] = [person('ada'), person('ben')];
  befriend(ada, ben);
  const pair: [DirectPeer, DirectPeer] = [start(ada), start(ben)];
  await introduce(...pair);
  await Promise.all([pair[0].connectedTo(ben), pair[1].connectedTo(ada)]);
  return pair;
}

function message(from: DirectPeer, to: DirectPeer, body: string): Element {
  return xml('message', { from: from.person.xid, to: to.person.xid, id: body.slice(0, 20) }, xml('body', {}, body));
}

function target(to: DirectPeer) {
  return { address: to.person.xid, devices: [to.person.device.deviceId] };
}

describe('two contacts', () => {
  it('recognise each other and acknowledge stanzas', async () => {
    const [ada, ben] = await connectedPair();
    const sent = await ada.transport.send(message(ada, ben, 'hello'), target(ben), never);
    expect(sent).toEqual(ok({ kind: 'acknowledged', devices: [ben.person.device.deviceId] }));
    expect(ben.bodies()).toEqual(['hello']);
    expect(ben.received[0]?.arrival).toEqual({
      transport: 'libp2p',
      route: 'direct',
      to: ben.person.xid,
      from: ada.person.xid,
      device: { contactId: 'ada', ...ada.person.device },
      kind: 'live',
      archiveId: null,
      delayedSince: null,
    });
    expect(ada.transport.connectedContacts()).toEqual(['ben']);
    expect(ada.transport.reach(ben.person.jid).devices).toEqual([ben.person.device.deviceId]);
    expect(ada.transport.reach(ada.person.jid)).toEqual({ reachable: false, devices: [] });
  });

  it('get stanzas in order and acknowledged only after they were taken', async () => {
    const [ada, ben] = await connectedPair();
    const log: string[] = [];
    const taken = deferred<void>();
    const first = deferred<void>();
    ben.onStanza = async ({ stanza }) => {
      first.resolve();
      await taken.promise;
      log.push(`taken ${stanza.attrs['id']}`);
    };
    const sends = Array.from({ length: 50 }, async (_, index) => {
      const result = await ada.transport.send(message(ada, ben, `m${index}`), target(ben), never);
      log.push(`acknowledged m${index} ${result.ok}`);
    });
    await first.promise;
    // An acknowledgement sent too early would overtake the answer to a request.
    await ada.transport.request(xml('iq', { type: 'get', id: '1' }, xml('query')), target(ben), never);
    expect(log).toEqual([]);
    taken.resolve();
    await Promise.all(sends);
    expect(log.filter((line) => line.startsWith('taken'))).toEqual(sends.map((_, index) => `taken m${index}`));
    for (let index = 0; index < 50; index += 1) {
      expect(log.indexOf(`taken m${index}`)).toBeLessThan(log.indexOf(`acknowledged m${index} true`));
    }
  });

  it('are told when a stanza was not taken', async () => {
    const [ada, ben] = await connectedPair();
    ben.onStanza = async () => {
      throw new Error('the disk is full');
    };
    const sent = await ada.transport.send(message(ada, ben, 'hello'), target(ben), never);
    expect(sent.ok ? null : sent.error.code).toBe('transport.timeout');
  });

  it('are told apart from those who could decrypt it when a device could not', async () => {
    const [ada, ben] = await connectedPair();
    const devices = [ben.person.device.deviceId];
    ben.onStanza = async () => 'unreadable';
    const unreadable = await ada.transport.send(message(ada, ben, 'hello'), target(ben), never);
    expect(unreadable).toEqual(ok({ kind: 'acknowledged', devices: [], unreadable: devices }));
    ben.onStanza = async () => 'refused';
    const refused = await ada.transport.send(message(ada, ben, 'hello'), target(ben), never);
    expect(refused.ok ? null : refused.error.code).toBe('transport.refused');
  });

  it('carry large stanzas both ways at once, and refuse larger ones', async () => {
    const [ada, ben] = await connectedPair();
    const big = 'x'.repeat(500_000);
    const results = await Promise.all([
      ada.transport.send(message(ada, ben, big), target(ben), never),
      ben.transport.send(message(ben, ada, big), target(ada), never),
      ada.transport.send(message(ada, ben, big), target(ben), never),
    ]);
    expect(results.map((result) => result.ok)).toEqual([true, true, true]);
    expect(ben.bodies()).toEqual([big, big]);
    const larger = await ada.transport.send(message(ada, ben, 'x'.repeat(600_000)), target(ben), never);
    expect(larger.ok ? null : larger.error.code).toBe('transport.too-large');
  });

  it('refuse stanzas in the name of somebody else', async () => {
    const [ada, ben] = await connectedPair();
    const forged = message(ada, ben, 'forged');
    forged.attrs['from'] = 'carol@example.org';
    const sent = await ada.transport.send(forged, target(ben), never);
    expect(sent.ok ? null : sent.error.code).toBe('transport.refused');
    const jid = message(ada, ben, 'as jid');
    jid.attrs['from'] = ada.person.jid;
    expect((await ada.transport.send(jid, target(ben), never)).ok).toBe(true);
    expect(ben.received.map(({ arrival }) => arrival.from)).toEqual([ada.person.jid]);
  });

  it('answer requests, match them by id, and report errors', async () => {
    const [ada, ben] = await connectedPair();
    const held = deferred<void>();
    ben.onRequest = async (request, arrival) => {
      expect(arrival.device?.deviceId).toBe(ada.person.device.deviceId);
      if (request.getChild('slow') !== undefined) await held.promise;
      else held.resolve();
      return ok(xml('answer', { xmlns: 'urn:example', to: request.getChildElements()[0]?.name ?? '' }));
    };
    const ask = (name: string) =>
      ada.transport.request(
        xml('iq', { type: 'get', id: 'same', from: ada.person.xid }, xml(name)),
        target(ben),
        never,
      );
    const [slow, quick] = await Promise.all([ask('slow'), ask('quick')]);
    expect(slow.ok && slow.value.getChild('answer')?.attrs['to']).toBe('slow');
    expect(quick.ok && quick.value.getChild('answer')?.attrs['to']).toBe('quick');
    expect(quick.ok && quick.value.attrs['id']).toBe('same');
    const none = await ben.transport.request(xml('iq', { type: 'get', id: '1' }, xml('query')), target(ada), never);
    expect(none.ok ? null : none.error.code).toBe('stanza.not-found');
  });

  it('fail at once when the other side goes, and when nobody is there', async () => {
    const [ada, ben] = await connectedPair();
    const arrived = deferred<void>();
    ben.onStanza = () => {
      arrived.resolve();
      return new Promise(() => {});
    };
    const sending = ada.transport.send(message(ada, ben, 'lost'), target(ben), never);
    await arrived.promise;
    await ben.transport.stop();
    const sent = await sending;
    expect(sent.ok ? null : sent.error.code).toBe('transport.unreachable');
    expect(ada.transport.reach(ben.person.xid).reachable).toBe(false);
    const again = await ada.transport.send(message(ada, ben, 'again'), target(ben), never);
    expect(again.ok ? null : again.error.code).toBe('transport.unreachable');
  });

  it('stop waiting when the signal aborts', async () => {
    const [ada, ben] = await connectedPair();
    const stop = new AbortController();
    ben.onStanza = () => new Promise(() => stop.abort());
    const sent = await ada.transport.send(message(ada, ben, 'never'), target(ben), stop.signal);
    expect(sent.ok ? null : sent.error.code).toBe('transport.stopped');
  });

  it('are disconnected when one is no contact any more', async () => {
    const [ada, ben] = await connectedPair();
    ada.person.contacts.length = 0;
    ada.transport.contactsChanged();
    await ben.until(() => ben.transport.connectedContacts().length === 0);
    expect(ada.transport.connectedContacts()).toEqual([]);
  });
});

describe('several links', () => {
  it('of two devices that dial each other at once become one, and nothing is lost', async () => {
    const [ada, ben] = [person('ada'), person('ben')];
    befriend(ada, ben);
    const [left, right] = [start(ada), start(ben)];
    await Promise.all([introduce(left, right), introduce(right, left)]);
    await Promise.all([left.connectedTo(ben), right.connectedTo(ada)]);
    const sends: Promise<{ ok: boolean }>[] = [];
    for (let index = 0; index < 200; index += 1) {
      sends.push(left.transport.send(message(left, right, `l${index}`), target(right), never));
      sends.push(right.transport.send(message(right, left, `r${index}`), target(left), never));
      if (index % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await Promise.all(sends)).every((result) => result.ok)).toBe(true);
    expect(new Set(right.bodies()).size).toBe(200);
    expect(right.bodies()).toHaveLength(200);
    expect(left.bodies()).toHaveLength(200);
  });

  it('reach each device of a contact, and own other devices', async () => {
    const [ada, phone] = [person('ada'), person('ben')];
    const laptop = person('ben', phone.xidSeed);
    befriend(ada, phone);
    knows(laptop, ada);
    const [hers, one, other] = [start(ada), start(phone), start(laptop)];
    await Promise.all([introduce(one, hers), introduce(other, hers)]);
    await Promise.all([hers.connectedTo(phone), hers.connectedTo(laptop)]);
    const devices = [phone.device.deviceId, laptop.device.deviceId];
    expect([...(hers.transport.reach(phone.xid).devices ?? [])].sort()).toEqual([...devices].sort());
    const sent = await hers.transport.send(message(hers, one, 'both'), { address: phone.xid, devices }, never);
    expect(sent.ok && sent.value.kind === 'acknowledged' && [...sent.value.devices].sort()).toEqual(
      [...devices].sort(),
    );
    expect([one.bodies(), other.bodies()]).toEqual([['both'], ['both']]);
    const only = await hers.transport.send(message(hers, one, 'one'), target(one), never);
    expect(only.ok).toBe(true);
    expect([one.bodies(), other.bodies()]).toEqual([['both', 'one'], ['both']]);
  });
});

describe('rotation', () => {
  it('gives a new address while links of the old node go on', async () => {
    const [ada, ben] = [person('ada'), person('ben')];
    befriend(ada, ben);
    const [left, right] = [start(ada, { rotateEveryMs: 1 }), start(ben)];
    await introduce(left, right);
    await left.connectedTo(ben);
    const before = left.transport.listenAddresses();
    await left.until(
      () => left.transport.listenAddresses().length > 0 && left.transport.listenAddresses()[0] !== before[0],
    );
    expect((await left.transport.send(message(left, right, 'still here'), target(right), never)).ok).toBe(true);
    expect(right.bodies()).toEqual(['still here']);
  });
});

describe('status', () => {
  it('says that there is no network, and comes back with it', async () => {
    let interfaces: { name: string; address: string; netmask: string }[] = [];
    const ada = start(person('ada'), { interfaces: () => interfaces });
    await ada.until(() => ada.transport.status.state === 'failing');
    expect(ada.transport.status.error?.code).toBe('nearby.no-network');
    interfaces = [{ name: 'lo', address: '127.0.0.1', netmask: '255.0.0.0' }];
    ada.transport.nudge();
    await ada.until(() => ada.transport.status.state === 'online');
    await ada.transport.stop();
    expect(ada.transport.status.state).toBe('off');
  });
});
