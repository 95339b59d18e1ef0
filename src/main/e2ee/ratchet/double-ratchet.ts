/** The Double Ratchet (signal.org/docs/specifications/doubleratchet) over plain, immutable state. */

export interface Chain {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** The number of the next message. */
  readonly next: number;
}

export interface KeyPair {
  /** X25519, 32 bytes each. */
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

export interface RatchetState {
  /** 32 bytes. */
  readonly rootKey: Uint8Array;
  /** Our ratchet key; null until the initiator's first message. */
  readonly own: KeyPair | null;
  /** Their ratchet key, 32 bytes; null until the responder's first message arrived. */
  readonly remote: Uint8Array | null;
  /** Null: the next message sent makes a new ratchet key. */
  readonly sending: Chain | null;
  readonly receiving: Chain | null;
  /** Length of our previous sending chain. */
  readonly previousCount: number;
  /** Keys of messages not arrived yet, oldest first (see skipped-keys.ts). */
  readonly skipped: Uint8Array;
  /** How many messages were received: the clock by which skipped keys grow old. */
  readonly received: number;
  /** First 8 bytes of their earlier ratchet keys, newest last: tells a replay from a forgery. */
  readonly pastRemotes: Uint8Array;
  /** A heartbeat was asked for in the current receiving chain. */
  readonly heartbeat: boolean;
}
