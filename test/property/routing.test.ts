import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ContactId, deviceRef } from '../../src/shared/model.ts';
import { type DeviceReach, routeConversation } from '../../src/shared/routing.ts';

const contact = 'c0ffee00-0000-4000-8000-000000000000' as ContactId;

const reachList = fc
  .uniqueArray(fc.integer({ min: 1, max: 0x7fffffff }), { maxLength: 12 })
  .chain((ids) =>
    fc.tuple(
      ...ids.map((id) =>
        fc.record({ ref: fc.constant(deviceRef(contact, id)), direct: fc.boolean(), server: fc.boolean() }),
      ),
    ),
  );
const preference = fc.constantFrom('automatic', 'direct', 'server' as const);

function reach(direct: boolean, server: boolean, id = 1): DeviceReach {
  return { ref: deviceRef(contact, id), direct, server };
}

describe('the route policy', () => {
  test('puts every device into exactly one list, and only where it can be reached', () => {
    fc.assert(
      fc.property(preference, reachList, (wish, devices) => {
        const plan = routeConversation(wish, devices);
        const all = [...plan.direct, ...plan.server, ...plan.wait];
        expect(all.toSorted()).toEqual(devices.map((device) => device.ref).toSorted());
        for (const device of devices) {
          if (plan.direct.includes(device.ref)) expect(device.direct).toBe(true);
          if (plan.server.includes(device.ref)) expect(device.server).toBe(true);
        }
      }),
    );
  });

  test('tells the server nothing when every device is reachable directly', () => {
    fc.assert(
      fc.property(reachList, (devices) => {
        const plan = routeConversation(
          'automatic',
          devices.map((device) => ({ ...device, direct: true })),
        );
        expect(plan.server).toEqual([]);
        expect(plan.wait).toEqual([]);
      }),
    );
  });

  test('keeps a pin even when that means waiting', () => {
    fc.assert(
      fc.property(reachList, (devices) => {
        expect(routeConversation('direct', devices).server).toEqual([]);
        expect(routeConversation('server', devices).direct).toEqual([]);
      }),
    );
    expect(routeConversation('direct', [reach(false, true)]).summary).toBe('waiting');
    expect(routeConversation('server', [reach(true, false)]).summary).toBe('waiting');
  });

  test('uses the server only for the devices that are not near', () => {
    const plan = routeConversation('automatic', [reach(true, true, 1), reach(false, true, 2), reach(false, false, 3)]);
    expect(plan.direct).toEqual([deviceRef(contact, 1)]);
    expect(plan.server).toEqual([deviceRef(contact, 2)]);
    expect(plan.wait).toEqual([deviceRef(contact, 3)]);
    expect(plan.summary).toBe('both');
  });

  test('waits when nobody is known', () => {
    expect(routeConversation('automatic', []).summary).toBe('waiting');
  });
});
