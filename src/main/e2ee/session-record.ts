/** All sessions with one device, of both wire formats: the most recently received-on first. */
import type { RatchetState } from './ratchet/double-ratchet.ts';
import type { WireFormat } from './types.ts';

/** One Double Ratchet session. Plain data; never changed in place. */
export interface Session {
  readonly wire: WireFormat;
  /** We started it (XEP-0384 §4.2: "Alice"). Decides the order of the identity keys in the associated data. */
  readonly initiator: boolean;
  /** False after `archiveSessions`: kept for receiving only. */
  readonly sendable: boolean;
  /** Their identity key exactly as it was received, 32 bytes; opaque, since some set its sign bit and some do not. */
  readonly theirIdentityKey: Uint8Array;
  /** The public ephemeral key of the key exchange, 32 bytes: says which session a repeated key exchange belongs to. */
  readonly ephemeralKey: Uint8Array;
  /** Set until the first answer arrives: every message repeats the key exchange. */
  readonly pending: { readonly prekeyId: number; readonly signedPrekeyId: number } | null;
  readonly ratchet: RatchetState;
}

export interface SessionRecord {
  readonly version: 1;
  /** At most 41: the current one and 40 archived ones. */
  readonly sessions: readonly Session[];
}
