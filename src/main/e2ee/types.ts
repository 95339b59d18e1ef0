/**
 * What the rest of Bothy knows of the end-to-end encryption: plain state in, plain state and bytes out. No sockets,
 * no database, no clock, no XML. Sessions belong to (identity key, device id), never to an address or a transport.
 */
import type { DeviceId } from '../../shared/model.ts';

/** Which of the two wire formats a session speaks; the session store is one. */
export type WireFormat = 'omemo2' | 'omemo-legacy';

/** A device's public identity. */
export interface DeviceIdentity {
  /** Ed25519 public key, 32 bytes. */
  readonly identityKey: Uint8Array;
  readonly deviceId: DeviceId;
}

/** What a device publishes (XEP-0384 §5.3.2), as bytes; XML is made of it in messaging. */
export interface Bundle {
  readonly deviceId: DeviceId;
  /** Ed25519 public key, 32 bytes. */
  readonly identityKey: Uint8Array;
  readonly signedPrekeyId: number;
  /** X25519 public key, 32 bytes. */
  readonly signedPrekey: Uint8Array;
  /** 64 bytes: Ed25519 over the 32 bytes of the signed prekey; of a legacy bundle, XEdDSA over 0x05 and those. */
  readonly signedPrekeySignature: Uint8Array;
  /** X25519 public keys, 32 bytes each; at least one. */
  readonly prekeys: readonly { readonly id: number; readonly key: Uint8Array }[];
}

/** What a device publishes for `eu.siacs.conversations.axolotl`: public keys are 33 bytes, 0x05 ‖ X25519. */
export interface LegacyBundle {
  readonly deviceId: DeviceId;
  readonly identityKey: Uint8Array;
  readonly signedPrekeyId: number;
  readonly signedPrekey: Uint8Array;
  /** XEdDSA over the 33 bytes of the signed prekey, 64 bytes. */
  readonly signedPrekeySignature: Uint8Array;
  readonly prekeys: readonly { readonly id: number; readonly key: Uint8Array }[];
}

/** One `<key/>` of an encrypted message. */
export interface EncryptedKey {
  readonly deviceId: DeviceId;
  /** True: `data` is an OMEMOKeyExchange (PreKeySignalMessage); false: an OMEMOAuthenticatedMessage (SignalMessage). */
  readonly keyExchange: boolean;
  readonly data: Uint8Array;
}

/** Randomness is an input too, so that known answers can be tested. Returns `length` fresh bytes. */
export type RandomBytes = (length: number) => Uint8Array;
