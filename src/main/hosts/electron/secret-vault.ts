/** The system's secret store through Electron's safeStorage. */
import process from 'node:process';
import { safeStorage } from 'electron';
import type { SecretVault } from '../../app/ports.ts';

export function secretVault(): SecretVault {
  return {
    available: isAvailable(),
    async seal(secret) {
      // safeStorage takes text; base64 carries any bytes through it.
      return safeStorage.encryptString(Buffer.from(secret).toString('base64'));
    },
    async unseal(sealed) {
      try {
        return new Uint8Array(Buffer.from(safeStorage.decryptString(Buffer.from(sealed)), 'base64'));
      } catch {
        return null;
      }
    },
  };
}

/** Without a keyring, Electron on Linux would encrypt with a password that everybody knows: that is no secret store. */
function isAvailable(): boolean {
  if (!safeStorage.isEncryptionAvailable()) return false;
  return process.platform !== 'linux' || safeStorage.getSelectedStorageBackend() !== 'basic_text';
}
