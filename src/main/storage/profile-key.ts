/**
 * The key of a profile's database and how it is kept: sealed by the system's secret store, or under a passphrase where
 * there is none. It is 48 random bytes: SQLCipher's raw 32-byte key and the 16-byte salt of its page authentication.
 */
import { fail, ok, type Result } from '../../shared/errors.ts';
import { type KeyFile, keyCheckLength, type Protection } from './key-file.ts';

/** The system's secret store, as the host lends it. */
export interface SecretVault {
  readonly available: boolean;
  seal(secret: Uint8Array): Promise<Uint8Array>;
  /** Null when it cannot be opened. */
  unseal(sealed: Uint8Array): Promise<Uint8Array | null>;
}

export interface KdfLimits {
  readonly operations: number;
  readonly memoryBytes: number;
}

/** Argon2id, in whoever's thread. */
export interface PassphraseKdf {
  /** For new passphrases; old ones keep the limits they were made with. */
  readonly limits: KdfLimits;
  /** 32 bytes from a passphrase (UTF-8) and a salt of 16 bytes. */
  derive(passphrase: Uint8Array, salt: Uint8Array, limits: KdfLimits): Promise<Uint8Array>;
}

/** Authenticated encryption under a 32-byte key, nonce included in what it returns. */
export interface SealBox {
  seal(key: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array;
  /** Null when it does not authenticate. */
  open(key: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array | null;
}

export interface ProfileCrypto {
  readonly kdf: PassphraseKdf;
  readonly box: SealBox;
  randomBytes(length: number): Uint8Array;
  /** A one-way function to 32 bytes (SHA-256 or HMAC with a fixed key). */
  checksum(content: Uint8Array): Uint8Array;
}

export const profileKeyLength = 48;
export const shortestPassphrase = 8;

/** More than any version of ours asks for: a tampered file shall not make the computer run out of memory. */
const highestLimits: KdfLimits = { operations: 20, memoryBytes: 1024 * 1024 * 1024 };

const utf8 = new TextEncoder();
const boxContext = utf8.encode('bothy profile key 1');

/** Unicode's composed form (RFC 8265 §4.2): the same passphrase on every keyboard. */
function passphraseBytes(passphrase: string): Uint8Array {
  return utf8.encode(passphrase.normalize('NFC'));
}

/** What tells a right key from a wrong one before the database is touched; says nothing about the key. */
function keyCheck(crypto: ProfileCrypto, key: Uint8Array): Uint8Array {
  return crypto.checksum(new Uint8Array([...utf8.encode('check'), ...key])).subarray(0, keyCheckLength);
}

/** The key protected as this computer allows. Errors: `profile.passphrase-needed`, `profile.passphrase-too-short`. */
export async function protectKey(
  key: Uint8Array,
  vault: SecretVault,
  passphrase: string | null,
  crypto: ProfileCrypto,
): Promise<Result<KeyFile>> {
  const protection = vault.available
    ? ok<Protection>({ kind: 'vault', sealed: await vault.seal(key) })
    : await wrap(key, passphrase, crypto);
  return protection.ok ? ok({ check: keyCheck(crypto, key), protection: protection.value }) : protection;
}

async function wrap(key: Uint8Array, passphrase: string | null, crypto: ProfileCrypto): Promise<Result<Protection>> {
  if (passphrase === null)
    return fail(
      'profile.passphrase-needed',
      'This computer has no safe place to keep a key.',
      'Choose a passphrase; Bothy asks for it at every start.',
    );
  if ([...passphrase].length < shortestPassphrase)
    return fail(
      'profile.passphrase-too-short',
      'The passphrase is too short.',
      `Use at least ${shortestPassphrase} characters; several words are best.`,
    );
  const salt = crypto.randomBytes(16);
  const { limits } = crypto.kdf;
  const wrappingKey = await crypto.kdf.derive(passphraseBytes(passphrase), salt, limits);
  const box = crypto.box.seal(wrappingKey, key, boxContext);
  wrappingKey.fill(0);
  return ok({ kind: 'passphrase', salt, limits, box });
}

/**
 * The key out of its file. Errors: `profile.passphrase-needed`, `profile.wrong-passphrase`; `profile.unreadable` when
 * the system's secret store does not open it any more.
 */
export async function unprotectKey(
  file: KeyFile,
  vault: SecretVault,
  passphrase: string | null,
  crypto: ProfileCrypto,
): Promise<Result<Uint8Array>> {
  const key = await unwrap(file.protection, vault, passphrase, crypto);
  if (!key.ok) return key;
  const check = keyCheck(crypto, key.value);
  if (key.value.length !== profileKeyLength || !check.every((byte, index) => byte === file.check[index]))
    return file.protection.kind === 'vault' ? vaultClosed('the key does not match') : wrongPassphrase();
  return key;
}

async function unwrap(
  protection: Protection,
  vault: SecretVault,
  passphrase: string | null,
  crypto: ProfileCrypto,
): Promise<Result<Uint8Array>> {
  if (protection.kind === 'vault') {
    const key = vault.available ? await vault.unseal(protection.sealed) : null;
    if (key === null) return vaultClosed(vault.available ? 'not opened' : 'not available');
    return ok(key);
  }
  if (passphrase === null) return fail('profile.passphrase-needed', 'This profile is locked.', 'Enter its passphrase.');
  const { limits } = protection;
  if (limits.operations > highestLimits.operations || limits.memoryBytes > highestLimits.memoryBytes)
    return fail(
      'profile.unreadable',
      'The key of this profile was changed by something other than Bothy.',
      'Put the file key.json back from a backup.',
      'limits beyond reason',
    );
  const wrappingKey = await crypto.kdf.derive(passphraseBytes(passphrase), protection.salt, limits);
  const key = crypto.box.open(wrappingKey, protection.box, boxContext);
  wrappingKey.fill(0);
  return key === null ? wrongPassphrase() : ok(key);
}

function wrongPassphrase(): Result<never> {
  return fail('profile.wrong-passphrase', 'The passphrase is wrong.', 'Try again; nothing was changed.');
}

function vaultClosed(detail: string): Result<never> {
  return fail(
    'profile.unreadable',
    'The system’s secret store does not open the key of this profile.',
    'Sign in to your computer as the person who made the profile and unlock its keyring, then open Bothy again.',
    `secret store: ${detail}`,
  );
}
