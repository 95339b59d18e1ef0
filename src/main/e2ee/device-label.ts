/** Signed device labels of the device list (XEP-0384 §5.3.1). */
import { utf8 } from './bytes.ts';
import type { OwnDevice } from './own-device.ts';
import { sign, verify } from './primitives/ed25519.ts';

/** The `labelsig`, 64 bytes. */
export function signLabel(own: OwnDevice, label: string): Uint8Array {
  return sign(own.identitySeed, utf8(label));
}

/** A label without a valid signature is to be ignored. `identityKey` 32 bytes. */
export function verifyLabel(identityKey: Uint8Array, label: string, signature: Uint8Array): boolean {
  return verify(identityKey, utf8(label), signature);
}
