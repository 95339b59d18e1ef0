import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orderSrv, resolveTargets, type SrvRecord } from '../../src/main/transports/xmpp/stream-resolve.ts';
import { ManualClock } from '../support/manual-clock.ts';

const notFound = async (): Promise<never> => {
  throw Object.assign(new Error('queryEnotfound'), { code: 'ENOTFOUND' });
};

describe('where to connect', () => {
  it('without records: the domain itself, and an address as it is', async () => {
    const clock = new ManualClock();
    expect(await resolveTargets('example.org', notFound, clock)).toEqual({
      ok: true,
      value: [{ host: 'example.org', port: 5222, directTls: false }],
    });
    expect(await resolveTargets('[2001:db8::1]', notFound, clock)).toEqual({
      ok: true,
      value: [{ host: '2001:db8::1', port: 5222, directTls: false }],
    });
  });

  it('both kinds of records are one list, ordered by priority', async () => {
    const records: Record<string, SrvRecord[]> = {
      '_xmpps-client._tcp.example.org': [{ name: 'c.example.org.', port: 443, priority: 20, weight: 0 }],
      '_xmpp-client._tcp.example.org': [
        { name: 'd.example.org', port: 5222, priority: 30, weight: 0 },
        { name: 'a.example.org', port: 5222, priority: 10, weight: 0 },
      ],
    };
    const resolved = await resolveTargets('example.org', async (name) => records[name] ?? [], new ManualClock());
    expect(resolved).toEqual({
      ok: true,
      value: [
        { host: 'a.example.org', port: 5222, directTls: false },
        { host: 'c.example.org', port: 443, directTls: true },
        { host: 'd.example.org', port: 5222, directTls: false },
      ],
    });
  });

  it('a service that is decidedly not there', async () => {
    const resolved = await resolveTargets(
      'example.org',
      async () => [{ name: '', port: 0, priority: 0, weight: 0 }],
      new ManualClock(),
    );
    expect(resolved).toMatchObject({ ok: false, fault: { error: { code: 'account.unknown-host' } } });
  });
});

describe('RFC 2782 order', () => {
  const record = fc.record({
    name: fc.domain(),
    port: fc.nat(65_535),
    priority: fc.nat(3),
    weight: fc.nat(20),
    directTls: fc.boolean(),
  });

  it('keeps every record once, lower priorities first, whatever chance says', () => {
    fc.assert(
      fc.property(
        fc.array(record),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (records, chance) => {
          const ordered = orderSrv(records, () => chance);
          expect(ordered.length).toBe(records.length);
          expect(new Set(ordered)).toEqual(new Set(records));
          expect(ordered.map((one) => one.priority)).toEqual(ordered.map((one) => one.priority).sort((a, b) => a - b));
        },
      ),
    );
  });

  it('chooses in proportion to the weights', () => {
    const records = [1, 3].map((weight) => ({ name: `w${weight}`, port: 1, priority: 0, weight, directTls: false }));
    const firsts = [0.1, 0.2, 0.3, 0.5, 0.9].map((chance) => orderSrv(records, () => chance)[0]?.name);
    expect(firsts).toEqual(['w1', 'w1', 'w3', 'w3', 'w3']);
  });
});
