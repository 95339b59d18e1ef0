import { createHash } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  answerHeader,
  type Certificates,
  encode,
  type HostileConnection,
  type HostileServer,
  JID,
  makeCertificates,
  PASSWORD,
  type ScramServerOptions,
  saslFeatures,
  serveBinding,
  serveScram,
  startHostileServer,
  upgrade,
} from '../support/hostile-xmpp-server.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { type FollowedStream, openStream } from '../support/xmpp-stream-follower.ts';

let certificates: Certificates;
const cleanups: (() => Promise<void>)[] = [];

beforeAll(async () => {
  certificates = await makeCertificates();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A server that offers these mechanisms over TLS, and then does what `signIn` says. */
async function serve(
  mechanisms: readonly string[],
  signIn: (connection: HostileConnection) => Promise<unknown>,
  bindings: readonly string[] | null = null,
): Promise<HostileServer> {
  const server = await startHostileServer({
    certificate: certificates.good,
    script: async (connection) => {
      await upgrade(connection);
      await answerHeader(connection, saslFeatures(mechanisms, bindings));
      await signIn(connection);
    },
  });
  cleanups.push(() => server.close());
  return server;
}

function open(server: HostileServer, options: { password?: string; state?: string; clock?: ManualClock } = {}) {
  const stream = openStream({
    jid: JID,
    password: options.password ?? PASSWORD,
    state: options.state ?? '',
    override: { host: '127.0.0.1', port: server.port, ca: certificates.ca },
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  cleanups.push(() => stream.stop());
  return stream;
}

const withScram = (scram: ScramServerOptions) => async (connection: HostileConnection) => {
  if (await serveScram(connection, scram)) await serveBinding(connection);
};

async function refusal(stream: FollowedStream) {
  const status = await stream.status((one) => one.state === 'failing');
  expect(status.retryAt).toBeNull();
  return status.error;
}

describe('the server must prove that it knows the password', () => {
  it.each([
    ['a wrong signature', { signature: () => createHash('sha256').update('x').digest('base64') }],
    ['a cut signature', { signature: (right: string) => right.slice(0, 8) }],
    ['an empty signature', { signature: () => '' }],
    ['too few iterations', { iterations: 4095 }],
    ['absurdly many iterations', { iterations: 2_000_000_000 }],
    ['a nonce that is not ours', { nonce: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }],
    ['an extension we must understand', { extra: ',m=1' }],
    ['another list of mechanisms (XEP-0474)', { extra: `,h=${encode('something else')}` }],
    ['another TLS version (XEP-0515)', { extra: ',t=0303' }],
  ] satisfies [string, ScramServerOptions][])('%s: refused', async (_name, scram) => {
    const error = await refusal(open(await serve(['SCRAM-SHA-256'], withScram(scram))));
    expect(error?.code).toBe('account.server-untrusted');
  });

  it('does not take success without a signature', async () => {
    const server = await serve(['SCRAM-SHA-256'], async (connection) => {
      await connection.expect(/<auth [^>]*>/);
      connection.write("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
      await serveBinding(connection);
    });
    expect((await refusal(open(server)))?.code).toBe('account.server-untrusted');
  });

  it('takes the right list of mechanisms and the right TLS version', async () => {
    const hash = createHash('sha256').update('SCRAM-SHA-1\x1eSCRAM-SHA-256').digest('base64');
    const server = await serve(['SCRAM-SHA-256', 'SCRAM-SHA-1'], withScram({ extra: `,h=${hash},t=0304` }));
    expect(await open(server).bound()).toEqual({ resumed: false });
  });
});

describe('the password stays with us', () => {
  it.each([[['PLAIN']], [['PLAIN', 'LOGIN', 'DIGEST-MD5', 'X-OAUTH2']], [[]]])(
    '%s offered: not used',
    async (offered) => {
      const server = await serve(offered, async () => {});
      expect((await refusal(open(server)))?.code).toBe('account.no-safe-login');
      await server.connections[0]?.untilClosed();
      expect(server.connections[0]?.text).not.toContain('<auth');
      expect(server.connections[0]?.text).not.toContain(encode(PASSWORD));
    },
  );

  it('SCRAM-SHA-1 only where there is nothing better', async () => {
    const both = await serve(['SCRAM-SHA-1', 'SCRAM-SHA-256', 'PLAIN'], withScram({}));
    await open(both).bound();
    expect(both.connections[0]?.text).toContain('mechanism="SCRAM-SHA-256"');
    const old = await serve(['PLAIN', 'SCRAM-SHA-1'], withScram({ hash: 'sha1' }));
    await open(old).bound();
    expect(old.connections[0]?.text).toContain('mechanism="SCRAM-SHA-1"');
  });

  it('remembers the strongest mechanism, and signs in with nothing weaker later', async () => {
    const good = await serve(['SCRAM-SHA-256'], withScram({}));
    const first = open(good);
    await first.bound();
    const state = first.states.at(-1) ?? '';
    const downgraded = await serve(['SCRAM-SHA-1'], withScram({ hash: 'sha1' }));
    expect((await refusal(open(downgraded, { state })))?.code).toBe('account.server-untrusted');
    expect(downgraded.connections[0]?.text).not.toContain('<auth');
  });
});

describe('channel binding', () => {
  const exported = (connection: HostileConnection) => (type: string) => {
    const tls = connection.tls;
    if (type !== 'tls-exporter' || tls === null) throw new Error(`not offered: ${type}`);
    return tls.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
  };

  it('binds the sign-in to this very TLS connection by tls-exporter', async () => {
    const server = await serve(
      ['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'],
      (connection) => withScram({ binding: exported(connection) })(connection),
      ['tls-server-end-point', 'tls-exporter'],
    );
    const stream = open(server);
    await stream.bound();
    expect(JSON.parse(stream.states.at(-1) ?? '{}')).toMatchObject({ pinned: 'SCRAM-SHA-256-PLUS' });
  });

  it('by the certificate where the server offers only that', async () => {
    const der = Buffer.from(certificates.good.certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    const server = await serve(
      ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'],
      // ECDSA with SHA-256 signed it, hence SHA-256 (RFC 5929 §4.1)
      withScram({ binding: () => createHash('sha256').update(der).digest() }),
      ['tls-server-end-point'],
    );
    expect(await open(server).bound()).toEqual({ resumed: false });
  });

  it('fails when somebody sits in the middle', async () => {
    const server = await serve(['SCRAM-SHA-256-PLUS'], withScram({ binding: () => Buffer.alloc(32, 1) }), [
      'tls-exporter',
    ]);
    expect((await refusal(open(server)))?.code).toBe('account.wrong-password');
  });

  it('tells a server whose offer was stripped that we would have bound', async () => {
    const server = await serve(['SCRAM-SHA-256'], withScram({}));
    await open(server).bound();
    const auth = /<auth [^>]*>([^<]*)</.exec(server.connections[0]?.text ?? '')?.[1] ?? '';
    expect(Buffer.from(auth, 'base64').toString()).toMatch(/^y,,n=romeo,r=/);
  });
});

describe('a wrong password', () => {
  it('is tried once, and never again by itself', async () => {
    const server = await serve(['SCRAM-SHA-256'], withScram({}));
    const clock = new ManualClock();
    const stream = open(server, { password: 'not it', clock });
    const error = await refusal(stream);
    expect(error?.code).toBe('account.wrong-password');
    stream.stream.nudge();
    clock.advance(24 * 3_600_000);
    expect(stream.stream.status).toMatchObject({ state: 'failing', retryAt: null });
    expect(server.connections.length).toBe(1);
    expect(JSON.stringify(stream.statuses)).not.toContain('not it');
  });

  it.each([
    ['account-disabled', 'account.disabled', false],
    ['not-authorized', 'account.wrong-password', false],
    ['credentials-expired', 'account.wrong-password', false],
    ['temporary-auth-failure', 'account.unreachable', true],
  ])('%s is told as %s', async (condition, code, again) => {
    const server = await serve(['SCRAM-SHA-256'], async (connection) => {
      await connection.expect(/<auth [^>]*>/);
      connection.write(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><${condition}/></failure>`);
    });
    const status = await open(server).status((one) => one.state === 'failing');
    expect(status.error?.code).toBe(code);
    expect(status.retryAt !== null).toBe(again);
  });
});
