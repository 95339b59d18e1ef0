/** What differs between the two wire formats; sessions, ratchet and key agreement are one. */
import type { Result } from '../../shared/errors.ts';
import type { DeviceId } from '../../shared/model.ts';
import type { KeyExchange } from './protobuf.ts';
import type { RatchetHeader, RatchetRules } from './ratchet/double-ratchet.ts';
import type { RandomBytes, WireFormat } from './types.ts';

/** A ratchet message as it was received: what is needed to find its key, and to check and open it then. */
export interface SealedMessage {
  readonly header: RatchetHeader;
  readonly ciphertext: Uint8Array;
  readonly mac: Uint8Array;
  /** The exact bytes the seal covers besides the associated data. */
  readonly sealed: Uint8Array;
}

/** The identity keys of a session as they go into the associated data, each as it is on the wire. */
export interface SessionIdentities {
  readonly initiator: Uint8Array;
  readonly responder: Uint8Array;
  /** Which of the two sent the message at hand. */
  readonly sender: 'initiator' | 'responder';
}

/** What a message carries, encrypted once for all devices. */
export interface SealedPayload {
  /** Null for an empty message. */
  readonly payload: Uint8Array | null;
  /** Null where the format has none beside the payload. */
  readonly iv: Uint8Array | null;
  /** Goes to each device through its ratchet; wipe it after use. */
  readonly keyMaterial: Uint8Array;
}

export interface Wire {
  readonly name: WireFormat;
  /** HKDF info. */
  readonly keyAgreementInfo: Uint8Array;
  readonly ratchet: RatchetRules;
  /** Ed25519 identity key and X25519 signed prekey, 32 bytes each; signature 64 bytes. */
  signedPrekeyFits(identityKey: Uint8Array, signedPrekey: Uint8Array, signature: Uint8Array): boolean;
  associatedData(identities: SessionIdentities): Uint8Array;
  /** Encrypts and seals with a 32-byte message key. */
  seal(messageKey: Uint8Array, associatedData: Uint8Array, header: RatchetHeader, plaintext: Uint8Array): Uint8Array;
  read(data: Uint8Array): Result<SealedMessage>;
  /** Null when the seal does not fit. */
  open(messageKey: Uint8Array, associatedData: Uint8Array, message: SealedMessage): Uint8Array | null;
  /** A sealed message with the key exchange around it. `deviceId` is ours. */
  writeKeyExchange(exchange: KeyExchange, deviceId: DeviceId): Uint8Array;
  /** The identity key in Ed25519 form, 32 bytes. */
  readKeyExchange(data: Uint8Array): Result<KeyExchange>;
  /** Null content: an empty message. */
  sealPayload(content: Uint8Array | null, random: RandomBytes): SealedPayload;
  openPayload(keyMaterial: Uint8Array, payload: Uint8Array | null, iv: Uint8Array | null): Result<Uint8Array | null>;
}
