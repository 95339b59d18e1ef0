import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DeliveryEvent, type DeliveryState, deliveryReducer, mergeRoutes } from '../../src/shared/delivery.ts';

const states: DeliveryState[] = ['queued', 'sending', 'on-server', 'on-device', 'read', 'failed'];
const events: DeliveryEvent['type'][] = [
  'transmitting',
  'interrupted',
  'server-accepted',
  'device-acknowledged',
  'displayed',
  'gave-up',
  'retried',
];
const proofRank: Record<DeliveryState, number> = {
  failed: 0,
  queued: 0,
  sending: 0,
  'on-server': 1,
  'on-device': 2,
  read: 3,
};
const proofOf: Partial<Record<DeliveryEvent['type'], DeliveryState>> = {
  'server-accepted': 'on-server',
  'device-acknowledged': 'on-device',
  displayed: 'read',
};

const history = fc.array(fc.constantFrom(...events), { maxLength: 40 });

describe('delivery states', () => {
  test('never take back a proof of delivery, in whatever order events come', () => {
    fc.assert(
      fc.property(fc.constantFrom(...states), history, (start, types) => {
        let state = start;
        for (const type of types) {
          const next = deliveryReducer(state, { type });
          expect(proofRank[next]).toBeGreaterThanOrEqual(proofRank[state]);
          state = next;
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('end at the strongest proof that ever came, independent of the order', () => {
    fc.assert(
      fc.property(history, (types) => {
        const end = types.reduce<DeliveryState>((state, type) => deliveryReducer(state, { type }), 'queued');
        const strongest = Math.max(
          0,
          ...types.map((type) => {
            const proof = proofOf[type];
            return proof === undefined ? 0 : proofRank[proof];
          }),
        );
        expect(proofRank[end]).toBe(strongest);
      }),
      { numRuns: 2000 },
    );
  });

  test('a proof that comes after giving up wins over the failure', () => {
    const failed = deliveryReducer('sending', { type: 'gave-up' });
    expect(failed).toBe('failed');
    expect(deliveryReducer(failed, { type: 'device-acknowledged' })).toBe('on-device');
    expect(deliveryReducer(failed, { type: 'retried' })).toBe('queued');
  });

  test('the server can take back its own word, and no other', () => {
    expect(deliveryReducer('on-server', { type: 'returned' })).toBe('queued');
    expect(deliveryReducer('sending', { type: 'returned' })).toBe('queued');
    for (const kept of ['queued', 'on-device', 'read', 'failed'] as const)
      expect(deliveryReducer(kept, { type: 'returned' })).toBe(kept);
  });

  test('an interruption takes back only what was never promised', () => {
    expect(deliveryReducer('sending', { type: 'interrupted' })).toBe('queued');
    for (const kept of ['on-server', 'on-device', 'read'] as const)
      expect(deliveryReducer(kept, { type: 'interrupted' })).toBe(kept);
  });
});

describe('mergeRoutes', () => {
  test('names one route, both, or none', () => {
    expect(mergeRoutes([])).toBeNull();
    expect(mergeRoutes(['direct', 'direct'])).toBe('direct');
    expect(mergeRoutes(['server'])).toBe('server');
    expect(mergeRoutes(['direct', 'server', 'direct'])).toBe('both');
  });
});
