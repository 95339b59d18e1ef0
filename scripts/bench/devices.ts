/**
 * What a message costs for each device it is encrypted for: one message for 1, 10, 100 and 500 devices with sessions,
 * through the application's own cipher over its encrypted database. What every message costs, whoever it is for (its
 * payload, and the count of ratchet steps that is kept with it), is measured beside them and taken off; the rest is
 * divided by the number of devices. The commit, one for each message, is not counted. Flat: each of the four figures is
 * near the mean of all.
 *
 * Alone: `node scripts/bench/devices.ts`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSelf } from '../../src/main/app/new-self.ts';
import { createOmemoCipher } from '../../src/main/app/omemo-cipher.ts';
import {
  bundleOf,
  createOwnDevice,
  decrypt,
  encrypt,
  legacyBundleOf,
  type OwnDevice,
  readLegacyBundle,
  ready,
} from '../../src/main/e2ee/omemo.ts';
import { randomBytes } from '../../src/main/e2ee/primitives/sodium.ts';
import type { Bundle, WireFormat } from '../../src/main/e2ee/types.ts';
import type { CipherRecipient, MessageCipher } from '../../src/main/messaging/message-cipher.ts';
import { openStore } from '../../src/main/storage/open-store.ts';
import type { Store } from '../../src/main/storage/records.ts';
import { type Measurement, measurement, median } from './measurement.ts';

const TEXT = new Uint8Array(256).fill(0x62);
const COUNTS = [1, 10, 100, 500] as const;
const ROUNDS = 60;
const WARM_UP_ROUNDS = 3;
/** In every round each count is measured over so many devices in all: small counts by more messages. */
const DEVICES_A_ROUND = 1000;

function bundleFor(own: OwnDevice, wire: WireFormat): Bundle {
  if (wire === 'omemo2') return bundleOf(own);
  const bundle = readLegacyBundle(legacyBundleOf(own));
  if (!bundle.ok) throw new Error(bundle.error.code);
  return bundle.value;
}

/** Devices that have answered: what follows are ordinary messages. */
function meet(store: Store, cipher: MessageCipher, wire: WireFormat): CipherRecipient[] {
  const ours = cipher.ownBundle();
  return Array.from({ length: Math.max(...COUNTS) }, () => {
    const device = createOwnDevice(randomBytes, 0);
    const { deviceId, identityKey } = device;
    const recipient = { deviceId, identityKey, bundle: bundleFor(device, wire) };
    store.transaction(() => {
      const { keys, payload, iv } = cipher.encrypt([recipient], TEXT, wire);
      const [key] = keys;
      if (!key) throw new Error('not encrypted');
      const envelope = { wire, senderDeviceId: ours.deviceId, keyExchange: true, data: key.data, payload, iv };
      const received = decrypt(device, null, envelope, 0);
      if (!received.ok) throw new Error(received.error.code);
      const target = { deviceId: ours.deviceId, record: received.value.record, bundle: null };
      const answer = encrypt(device, [target], TEXT, randomBytes, wire);
      const [back] = answer.keys;
      if (!back) throw new Error('not answered');
      const { payload: answerPayload, iv: answerIv } = answer;
      const input = { wire, senderDeviceId: deviceId, senderIdentity: identityKey, key: back };
      const read = cipher.decrypt({ ...input, payload: answerPayload, iv: answerIv });
      if (!read.ok) throw new Error(read.error.code);
    });
    return { ...recipient, bundle: null };
  });
}

/**
 * Processor time of this thread, in microseconds: on a busy machine, what takes longer is interrupted more often. Systems
 * count it in steps of some milliseconds, so only long spans say anything.
 */
function processorTime(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/** Microseconds for one message, over as many as make `DEVICES_A_ROUND`. */
function measure(store: Store, devices: number, send: () => void): number {
  const messages = DEVICES_A_ROUND / devices;
  return store.transaction(() => {
    const start = processorTime();
    for (let message = 0; message < messages; message += 1) send();
    return (processorTime() - start) / messages;
  });
}

async function benchWire(wire: WireFormat): Promise<Measurement[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bothy-bench-'));
  const opened = openStore({ path: join(folder, 'bothy.db'), key: randomBytes(32), keyIsProven: true });
  if (!opened.ok) throw new Error(opened.error.code);
  const { store } = opened.value;
  try {
    store.self.put(makeSelf('Bench', randomBytes, 0));
    const cipher = createOmemoCipher(store, randomBytes, () => 0);
    const devices = meet(store, cipher, wire);
    const send = (count: number): void => {
      const { keys } = cipher.encrypt(devices.slice(0, count), TEXT, wire);
      if (keys.includes(null)) throw new Error('not encrypted for everyone');
      // Where a ratchet moves, the cipher keeps the count of steps itself.
      if (count === 0) store.settings.setValue('bench-steps', String(performance.now()));
    };
    const samples = new Map<number, number[]>([0, ...COUNTS].map((count) => [count, []]));
    for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
      // Alternating, so that whatever else the machine does meets all of them.
      for (const [count, figures] of samples) {
        const figure = measure(store, Math.max(count, 1), () => send(count));
        if (round >= 0) figures.push(figure);
      }
    }
    const costOf = (count: number): number => median(samples.get(count) ?? []);
    const each = (count: number): number => (costOf(count) - costOf(0)) / count;
    const mean = COUNTS.reduce((sum, count) => sum + each(count), 0) / COUNTS.length;
    return COUNTS.map((count) => {
      const name = `encrypting for each of ${count} (beside the mean for 1, 10, 100 and 500; ${wire})`;
      return measurement(name, each(count), mean, 'µs', { ratioWithin: 0.2 });
    });
  } finally {
    store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

export async function benchDevices(): Promise<Measurement[]> {
  await ready();
  return [...(await benchWire('omemo2')), ...(await benchWire('omemo-legacy'))];
}

if (import.meta.main) console.table(await benchDevices());
