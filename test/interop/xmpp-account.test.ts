import xml, { type Element } from '@xmpp/xml';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ok } from '../../src/shared/errors.ts';
import type { BareJid } from '../../src/shared/model.ts';
import { type Prosody, prosodyMissing, startProsody } from '../support/prosody.ts';
import { TestClient } from '../support/xmpp-client.ts';

const missing = prosodyMissing();
const PUBSUB = 'http://jabber.org/protocol/pubsub';
const DEVICES = 'urn:xmpp:omemo:2:devices';
const BUNDLES = 'urn:xmpp:omemo:2:bundles';

describe('an XMPP account on Prosody', () => {
  let prosody: Prosody;
  let accounts = 0;
  const clients: TestClient[] = [];

  beforeAll(async () => {
    if (missing === null) prosody = await startProsody({ domain: 'bothy.test' });
  });

  beforeEach((ctx) => {
    if (missing !== null) ctx.skip(missing);
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) await client.stop();
  });

  afterAll(() => prosody?.stop());

  /** A fresh account for each test. */
  async function account(name: string): Promise<string> {
    const local = `${name}${++accounts}`;
    await prosody.addUser(local, 'correct horse');
    return `${local}@bothy.test`;
  }

  function client(
    jid: string,
    options: { password?: string; cursor?: string | null; state?: string; directTls?: boolean } = {},
  ) {
    const { directTls = false, password = 'correct horse', ...rest } = options;
    const port = directTls ? prosody.directTlsPort : prosody.port;
    const made = new TestClient({
      jid,
      password,
      override: { host: prosody.address, port, directTls, ca: prosody.ca },
      ...rest,
    });
    clients.push(made);
    return made;
  }

  async function online(name: string, options: { directTls?: boolean } = {}): Promise<TestClient> {
    return client(await account(name), options)
      .start()
      .ready();
  }

  async function friends(): Promise<[TestClient, TestClient]> {
    const [alice, bob] = await Promise.all([online('alice'), online('bob')]);
    await alice.transport.subscribe(bob.jid);
    await bob.until(() => bob.subscriptionRequests.length > 0);
    await bob.transport.subscribe(alice.jid);
    for (const [one, other] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      await one.until(() => one.roster.get(other.jid)?.subscription === 'both');
      await one.until(() => one.presences.get(other.jid) === 'online');
    }
    return [alice, bob];
  }

  test.each([false, true])('signs in (direct TLS: %s)', async (directTls) => {
    const alice = client(await account('alice'), { directTls }).start();
    expect(await alice.transport.firstOutcome(alice.abort.signal)).toEqual(ok());
    await alice.ready();
    expect(alice.transport.status.state).toBe('online');
    expect(alice.rosterFetches).toBe(1);
  });

  test('says that the password is wrong, does not try again by itself, and takes a new one', async () => {
    const alice = client(await account('alice'), { password: 'battery staple' }).start();
    const outcome = await alice.transport.firstOutcome(alice.abort.signal);
    expect(outcome).toMatchObject({ ok: false, error: { code: 'account.wrong-password' } });
    expect(alice.transport.status).toMatchObject({ state: 'failing', retryAt: null });
    alice.transport.retry('correct horse');
    await alice.ready();
    expect(alice.transport.status.state).toBe('online');
  });

  test('keeps the roster, and fetches only what changed next time', async () => {
    const jid = await account('alice');
    const alice = await client(jid).start().ready();
    const carol = 'carol@bothy.test' as BareJid;
    expect(await alice.transport.setRosterEntry(carol, 'Carol & Co.')).toEqual(ok());
    await alice.until(() => alice.roster.get(carol)?.name === 'Carol & Co.');
    const dave = 'dave@bothy.test' as BareJid;
    await alice.transport.setRosterEntry(dave, '');
    await alice.transport.removeRosterEntry(dave);
    await alice.until(() => !alice.roster.has(dave));
    await alice.stop();
    expect(alice.state).toContain(carol);
    const again = await client(jid, { state: alice.state }).start().ready();
    expect([...again.roster.values()]).toEqual([{ jid: carol, name: 'Carol & Co.', subscription: 'none', ask: false }]);
  });

  test('two people subscribe to each other; presence follows', async () => {
    const [alice, bob] = await friends();
    // alice approved beforehand, so nobody had to ask her
    expect(alice.subscriptionRequests).toEqual([]);
    await bob.stop();
    await alice.until(() => alice.presences.get(bob.jid) === 'offline');
  });

  test('a refused subscription stays refused', async () => {
    const [alice, bob] = await Promise.all([online('alice'), online('bob')]);
    await alice.transport.subscribe(bob.jid);
    await bob.until(() => bob.subscriptionRequests.length === 1);
    await alice.until(() => alice.roster.get(bob.jid)?.ask === true);
    expect(await bob.transport.answerSubscription(alice.jid, false)).toEqual(ok());
    await alice.until(() => alice.roster.get(bob.jid)?.ask === false);
    expect(alice.roster.get(bob.jid)?.subscription).toBe('none');
  });

  test('a message is accepted by the server and arrives with its archive id', async () => {
    const [alice, bob] = await Promise.all([online('alice'), online('bob')]);
    expect(await alice.send(bob.jid, chat('m-1', 'hello'))).toEqual(ok({ kind: 'accepted' }));
    await bob.until(() => bob.received.length === 1);
    const [incoming] = bob.received;
    expect(incoming?.arrival).toMatchObject({ from: alice.jid, to: bob.jid, kind: 'live', delayedSince: null });
    expect(incoming?.arrival.archiveId).toMatch(/./);
    expect(incoming?.stanza.getChildText('body')).toBe('hello');
    expect(String(incoming?.stanza.attrs['from'])).toContain(`${alice.jid}/`);
  });

  test('a message to nobody bounces', async () => {
    const alice = await online('alice');
    expect(await alice.send('nobody@bothy.test', chat('m-1', 'hello'))).toEqual(ok({ kind: 'accepted' }));
    await alice.until(() => alice.bounces.length === 1);
    expect(alice.bounces[0]).toMatchObject({ id: 'm-1', from: 'nobody@bothy.test', error: { code: 'stanza.error' } });
    expect(alice.received).toEqual([]);
  });

  test('a device list and a bundle are published, announced to a contact, and fetched', async () => {
    const [alice, bob] = await friends();
    const devices = xml('devices', { xmlns: 'urn:xmpp:omemo:2' }, xml('device', { id: '4711' }));
    expect(await alice.request(alice.jid, publish(DEVICES, 'current', devices))).toMatchObject({ ok: true });
    await bob.until(() => bob.received.some(({ stanza }) => eventNode(stanza) === DEVICES));
    const announced = bob.received.find(({ stanza }) => eventNode(stanza) === DEVICES);
    expect(announced?.arrival).toMatchObject({ from: alice.jid, kind: 'live' });
    // the account's own devices hear of it too
    await alice.until(() => alice.received.some(({ stanza }) => eventNode(stanza) === DEVICES));
    expect(alice.received.find(({ stanza }) => eventNode(stanza) === DEVICES)?.arrival.from).toBe(alice.jid);
    const bundle = xml('bundle', { xmlns: 'urn:xmpp:omemo:2' }, xml('spk', { id: '1' }, 'AAAA'));
    expect(await alice.request(alice.jid, publish(BUNDLES, '4711', bundle))).toMatchObject({ ok: true });
    const fetched = await bob.request(alice.jid, items(BUNDLES, '4711'));
    const item = fetched.ok ? fetched.value.getChild('pubsub', PUBSUB)?.getChild('items')?.getChild('item') : undefined;
    expect(item?.getChild('bundle', 'urn:xmpp:omemo:2')?.getChildText('spk')).toBe('AAAA');
    const absent = await bob.request(alice.jid, items('urn:test:nothing', '1'));
    expect(absent).toMatchObject({ ok: false, error: { code: 'stanza.not-found' } });
  });

  test('a contact may ask for features and a sign of life, a stranger learns nothing', async () => {
    const [alice, bob] = await friends();
    await alice.send(bob.jid, chat('m-1', 'where are you?'));
    await bob.until(() => bob.received.length === 1);
    const full = String(bob.received[0]?.stanza.attrs['from']);
    const features = await bob.request(full, disco());
    const query = features.ok ? features.value.getChild('query', 'http://jabber.org/protocol/disco#info') : undefined;
    expect(query?.getChildren('identity').map((identity) => identity.attrs)).toEqual([
      { category: 'client', type: 'pc' },
    ]);
    expect(query?.getChildren('feature').map((feature) => feature.attrs['var'])).toContain(`${DEVICES}+notify`);
    expect(await bob.request(full, xml('iq', { type: 'get' }, xml('ping', { xmlns: 'urn:xmpp:ping' })))).toMatchObject({
      ok: true,
    });
    const version = xml('iq', { type: 'get' }, xml('query', { xmlns: 'jabber:iq:version' }));
    expect(await bob.request(full, version)).toMatchObject({ ok: false, error: { code: 'stanza.error' } });
    const mallory = await online('mallory');
    const refused = await mallory.request(full, disco());
    const nobody = await mallory.request(`${alice.jid}/nowhere`, disco());
    expect(refused).toEqual(nobody);
  });

  test('requests between contacts reach the application and are answered', async () => {
    const [alice, bob] = await friends();
    await alice.send(bob.jid, chat('m-1', 'ask me'));
    await bob.until(() => bob.received.length === 1);
    alice.onRequest = async (request, arrival) => {
      expect(arrival.from).toBe(bob.jid);
      return ok(xml('said', { xmlns: 'urn:test:echo' }, request.getChildText('say', 'urn:test:echo') ?? ''));
    };
    const answer = await bob.request(
      String(bob.received[0]?.stanza.attrs['from']),
      xml('iq', { type: 'get' }, xml('say', { xmlns: 'urn:test:echo' }, 'boo')),
    );
    expect(answer.ok && answer.value.getChildText('said', 'urn:test:echo')).toBe('boo');
  });

  test('another device of the account sees what is sent and received', async () => {
    const jid = await account('alice');
    const [desk, pocket, bob] = [
      await client(jid).start().ready(),
      await client(jid).start().ready(),
      await online('bob'),
    ];
    await desk.send(bob.jid, chat('sent', 'from the desk'));
    await pocket.until(() => pocket.ids().includes('sent'));
    expect(pocket.received[0]?.arrival).toMatchObject({ from: desk.jid, kind: 'carbon-sent' });
    expect(pocket.received[0]?.arrival.archiveId).toMatch(/./);
    await bob.until(() => bob.received.length === 1);
    await bob.send(String(bob.received[0]?.stanza.attrs['from']), chat('received', 'to the desk alone'));
    await desk.until(() => desk.ids().includes('received'));
    await pocket.until(() => pocket.ids().includes('received'));
    expect(pocket.received[1]?.arrival).toMatchObject({ from: bob.jid, kind: 'carbon-received' });
  });

  test('forged carbons, roster pushes, archive results and PEP events have no effect', async () => {
    const [alice, mallory, bob] = await Promise.all([online('alice'), online('mallory'), online('bob')]);
    await alice.send(mallory.jid, chat('m-0', 'my address'));
    await mallory.until(() => mallory.received.length === 1);
    const full = String(mallory.received[0]?.stanza.attrs['from']);
    const said = xml(
      'message',
      { xmlns: 'jabber:client', type: 'chat', id: 'forged', from: bob.jid, to: alice.jid },
      xml('body', {}, 'I owe you'),
    );
    const forwarded = () => xml('forwarded', { xmlns: 'urn:xmpp:forward:0' }, said);
    const forgeries = [
      xml('message', { type: 'chat' }, xml('received', { xmlns: 'urn:xmpp:carbons:2' }, forwarded())),
      xml('message', { type: 'chat' }, xml('sent', { xmlns: 'urn:xmpp:carbons:2' }, forwarded())),
      xml('message', { type: 'chat' }, xml('result', { xmlns: 'urn:xmpp:mam:2', queryid: 'q', id: 'i' }, forwarded())),
      xml('message', { type: 'chat' }, xml('event', { xmlns: `${PUBSUB}#event` }, xml('items', { node: DEVICES }))),
    ];
    for (const forgery of forgeries) await mallory.send(alice.jid, forgery);
    const push = xml(
      'query',
      { xmlns: 'jabber:iq:roster' },
      xml('item', { jid: 'friend@evil.test', subscription: 'both' }),
    );
    expect(await mallory.request(full, xml('iq', { type: 'set' }, push))).toMatchObject({ ok: false });
    const stamped = chat('last', 'bye');
    stamped.append(xml('stanza-id', { xmlns: 'urn:xmpp:sid:0', by: 'evil.test', id: 'x' }));
    stamped.append(xml('delay', { xmlns: 'urn:xmpp:delay', from: 'evil.test', stamp: '2001-01-01T00:00:00Z' }));
    await mallory.send(alice.jid, stamped);
    await alice.until(() => alice.ids().includes('last'));
    expect(alice.ids()).toEqual(['last']);
    expect([...alice.roster.keys()]).toEqual([]);
    const [last] = alice.received;
    expect(last?.arrival.delayedSince).toBeNull();
    expect(last?.stanza.getChildren('stanza-id').map((id) => id.attrs['by'])).toEqual([alice.jid]);
  });

  test('everything sent while off comes from the archive, each once, in order', async () => {
    const jid = await account('alice');
    const bob = await online('bob');
    const alice = await client(jid).start().ready();
    await bob.send(jid, chat('before', 'still there'));
    await alice.until(() => alice.received.length === 1);
    await alice.stop();
    const ids = Array.from({ length: 120 }, (_, index) => `off-${index}`);
    await Promise.all(ids.map((id) => bob.send(jid, chat(id, id))));
    const back = client(jid, { cursor: alice.cursor, state: alice.state });
    // and one more as soon as it is back, while it catches up
    back.onStanza = async ({ stanza }) => {
      if (stanza.attrs['id'] === 'off-10') await bob.send(jid, chat('meanwhile', 'hurry'));
    };
    back.start();
    await back.until(() => back.received.length >= 121);
    await back.ready();
    expect(back.ids()).toEqual([...ids, 'meanwhile']);
    expect(back.received.slice(0, 120).every(({ arrival }) => arrival.kind === 'archive')).toBe(true);
    const first = back.received[0]?.arrival;
    expect(first?.from).toBe(bob.jid);
    expect(Math.abs(Date.now() - (first?.delayedSince ?? 0))).toBeLessThan(120_000);
    await bob.send(jid, chat('after', 'now live'));
    await back.until(() => back.ids().includes('after'));
    expect(back.received.at(-1)?.arrival.kind).toBe('live');
  });

  test('nothing is missing although nothing had ever come before going off', async () => {
    const bob = await online('bob');
    const alice = await client(await account('alice'))
      .start()
      .ready();
    await alice.stop();
    const ids = Array.from({ length: 120 }, (_, index) => `m-${index}`);
    await Promise.all(ids.map((id) => bob.send(alice.jid, chat(id, id))));
    expect(alice.cursor).toBeNull();
    const back = await client(alice.jid, { state: alice.state }).start().ready();
    expect(back.ids()).toEqual(ids);
  });

  test('a new device takes the newest page, with what the account itself said', async () => {
    const jid = await account('alice');
    const bob = await online('bob');
    const alice = await client(jid).start().ready();
    for (let index = 0; index < 70; index++) void bob.send(jid, chat(`in-${index}`, 'hello'));
    await alice.until(() => alice.received.length === 70);
    await alice.send(bob.jid, chat('out', 'I said this'));
    await alice.stop();
    const fresh = await client(jid).start().ready();
    expect(fresh.ids()).toEqual([...Array.from({ length: 49 }, (_, index) => `in-${index + 21}`), 'out']);
    expect(fresh.received.at(-1)?.arrival).toMatchObject({ from: jid, kind: 'archive' });
    expect(fresh.cursor).toBe(fresh.received.at(-1)?.arrival.archiveId);
  });

  test('a cursor that the archive no longer knows leads to the time of the last catch-up, or the newest page', async () => {
    const jid = await account('alice');
    const bob = await online('bob');
    const ids = Array.from({ length: 60 }, (_, index) => `m-${index}`);
    await Promise.all(ids.map((id) => bob.send(jid, chat(id, id))));
    const stranger = await client(jid, { cursor: 'expired-long-ago' }).start().ready();
    expect(stranger.ids()).toEqual(ids.slice(10));
    const archived = { last: 'expired-long-ago', time: Date.now() - 3_600_000 };
    const state = JSON.stringify({ version: 1, stream: '', roster: null, archived });
    const known = await client(jid, { cursor: 'expired-long-ago', state }).start().ready();
    expect(known.ids()).toEqual(ids);
  });

  test('what the application could not take comes again', async () => {
    const [alice, bob] = await Promise.all([online('alice'), online('bob')]);
    let full = true;
    alice.onStanza = async ({ stanza }) => {
      if (full && stanza.attrs['id'] === 'm-1') throw new Error('the disk is full');
    };
    await bob.send(alice.jid, chat('m-1', 'first'));
    await bob.send(alice.jid, chat('m-2', 'second'));
    await alice.until(() => alice.ids().includes('m-2'));
    // the cursor stayed before the message that was not taken
    expect(alice.received.at(-1)?.arrival.archiveId).toBeNull();
    expect(alice.cursor).toBeNull();
    full = false;
    await alice.until(() => alice.ids().includes('m-1'));
    expect(alice.received.find(({ stanza }) => stanza.attrs['id'] === 'm-1')?.arrival.kind).toBe('archive');
  });
});

describe('an XMPP account whose server dies', () => {
  test('comes back by itself and misses nothing', async (ctx) => {
    if (missing !== null) ctx.skip(missing);
    const prosody = await startProsody({ users: { alice: 'correct horse', bob: 'correct horse' } });
    const override = { host: prosody.address, port: prosody.port, ca: prosody.ca };
    const make = (name: string) => new TestClient({ jid: `${name}@bothy.test`, password: 'correct horse', override });
    const [alice, bob] = [make('alice'), make('bob')];
    try {
      await Promise.all([alice.start().ready(), bob.start().ready()]);
      await bob.send(alice.jid, chat('m-1', 'before'));
      await alice.until(() => alice.received.length === 1);
      await prosody.kill();
      await alice.until(() => alice.transport.status.state === 'failing');
      expect(alice.transport.reach(bob.jid).reachable).toBe(false);
      const unsent = await bob.send(alice.jid, chat('m-x', 'nobody hears this'));
      expect(unsent.ok ? null : unsent.error.code).toMatch(/^transport\./);
      const sessions = alice.catchUps.length;
      await prosody.restart();
      alice.transport.nudge();
      bob.transport.nudge();
      await alice.until(() => alice.catchUps.length > sessions && alice.catchUps.at(-1) === null);
      await bob.until(() => bob.transport.status.state === 'online');
      expect(await bob.send(alice.jid, chat('m-2', 'after'))).toEqual(ok({ kind: 'accepted' }));
      await alice.until(() => alice.ids().includes('m-2'));
      expect(alice.ids()).toEqual(['m-1', 'm-2']);
    } finally {
      await Promise.all([alice.stop(), bob.stop()]);
      await prosody.stop();
    }
  });
});

function chat(id: string, body: string): Element {
  return xml('message', { id, type: 'chat' }, xml('body', {}, body));
}

function publish(node: string, item: string, payload: Element): Element {
  return xml(
    'iq',
    { type: 'set' },
    xml('pubsub', { xmlns: PUBSUB }, xml('publish', { node }, xml('item', { id: item }, payload))),
  );
}

function items(node: string, item: string): Element {
  return xml(
    'iq',
    { type: 'get' },
    xml('pubsub', { xmlns: PUBSUB }, xml('items', { node }, xml('item', { id: item }))),
  );
}

function disco(): Element {
  return xml('iq', { type: 'get' }, xml('query', { xmlns: 'http://jabber.org/protocol/disco#info' }));
}

function eventNode(stanza: Element): unknown {
  return stanza.getChild('event', `${PUBSUB}#event`)?.getChild('items')?.attrs['node'];
}
