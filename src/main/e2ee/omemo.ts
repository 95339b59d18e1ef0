/**
 * OMEMO 2 (XEP-0384 0.9.1) and the legacy version most clients speak (0.3.0), with one identity: what the rest of
 * Bothy calls. Plain state in, plain state and bytes out; no state is ever changed in place, so whatever is not stored
 * has not happened. Call `ready` first.
 */
import { checkBundle } from './bundle-check.ts';
import { type Decrypted, decrypt, identityOf, isKeyExchange, prekeyTakenBy } from './decrypt.ts';
import { signLabel, verifyLabel } from './device-label.ts';
import { encrypt } from './encrypt.ts';
import { fingerprintOf, identityOfFingerprint } from './fingerprint.ts';
import { legacyBundleOf, readLegacyBundle } from './legacy-bundle.ts';
import {
  bundleOf,
  createOwnDevice,
  maintainOwnDevice,
  type OwnDevice,
  renewOwnDevice,
  withNewDeviceId,
} from './own-device.ts';
import { parseOwnDevice, serializeOwnDevice } from './own-device-format.ts';
import { ready } from './primitives/sodium.ts';
import { parseRecord, serializeRecord } from './session-format.ts';
import { archiveSessions, hasSession, type SessionRecord, wipeReplaced } from './session-record.ts';

export type { Decrypted, OwnDevice, SessionRecord };
export {
  archiveSessions,
  bundleOf,
  checkBundle,
  createOwnDevice,
  decrypt,
  encrypt,
  fingerprintOf,
  hasSession,
  identityOf,
  identityOfFingerprint,
  isKeyExchange,
  legacyBundleOf,
  maintainOwnDevice,
  parseOwnDevice,
  parseRecord,
  prekeyTakenBy,
  readLegacyBundle,
  ready,
  renewOwnDevice,
  serializeOwnDevice,
  serializeRecord,
  signLabel,
  verifyLabel,
  wipeReplaced,
  withNewDeviceId,
};
