/** Lends the primitives of the end-to-end encryption to the storage of the profile's key, which has none of its own. */
import { hmacSha256 } from '../e2ee/primitives/hmac.ts';
import { argon2id, moderateLimits } from '../e2ee/primitives/password-hash.ts';
import { randomBytes, ready } from '../e2ee/primitives/sodium.ts';
import * as xchacha from '../e2ee/primitives/xchacha20-poly1305.ts';
import type { ProfileCrypto } from '../storage/profile-key.ts';

/** Resolves when libsodium is loaded. */
export async function createStorageCrypto(): Promise<ProfileCrypto> {
  await ready();
  return {
    randomBytes,
    box: { seal: xchacha.seal, open: xchacha.open },
    kdf: {
      limits: moderateLimits,
      derive: (passphrase, salt, limits) => argon2id(passphrase, salt, limits),
    },
    checksum: (content) => hmacSha256(new TextEncoder().encode('Bothy profile key, checksum, 1  '), content),
  };
}
