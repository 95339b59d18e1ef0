/**
 * The end-to-end encryption as messaging uses it: over the store, one synchronous step inside the caller's
 * transaction, so that a ratchet never moves without what it made being kept. Made in app/ out of e2ee and storage.
 */
import type { Result } from '../../shared/errors.ts';
import type { DeviceId } from '../../shared/model.ts';
import type { Bundle, EncryptedKey, LegacyBundle, WireFormat } from '../e2ee/types.ts';

export interface CipherRecipient {
  readonly deviceId: DeviceId;
  /** Ed25519, 32 bytes. */
  readonly identityKey: Uint8Array;
  /** Needed only where there is no session yet. */
  readonly bundle: Bundle | null;
}

export interface CipherOutput {
  /** Null for an empty message. */
  readonly payload: Uint8Array | null;
  /** Of the legacy format alone. */
  readonly iv: Uint8Array | null;
  /** One per recipient, in their order; null where that device has no session and no usable bundle. */
  readonly keys: readonly (EncryptedKey | null)[];
}

export interface CipherInput {
  readonly wire: WireFormat;
  readonly senderDeviceId: DeviceId;
  /** The identity the message must come from, or null to take it from the key exchange itself. */
  readonly senderIdentity: Uint8Array | null;
  readonly key: EncryptedKey;
  readonly payload: Uint8Array | null;
  /** Of the legacy format alone. */
  readonly iv: Uint8Array | null;
}

export interface Decrypted {
  /** An SCE envelope, or the UTF-8 text of a legacy message. Null: an empty message. */
  readonly plaintext: Uint8Array | null;
  /** A key exchange made a new session: the other side waits for any answer (XEP-0384 §6). */
  readonly newSession: boolean;
  /** The other side's ratchet key has been used 53 times or more: an empty message is due (XEP-0384 §6). */
  readonly heartbeatDue: boolean;
  /** Our bundle changed (a prekey was used): publish it again. */
  readonly bundleChanged: boolean;
}

export interface MessageCipher {
  hasSession(identityKey: Uint8Array, deviceId: DeviceId, wire: WireFormat): boolean;
  encrypt(recipients: readonly CipherRecipient[], plaintext: Uint8Array | null, wire: WireFormat): CipherOutput;
  decrypt(input: CipherInput): Result<Decrypted>;
  /** The sender's identity, canonical, as the key exchange states it (proved only by decrypting); null when it is none. */
  statedIdentity(key: EncryptedKey, wire: WireFormat): Uint8Array | null;
  /** The prekey that a key exchange for another device takes from that device's bundle; null when it is none. */
  prekeyTakenBy(key: EncryptedKey, wire: WireFormat): number | null;
  /** Forgets the session for sending; the next message begins with a key exchange. */
  forgetSession(identityKey: Uint8Array, deviceId: DeviceId, wire: WireFormat): void;
  ownBundle(): Bundle;
  /** The same keys as the legacy format publishes them. */
  ownLegacyBundle(): LegacyBundle;
  /** Rotates the signed prekey and refills prekeys where due; true when the bundle changed. */
  maintain(): boolean;
  /** How often a ratchet has moved to send, in this profile's life. */
  steps(): number;
  /**
   * After an old copy of the profile was put back: no session sends any more, every key that may have been used since is
   * replaced. `steps`: at least so many were taken.
   */
  startAnew(steps: number): void;
  /** A new device id; to everybody this is a new device with the same identity key. */
  changeDeviceId(taken: readonly DeviceId[]): void;
  /** Of a checked bundle of this very device: it has a signed prekey that was made after all that are known here. */
  isNewerThanOwn(bundle: Bundle): boolean;
  /** The bundle without unusable prekeys, or `encryption.bad-bundle`. */
  checkBundle(bundle: Bundle): Result<Bundle>;
  /** Likewise, converted. */
  checkLegacyBundle(bundle: LegacyBundle): Result<Bundle>;
  /** The form of an identity key under which its sessions and duplicate keys are kept, 32 bytes: two clients may write
   * the same key with and without its sign bit (XEP-0384 §4.2). */
  canonicalIdentity(identityKey: Uint8Array): Uint8Array;
  /** Signature by our identity key of a name for this device (XEP-0384 §5.3.1), 64 bytes. */
  signLabel(label: string): Uint8Array;
  /** `identityKey`: canonical. */
  verifyLabel(identityKey: Uint8Array, label: string, signature: Uint8Array): boolean;
  /** A transaction was rolled back: nothing remembered since is true. */
  rolledBack(): void;
  /** Lower-case hex of the identity key in Curve25519 form (XEP-0384 §8). */
  fingerprint(identityKey: Uint8Array): string;
  /** The way back: the canonical identity key of a fingerprint, 32 bytes; null when it is none of any. */
  identityOf(fingerprint: Uint8Array): Uint8Array | null;
}
