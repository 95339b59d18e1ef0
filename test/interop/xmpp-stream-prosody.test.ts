import { connect, createServer, type Socket } from 'node:net';
import { xml } from '@xmpp/client';
import { afterEach, beforeEach, describe, expect, it, type TestContext } from 'vitest';
import { freePort, type Prosody, prosodyMissing, startProsody } from '../support/prosody.ts';
import { type FollowedStream, openStream } from '../support/xmpp-stream-follower.ts';

let prosody: Prosody | null = null;
const cleanups: (() => Promise<unknown>)[] = [];
const unhurried = new AbortController().signal;
const PASSWORDS: Readonly<Record<string, string>> = { romeo: 'a secret, ok=1', juliet: 'ﬁne Grüße' };

beforeEach(async () => {
  if (prosodyMissing() === null) prosody = await startProsody({ users: PASSWORDS });
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await prosody?.stop();
  prosody = null;
});

function required(context: TestContext): Prosody {
  if (prosody === null) context.skip(prosodyMissing() ?? 'Prosody did not start');
  return prosody as Prosody;
}

function open(server: Prosody, local: string, options: { password?: string; port?: number } = {}): FollowedStream {
  const stream = openStream({
    jid: `${local}@${server.domain}`,
    password: options.password ?? PASSWORDS[local] ?? '',
    override: { host: server.address, port: options.port ?? server.port, ca: server.ca },
  });
  cleanups.push(() => stream.stop());
  return stream;
}

/** A wire between client and server that can be cut without either saying goodbye. */
async function wire(server: Prosody): Promise<{ readonly port: number; cut(): void }> {
  const sockets = new Set<Socket>();
  const relay = createServer((near) => {
    const far = connect(server.port, server.address);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  const port = await freePort();
  await new Promise<void>((resolve) => relay.listen(port, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  cleanups.push(() => {
    cut();
    return new Promise((resolve) => relay.close(resolve));
  });
  return { port, cut };
}

const chat = (to: string | null, id: string, body = id) =>
  xml('message', { to: to ?? '', type: 'chat', id }, xml('body', {}, body));

describe('the stream and a real Prosody', () => {
  it('signs in, sends, and is told when the server has it', async (context) => {
    const server = required(context);
    const romeo = open(server, 'romeo');
    const juliet = open(server, 'juliet');
    expect(await romeo.bound()).toEqual({ resumed: false });
    await juliet.bound();
    expect(JSON.parse(romeo.states.at(-1) ?? '{}')).toMatchObject({ pinned: 'SCRAM-SHA-256' });
    const body = 'Grüße, 🏔 & <all>';
    expect(await romeo.stream.send(chat(juliet.stream.fullJid, 'm1', body), unhurried)).toEqual({ ok: true });
    const received = await juliet.stanza((stanza) => stanza.name === 'message');
    expect(received.getChildText('body')).toBe(body);
    expect(received.attrs['from']).toBe(romeo.stream.fullJid);
  });

  it('is answered by the server and by another client, and refused where nobody answers', async (context) => {
    const server = required(context);
    const romeo = open(server, 'romeo');
    await romeo.bound();
    const ask = (to: string | undefined, namespace: string) =>
      romeo.stream.request(
        xml('iq', { type: 'get', ...(to === undefined ? {} : { to }) }, xml('query', { xmlns: namespace })),
        unhurried,
      );
    expect((await ask(undefined, 'jabber:iq:roster')).ok).toBe(true);
    expect((await ask(server.domain, 'http://jabber.org/protocol/disco#info')).ok).toBe(true);
    expect((await ask(`romeo@${server.domain}`, 'http://jabber.org/protocol/disco#info')).ok).toBe(true);
    expect(await ask(server.domain, 'urn:no:such')).toMatchObject({ error: { code: 'stanza.error' } });
  });

  it('a wrong password and an unknown name are the same to it, and tried once', async (context) => {
    const server = required(context);
    for (const stream of [open(server, 'romeo', { password: 'wrong' }), open(server, 'nobody', { password: 'x' })]) {
      const failing = await stream.status((status) => status.state === 'failing');
      expect(failing.error?.code).toBe('account.wrong-password');
      expect(failing.retryAt).toBeNull();
    }
  });

  it('goes on with its session after the connection was cut, with everything that was under way', async (context) => {
    const server = required(context);
    const cuttable = await wire(server);
    const romeo = open(server, 'romeo', { port: cuttable.port });
    const juliet = open(server, 'juliet');
    await Promise.all([romeo.bound(), juliet.bound()]);
    const fullJid = romeo.stream.fullJid;
    expect(await romeo.stream.send(chat(juliet.stream.fullJid, 'before'), unhurried)).toEqual({ ok: true });
    // Written into the connection and cut with it: the server may or may not have them.
    const sent = ['under-way-1', 'under-way-2'].map((id) =>
      romeo.stream.send(chat(juliet.stream.fullJid, id), unhurried),
    );
    cuttable.cut();
    await romeo.status((status) => status.state === 'failing');
    // Said while romeo is away; the server keeps it for the session.
    expect(await juliet.stream.send(chat(fullJid, 'meanwhile'), unhurried)).toEqual({ ok: true });
    romeo.stream.nudge();
    expect(await romeo.bound()).toEqual({ resumed: true });
    expect(romeo.stream.fullJid).toBe(fullJid);
    expect(await Promise.all(sent)).toEqual([{ ok: true }, { ok: true }]);
    await romeo.stanza((stanza) => stanza.attrs['id'] === 'meanwhile');
    await juliet.stanza((stanza) => stanza.attrs['id'] === 'under-way-2');
    const ids = juliet.stanzas.filter((stanza) => stanza.name === 'message').map((stanza) => stanza.attrs['id']);
    expect(ids).toEqual(['before', 'under-way-1', 'under-way-2']);
  });

  it('begins a new session when the server was killed, and says that the old one is gone', async (context) => {
    const server = required(context);
    const romeo = open(server, 'romeo');
    await romeo.bound();
    await server.kill();
    await romeo.status((status) => status.state === 'failing');
    expect(await romeo.stream.send(chat(`juliet@${server.domain}`, 'm'), unhurried)).toMatchObject({
      error: { code: 'transport.unreachable' },
    });
    await server.restart();
    const seen = romeo.statuses.length;
    romeo.stream.nudge();
    await romeo.status((status) => status.state === 'online', Math.max(0, seen - 2));
    expect(await romeo.bound()).toEqual({ resumed: false });
  });

  it('says goodbye: another session under the same name replaces it, and it does not fight back', async (context) => {
    const server = required(context);
    const romeo = open(server, 'romeo');
    await romeo.bound();
    // The same installation, hence the same resource.
    const again = openStream({
      jid: `romeo@${server.domain}`,
      password: PASSWORDS['romeo'] ?? '',
      state: romeo.states.at(-1) ?? '',
      override: { host: server.address, port: server.port, ca: server.ca },
    });
    cleanups.push(() => again.stop());
    await again.bound();
    const failing = await romeo.status((status) => status.state === 'failing');
    expect(failing).toMatchObject({ error: { code: 'account.replaced' }, retryAt: null });
    expect(again.stream.status.state).toBe('online');
  });
});
