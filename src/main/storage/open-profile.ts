/** From a folder to an open store: the lock, then the key, then the database. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fail, ok, type Result } from '../../shared/errors.ts';
import { makePrivateDirectory } from './files.ts';
import { hasKeyFile, readKeyFile, writeKeyFile } from './key-file.ts';
import { type OpenedStore, openStore } from './open-store.ts';
import { type ProfileCrypto, profileKeyLength, protectKey, type SecretVault, unprotectKey } from './profile-key.ts';
import { faultResult, lockProfile, type ProfileLock } from './profile-lock.ts';

export interface ProfileOptions {
  readonly directory: string;
  readonly vault: SecretVault;
  /** Null: none was given. Not looked at where the system's secret store keeps the key. */
  readonly passphrase: string | null;
  readonly crypto: ProfileCrypto;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

/** The database of a profile. */
export function databasePath(directory: string): string {
  return join(directory, 'bothy.db');
}

/** `unreadable`: there is a profile, but no whole copy of its key's file. */
export type ProfileState = 'none' | 'needs-vault' | 'needs-passphrase' | 'newer-version' | 'unreadable';

/** What opening the profile would take; touches nothing. */
export function inspectProfile(directory: string): ProfileState {
  if (!hasKeyFile(directory)) return existsSync(databasePath(directory)) ? 'unreadable' : 'none';
  const file = readKeyFile(directory, null);
  if (!file.ok) return file.error.code === 'profile.newer-version' ? 'newer-version' : 'unreadable';
  return file.value.protection.kind === 'vault' ? 'needs-vault' : 'needs-passphrase';
}

/**
 * Opens the profile, or makes it where there is none. Errors, all of which leave every file as it was:
 * `profile.in-use`, `profile.passphrase-needed`, `profile.passphrase-too-short` (new profile),
 * `profile.wrong-passphrase`, `profile.newer-version`, `profile.unreadable`; and `profile.disk-full`.
 * A damaged database is salvaged and reported.
 */
export async function openProfile(options: ProfileOptions): Promise<Result<OpenedStore>> {
  const { directory, now } = options;
  return withLock(directory, async (lock) => {
    const key = hasKeyFile(directory) ? await existingKey(options) : await newKey(options);
    if (!key.ok) return key;
    const opened = openStore({
      path: databasePath(directory),
      key: key.value,
      keyIsProven: true,
      lock,
      ...(now === undefined ? {} : { now }),
    });
    key.value.fill(0);
    return opened;
  });
}

/**
 * Keeps the key of a closed profile under another passphrase. Errors as for `openProfile`; `profile.passphrase-too-short`
 * for the new one. A profile kept by the system's secret store has none: `request.malformed`.
 */
export async function changePassphrase(options: ProfileOptions, next: string): Promise<Result<void>> {
  const { directory, crypto } = options;
  const changed = await withLock(directory, async (lock) => {
    if (inspectProfile(directory) === 'needs-vault')
      return fail('request.malformed', 'This profile has no passphrase: the system keeps its key.');
    const key = await existingKey(options);
    if (!key.ok) return key;
    const noVault = { ...options.vault, available: false };
    const file = await protectKey(key.value, noVault, next, crypto);
    key.value.fill(0);
    if (!file.ok) return file;
    writeKeyFile(directory, file.value, crypto.checksum);
    return ok(lock);
  });
  if (!changed.ok) return changed;
  changed.value.release();
  return ok();
}

/** The lock is released when `work` fails; otherwise whoever got the result holds it. */
async function withLock<T>(directory: string, work: (lock: ProfileLock) => Promise<Result<T>>): Promise<Result<T>> {
  let lock: ProfileLock | null = null;
  try {
    makePrivateDirectory(directory);
    const locked = lockProfile(databasePath(directory));
    if (!locked.ok) return locked;
    lock = locked.value;
    const result = await work(lock);
    if (!result.ok) lock.release();
    return result;
  } catch (error) {
    lock?.release();
    return faultResult(error);
  }
}

async function existingKey({ directory, vault, passphrase, crypto }: ProfileOptions): Promise<Result<Uint8Array>> {
  const file = readKeyFile(directory, crypto.checksum);
  if (!file.ok) return file;
  const key = await unprotectKey(file.value, vault, passphrase, crypto);
  if (key.ok) writeKeyFile(directory, file.value, crypto.checksum);
  return key;
}

/** On disk before the database is: a database without its key would be lost. */
async function newKey({ directory, vault, passphrase, crypto }: ProfileOptions): Promise<Result<Uint8Array>> {
  if (existsSync(databasePath(directory)))
    return fail(
      'profile.unreadable',
      'The key of this profile is missing.',
      'Put the file key.json back from a backup.',
      'a database without a key file',
    );
  const key = crypto.randomBytes(profileKeyLength);
  const file = await protectKey(key, vault, passphrase, crypto);
  if (!file.ok) return file;
  writeKeyFile(directory, file.value, crypto.checksum);
  return ok(key);
}
