/** What differs between the two wire formats; sessions, ratchet and key agreement are one. */
import type { Result } from '../../shared/errors.ts';
import type { RatchetHeader } from './ratchet/double-ratchet.ts';
import type { WireFormat } from './types.ts';

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

export interface Wire {
  readonly name: WireFormat;
  /** HKDF infos. */
  readonly keyAgreementInfo: Uint8Array;
  readonly rootChainInfo: Uint8Array;
  associatedData(identities: SessionIdentities): Uint8Array;
  /** Encrypts and seals with a 32-byte message key. */
  seal(messageKey: Uint8Array, associatedData: Uint8Array, header: RatchetHeader, plaintext: Uint8Array): Uint8Array;
  read(data: Uint8Array): Result<SealedMessage>;
  /** Null when the seal does not fit. */
  open(messageKey: Uint8Array, associatedData: Uint8Array, message: SealedMessage): Uint8Array | null;
}
