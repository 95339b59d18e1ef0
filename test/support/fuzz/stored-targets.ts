/** Encryption state out of the database: ours, but a disk may lie. Documented to throw a RangeError on corruption. */
import {
  archiveSessions,
  type OwnDevice,
  parseOwnDevice,
  parseRecord,
  ready,
  type SessionRecord,
  serializeOwnDevice,
  serializeRecord,
} from '../../../src/main/e2ee/omemo.ts';
import type { WireFormat } from '../../../src/main/e2ee/types.ts';
import { type Envelope, expectOk, seededRandom, TestDevice } from '../e2ee-device.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { promiseEqual, unlessThrown } from './property.ts';
import type { FuzzTarget } from './run-target.ts';

interface Stored {
  readonly own: OwnDevice;
  readonly record: SessionRecord;
}

/** Both sides of a conversation with gaps, so that every kind of field is in use. */
async function storedDevices(wire: WireFormat): Promise<Stored[]> {
  await ready();
  const alice = new TestDevice(seededRandom(1), undefined, 1_000, wire);
  const bob = new TestDevice(seededRandom(2), undefined, 1_000, wire);
  const text = new Uint8Array(4);
  let last: Envelope | null = null;
  for (let turn = 0; turn < 4; turn += 1) {
    const [from, to] = turn % 2 === 0 ? [alice, bob] : [bob, alice];
    for (let left = 0; left < 3; left += 1) last = from.send(to.bundle, text);
    if (last) expectOk(to.receive(last));
  }
  alice.record = alice.record && archiveSessions(alice.record, wire);
  alice.send(bob.bundle, text);
  return [alice, bob].flatMap(({ own, record }) => (record ? [{ own, record }] : []));
}

function storedTarget<T>(
  name: string,
  parse: (bytes: Uint8Array) => T,
  serialize: (value: T) => Uint8Array,
  pick: (stored: Stored) => T,
): FuzzTarget {
  return {
    name,
    count: 1_200,
    expected: ['read', 'refused'],
    async prepare() {
      const devices = [...(await storedDevices('omemo2')), ...(await storedDevices('omemo-legacy'))];
      const samples = devices.map((stored) => serialize(pick(stored)));
      return (random) => {
        const input = mutateBytes(samples[random.below(samples.length)] ?? random.bytes(50), random, samples);
        return {
          input,
          run() {
            const result = unlessThrown(
              () => parse(input),
              (error) => error instanceof RangeError && !/call stack|array length/i.test(error.message),
            );
            if (!result.ok) return 'refused';
            const again = serialize(result.value);
            promiseEqual(parse(again), result.value, 'read differently the second time');
            promiseEqual(again.length, input.length, 'bytes were passed over');
            return 'read';
          },
        };
      };
    },
  };
}

export const storedTargets: readonly FuzzTarget[] = [
  storedTarget('stored-sessions', parseRecord, serializeRecord, ({ record }) => record),
  storedTarget('stored-device', parseOwnDevice, serializeOwnDevice, ({ own }) => own),
];
