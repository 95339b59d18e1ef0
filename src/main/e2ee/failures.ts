/** The failures of the encryption, worded once. None carries key material or message text. */
import { fail } from '../../shared/errors.ts';

const REPAIR = 'Start a new encrypted session with this device.';

export const malformed = (detail: string) =>
  fail('encryption.malformed', 'An encrypted message arrived damaged.', '', detail);

export const forged = (detail: string) =>
  fail('encryption.forged', 'An encrypted message could not be read: its seal does not fit.', REPAIR, detail);

export const replayed = () => fail('encryption.replayed', 'This message was received before.');

export const tooFarAhead = () =>
  fail('encryption.too-far-ahead', 'Too many messages before this one are missing.', REPAIR);

export const unknownPrekey = () =>
  fail('encryption.unknown-prekey', 'A device used a key of ours that is no longer valid.', REPAIR);

export const noSession = () => fail('encryption.no-session', 'There is no encrypted session with this device.', REPAIR);

export const badBundle = (detail: string) =>
  fail('encryption.bad-bundle', 'The keys this device announces are not valid.', '', detail);

export const mismatch = () =>
  fail('encryption.mismatch', 'A device showed another identity than the one it had.', 'Compare its fingerprint.');
