import { createHmac } from 'node:crypto';
import { xml } from '@xmpp/client';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  answerBind,
  answerHeader,
  type Certificates,
  decode,
  encode,
  type HostileConnection,
  type HostileServer,
  JID,
  makeCertificates,
  PASSWORD,
  ScramServer,
  type ScramServerOptions,
  startHostileServer,
  upgrade,
} from '../support/hostile-xmpp-server.ts';
import { openStream } from '../support/xmpp-stream-follower.ts';

let certificates: Certificates;
const cleanups: (() => Promise<void>)[] = [];
const unhurried = new AbortController().signal;
const TOKEN = 'a token of the server';
const NS = 'urn:xmpp:sasl:2';

beforeAll(async () => {
  certificates = await makeCertificates();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(...scripts: ((connection: HostileConnection) => Promise<unknown>)[]): Promise<HostileServer> {
  const server = await startHostileServer({
    certificate: certificates.good,
    script: async (connection, index) => {
      await scripts[Math.min(index, scripts.length - 1)]?.(connection);
    },
  });
  cleanups.push(() => server.close());
  return server;
}

function open(server: HostileServer, state = '') {
  const override = { host: '127.0.0.1', port: server.port, ca: certificates.ca };
  const stream = openStream({ jid: JID, password: PASSWORD, state, override });
  cleanups.push(() => stream.stop());
  return stream;
}

interface Offer {
  readonly mechanisms?: readonly string[];
  readonly bindings?: readonly string[];
  readonly inline?: string;
}

const BIND2 =
  "<bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:sm:3'/></inline></bind><sm xmlns='urn:xmpp:sm:3'/>";
const FAST =
  "<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism><mechanism>HT-SHA-256-EXPR</mechanism></fast>";

async function offer(connection: HostileConnection, { mechanisms, bindings, inline }: Offer): Promise<void> {
  await upgrade(connection);
  const list = (mechanisms ?? ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']).map((name) => `<mechanism>${name}</mechanism>`);
  const types = (bindings ?? ['tls-exporter']).map((type) => `<channel-binding type='${type}'/>`);
  const announced =
    types.length === 0
      ? ''
      : `<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>${types.join('')}</sasl-channel-binding>`;
  await answerHeader(
    connection,
    `<stream:features><authentication xmlns='${NS}'>${list.join('')}<inline>${inline ?? BIND2}</inline></authentication>${announced}</stream:features>`,
  );
}

function exporter(connection: HostileConnection): Buffer {
  const tls = connection.tls;
  if (tls === null) throw new Error('no TLS');
  return tls.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
}

/** Answers the request element, having checked the password; `inside` goes into `<success/>`. */
async function serveScram2(connection: HostileConnection, inside: string, options: ScramServerOptions = {}) {
  const request = await connection.expect(/<authenticate .*?<\/authenticate>/);
  const first = /<initial-response>([^<]*)</.exec(request[0])?.[1];
  const scram = new ScramServer({ binding: () => exporter(connection), ...options });
  connection.write(`<challenge xmlns='${NS}'>${encode(scram.first(decode(first)))}</challenge>`);
  const response = await connection.expect(/<response [^>]*>([^<]*)</);
  const final = scram.final(decode(response[1]));
  connection.write(
    final === null
      ? `<failure xmlns='${NS}'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>`
      : `<success xmlns='${NS}'><additional-data>${encode(final)}</additional-data>${inside}</success><stream:features/>`,
  );
  return request[0];
}

const identity = `<authorization-identifier>${JID}/Bothy.1</authorization-identifier>`;
const bound = `${identity}<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='session-1' resume='1'/></bound>`;
const expiry = new Date(Date.now() + 86_400_000).toISOString();
const token = `<token xmlns='urn:xmpp:fast:0' token='${TOKEN}' expiry='${expiry}'/>`;

describe('SASL2 with Bind2', () => {
  it('signs in, binds and turns on stream management in one go', async () => {
    let request = '';
    const server = await serve(async (connection) => {
      await offer(connection, {});
      request = await serveScram2(connection, bound);
      await connection.expect(/<message.*<r xmlns="urn:xmpp:sm:3"/);
      connection.write("<a xmlns='urn:xmpp:sm:3' h='1'/>");
    });
    const { bound: session, stream } = open(server);
    expect(await session()).toEqual({ resumed: false });
    expect(stream.fullJid).toBe(`${JID}/Bothy.1`);
    expect(request).toMatch(/<user-agent id="[0-9a-f-]{36}"><software>Bothy<\/software>/);
    expect(request).toContain('<bind xmlns="urn:xmpp:bind:0"><tag>Bothy</tag><enable xmlns="urn:xmpp:sm:3"');
    expect(await stream.send(xml('message', { to: 'a@b.test' }), unhurried)).toEqual({ ok: true });
    expect(server.connections[0]?.text.match(/<stream:stream/g)?.length).toBe(2);
  });

  it('binds the older way where Bind2 is not offered', async () => {
    const server = await serve(async (connection) => {
      await offer(connection, { inline: '' });
      const request = await connection.expect(/<authenticate .*?<initial-response>([^<]*)<.*?<\/authenticate>/);
      expect(request[0]).not.toContain('<bind');
      const scram = new ScramServer({ binding: () => exporter(connection) });
      connection.write(`<challenge xmlns='${NS}'>${encode(scram.first(decode(request[1])))}</challenge>`);
      const response = await connection.expect(/<response [^>]*>([^<]*)</);
      const final = scram.final(decode(response[1])) ?? '';
      connection.write(`<success xmlns='${NS}'><additional-data>${encode(final)}</additional-data></success>`);
      connection.write("<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>");
      await answerBind(connection);
    });
    expect(await open(server).bound()).toEqual({ resumed: false });
  });

  it('takes a session up again within the sign-in', async () => {
    const server = await serve(
      async (connection) => {
        await offer(connection, {});
        await serveScram2(connection, bound);
        await connection.expect(/id="m1"/);
        connection.destroy();
      },
      async (connection) => {
        await offer(connection, {});
        const request = await serveScram2(
          connection,
          `${identity}<resumed xmlns='urn:xmpp:sm:3' previd='session-1' h='0'/>`,
        );
        expect(request).toContain('<resume xmlns="urn:xmpp:sm:3" previd="session-1" h="0"/>');
        await connection.expect(/id="m1"/);
        await connection.expect(/<r xmlns="urn:xmpp:sm:3"/);
        connection.write("<a xmlns='urn:xmpp:sm:3' h='1'/>");
      },
    );
    const { bound: session, stream, status } = open(server);
    await session();
    const sent = stream.send(xml('message', { to: 'a@b.test', id: 'm1' }), unhurried);
    await status((one) => one.state === 'failing');
    stream.nudge();
    expect(await session()).toEqual({ resumed: true });
    expect(await sent).toEqual({ ok: true });
  });
});

describe('SASL2 from a hostile server', () => {
  it.each([
    ['a wrong signature', {}, { signature: () => encode('no') }, 'account.server-untrusted'],
    ['bindings without mechanisms that bind', { mechanisms: ['SCRAM-SHA-256'] }, {}, 'account.server-untrusted'],
    ['mechanisms that bind without bindings', { bindings: [] }, {}, 'account.server-untrusted'],
    ['only unknown bindings, and no proof', { bindings: ['tls-unknown'] }, {}, 'account.server-untrusted'],
    ['only PLAIN', { mechanisms: ['PLAIN'], bindings: [] }, {}, 'account.no-safe-login'],
  ] satisfies [string, Offer, ScramServerOptions, string][])('%s: refused', async (_name, offered, scram, code) => {
    const server = await serve(async (connection) => {
      await offer(connection, offered);
      await serveScram2(connection, bound, scram);
    });
    const failing = await open(server).status((one) => one.state === 'failing');
    expect(failing.error?.code).toBe(code);
    expect(failing.retryAt).toBeNull();
  });

  it('a second factor is not tried', async () => {
    const server = await serve(async (connection) => {
      await offer(connection, {});
      await connection.expect(/<authenticate /);
      connection.write(`<continue xmlns='${NS}'><tasks><task>HOTP-EXAMPLE</task></tasks></continue>`);
    });
    const failing = await open(server).status((one) => one.state === 'failing');
    expect(failing.error).toMatchObject({ code: 'account.protocol', detail: 'second factor wanted' });
  });
});

describe('FAST', () => {
  const hashed = (connection: HostileConnection, role: string) =>
    createHmac('sha256', TOKEN).update(role).update(exporter(connection)).digest();

  async function stateWithToken(): Promise<string> {
    const server = await serve(async (connection) => {
      await offer(connection, { inline: BIND2 + FAST });
      const request = await serveScram2(connection, bound + token);
      // the one that binds the channel, not the first of the list
      expect(request).toContain('<request-token xmlns="urn:xmpp:fast:0" mechanism="HT-SHA-256-EXPR"/>');
    });
    const stream = open(server);
    await stream.bound();
    return stream.states.at(-1) ?? '';
  }

  it('signs in with the token of last time, both sides proving that they know it', async () => {
    const state = await stateWithToken();
    const server = await serve(async (connection) => {
      await offer(connection, { inline: BIND2 + FAST });
      const request = await connection.expect(/<authenticate .*?<initial-response>([^<]*)<.*?<\/authenticate>/);
      expect(request[0]).toContain('mechanism="HT-SHA-256-EXPR"');
      expect(request[0]).toContain('<fast xmlns="urn:xmpp:fast:0" count="1"/>');
      const expected = Buffer.concat([Buffer.from('romeo\0'), hashed(connection, 'Initiator')]);
      expect(request[1]).toBe(encode(expected));
      const proof = encode(hashed(connection, 'Responder'));
      connection.write(`<success xmlns='${NS}'><additional-data>${proof}</additional-data>${bound}</success>`);
    });
    const stream = open(server, state);
    expect(await stream.bound()).toEqual({ resumed: false });
    expect(JSON.parse(stream.states.at(-1) ?? '{}')).toMatchObject({ fast: { token: TOKEN, count: 1 } });
  });

  it('does not believe a server that does not know the token', async () => {
    const state = await stateWithToken();
    const server = await serve(async (connection) => {
      await offer(connection, { inline: BIND2 + FAST });
      await connection.expect(/<authenticate .*?<\/authenticate>/);
      const proof = encode(Buffer.alloc(32));
      connection.write(`<success xmlns='${NS}'><additional-data>${proof}</additional-data>${bound}</success>`);
    });
    const failing = await open(server, state).status((one) => one.state === 'failing');
    expect(failing.error?.code).toBe('account.server-untrusted');
  });

  it('falls back to the password when the token is refused, and forgets it', async () => {
    const state = await stateWithToken();
    const server = await serve(async (connection) => {
      await offer(connection, { inline: BIND2 + FAST });
      await connection.expect(/<authenticate [^>]*HT-SHA-256-EXPR.*?<\/authenticate>/);
      connection.write(
        `<failure xmlns='${NS}'><credentials-expired xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>`,
      );
      await serveScram2(connection, bound);
    });
    const stream = open(server, state);
    expect(await stream.bound()).toEqual({ resumed: false });
    expect(JSON.parse(stream.states.at(-1) ?? '{}')).toMatchObject({ fast: null });
  });
});
