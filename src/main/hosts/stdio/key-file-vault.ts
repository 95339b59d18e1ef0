/** A secret vault for machines: what it keeps is sealed with a key from a file that only its owner may read. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { SecretVault } from '../../app/ports.ts';

const nonceLength = 12;
const tagLength = 16;

/** The file holds 32 bytes as 64 hex digits. Throws a plain message when it does not. */
export function keyFileVault(path: string): SecretVault {
  const text = readFileSync(path, 'utf8').trim();
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw new Error('the key file must hold 64 hex digits');
  const key = Buffer.from(text, 'hex');
  return {
    available: true,
    async seal(secret) {
      const nonce = randomBytes(nonceLength);
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength });
      const sealed = Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
      return new Uint8Array(sealed);
    },
    async unseal(sealed) {
      if (sealed.length < nonceLength + tagLength) return null;
      const end = sealed.length - tagLength;
      const nonce = sealed.subarray(0, nonceLength);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength });
      decipher.setAuthTag(sealed.subarray(end));
      try {
        return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(nonceLength, end)), decipher.final()]));
      } catch {
        return null;
      }
    },
  };
}

/** Without a key file the person, or the script, gives a passphrase. */
export const noVault: SecretVault = {
  available: false,
  seal: () => Promise.reject(new Error('there is no vault here')),
  unseal: async () => null,
};
