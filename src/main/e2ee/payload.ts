/** The `<payload/>`: encrypted once for all devices (XEP-0384 §4.4, §4.5). */
import type { Result } from '../../shared/errors.ts';
import { cipherKeys, decryptWith, encryptWith, MAC_BYTES, macOf } from './authenticated-cipher.ts';
import { concat, utf8 } from './bytes.ts';
import { forged, malformed } from './failures.ts';
import { wipe } from './primitives/sodium.ts';
import type { RandomBytes } from './types.ts';
import type { SealedPayload } from './wire.ts';

const PAYLOAD_INFO = utf8('OMEMO Payload');
const KEY_BYTES = 32;

/** What an empty message carries instead of a key (§5.5.3). */
const EMPTY_KEY = new Uint8Array(KEY_BYTES);

/** Key material: key 32 ‖ MAC 16. Null content: an empty message. */
export function sealPayload(content: Uint8Array | null, random: RandomBytes): SealedPayload {
  if (content === null) return { payload: null, iv: null, keyMaterial: EMPTY_KEY.slice() };
  const key = random(KEY_BYTES);
  const keys = cipherKeys(key, PAYLOAD_INFO);
  const payload = encryptWith(keys, content);
  const keyMaterial = concat(key, macOf(keys, [payload]));
  wipe(key, keys.material);
  return { payload, iv: null, keyMaterial };
}

/** Null content: an empty message. */
export function openPayload(keyMaterial: Uint8Array, payload: Uint8Array | null): Result<Uint8Array | null> {
  if (payload === null) {
    const empty = keyMaterial.length === KEY_BYTES && keyMaterial.every((byte) => byte === 0);
    return empty ? { ok: true, value: null } : malformed('the payload is missing');
  }
  if (keyMaterial.length !== KEY_BYTES + MAC_BYTES) return malformed('key material of a wrong length');
  const keys = cipherKeys(keyMaterial.subarray(0, KEY_BYTES), PAYLOAD_INFO);
  const content = decryptWith(keys, payload, [payload], keyMaterial.subarray(KEY_BYTES));
  wipe(keys.material);
  return content === null ? forged('payload') : { ok: true, value: content };
}
