/** OMEMO 2 (XEP-0384 0.9.1): what the rest of Bothy calls. Plain state in, plain state and bytes out. */
import type { AppError, Result } from '../../shared/errors.ts';
import type { DeviceId } from '../../shared/model.ts';
import type { OwnDevice } from './own-device.ts';
import type { SessionRecord } from './session-record.ts';
import type { Bundle, EncryptedKey, RandomBytes } from './types.ts';

export type { OwnDevice } from './own-device.ts';
export type { SessionRecord } from './session-record.ts';

export interface EncryptTarget {
  readonly deviceId: DeviceId;
  readonly record: SessionRecord | null;
  readonly bundle: Bundle | null;
}

export interface Encrypted {
  readonly keys: readonly EncryptedKey[];
  /** The `<payload/>`; null for an empty message. */
  readonly payload: Uint8Array | null;
  /** By index into `targets`: the records to store in the same transaction as the message. */
  readonly records: ReadonlyMap<number, SessionRecord>;
  readonly failures: readonly { readonly index: number; readonly error: AppError }[];
}

export interface IncomingEnvelope {
  readonly senderDeviceId: DeviceId;
  /** The `kex` attribute of our `<key/>`. */
  readonly keyExchange: boolean;
  /** Our `<key/>`, decoded. */
  readonly data: Uint8Array;
  /** The `<payload/>`, decoded; null when the message has none. */
  readonly payload: Uint8Array | null;
}

export interface Decrypted {
  /** Null: an empty message. */
  readonly content: Uint8Array | null;
  /** To be stored in the same transaction as the message. */
  readonly record: SessionRecord;
  /** Not null: a prekey was used. Store it, then call `maintainOwnDevice` and publish the bundle again. */
  readonly own: OwnDevice | null;
  /** A key exchange made a new session: answer with an empty message (XEP-0384 §6). */
  readonly newSession: boolean;
  /** Answer with an empty message, so that the ratchet moves on (XEP-0384 §6). */
  readonly heartbeatDue: boolean;
  /** The sender's identity key as received, 32 bytes. */
  readonly identityKey: Uint8Array;
}

function todo(): never {
  throw new Error('the encryption is not there yet');
}

/** Loads libsodium; everything else here needs it. */
export async function ready(): Promise<void> {}
export function createOwnDevice(_random: RandomBytes, _now: number): OwnDevice {
  return todo();
}
export function serializeOwnDevice(_own: OwnDevice): Uint8Array {
  return todo();
}
export function parseOwnDevice(_bytes: Uint8Array): OwnDevice {
  return todo();
}
export function bundleOf(_own: OwnDevice): Bundle {
  return todo();
}
export function maintainOwnDevice(_own: OwnDevice, _random: RandomBytes, _now: number): OwnDevice | null {
  return todo();
}
export function checkBundle(_bundle: Bundle): Result<Bundle> {
  return todo();
}
export function encrypt(
  _own: OwnDevice,
  _targets: readonly EncryptTarget[],
  _content: Uint8Array | null,
  _random: RandomBytes,
  _now: number,
): Encrypted {
  return todo();
}
export function identityOf(_data: Uint8Array): Result<Uint8Array> {
  return todo();
}
export function decrypt(
  _own: OwnDevice,
  _record: SessionRecord | null,
  _envelope: IncomingEnvelope,
  _now: number,
): Result<Decrypted> {
  return todo();
}
export function hasSession(_record: SessionRecord | null): boolean {
  return todo();
}
/** A session that broke is given up for sending; what was sent on it can still be received. */
export function archiveSessions(_record: SessionRecord): SessionRecord {
  return todo();
}
export function serializeRecord(_record: SessionRecord): Uint8Array {
  return todo();
}
export function parseRecord(_bytes: Uint8Array): SessionRecord {
  return todo();
}
export function fingerprintOf(_identityKey: Uint8Array): string {
  return todo();
}
/** Signs a device label for the device list (`labelsig`, XEP-0384 §5.3.1), 64 bytes. */
export function signLabel(_own: OwnDevice, _label: string): Uint8Array {
  return todo();
}
export function verifyLabel(_identityKey: Uint8Array, _label: string, _signature: Uint8Array): boolean {
  return todo();
}
