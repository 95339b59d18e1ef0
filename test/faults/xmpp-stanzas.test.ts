import { xml } from '@xmpp/client';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type Certificates,
  type HostileConnection,
  type HostileServer,
  JID,
  makeCertificates,
  PASSWORD,
  serveSignIn,
  startHostileServer,
} from '../support/hostile-xmpp-server.ts';
import { openStream } from '../support/xmpp-stream-follower.ts';

let certificates: Certificates;
const cleanups: (() => Promise<void>)[] = [];
const unhurried = new AbortController().signal;

beforeAll(async () => {
  certificates = await makeCertificates();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A server that signs anybody in properly and is hostile after that. */
async function serve(hostile: (connection: HostileConnection) => Promise<unknown>, management = true) {
  const server = await startHostileServer({
    certificate: certificates.good,
    script: async (connection, index) => {
      await serveSignIn(connection, { management });
      if (index === 0) await hostile(connection);
    },
  });
  cleanups.push(() => server.close());
  return server;
}

function open(server: HostileServer) {
  const override = { host: '127.0.0.1', port: server.port, ca: certificates.ca };
  const stream = openStream({ jid: JID, password: PASSWORD, override });
  cleanups.push(() => stream.stop());
  return stream;
}

describe('XML that is not to be trusted', () => {
  it('a character cut in two by the network arrives whole', async () => {
    const server = await serve(async (connection) => {
      const bytes = Buffer.from("<message id='m'><body>Grüße 🏔</body></message>");
      const cut = bytes.indexOf(Buffer.from('🏔')) + 2;
      connection.write(bytes.subarray(0, cut));
      // The first part has arrived and was parsed when the answer to this ping comes back.
      await connection.expect(/<r [^>]*>|<presence/);
      connection.write(bytes.subarray(cut));
    });
    const stream = open(server);
    await stream.bound();
    void stream.stream.send(xml('presence'), unhurried);
    expect((await stream.stanza((stanza) => stanza.attrs['id'] === 'm')).getChildText('body')).toBe('Grüße 🏔');
  });

  it.each([
    ['&lol;', '<message><body>&lol;</body></message>', 'not-well-formed'],
    ['a document type', "<!DOCTYPE x [<!ENTITY lol 'x'>]>", 'not-well-formed'],
    ['a stanza without end', `<message><body>${'a'.repeat(700_000)}`, 'policy-violation'],
    ['a deep stanza', '<a>'.repeat(200), 'policy-violation'],
    ['bytes that are no text', Buffer.from([0x3c, 0x6d, 0xc0, 0xaf]), 'unsupported-encoding'],
  ] as const)('%s ends the connection with a stream error, and nothing else', async (_name, bad, condition) => {
    const server = await serve(async (connection) => {
      connection.write(bad);
      connection.write("<message id='behind'/>");
    });
    const stream = open(server);
    const status = await stream.status((one) => one.state === 'failing');
    expect(status.error?.code).toBe('account.protocol');
    expect(status.retryAt).not.toBeNull();
    const first = server.connections[0];
    await first?.untilClosed();
    expect(first?.text).toMatch(
      new RegExp(
        `<stream:error><${condition} xmlns="urn:ietf:params:xml:ns:xmpp-streams"/></stream:error></stream:stream>$`,
      ),
    );
    expect(stream.stanzas).toEqual([]);
  });
});

describe('acknowledgements that make no sense', () => {
  it.each([
    ["h='99'", /<stream:error><undefined-condition [^>]*><handled-count-too-high [^>]*h="99" send-count="1"/],
    ["h='-1'", /<stream:error><bad-format/],
    ["h='4294967296'", /<stream:error><bad-format/],
    ["h='one'", /<stream:error><bad-format/],
    ['', /<stream:error><(bad-format)/],
  ])('<a %s/> ends the session, and what was sent is not called accepted', async (attribute, streamError) => {
    const server = await serve(async (connection) => {
      await connection.expect(/<r [^>]*>/);
      connection.write(`<a xmlns='urn:xmpp:sm:3' ${attribute}/>`);
      await connection.untilClosed();
    });
    const stream = open(server);
    await stream.status((one) => one.state === 'online');
    const sending = stream.stream.send(xml('message', { to: 'a@b.test' }), unhurried);
    await server.connections[0]?.untilClosed();
    expect(server.connections[0]?.text).toMatch(streamError);
    await stream.status((one) => one.state === 'failing');
    stream.stream.nudge();
    // that session is not taken up again
    await stream.bound();
    expect((await stream.bound()).resumed).toBe(false);
    expect(server.connections[1]?.text).not.toContain('<resume');
    expect(await sending).toMatchObject({ ok: false, error: { code: 'transport.unreachable' } });
  });
});

describe('answers', () => {
  it('count only from who was asked', async () => {
    const server = await serve(async (connection) => {
      const found = await connection.expect(/<iq [^>]*id="([^"]*)"[^>]*><query xmlns="urn:test"\/><\/iq>/);
      const id = found[1];
      for (const from of ['evil@elsewhere.test', 'juliet@elsewhere.test/other', JID, '']) {
        const attribute = from === '' ? '' : `from='${from}'`;
        connection.write(`<iq type='result' id='${id}' ${attribute}><forged/></iq>`);
      }
      connection.write(`<iq type='result' id='${id}' from='Juliet@Elsewhere.test/balcony'><real/></iq>`);
    });
    const stream = open(server);
    await stream.bound();
    const iq = xml('iq', { type: 'get', to: 'juliet@elsewhere.test/balcony' }, xml('query', { xmlns: 'urn:test' }));
    const answer = await stream.stream.request(iq, unhurried);
    expect(answer.ok && answer.value.getChildElements().map((child) => child.name)).toEqual(['real']);
    expect(stream.stanzas).toEqual([]);
  });

  it('about our own account count without a sender, from our bare address, and from nobody else', async () => {
    const server = await serve(async (connection) => {
      for (let round = 0; round < 3; round += 1) {
        const found = await connection.expect(/<iq [^>]*id="([^"]*)"[^>]*><query xmlns="urn:test"\/><\/iq>/);
        connection.write(`<iq type='result' id='${found[1]}' from='friend@hostile.test'><forged/></iq>`);
        const from = ['', `from='${JID}'`, "from='hostile.test'"][round];
        connection.write(`<iq type='result' id='${found[1]}' ${from}><real/></iq>`);
      }
    });
    const stream = open(server);
    await stream.bound();
    for (let round = 0; round < 3; round += 1) {
      const answer = await stream.stream.request(
        xml('iq', { type: 'get' }, xml('query', { xmlns: 'urn:test' })),
        unhurried,
      );
      expect(answer.ok && answer.value.getChild('real') !== undefined).toBe(true);
    }
  });

  it('that are errors say which', async () => {
    const conditions = ['item-not-found', 'forbidden', 'internal-server-error'];
    const server = await serve(async (connection) => {
      for (const condition of conditions) {
        const found = await connection.expect(/<iq [^>]*id="([^"]*)"[^>]*><query/);
        connection.write(
          `<iq type='error' id='${found[1]}'><error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
        );
      }
    });
    const stream = open(server);
    await stream.bound();
    const codes: string[] = [];
    for (const _ of conditions) {
      const answer = await stream.stream.request(xml('iq', { type: 'get' }, xml('query')), unhurried);
      if (!answer.ok) codes.push(answer.error.code);
    }
    expect(codes).toEqual(['stanza.not-found', 'stanza.forbidden', 'stanza.error']);
  });
});

describe('sending', () => {
  it('refuses what would make the server hang up', async () => {
    const server = await serve(async () => {});
    const stream = open(server);
    await stream.bound();
    const send = (text: string) => stream.stream.send(xml('message', {}, xml('body', {}, text)), unhurried);
    expect(await send('a\u0000b')).toMatchObject({ error: { code: 'transport.malformed' } });
    expect(await send('\uD800')).toMatchObject({ error: { code: 'transport.malformed' } });
    expect(await send('a'.repeat(600_000))).toMatchObject({ error: { code: 'transport.too-large' } });
    expect(server.connections[0]?.text).not.toContain('<message');
  });

  it('is accepted by a server without stream management once it answers something sent later', async () => {
    const server = await serve(async (connection) => {
      const ping = await connection.expect(/<message.*<iq [^>]*id="([^"]*)"[^>]*><ping/);
      connection.write(`<iq type='error' id='${ping[1]}' from='hostile.test'/>`);
    }, false);
    const stream = open(server);
    await stream.bound();
    expect(await stream.stream.send(xml('message', { to: 'a@b.test' }), unhurried)).toEqual({ ok: true });
  });
});
