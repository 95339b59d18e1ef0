/** One ratchet step for each device that something is for. */
import type { EncryptedKey, WireFormat } from '../../e2ee/types.ts';
import type { DeviceRecord, OutboxTarget, SealedFor } from '../../storage/records.ts';
import type { MessagingContext } from '../context.ts';
import type { Owner } from '../devices/device-records.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';

export interface SealedKeys {
  readonly payload: Uint8Array | null;
  readonly iv: Uint8Array | null;
  readonly targets: Omit<OutboxTarget, 'outboxId'>[];
  keysOf(owner: Owner): EncryptedKey[];
  devicesOf(owner: Owner): SealedFor[];
}

/** Inside a transaction: steps the ratchets. Devices without session and bundle are left out. */
export function encryptFor(
  context: MessagingContext,
  directory: KeyDirectory,
  devices: readonly DeviceRecord[],
  plaintext: Uint8Array | null,
  wire: WireFormat = 'omemo2',
): SealedKeys {
  const { cipher } = context;
  const usable = devices.flatMap((device) => {
    const bundle = directory.bundles.cached(device.owner, device.deviceId, wire);
    const offered = bundle && cipher.canonicalIdentity(bundle.identityKey);
    const identityKey = device.identityKey ?? offered;
    if (!identityKey) return [];
    // A bundle under another key is another device's; it was told in the conversation when it was fetched.
    const fits = offered && Buffer.from(offered).equals(identityKey) ? bundle : null;
    if (!fits && !cipher.hasSession(identityKey, device.deviceId, wire)) return [];
    return [{ owner: device.owner, deviceId: device.deviceId, identityKey, bundle: fits }];
  });
  const output = context.cipher.encrypt(usable, plaintext, wire);
  const made = usable.flatMap((device, index) => {
    const key = output.keys[index];
    return key ? [{ ...device, key }] : [];
  });
  return {
    payload: output.payload,
    iv: output.iv,
    targets: made.map(({ owner, deviceId }) => ({ owner, deviceId, state: 'waiting', route: null })),
    keysOf: (owner) => made.filter((device) => device.owner === owner).map((device) => device.key),
    devicesOf: (owner) => made.filter((device) => device.owner === owner),
  };
}
