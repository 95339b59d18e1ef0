/** The two key derivations of the Double Ratchet (XEP-0384 §4.3: KDF_CK and KDF_RK). */
import { hkdfSha256 } from '../primitives/hkdf.ts';
import { withHmacKey } from '../primitives/hmac.ts';
import { wipe } from '../primitives/sodium.ts';

const MESSAGE_KEY_INPUT = Uint8Array.of(0x01);
const CHAIN_KEY_INPUT = Uint8Array.of(0x02);

/** KDF_CK: the message key and the next chain key, 32 bytes each. */
export function stepChainKey(chainKey: Uint8Array): { readonly messageKey: Uint8Array; readonly chainKey: Uint8Array } {
  return withHmacKey(chainKey, (mac) => ({ messageKey: mac(MESSAGE_KEY_INPUT), chainKey: mac(CHAIN_KEY_INPUT) }));
}

/** KDF_RK: a new root key and a new chain key, 32 bytes each, from a Diffie-Hellman result. */
export function stepRoot(
  rootKey: Uint8Array,
  diffieHellman: Uint8Array,
  info: Uint8Array,
): { readonly rootKey: Uint8Array; readonly chainKey: Uint8Array } {
  const output = hkdfSha256(rootKey, diffieHellman, info, 64);
  const keys = { rootKey: output.slice(0, 32), chainKey: output.slice(32) };
  wipe(output);
  return keys;
}
