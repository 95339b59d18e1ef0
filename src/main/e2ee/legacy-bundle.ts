/** Bundles of `eu.siacs.conversations.axolotl` (XEP-0384 0.3.0 §4.3): made of our keys, and read. */
import type { Result } from '../../shared/errors.ts';
import { checkBundle } from './bundle-check.ts';
import { badBundle } from './failures.ts';
import { fromLegacyKey, legacyIdentity, toLegacyKey } from './legacy-keys.ts';
import { bundleOf, type OwnDevice } from './own-device.ts';
import { sign } from './primitives/ed25519.ts';
import { toEd25519Public } from './primitives/edwards-form.ts';
import type { Bundle, LegacyBundle } from './types.ts';

/**
 * The same identity and prekeys as in `bundleOf`, with a signature over the 33 bytes. An Ed25519 signature is a valid
 * XEdDSA one here: the identity key's sign bit is 0, and so is bit 7 of the signature's last byte (RFC 8032 §5.1.6).
 */
export function legacyBundleOf(own: OwnDevice): LegacyBundle {
  const { deviceId, identityKey, signedPrekeyId, signedPrekey, prekeys } = bundleOf(own);
  const written = toLegacyKey(signedPrekey);
  return {
    deviceId,
    identityKey: legacyIdentity(identityKey),
    signedPrekeyId,
    signedPrekey: written,
    signedPrekeySignature: sign(own.identitySeed, written),
    prekeys: prekeys.map(({ id, key }) => ({ id, key: toLegacyKey(key) })),
  };
}

/** The bundle to start a legacy session with, or `encryption.bad-bundle` as `checkBundle` has it. */
export function readLegacyBundle(bundle: LegacyBundle): Result<Bundle> {
  const identity = fromLegacyKey(bundle.identityKey);
  const identityKey = identity && toEd25519Public(identity);
  if (!identityKey) return badBundle('identity key');
  const signedPrekey = fromLegacyKey(bundle.signedPrekey);
  if (!signedPrekey) return badBundle('signed prekey');
  const prekeys = bundle.prekeys.flatMap(({ id, key: written }) => {
    const key = fromLegacyKey(written);
    return key ? [{ id, key }] : [];
  });
  return checkBundle({ ...bundle, identityKey, signedPrekey, prekeys }, 'omemo-legacy');
}
