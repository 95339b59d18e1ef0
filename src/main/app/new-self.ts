/** First start: a person's XID and this device's identity. */
import { createOwnDevice, serializeOwnDevice } from '../e2ee/omemo.ts';
import { publicKeyOfSeed } from '../e2ee/primitives/ed25519.ts';
import type { RandomBytes } from '../e2ee/types.ts';
import { xidOfPublicKey } from '../nearby/xid.ts';
import type { SelfRecord } from '../storage/records.ts';

export function makeSelf(name: string, random: RandomBytes, now: number): SelfRecord {
  const xidSeed = random(32);
  const device = createOwnDevice(random, now);
  return {
    name,
    xidSeed,
    xid: xidOfPublicKey(publicKeyOfSeed(xidSeed)),
    device: serializeOwnDevice(device),
    deviceId: device.deviceId,
    identityKey: device.identityKey,
  };
}
