/** This device's own keys: identity, signed prekeys, prekeys. */
import type { DeviceId } from '../../shared/model.ts';

export interface SignedPrekey {
  readonly id: number;
  /** X25519, 32 bytes each. */
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
  /** Ed25519 over the 32 bytes of the public key, 64 bytes. */
  readonly signature: Uint8Array;
  readonly createdAt: number;
  /** When a newer one took its place; null for the current one. */
  readonly retiredAt: number | null;
}

export interface Prekey {
  readonly id: number;
  /** X25519, 32 bytes each. */
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

export interface OwnDevice {
  readonly version: 1;
  readonly deviceId: DeviceId;
  /** Ed25519 seed, 32 bytes, and the public key, 32 bytes, whose top bit is 0. */
  readonly identitySeed: Uint8Array;
  readonly identityKey: Uint8Array;
  /** The current one first, then retired ones that late messages may still use. */
  readonly signedPrekeys: readonly SignedPrekey[];
  readonly prekeys: readonly Prekey[];
  /** Used and no longer published; kept a day for others who took the same one meanwhile. */
  readonly usedPrekeys: readonly (Prekey & { readonly usedAt: number })[];
  readonly nextPrekeyId: number;
  readonly nextSignedPrekeyId: number;
}
