/** Lends the primitives of the end-to-end encryption to the recognition of contacts, which has none of its own. */
import * as ed25519 from '../e2ee/primitives/ed25519.ts';
import { hkdfSha256 } from '../e2ee/primitives/hkdf.ts';
import { hmacSha256 } from '../e2ee/primitives/hmac.ts';
import { equal, randomBytes, ready, wipe } from '../e2ee/primitives/sodium.ts';
import { sharedSecret } from '../e2ee/primitives/x25519.ts';
import type { NearbyCrypto } from '../nearby/crypto.ts';

/** Resolves when libsodium is loaded. */
export async function createNearbyCrypto(): Promise<NearbyCrypto> {
  await ready();
  return {
    randomBytes,
    hmacSha256,
    hkdfSha256: (secret, salt, info, length) => hkdfSha256(salt, secret, info, length),
    ed25519PublicKey: ed25519.publicKeyOfSeed,
    ed25519Sign: ed25519.sign,
    ed25519Verify: ed25519.verify,
    agree(seed, publicKey) {
      const converted = ed25519.toCurve25519Public(publicKey);
      if (converted === null) return null;
      const secret = ed25519.toCurve25519Private(seed);
      const shared = sharedSecret(secret, converted);
      wipe(secret);
      return shared;
    },
    equal,
  };
}
