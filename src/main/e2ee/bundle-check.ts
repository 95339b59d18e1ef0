/** Is a bundle fit to start a session with? */
import type { Result } from '../../shared/errors.ts';
import { badBundle } from './failures.ts';
import { toCurve25519Public } from './primitives/ed25519.ts';
import { hasSmallOrder } from './primitives/x25519.ts';
import type { Bundle, WireFormat } from './types.ts';
import { wireOf } from './wires.ts';

const MAX_PREKEYS = 2000;
const MAX_DEVICE_ID = 0x7fffffff;

function isId(id: number): boolean {
  // The XEP says 1…2³¹−1; its examples long used 0, and clients do. What the protobuf can carry is accepted.
  return Number.isInteger(id) && id >= 0 && id <= 0xffffffff;
}

/**
 * The bundle without its unusable prekeys (they are not signed, so one bad one must not shut the device out), or
 * `encryption.bad-bundle`: the identity key is no point of the prime-order group, the signed prekey has small order or
 * a signature (XEP-0384 §4.2; what it covers depends on the wire format) that does not fit, or no prekey is left.
 */
export function checkBundle(bundle: Bundle, format: WireFormat = 'omemo2'): Result<Bundle> {
  const { deviceId, identityKey, signedPrekeyId, signedPrekey, signedPrekeySignature } = bundle;
  if (!Number.isInteger(deviceId) || deviceId < 1 || deviceId > MAX_DEVICE_ID) return badBundle('device id');
  if (!isId(signedPrekeyId)) return badBundle('signed prekey id');
  if (toCurve25519Public(identityKey) === null) return badBundle('identity key');
  if (signedPrekey.length !== 32 || hasSmallOrder(signedPrekey)) return badBundle('signed prekey');
  if (!wireOf(format).signedPrekeyFits(identityKey, signedPrekey, signedPrekeySignature)) {
    return badBundle('signature of the signed prekey');
  }
  const prekeys = bundle.prekeys
    .slice(0, MAX_PREKEYS)
    .filter(({ id, key }) => isId(id) && key.length === 32 && !hasSmallOrder(key));
  return prekeys.length === 0 ? badBundle('no prekey') : { ok: true, value: { ...bundle, prekeys } };
}
