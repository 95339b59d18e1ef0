import { xml } from '@xmpp/client';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { backoffDelay } from '../../src/main/transports/xmpp/stream-backoff.ts';
import {
  answerBind,
  answerHeader,
  BIND_FEATURES,
  type Certificates,
  type HostileConnection,
  type HostileServer,
  JID,
  makeCertificates,
  PASSWORD,
  saslFeatures,
  serveScram,
  serveSignIn,
  startHostileServer,
  upgrade,
} from '../support/hostile-xmpp-server.ts';
import { ManualClock } from '../support/manual-clock.ts';
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

type Script = (connection: HostileConnection) => Promise<unknown>;

/** One script for each connection in turn; the last one for all that follow. */
async function serve(...scripts: Script[]): Promise<HostileServer> {
  const server = await startHostileServer({
    certificate: certificates.good,
    script: async (connection, index) => {
      await scripts[Math.min(index, scripts.length - 1)]?.(connection);
    },
  });
  cleanups.push(() => server.close());
  return server;
}

function open(server: { readonly port: number }, clock = new ManualClock()) {
  const override = { host: '127.0.0.1', port: server.port, ca: certificates.ca };
  const stream = openStream({ jid: JID, password: PASSWORD, override, clock });
  cleanups.push(async () => {
    const stopped = stream.stop();
    clock.advance(10_000);
    await stopped;
  });
  return { ...stream, clock };
}

const message = (id: string) => xml('message', { to: 'juliet@elsewhere.test', id });

/** Sign-in up to the features behind it, then `<resume/>`, answered by `answer` (given `h` of the client). */
const serveResumption =
  (answer: (handled: string, connection: HostileConnection) => Promise<unknown> | unknown): Script =>
  async (connection) => {
    await upgrade(connection);
    await answerHeader(connection, saslFeatures(['SCRAM-SHA-256']));
    await serveScram(connection);
    await answerHeader(connection, BIND_FEATURES);
    const resume = await connection.expect(/<resume [^>]*>/);
    expect(resume[0]).toContain('previd="session-1"');
    await answer(/h="(\d+)"/.exec(resume[0])?.[1] ?? '', connection);
  };

describe('waiting between attempts', () => {
  it('doubles up to a minute, anywhere between nothing and that', () => {
    const longest = [0, 1, 2, 3, 4, 5, 6, 7, 100].map((failures) => backoffDelay(failures, 1));
    expect(longest).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    expect(backoffDelay(3, 0)).toBe(0);
    expect(backoffDelay(3, 0.25)).toBe(2_000);
  });

  it('grows with each failure, and ends at once when the network changes', async () => {
    const server = await serve(async (connection) => connection.destroy());
    const { stream, status, statuses, clock } = open(server);
    const waits: number[] = [];
    for (let attempt = 0; attempt < 6; attempt += 1) {
      const from = statuses.length;
      const failing = await status((one) => one.state === 'failing', Math.max(0, from - 1));
      waits.push((failing.retryAt ?? Number.NaN) - failing.since);
      const count = server.connections.length;
      const seen = statuses.length;
      if (attempt % 2 === 0) clock.advance(waits.at(-1) ?? 0);
      else stream.nudge();
      await status((one) => one.state === 'failing', seen);
      expect(server.connections.length).toBe(count + 1);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000]);
  });

  it('reports a server that is not there', async () => {
    const server = await serve(async () => {});
    await server.close();
    const { status } = open(server);
    expect((await status((one) => one.state === 'failing')).error?.code).toBe('account.unreachable');
  });
});

describe('what a server says on hanging up', () => {
  const goodbye =
    (condition: string): Script =>
    async (connection) => {
      await serveSignIn(connection);
      await connection.expect(/<presence/);
      connection.write(
        `<stream:error>${condition}</stream:error></stream:stream>`.replace(
          /<([a-z-]+)>/,
          "<$1 xmlns='urn:ietf:params:xml:ns:xmpp-streams'>",
        ),
      );
    };

  async function hungUpWith(condition: string, ...more: Script[]) {
    const server = await serve(goodbye(condition), ...more);
    const opened = open(server);
    await opened.status((one) => one.state === 'online');
    void opened.stream.send(xml('presence'), unhurried);
    return { server, ...opened };
  }

  it('replaced by another program: left alone until the person wants to', async () => {
    const { stream, status, clock, server } = await hungUpWith('<conflict></conflict>');
    const failing = await status((one) => one.state === 'failing');
    expect(failing.error?.code).toBe('account.replaced');
    expect(failing.retryAt).toBeNull();
    stream.nudge();
    clock.advance(3_600_000);
    expect(stream.status.state).toBe('failing');
    expect(server.connections.length).toBe(1);
  });

  it('restarting: soon again; refused for policy: later', async () => {
    const restarting = await hungUpWith('<system-shutdown></system-shutdown>');
    const soon = await restarting.status((one) => one.state === 'failing');
    expect((soon.retryAt ?? Number.NaN) - soon.since).toBe(500);
    const refused = await hungUpWith('<policy-violation></policy-violation>');
    const late = await refused.status((one) => one.state === 'failing');
    expect((late.retryAt ?? Number.NaN) - late.since).toBe(16_000);
  });

  it('look elsewhere: followed, with the certificate still that of the account', async () => {
    const elsewhere = await serve(
      serveResumption((_handled, connection) =>
        connection.write("<resumed xmlns='urn:xmpp:sm:3' previd='session-1' h='0'/>"),
      ),
    );
    const { server, status } = await hungUpWith(`<see-other-host>127.0.0.1:${elsewhere.port}</see-other-host>`);
    await status((one) => one.state === 'online', 2);
    expect(server.connections.length).toBe(1);
    expect(elsewhere.connections.length).toBe(1);
  });
});

describe('a session that outlives its connection', () => {
  it('sends again what the server lacks, in order, and nothing twice', async () => {
    const server = await serve(
      async (connection) => {
        await serveSignIn(connection);
        await connection.expect(/id="m3"/);
        connection.destroy();
      },
      serveResumption(async (_handled, connection) => {
        connection.write("<resumed xmlns='urn:xmpp:sm:3' previd='session-1' h='1'/>");
        await connection.expect(/id="m3".*<r [^>]*>/);
        connection.write("<a xmlns='urn:xmpp:sm:3' h='3'/>");
      }),
    );
    const { stream, bound, clock, status } = open(server);
    await bound();
    const sent = ['m1', 'm2', 'm3'].map((id) => stream.send(message(id), unhurried));
    await status((one) => one.state === 'failing');
    clock.advance(1_000);
    expect(await bound()).toEqual({ resumed: true });
    expect(await Promise.all(sent)).toEqual([{ ok: true }, { ok: true }, { ok: true }]);
    expect([...(server.connections[1]?.text ?? '').matchAll(/id="(m\d)"/g)].map((one) => one[1])).toEqual(['m2', 'm3']);
  });

  it('tells the truth when the server does not take it up: this arrived, of that nothing is known', async () => {
    const server = await serve(
      async (connection) => {
        await serveSignIn(connection);
        await connection.expect(/id="m2"/);
        connection.destroy();
      },
      serveResumption(async (_handled, connection) => {
        connection.write(
          "<failed xmlns='urn:xmpp:sm:3' h='1'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
        );
        await answerBind(connection);
        await connection.expect(/<enable [^>]*>/);
        connection.write("<enabled xmlns='urn:xmpp:sm:3'/>");
      }),
    );
    const { stream, bound, clock, status } = open(server);
    await bound();
    const sent = ['m1', 'm2'].map((id) => stream.send(message(id), unhurried));
    await status((one) => one.state === 'failing');
    clock.advance(1_000);
    expect(await bound()).toEqual({ resumed: false });
    expect(await Promise.all(sent)).toMatchObject([{ ok: true }, { error: { code: 'transport.unreachable' } }]);
  });

  it('lets nobody wait for a server that is gone', async () => {
    const server = await serve(
      async (connection) => {
        await serveSignIn(connection);
        await connection.expect(/id="m1"/);
        connection.destroy();
      },
      async (connection) => connection.destroy(),
    );
    const { stream, bound, clock, status, statuses } = open(server);
    await bound();
    const sent = stream.send(message('m1'), unhurried);
    await status((one) => one.state === 'failing');
    const seen = statuses.length;
    clock.advance(1_000);
    await status((one) => one.state === 'failing', seen);
    expect(await sent).toMatchObject({ error: { code: 'transport.unreachable' } });
    expect(await stream.send(message('m2'), unhurried)).toMatchObject({ error: { code: 'transport.unreachable' } });
  });

  it('goes on waiting when a way back is broken off to try another at once', async () => {
    let hangs: () => void = () => {};
    const hanging = new Promise<void>((resolve) => {
      hangs = resolve;
    });
    const server = await serve(
      async (connection) => {
        await serveSignIn(connection);
        await connection.expect(/id="m1"/);
        connection.destroy();
      },
      async (connection) => {
        await connection.expect(/<stream:stream/);
        hangs();
        await connection.untilClosed();
      },
      serveResumption((_handled, connection) => {
        connection.write("<resumed xmlns='urn:xmpp:sm:3' previd='session-1' h='1'/>");
      }),
    );
    const { stream, bound, clock, status } = open(server);
    await bound();
    const sent = stream.send(message('m1'), unhurried);
    await status((one) => one.state === 'failing');
    clock.advance(1_000);
    await hanging;
    stream.nudge();
    expect(await bound()).toEqual({ resumed: true });
    expect(await sent).toEqual({ ok: true });
  });

  it('says to have handled only what was handled, in order', async () => {
    let resumedWith = '';
    const server = await serve(
      async (connection) => {
        await serveSignIn(connection);
        connection.write("<message id='a'/><message id='b'/><message id='c'/><r xmlns='urn:xmpp:sm:3'/>");
        await connection.expect(/<a [^>]*h="0"/);
        await connection.expect(/<presence/);
        connection.destroy();
      },
      serveResumption(async (handled, connection) => {
        resumedWith = handled;
        connection.write("<resumed xmlns='urn:xmpp:sm:3' previd='session-1' h='1'/><message id='b'/><message id='c'/>");
        connection.write("<r xmlns='urn:xmpp:sm:3'/>");
        await connection.expect(/<a [^>]*h="3"/);
        connection.write("<message id='end'/>");
      }),
    );
    const followed = open(server);
    const { stream, bound, clock, status, stanzas, stanza } = followed;
    const released = new Map<string, () => void>();
    followedHandler(followed, (id) => new Promise((resolve) => released.set(id, resolve)));
    await bound();
    await stanza((one) => one.attrs['id'] === 'c');
    // c and a are done, b is not: only a counts
    released.get('c')?.();
    released.get('a')?.();
    await Promise.resolve();
    followedHandler(followed, async () => {});
    void stream.send(xml('presence'), unhurried);
    await status((one) => one.state === 'failing');
    clock.advance(1_000);
    expect(await bound()).toEqual({ resumed: true });
    await stanza((one) => one.attrs['id'] === 'end');
    expect(resumedWith).toBe('1');
    expect(stanzas.map((one) => one.attrs['id'])).toEqual(['a', 'b', 'c', 'b', 'c', 'end']);
  });

  it('lets a stanza come again that could not be taken', async () => {
    const server = await serve(
      async (connection) => {
        await serveSignIn(connection);
        connection.write("<message id='a'/>");
        await connection.untilClosed();
      },
      serveResumption(async (handled, connection) => {
        expect(handled).toBe('0');
        connection.write("<resumed xmlns='urn:xmpp:sm:3' previd='session-1' h='0'/><message id='a'/>");
      }),
    );
    const followed = open(server);
    followedHandler(followed, async () => {
      throw new Error('disk full');
    });
    await followed.status((one) => one.state === 'failing');
    followedHandler(followed, async () => {});
    followed.clock.advance(1_000);
    await followed.status((one) => one.state === 'online', 2);
    await followed.stanza((one) => one === followed.stanzas[1]);
    expect(followed.stanzas.map((one) => one.attrs['id'])).toEqual(['a', 'a']);
  });
});

describe('stopping', () => {
  it('waits for what was sent last, then closes the stream', async () => {
    const server = await serve(async (connection) => {
      await serveSignIn(connection);
      await connection.expect(/id="m1".*<r [^>]*>/);
      connection.write("<a xmlns='urn:xmpp:sm:3' h='1'/>");
      await connection.untilClosed();
    });
    const { stream, bound } = open(server);
    await bound();
    const sent = stream.send(message('m1'), unhurried);
    await stream.stop();
    expect(await sent).toEqual({ ok: true });
    expect(stream.status.state).toBe('off');
    expect(await stream.send(message('m2'), unhurried)).toMatchObject({ ok: false });
    await server.connections[0]?.untilClosed();
    expect(server.connections[0]?.text).toMatch(/<\/stream:stream>$/);
  });

  it('ends an attempt that hangs', async () => {
    const server = await serve((connection) => connection.untilClosed());
    const { stream } = open(server);
    await server.connections[0]?.expect(/<stream:stream/).catch(() => {});
    await stream.stop();
    expect(stream.status.state).toBe('off');
  });
});

describe('a server that has gone quiet', () => {
  it('is asked after a minute, and given up without an answer', async () => {
    const server = await serve((connection) => serveSignIn(connection));
    const { bound, clock, status } = open(server);
    await bound();
    clock.advance(60_000);
    await server.connections[0]?.expect(/<r [^>]*>/);
    clock.advance(20_000);
    expect((await status((one) => one.state === 'failing')).error?.detail).toBe('no sign of life');
  });

  it('is asked at once when the network changed, and given up sooner', async () => {
    const server = await serve((connection) => serveSignIn(connection));
    const { stream, bound, clock, status } = open(server);
    await bound();
    stream.nudge();
    await server.connections[0]?.expect(/<r [^>]*>/);
    clock.advance(5_000);
    expect((await status((one) => one.state === 'failing')).error?.detail).toBe('no sign of life');
  });

  it('is kept as long as it answers', async () => {
    const server = await serve(async (connection) => {
      await serveSignIn(connection);
      for (let round = 0; round < 3; round += 1) {
        await connection.expect(/<r [^>]*>/);
        connection.write(`<a xmlns='urn:xmpp:sm:3' h='0'/><message id='answer-${round}'/>`);
      }
    });
    const { bound, clock, stanza, stream } = open(server);
    await bound();
    for (let round = 0; round < 3; round += 1) {
      clock.advance(60_000);
      await stanza((one) => one.attrs['id'] === `answer-${round}`);
      clock.advance(19_000);
    }
    expect(stream.status.state).toBe('online');
    expect(server.connections.length).toBe(1);
  });

  it('keeps no request waiting longer than half a minute', async () => {
    const server = await serve((connection) => serveSignIn(connection));
    const { stream, bound, clock } = open(server);
    await bound();
    const answer = stream.request(xml('iq', { type: 'get' }, xml('query', { xmlns: 'urn:test' })), unhurried);
    await server.connections[0]?.expect(/urn:test/);
    server.connections[0]?.write("<a xmlns='urn:xmpp:sm:3' h='1'/><message id='seen'/>");
    clock.advance(30_000);
    expect(await answer).toMatchObject({ error: { code: 'transport.timeout' } });
  });
});

/** Sets what happens to stanzas that come from now on. */
function followedHandler(followed: ReturnType<typeof open>, handle: (id: string) => Promise<void>): void {
  followed.take((stanza) => handle(String(stanza.attrs['id'])));
}
