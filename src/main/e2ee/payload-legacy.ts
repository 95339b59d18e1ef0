/** The `<payload/>` of legacy OMEMO: the body alone, under AES-128-GCM (XEP-0384 0.3.0 §4.4). */
import type { Result } from '../../shared/errors.ts';
import { concat } from './bytes.ts';
import { forged, malformed } from './failures.ts';
import { decryptGcm, encryptGcm, TAG_BYTES } from './primitives/aes-gcm.ts';
import { wipe } from './primitives/sodium.ts';
import type { RandomBytes } from './types.ts';
import type { SealedPayload } from './wire.ts';

const KEY_BYTES = 16;
const IV_BYTES = 12;
/** Still sent by old clients; GCM takes it. */
const OLD_IV_BYTES = 16;

/** Null content: a key-transport message, whose key nobody uses (§4.5). Key material: key 16 ‖ tag 16, or the key alone. */
export function sealLegacyPayload(content: Uint8Array | null, random: RandomBytes): SealedPayload {
  const key = random(KEY_BYTES);
  const iv = random(IV_BYTES);
  if (content === null) return { payload: null, iv, keyMaterial: key };
  const { ciphertext, tag } = encryptGcm(key, iv, content);
  const keyMaterial = concat(key, tag);
  wipe(key);
  return { payload: ciphertext, iv, keyMaterial };
}

/** Null content: a key-transport message. */
export function openLegacyPayload(
  keyMaterial: Uint8Array,
  payload: Uint8Array | null,
  iv: Uint8Array | null,
): Result<Uint8Array | null> {
  const withTag = keyMaterial.length === KEY_BYTES + TAG_BYTES;
  if (payload === null) {
    return withTag || keyMaterial.length === KEY_BYTES
      ? { ok: true, value: null }
      : malformed('key material of a wrong length');
  }
  // Without its tag in the ratchet message, anyone who got the key could put another payload in place.
  if (!withTag) return malformed('key material of a wrong length');
  if (iv === null || (iv.length !== IV_BYTES && iv.length !== OLD_IV_BYTES)) return malformed('IV of a wrong length');
  const content = decryptGcm(keyMaterial.subarray(0, KEY_BYTES), iv, payload, keyMaterial.subarray(KEY_BYTES));
  return content === null ? forged('payload') : { ok: true, value: content };
}
