import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IncomingCount, OutgoingQueue } from '../../src/main/transports/xmpp/stream-management.ts';

function queue(...texts: string[]) {
  const outgoing = new OutgoingQueue();
  const outcomes: string[] = [];
  for (const text of texts) outgoing.push({ text, settle: (outcome) => outcomes.push(`${text} ${outcome}`) });
  return { outgoing, outcomes };
}

describe('what the server has', () => {
  it('counts, and goes beyond 2³² by starting at 0', () => {
    const { outgoing, outcomes } = queue('a', 'b', 'c');
    expect(outgoing.acknowledge('2')).toBe('ok');
    expect(outcomes).toEqual(['a accepted', 'b accepted']);
    expect(outgoing.acknowledge('2')).toBe('ok');
    expect(outgoing.forResending()).toEqual(['c']);
    expect(outgoing.sent).toBe(3);
  });

  it.each(['4', '1', '4294967295'])('an impossible %s changes nothing', (handled) => {
    const { outgoing, outcomes } = queue('a', 'b', 'c');
    outgoing.acknowledge('2');
    expect(outgoing.acknowledge(handled)).toBe('impossible');
    expect(outcomes.length).toBe(2);
    expect(outgoing.acknowledge('3')).toBe('ok');
  });

  it.each(['', ' 1', '1.0', '-1', '+1', '0x1', '1e0', '4294967296', '99999999999', undefined, 1, null])(
    '%s is no count',
    (handled) => {
      expect(queue('a').outgoing.acknowledge(handled)).toBe('malformed');
    },
  );

  it('does not send again what was given up, and says so once', () => {
    const { outgoing, outcomes } = queue('a', 'b');
    outgoing.giveUp();
    outgoing.giveUp();
    outgoing.push({ text: 'c', settle: (outcome) => outcomes.push(`c ${outcome}`) });
    outgoing.acknowledge('1');
    expect(outgoing.forResending()).toEqual(['c']);
    expect(outcomes).toEqual(['a unknown', 'b unknown', 'a accepted']);
    expect(outgoing.sent).toBe(2);
  });
});

describe('what we have', () => {
  it('never counts past the first stanza that is not handled', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 50 }), fc.infiniteStream(fc.nat()), (handledOnes, order) => {
        const incoming = new IncomingCount();
        const ends = handledOnes.map(() => incoming.received());
        const indices = handledOnes.flatMap((handled, index) => (handled ? [{ index, key: order.next().value }] : []));
        for (const { index } of indices.sort((a, b) => Number(a.key) - Number(b.key))) ends[index]?.();
        const first = handledOnes.indexOf(false);
        expect(incoming.handled).toBe(first < 0 ? handledOnes.length : first);
        expect(incoming.idle).toBe(first < 0);
      }),
    );
  });

  it('forgets what was under way when the connection went', () => {
    const incoming = new IncomingCount();
    const old = incoming.received();
    incoming.forget();
    old();
    expect(incoming.handled).toBe(0);
    incoming.received()();
    expect(incoming.handled).toBe(1);
  });
});
