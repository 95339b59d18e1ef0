/** What every transport must do (src/main/transports/transport.ts), as one suite applied to each implementation. */
import xml, { type Element } from '@xmpp/xml';
import { afterEach, describe, expect, test } from 'vitest';
import type { IncomingStanza, Transport, TransportEvents } from '../../src/main/transports/transport.ts';
import { fail, ok } from '../../src/shared/errors.ts';
import type { Address, TransportStatus } from '../../src/shared/model.ts';

export interface ContractPeer {
  readonly transport: Transport;
  /** The address by which the other peer sends to this one. */
  readonly address: Address;
}

/** Two fresh transports that have not been started and will reach each other once they are. */
export interface TransportPair {
  readonly a: ContractPeer;
  readonly b: ContractPeer;
  /** An address that this transport can never reach. */
  readonly nowhere: Address;
  /** What a successful send means here. */
  readonly outcome: 'accepted' | 'acknowledged';
  /** Who answers `request`: the peer's application, or (XMPP) the server for the peer's account. */
  readonly answeredBy: 'peer' | 'server';
  /** Both are started: resolves when they have nothing left to do by themselves (default: when they reach each other). */
  ready?(): Promise<void>;
  /** Stops what the pair needs besides the transports. */
  close(): Promise<void>;
}

interface Started {
  readonly received: IncomingStanza[];
  readonly statuses: TransportStatus[];
  readonly reach: (Address | null)[];
  /** Replaceable while the test runs. */
  onStanza: (incoming: IncomingStanza) => Promise<void>;
  onRequest: TransportEvents['onRequest'];
  until(condition: () => boolean): Promise<void>;
}

const ECHO = 'urn:test:echo';

export function transportContract(name: string, makePair: () => Promise<TransportPair>): void {
  describe(`${name} keeps the contract of a transport`, () => {
    const cleanups: (() => Promise<void>)[] = [];
    const signal = AbortSignal.timeout(120_000);

    afterEach(async () => {
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    });

    async function pair(): Promise<TransportPair> {
      const made = await makePair();
      cleanups.push(() => made.close());
      return made;
    }

    function start(peer: ContractPeer): Started {
      const waiting: { condition: () => boolean; resolve: () => void }[] = [];
      const check = () => {
        for (const entry of [...waiting]) if (entry.condition()) entry.resolve();
      };
      const started: Started = {
        received: [],
        statuses: [],
        reach: [],
        onStanza: async () => {},
        onRequest: async () => fail('stanza.not-found', 'nothing here'),
        until: (condition) =>
          new Promise((resolve) => {
            waiting.push({ condition, resolve });
            check();
          }),
      };
      cleanups.push(() => peer.transport.stop());
      peer.transport.start(
        {
          onStatus: (status) => {
            started.statuses.push(status);
            check();
          },
          onReach: (address) => {
            started.reach.push(address);
            check();
          },
          onStanza: async (incoming) => {
            // presence and the like are not what this suite sends
            if (incoming.stanza.getChild('say', ECHO) === undefined) return;
            await started.onStanza(incoming);
            started.received.push(incoming);
            check();
          },
          onRequest: (request, arrival) => started.onRequest(request, arrival),
        },
        signal,
      );
      return started;
    }

    async function connected() {
      const made = await pair();
      const a = start(made.a);
      const b = start(made.b);
      await a.until(() => made.a.transport.reach(made.b.address).reachable);
      await b.until(() => made.b.transport.reach(made.a.address).reachable);
      await made.ready?.();
      return { made, a, b };
    }

    const to = (peer: ContractPeer) => ({
      address: peer.address,
      devices: [] as number[],
    });

    test('starts from off, tells each state it passes through, and ends off', async () => {
      const { a: peer } = await pair();
      expect(peer.transport.status.state).toBe('off');
      const a = start(peer);
      await a.until(() => peer.transport.status.state === 'online');
      expect(a.statuses.map((status) => status.state)).toContain('connecting');
      expect(a.statuses.at(-1)).toEqual(peer.transport.status);
      await peer.transport.stop();
      expect(peer.transport.status.state).toBe('off');
      expect(a.statuses.at(-1)?.state).toBe('off');
      await peer.transport.stop();
    });

    test('reaches nobody before it is online, and says when it does', async () => {
      const made = await pair();
      expect(made.a.transport.reach(made.b.address).reachable).toBe(false);
      const a = start(made.a);
      start(made.b);
      await a.until(() => made.a.transport.reach(made.b.address).reachable);
      expect(a.reach.some((address) => address === null || address === made.b.address)).toBe(true);
      expect(made.a.transport.reach(made.nowhere).reachable).toBe(false);
    });

    test('carries a stanza unchanged and says whence it came', async () => {
      const { made, b } = await connected();
      const text = 'Grüße <&> "\u{1F3D4}" \u200f\u05e9\u05dc\u05d5\u05dd';
      const stanza = message('m-1', text);
      const before = stanza.toString();
      const sent = await made.a.transport.send(stanza, to(made.b), signal);
      expect(sent).toMatchObject({ ok: true, value: { kind: made.outcome } });
      expect(stanza.toString()).toBe(before);
      await b.until(() => b.received.length === 1);
      const [incoming] = b.received;
      expect(incoming?.stanza.attrs['id']).toBe('m-1');
      expect(incoming?.stanza.getChildText('say', ECHO)).toBe(text);
      expect(incoming?.arrival).toMatchObject({
        transport: made.b.transport.id,
        route: made.b.transport.route,
        from: made.a.address,
        to: made.b.address,
        kind: 'live',
        delayedSince: null,
      });
    });

    test('gives a stanza without an id one', async () => {
      const { made, b } = await connected();
      const stanza = message('x', 'no id');
      delete stanza.attrs['id'];
      await made.a.transport.send(stanza, to(made.b), signal);
      await b.until(() => b.received.length === 1);
      expect(b.received[0]?.stanza.attrs['id']).toMatch(/./);
    });

    test('brings 200 stanzas in order, each once, in both directions', async () => {
      const { made, a, b } = await connected();
      const ids = Array.from({ length: 200 }, (_, index) => `m-${index}`);
      const results = await Promise.all(
        ids.flatMap((id) => [
          made.a.transport.send(message(id, id), to(made.b), signal),
          made.b.transport.send(message(id, id), to(made.a), signal),
        ]),
      );
      expect(results.filter((result) => !result.ok)).toEqual([]);
      await b.until(() => b.received.length >= 200);
      await a.until(() => a.received.length >= 200);
      expect(b.received.map(({ stanza }) => stanza.attrs['id'])).toEqual(ids);
      expect(a.received.map(({ stanza }) => stanza.attrs['id'])).toEqual(ids);
    });

    test('hands over the next stanza only when the one before is taken', async () => {
      const { made, b } = await connected();
      let running = 0;
      let most = 0;
      b.onStanza = async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
      };
      const ids = Array.from({ length: 20 }, (_, index) => `m-${index}`);
      await Promise.all(ids.map((id) => made.a.transport.send(message(id, id), to(made.b), signal)));
      await b.until(() => b.received.length === 20);
      expect(most).toBe(1);
    });

    test('carries 100 KiB', async () => {
      const { made, b } = await connected();
      const text = 'bothy'.repeat(20_480);
      expect(await made.a.transport.send(message('big', text), to(made.b), signal)).toMatchObject({ ok: true });
      await b.until(() => b.received.length === 1);
      expect(b.received[0]?.stanza.getChildText('say', ECHO)).toBe(text);
    });

    test('acknowledges for a device only what the application has taken', async (ctx) => {
      const { made, b } = await connected();
      if (made.outcome !== 'acknowledged') ctx.skip(`${name} acknowledges for the server, not for devices`);
      b.onStanza = async () => {
        throw new Error('the disk is full');
      };
      const sent = await made.a.transport.send(message('m-1', 'refused'), to(made.b), signal);
      expect(sent.ok ? null : sent.error.code).toMatch(/^transport\./);
      expect(b.received).toEqual([]);
      b.onStanza = async () => {};
      await b.until(() => made.a.transport.reach(made.b.address).reachable);
      expect(await made.a.transport.send(message('m-2', 'taken'), to(made.b), signal)).toMatchObject({ ok: true });
      await b.until(() => b.received.some(({ stanza }) => stanza.attrs['id'] === 'm-2'));
    });

    test('brings the answer to a request', async (ctx) => {
      const { made, b } = await connected();
      if (made.answeredBy !== 'peer') ctx.skip(`${name} has requests answered by the server`);
      b.onRequest = async (request, arrival) => {
        expect(arrival.from).toBe(made.a.address);
        return ok(xml('iq', {}, xml('said', { xmlns: ECHO }, request.getChildText('say', ECHO) ?? '')));
      };
      const answer = await made.a.transport.request(question('hello'), to(made.b), signal);
      expect(answer.ok && answer.value.getChildText('said', ECHO)).toBe('hello');
      b.onRequest = async () => fail('stanza.not-found', 'no such thing');
      const refused = await made.a.transport.request(question('hello'), to(made.b), signal);
      expect(refused).toMatchObject({ ok: false, error: { code: 'stanza.not-found' } });
    });

    test('answers a request that nobody understands with an error', async () => {
      const { made } = await connected();
      const answer = await made.a.transport.request(question('hello'), to(made.b), signal);
      expect(answer.ok ? null : answer.error.code).toMatch(/^stanza\./);
    });

    test('fails, and does not throw, for an address it cannot reach', async () => {
      const { made } = await connected();
      const target = { address: made.nowhere, devices: [] };
      const sent = await made.a.transport.send(message('m-1', 'lost'), target, signal);
      expect(sent.ok ? null : sent.error.code).toMatch(/^transport\./);
      const asked = await made.a.transport.request(question('lost'), target, signal);
      expect(asked.ok ? null : asked.error.code).toMatch(/^transport\./);
    });

    test('fails for a signal that is aborted, and once it is stopped', async () => {
      const { made } = await connected();
      const aborted = await made.a.transport.send(message('m-1', 'x'), to(made.b), AbortSignal.abort());
      expect(aborted.ok ? null : aborted.error.code).toMatch(/^transport\./);
      await made.a.transport.stop();
      const stopped = await made.a.transport.send(message('m-2', 'x'), to(made.b), signal);
      expect(stopped.ok ? null : stopped.error.code).toMatch(/^transport\./);
      const asked = await made.a.transport.request(question('x'), to(made.b), signal);
      expect(asked.ok ? null : asked.error.code).toMatch(/^transport\./);
      expect(made.a.transport.reach(made.b.address).reachable).toBe(false);
    });
  });
}

function message(id: string, text: string): Element {
  return xml(
    'message',
    { id, type: 'chat' },
    xml('say', { xmlns: ECHO }, text),
    xml('store', { xmlns: 'urn:xmpp:hints' }),
  );
}

function question(text: string): Element {
  return xml('iq', { type: 'get' }, xml('say', { xmlns: ECHO }, text));
}
