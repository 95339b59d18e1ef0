import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  answerHeader,
  type Certificate,
  type Certificates,
  DOMAIN,
  type HostileOptions,
  type HostileServer,
  JID,
  makeCertificates,
  PASSWORD,
  STREAM_HEADER,
  saslFeatures,
  serveBinding,
  serveScram,
  serveSignIn,
  startHostileServer,
  upgrade,
} from '../support/hostile-xmpp-server.ts';
import { type FollowedStream, openStream } from '../support/xmpp-stream-follower.ts';

let certificates: Certificates;
const cleanups: (() => Promise<void>)[] = [];

beforeAll(async () => {
  certificates = await makeCertificates();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(script: HostileOptions['script'], certificate?: Certificate, directTls = false) {
  const server = await startHostileServer({ certificate: certificate ?? certificates.good, directTls, script });
  cleanups.push(() => server.close());
  return server;
}

function open(server: HostileServer, directTls = false): FollowedStream {
  const override = { host: '127.0.0.1', port: server.port, directTls, ca: certificates.ca };
  const stream = openStream({ jid: JID, password: PASSWORD, override });
  cleanups.push(() => stream.stop());
  return stream;
}

const failing = (stream: FollowedStream) => stream.status((status) => status.state === 'failing');

describe('TLS or nothing', () => {
  it('says nothing but the stream header to a server without STARTTLS, whatever else it offers', async () => {
    const server = await serve((connection) => answerHeader(connection, saslFeatures(['SCRAM-SHA-256', 'PLAIN'])));
    const status = await failing(open(server));
    expect(status.error?.code).toBe('account.no-tls');
    await server.connections[0]?.untilClosed();
    expect(server.connections[0]?.text).not.toContain('<auth');
    // not even who we are
    expect(server.connections[0]?.text).not.toContain('romeo');
  });

  it('does not go on in clear when STARTTLS is refused', async () => {
    const server = await serve(async (connection) => {
      await answerHeader(
        connection,
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
      );
      await connection.expect(/<starttls[^>]*>/);
      connection.write("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    });
    expect((await failing(open(server))).error?.code).toBe('account.no-tls');
    await server.connections[0]?.untilClosed();
    expect(server.connections[0]?.text).toMatch(/<starttls[^>]*><\/stream:stream>$/);
  });

  it('forgets what was said before TLS', async () => {
    const injected =
      "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>" +
      "<message from='evil@hostile.test' id='injected'><body>from the clear</body></message>";
    const server = await serve(async (connection) => {
      await upgrade(connection, injected);
      await answerHeader(connection, saslFeatures(['SCRAM-SHA-256']));
      await serveScram(connection);
      await serveBinding(connection);
      connection.write("<message from='friend@hostile.test' id='real'><body>hello</body></message>");
    });
    const stream = open(server);
    await stream.stanza((stanza) => stanza.attrs['id'] === 'real');
    expect(stream.stanzas.map((stanza) => stanza.attrs['id'])).toEqual(['real']);
  });

  it('believes nobody in clear: a stream error there neither redirects nor ends the attempts', async () => {
    const server = await serve(async (connection) => {
      await connection.expect(/<stream:stream[^>]*>/);
      connection.write(
        `${STREAM_HEADER}<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`,
      );
    });
    const status = await failing(open(server));
    expect(status.error?.code).toBe('account.unreachable');
    expect(status.retryAt).not.toBeNull();
  });
});

describe('the certificate', () => {
  it.each([
    ['wrongName', 'belongs to another name'],
    ['expired', 'has expired'],
    ['stranger', 'authority this computer does not know'],
  ] as const)('%s is refused in plain words before the password is used', async (which, words) => {
    for (const directTls of [false, true]) {
      const script: HostileOptions['script'] = async (connection) => {
        await serveSignIn(connection, { directTls });
      };
      const server = await serve(script, certificates[which], directTls);
      const status = await failing(open(server, directTls));
      expect(status.error?.code).toBe('account.bad-certificate');
      expect(status.error?.what).toContain(words);
      expect(server.connections[0]?.text).not.toContain('<auth');
    }
  });

  it('is asked for and checked by the domain of the account with direct TLS, and ALPN says xmpp-client', async () => {
    const server = await serve((connection) => serveSignIn(connection, { directTls: true }), undefined, true);
    const stream = open(server, true);
    await stream.bound();
    const tls = server.connections[0]?.tls as { servername?: unknown; alpnProtocol?: unknown } | null | undefined;
    expect(tls?.servername).toBe(DOMAIN);
    expect(tls?.alpnProtocol).toBe('xmpp-client');
  });
});

describe('SRV', () => {
  const lookUp = (records: Record<string, number>) => async (name: string) => {
    const port = records[name];
    if (port === undefined) throw Object.assign(new Error('queryEnotfound'), { code: 'ENOTFOUND' });
    return [{ name: 'localhost', port, priority: name.startsWith('_xmpps-') ? 1 : 2, weight: 1 }];
  };

  function openBySrv(records: Record<string, number>): FollowedStream {
    const stream = openStream({
      jid: JID,
      password: PASSWORD,
      override: { ca: certificates.ca },
      resolveSrv: lookUp(records),
    });
    cleanups.push(() => stream.stop());
    return stream;
  }

  it('leads to another host, which must still prove to be the domain of the account', async () => {
    // This certificate is right for the target of the record (localhost), and wrong for the account.
    const target = await serve(
      (connection) => serveSignIn(connection, { directTls: true }),
      certificates.wrongName,
      true,
    );
    const status = await failing(openBySrv({ [`_xmpps-client._tcp.${DOMAIN}`]: target.port }));
    expect(status.error?.code).toBe('account.bad-certificate');
  });

  it('is followed for direct TLS, and to STARTTLS when that address does not work', async () => {
    const plain = await serve((connection) => serveSignIn(connection));
    const direct = await serve(async (connection) => connection.destroy());
    const stream = openBySrv({
      [`_xmpps-client._tcp.${DOMAIN}`]: direct.port,
      [`_xmpp-client._tcp.${DOMAIN}`]: plain.port,
    });
    await stream.bound();
    expect(direct.connections.length).toBe(1);
    expect(plain.connections.length).toBe(1);
  });

  it('may say that there is no such service', async () => {
    const stream = openStream({
      jid: JID,
      password: PASSWORD,
      override: {},
      resolveSrv: async () => [{ name: '.', port: 0, priority: 0, weight: 0 }],
    });
    cleanups.push(() => stream.stop());
    expect((await failing(stream)).error?.code).toBe('account.unknown-host');
  });
});
