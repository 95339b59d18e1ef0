import xml, { type Element } from '@xmpp/xml';
import { describe, expect, test } from 'vitest';
import { type OwnAccount, readMessage } from '../../src/main/transports/xmpp/incoming-message.ts';
import { appError, ok } from '../../src/shared/errors.ts';
import type { BareJid } from '../../src/shared/model.ts';
import { chat, FakeXmppServer, type FakeXmppStream, OWN } from '../support/fake-xmpp-server.ts';
import { TestClient } from '../support/xmpp-client.ts';

const BOB = 'bob@fake.test' as BareJid;
const own: OwnAccount = { bare: OWN as BareJid, domain: 'fake.test', marksArchiveIds: true };
const turn = () => new Promise((resolve) => setImmediate(resolve));

function connect(server = new FakeXmppServer(), options: { state?: string; cursor?: string } = {}) {
  const client = new TestClient({
    jid: OWN,
    password: 'first',
    makeStream: ({ credentials }) => server.connect(credentials.password),
    ...options,
  }).start();
  const stream = server.stream;
  if (stream === null) throw new Error('the stream was not started');
  return { server, client, stream };
}

async function online(server = new FakeXmppServer(), options: { state?: string; cursor?: string } = {}) {
  const made = connect(server, options);
  made.stream.bind();
  await made.client.ready();
  await turn();
  return made;
}

function item(jid: string, subscription: string, attributes: Record<string, string> = {}): Element {
  return xml('item', { jid, subscription, ...attributes });
}

function push(from: string | null, ...items: Element[]): Element {
  const query = xml('query', { xmlns: 'jabber:iq:roster', ver: '2' }, ...items);
  return xml('iq', { type: 'set', id: 'push', ...(from === null ? {} : { from }) }, query);
}

function presence(from: string, type?: string, show?: string): Element {
  const shown = show === undefined ? [] : [xml('show', {}, show)];
  return xml('presence', { from, ...(type === undefined ? {} : { type }) }, ...shown);
}

function answers(server: FakeXmppServer): Element[] {
  return server.sent.filter((stanza) => ['result', 'error'].includes(String(stanza.attrs['type'])));
}

function condition(answer: Element | undefined): string | undefined {
  return answer?.getChild('error')?.getChildElements()[0]?.name;
}

describe('the session of an account', () => {
  test('asks for the archive before it announces itself, and says little when it does', async () => {
    const { server } = await online();
    const archive = server.sent.findIndex((stanza) => stanza.getChild('query', 'urn:xmpp:mam:2') !== undefined);
    const announced = server.sent.findIndex((stanza) => stanza.name === 'presence');
    expect(archive).toBeGreaterThan(-1);
    expect(announced).toBe(archive + 1);
    const initial = server.sent[announced];
    expect(initial?.attrs).toEqual({});
    expect(initial?.getChildElements().map((child) => child.name)).toEqual(['c']);
  });

  test('asks for roster changes only, where the server keeps versions', async () => {
    const server = new FakeXmppServer();
    server.streamFeatures = [xml('ver', { xmlns: 'urn:xmpp:features:rosterver' })];
    server.roster = [item(BOB, 'both', { name: 'Bob' })];
    const { client } = await online(server);
    await client.stop();
    server.sent.length = 0;
    await online(server, { state: client.state });
    const query = server.sent.map((stanza) => stanza.getChild('query', 'jabber:iq:roster')).find(Boolean);
    expect(query?.attrs['ver']).toBe('1');
  });

  test('a resumed session goes on without starting over', async () => {
    const { server, stream, client } = await online();
    stream.disconnect();
    server.sent.length = 0;
    stream.bind(true);
    await turn();
    expect(server.sent).toEqual([]);
    expect(client.transport.status.state).toBe('online');
  });

  test('a session that was cut off before it was complete starts over although it was resumed', async () => {
    const { server, stream, client } = connect();
    stream.bind();
    stream.disconnect();
    server.sent.length = 0;
    stream.bind(true);
    await client.ready();
    expect(server.sent.some((stanza) => stanza.getChild('query', 'urn:xmpp:mam:2'))).toBe(true);
  });

  test('without an archive messages flow and nothing moves the cursor', async () => {
    const server = new FakeXmppServer();
    server.features = [];
    const { client } = await online(server);
    server.message('m-1');
    await client.until(() => client.received.length === 1);
    expect(client.received[0]?.arrival.archiveId).toBeNull();
  });

  test('while the archive fails, messages flow without their archive ids', async () => {
    const server = new FakeXmppServer();
    server.archiveFault = 'stanza.error';
    const { client } = await online(server);
    server.message('m-1');
    await client.until(() => client.received.length === 1);
    expect(client.received[0]?.arrival.archiveId).toBeNull();
    expect(client.cursor).toBeNull();
    expect(client.completed).toEqual([false]);
  });

  test('only an archive that was read to its end, or that is not there, counts as read', async () => {
    const server = new FakeXmppServer();
    for (let index = 0; index < 70; index++) server.message(`old-${index}`);
    const { client, stream } = await online(server);
    expect(client.completed).toEqual([true]);
    server.archiveFault = 'stanza.forbidden';
    stream.disconnect();
    stream.bind(false);
    await client.until(() => client.completed.length === 2);
    expect(client.completed).toEqual([true, false]);
  });

  test('what comes during a catch-up follows it in order, also when it is more than can be held', async () => {
    for (const count of [3, 450]) {
      const server = new FakeXmppServer();
      for (let index = 0; index < 10; index++) server.message(`old-${index}`);
      const { client, stream } = connect(server);
      stream.bind();
      // until the page that would end the catch-up is on its way back
      const queries = () => server.sent.filter((stanza) => stanza.getChild('query', 'urn:xmpp:mam:2')).length;
      while (queries() < 2) await turn();
      const ids = Array.from({ length: count }, (_, index) => `new-${index}`);
      for (const id of ids) server.message(id);
      await client.until(() => client.received.length >= count + 10);
      await client.ready();
      expect(client.ids().slice(10)).toEqual(ids);
      expect(client.cursor).toBe(`a${count + 9}`);
      await client.stop();
    }
  });

  test('gives others a turn while a long page is being taken', async () => {
    const server = new FakeXmppServer();
    for (let index = 0; index < 50; index++) server.message(`m-${index}`);
    const { client, stream } = connect(server);
    let inOneGo = 0;
    let most = 0;
    let watching = true;
    const watch = () => {
      inOneGo = 0;
      if (watching) setImmediate(watch);
    };
    watch();
    client.onStanza = async () => {
      most = Math.max(most, ++inOneGo);
      const until = performance.now() + 3;
      while (performance.now() < until);
    };
    stream.bind();
    await client.ready();
    watching = false;
    expect(client.received).toHaveLength(50);
    expect(most).toBeLessThanOrEqual(4);
  });

  test('an archive result for a query that we did not make is dropped', async () => {
    const { client, stream, server } = await online();
    const forwarded = xml('forwarded', { xmlns: 'urn:xmpp:forward:0' }, chat('forged'));
    const result = xml('result', { xmlns: 'urn:xmpp:mam:2', queryid: 'not-ours', id: 'a9' }, forwarded);
    await stream.incoming(xml('message', { from: OWN }, result));
    server.message('m-1');
    await client.until(() => client.received.length > 0);
    expect(client.ids()).toEqual(['m-1']);
  });
});

describe('the roster', () => {
  test('takes a push from the own account and nobody else', async () => {
    const { client, stream, server } = await online();
    for (const from of [BOB, `${OWN}/other`, 'fake.test'])
      await stream.incoming(push(from, item('evil@fake.test', 'both')));
    expect([...client.roster.keys()]).toEqual([]);
    expect(answers(server).map(condition)).toEqual(Array(3).fill('service-unavailable'));
    await stream.incoming(push(OWN, item('Bob@Fake.Test', 'both', { name: 'Bob' })));
    expect([...client.roster.values()]).toEqual([{ jid: BOB, name: 'Bob', subscription: 'both', ask: false }]);
    await stream.incoming(push(null, item(BOB, 'remove')));
    expect([...client.roster.keys()]).toEqual([]);
    expect(
      answers(server)
        .slice(3)
        .map((answer) => answer.attrs['type']),
    ).toEqual(['result', 'result']);
  });

  test('ignores what is no address, and a push of several', async () => {
    const { client, stream } = await online();
    await stream.incoming(push(OWN, item('@@', 'both')));
    await stream.incoming(push(OWN, item(BOB, 'both'), item('carol@fake.test', 'both')));
    expect([...client.roster.keys()]).toEqual([]);
  });
});

describe('presence', () => {
  async function withBob(): Promise<{ client: TestClient; stream: FakeXmppStream }> {
    const server = new FakeXmppServer();
    server.roster = [item(BOB, 'both')];
    return online(server);
  }

  test('is the best of all resources', async () => {
    const { client, stream } = await withBob();
    const seen = () => client.presences.get(BOB);
    await stream.incoming(presence(`${BOB}/a`, undefined, 'dnd'));
    expect(seen()).toBe('away');
    await stream.incoming(presence(`${BOB}/b`));
    expect(seen()).toBe('online');
    await stream.incoming(presence(`${BOB}/b`, 'unavailable'));
    expect(seen()).toBe('away');
    await stream.incoming(presence(BOB, 'unavailable'));
    expect(seen()).toBe('offline');
  });

  test('of people we did not ask about is not shown', async () => {
    const { client, stream } = await withBob();
    await stream.incoming(presence('mallory@fake.test/x'));
    expect([...client.presences.keys()]).toEqual([]);
  });

  test('is unknown while we are cut off, and known again when the session is resumed', async () => {
    const { client, stream } = await withBob();
    await stream.incoming(presence(`${BOB}/a`));
    stream.disconnect();
    expect(client.presences.get(BOB)).toBe('offline');
    stream.bind(true);
    expect(client.presences.get(BOB)).toBe('online');
  });

  test('brings requests to see ours, with a name cut to length', async () => {
    const { client, stream } = await withBob();
    const request = presence('carol@fake.test', 'subscribe');
    request.append(xml('nick', { xmlns: 'http://jabber.org/protocol/nick' }, ` ${'Carol'.repeat(100)}`));
    await stream.incoming(request);
    expect(client.subscriptionRequests).toEqual([{ jid: 'carol@fake.test', nickname: 'Carol'.repeat(40) }]);
  });
});

describe('sending', () => {
  test('goes nowhere for an address that is on no server, and while the account is not connected', async () => {
    const { client, stream, server } = await online();
    const before = server.sent.length;
    const xid = `00${'0f'.repeat(32)}@id.internal`;
    expect(client.transport.reach(xid as BareJid).reachable).toBe(false);
    expect(await client.send(xid, xml('message', {}))).toMatchObject({
      ok: false,
      error: { code: 'transport.unreachable' },
    });
    stream.disconnect();
    expect(await client.send(BOB, xml('message', {}))).toMatchObject({
      ok: false,
      error: { code: 'transport.unreachable' },
    });
    expect(server.sent).toHaveLength(before);
  });

  test('never claims another sender', async () => {
    const { client, server } = await online();
    await client.send(BOB, xml('message', { from: 'somebody@else.test', id: 'm-1' }));
    expect(server.sent.at(-1)?.attrs).toEqual({ id: 'm-1', to: BOB });
  });
});

describe('signing in', () => {
  test('tells the first failure, and tries a new password once', async () => {
    const { client, stream, server } = connect();
    stream.setStatus('failing', appError('account.wrong-password', 'no'), null);
    const outcome = await client.transport.firstOutcome(client.abort.signal);
    expect(outcome).toMatchObject({ ok: false, error: { code: 'account.wrong-password' } });
    client.transport.retry('second');
    expect(server.passwords).toEqual(['first', 'second']);
    server.stream?.bind();
    expect(await client.transport.firstOutcome(client.abort.signal)).toEqual(ok());
    // the stream that was given up has nothing to say any more
    stream.setStatus('failing', appError('account.wrong-password', 'no'), null);
    expect(client.transport.status.state).toBe('online');
  });

  test('can be given up', async () => {
    const { client } = connect();
    const giveUp = new AbortController();
    const outcome = client.transport.firstOutcome(giveUp.signal);
    giveUp.abort();
    expect(await outcome).toMatchObject({ ok: false, error: { code: 'transport.stopped' } });
  });
});

describe('reading a message', () => {
  const carbon = (name: 'sent' | 'received', inner: Element, from: string = OWN) =>
    xml(
      'message',
      { from, to: `${OWN}/desk` },
      xml(name, { xmlns: 'urn:xmpp:carbons:2' }, xml('forwarded', { xmlns: 'urn:xmpp:forward:0' }, inner)),
    );
  const fromMe = () => xml('message', { xmlns: 'jabber:client', id: 'm', from: `${OWN}/phone`, to: BOB });

  test('takes carbons of the own account only', () => {
    expect(readMessage(carbon('sent', fromMe()), own)).toMatchObject({ message: { from: OWN, kind: 'carbon-sent' } });
    expect(readMessage(carbon('received', chat('m')), own)).toMatchObject({
      message: { from: BOB, kind: 'carbon-received' },
    });
    for (const from of [BOB, `${OWN}/phone`, 'fake.test']) {
      expect(readMessage(carbon('sent', fromMe(), from), own).kind).toBe('drop');
    }
  });

  test('drops carbons that contradict themselves or hold another wrapper', () => {
    expect(readMessage(carbon('sent', chat('m')), own).kind).toBe('drop');
    const toOther = chat('m');
    toOther.attrs['to'] = 'carol@fake.test';
    expect(readMessage(carbon('received', toOther), own).kind).toBe('drop');
    const nested = carbon('received', chat('m'), `${BOB}/x`);
    nested.attrs['xmlns'] = 'jabber:client';
    nested.attrs['to'] = OWN;
    expect(readMessage(carbon('received', nested), own).kind).toBe('drop');
    const two = carbon('received', chat('m'));
    two.getChild('received')?.getChild('forwarded')?.append(chat('n'));
    expect(readMessage(two, own).kind).toBe('drop');
  });

  test('believes an archive id only from the own account, only once, only where announced', () => {
    const stamp = (by: string) => xml('stanza-id', { xmlns: 'urn:xmpp:sid:0', by, id: `by-${by}` });
    const idOf = (stamps: Element[], account = own) => {
      const message = chat('m');
      message.append(...stamps);
      const read = readMessage(message, account);
      const left = message.getChildren('stanza-id').length;
      return read.kind === 'message' ? [read.message.archiveId, left] : read.kind;
    };
    expect(idOf([stamp(OWN), stamp('evil.test')])).toEqual([`by-${OWN}`, 1]);
    expect(idOf([stamp('evil.test')])).toEqual([null, 0]);
    expect(idOf([stamp(OWN), stamp(OWN)])).toEqual([null, 0]);
    expect(idOf([stamp(OWN)], { ...own, marksArchiveIds: false })).toEqual([null, 0]);
  });

  test('believes a delay only from the own server', () => {
    const delayed = (from: string) => {
      const message = chat('m');
      message.append(xml('delay', { xmlns: 'urn:xmpp:delay', from, stamp: '2026-01-02T03:04:05Z' }));
      const read = readMessage(message, own);
      return read.kind === 'message' ? read.message.delayedSince : read.kind;
    };
    expect(delayed('fake.test')).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(delayed(OWN)).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(delayed(BOB)).toBeNull();
  });

  test('takes PEP events from the account itself, not from one of its clients', () => {
    const event = (from: string) =>
      readMessage(xml('message', { from }, xml('event', { xmlns: 'http://jabber.org/protocol/pubsub#event' })), own);
    expect(event(BOB)).toMatchObject({ kind: 'message', message: { from: BOB } });
    expect(event(`${BOB}/phone`).kind).toBe('drop');
  });

  test('drops what has no valid sender, and rooms', () => {
    expect(readMessage(chat('m', '@@'), own).kind).toBe('drop');
    const room = chat('m', 'room@chat.fake.test/somebody');
    room.attrs['type'] = 'groupchat';
    expect(readMessage(room, own).kind).toBe('drop');
  });
});

describe('being asked', () => {
  const ask = (from: string, ...payload: Element[]) => xml('iq', { type: 'get', id: 'q', from }, ...payload);
  const ping = () => xml('ping', { xmlns: 'urn:xmpp:ping' });

  test('answers contacts and the own server, and is as good as absent for others', async () => {
    const server = new FakeXmppServer();
    server.roster = [item(BOB, 'from'), item('carol@fake.test', 'to')];
    const { stream } = await online(server);
    for (const from of [`${BOB}/x`, 'fake.test', `${OWN}/phone`, 'carol@fake.test/x', 'mallory@evil.test/x']) {
      await stream.incoming(ask(from, ping()));
    }
    expect(answers(server).map((answer) => [answer.attrs['to'], condition(answer) ?? 'ok'])).toEqual([
      [`${BOB}/x`, 'ok'],
      ['fake.test', 'ok'],
      [`${OWN}/phone`, 'ok'],
      ['carol@fake.test/x', 'service-unavailable'],
      ['mallory@evil.test/x', 'service-unavailable'],
    ]);
  });

  test('refuses a request that is none, and one that nobody understands', async () => {
    const server = new FakeXmppServer();
    server.roster = [item(BOB, 'both')];
    const { stream } = await online(server);
    await stream.incoming(ask(BOB));
    await stream.incoming(ask(BOB, ping(), ping()));
    await stream.incoming(ask(BOB, xml('query', { xmlns: 'jabber:iq:version' })));
    const unknown = xml('query', { xmlns: 'http://jabber.org/protocol/disco#info', node: 'http://other#x' });
    await stream.incoming(ask(BOB, unknown));
    expect(answers(server).map(condition)).toEqual([
      'bad-request',
      'bad-request',
      'service-unavailable',
      'item-not-found',
    ]);
  });
});
