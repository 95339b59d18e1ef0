/** The key agreement (XEP-0384 §4.2; signal.org/docs/specifications/x3dh). Both sides always use a prekey. */
import type { Result } from '../../shared/errors.ts';
import { concat } from './bytes.ts';
import { badBundle, forged } from './failures.ts';
import { toCurve25519Private, toCurve25519Public } from './primitives/ed25519.ts';
import { hkdfSha256 } from './primitives/hkdf.ts';
import { wipe } from './primitives/sodium.ts';
import { type KeyPair, sharedSecret } from './primitives/x25519.ts';

/** "F" of the X3DH specification: sets the input apart from XEdDSA's, 32 bytes. */
const DOMAIN = new Uint8Array(32).fill(0xff);
const ZERO_SALT = new Uint8Array(32);

function secretOf(info: Uint8Array, parts: readonly (Uint8Array | null)[]): Uint8Array | null {
  const results = parts.filter((part) => part !== null);
  const input = concat(DOMAIN, ...results);
  // One zero result (a key of small order) spoils the agreement: it no longer proves who is at the other end.
  const secret = results.length === parts.length ? hkdfSha256(ZERO_SALT, input, info, 32) : null;
  wipe(input, ...results);
  return secret;
}

/** What "Alice" takes from the bundle: Ed25519 identity key, X25519 signed prekey and prekey, 32 bytes each. */
export interface RemoteKeys {
  readonly identityKey: Uint8Array;
  readonly signedPrekey: Uint8Array;
  readonly prekey: Uint8Array;
}

/** The shared secret, 32 bytes, as "Alice" finds it. The bundle must have been checked. */
export function agreeAsInitiator(
  identitySeed: Uint8Array,
  ephemeral: KeyPair,
  remote: RemoteKeys,
  info: Uint8Array,
): Result<Uint8Array> {
  const remoteIdentity = toCurve25519Public(remote.identityKey);
  if (remoteIdentity === null) return badBundle('identity key');
  const identityPrivate = toCurve25519Private(identitySeed);
  const secret = secretOf(info, [
    sharedSecret(identityPrivate, remote.signedPrekey),
    sharedSecret(ephemeral.privateKey, remoteIdentity),
    sharedSecret(ephemeral.privateKey, remote.signedPrekey),
    sharedSecret(ephemeral.privateKey, remote.prekey),
  ]);
  wipe(identityPrivate);
  return secret === null ? badBundle('a key of small order') : { ok: true, value: secret };
}

/** The shared secret, 32 bytes, as "Bob" finds it. `identityKey` Ed25519, `ephemeralKey` X25519, 32 bytes each. */
export function agreeAsResponder(
  identitySeed: Uint8Array,
  signedPrekey: KeyPair,
  prekey: KeyPair,
  identityKey: Uint8Array,
  ephemeralKey: Uint8Array,
  info: Uint8Array,
): Result<Uint8Array> {
  const remoteIdentity = toCurve25519Public(identityKey);
  if (remoteIdentity === null) return forged('identity key');
  const identityPrivate = toCurve25519Private(identitySeed);
  const secret = secretOf(info, [
    sharedSecret(signedPrekey.privateKey, remoteIdentity),
    sharedSecret(identityPrivate, ephemeralKey),
    sharedSecret(signedPrekey.privateKey, ephemeralKey),
    sharedSecret(prekey.privateKey, ephemeralKey),
  ]);
  wipe(identityPrivate);
  return secret === null ? forged('a key of small order') : { ok: true, value: secret };
}
