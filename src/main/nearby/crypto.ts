/**
 * The primitives that recognition needs, as a port: this folder touches no crypto library. The composition root passes
 * the primitives of the end-to-end encryption in. All functions are pure but `randomBytes`.
 */
export interface NearbyCrypto {
  /** Fresh bytes from the system's generator. */
  randomBytes(length: number): Uint8Array;
  /** HMAC-SHA-256 (RFC 2104), 32 bytes; any key length. */
  hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array;
  /** HKDF-SHA-256 (RFC 5869). */
  hkdfSha256(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  /** Ed25519 public key (32 bytes) of a seed (32 bytes), RFC 8032. */
  ed25519PublicKey(seed: Uint8Array): Uint8Array;
  /** Ed25519 signature, 64 bytes. */
  ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /** False for anything malformed too. */
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /**
   * X25519 (RFC 7748) of the Montgomery forms of an Ed25519 seed and an Ed25519 public key, 32 bytes.
   * Null when the public key is no valid point or the result is all zero.
   */
  agree(seed: Uint8Array, publicKey: Uint8Array): Uint8Array | null;
  /** Constant-time comparison; false when lengths differ. */
  equal(left: Uint8Array, right: Uint8Array): boolean;
}
