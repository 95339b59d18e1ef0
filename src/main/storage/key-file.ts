/** The file that keeps a profile's key, protected: JSON with a version, a checksum, and a second copy of it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, ok, type Result } from '../../shared/errors.ts';
import { replaceFile } from './files.ts';

export type Protection =
  | { readonly kind: 'vault'; readonly sealed: Uint8Array }
  | {
      readonly kind: 'passphrase';
      /** 16 bytes. */
      readonly salt: Uint8Array;
      readonly limits: { readonly operations: number; readonly memoryBytes: number };
      readonly box: Uint8Array;
    };

export interface KeyFile {
  /** Tells whether a key is the right one. */
  readonly check: Uint8Array;
  readonly protection: Protection;
}

export const keyCheckLength = 16;

type Checksum = (content: Uint8Array) => Uint8Array;

const version = 1;
const names = ['key.json', 'key.copy.json'] as const;

/**
 * Both copies, one after the other: a crash leaves at least one of them whole. A copy that is as it should be is left
 * alone, so that this also mends what a crash or a bad sector left. Throws when the disk refuses.
 */
export function writeKeyFile(directory: string, file: KeyFile, checksum: Checksum): void {
  const content = { version, check: base64(file.check), protection: encode(file.protection) };
  const text = JSON.stringify({ ...content, checksum: base64(checksum(contentBytes(content))) }, null, 2);
  for (const name of names) {
    const path = join(directory, name);
    if (existsSync(path) && readFileSync(path, 'utf8') === `${text}\n`) continue;
    replaceFile(path, new TextEncoder().encode(`${text}\n`));
  }
}

export function hasKeyFile(directory: string): boolean {
  return names.some((name) => existsSync(join(directory, name)));
}

/**
 * The first whole copy. Without `checksum` its form alone is looked at. Errors: `profile.newer-version`;
 * `profile.unreadable` when no copy is whole.
 */
export function readKeyFile(directory: string, checksum: Checksum | null): Result<KeyFile> {
  for (const name of names) {
    const path = join(directory, name);
    if (!existsSync(path)) continue;
    const value = parse(readFileSync(path, 'utf8'));
    if (value === null) continue;
    const { checksum: sum, ...content } = value;
    const intact = checksum === null || (typeof sum === 'string' && sum === base64(checksum(contentBytes(content))));
    if (!intact) continue;
    if (typeof content['version'] === 'number' && content['version'] > version)
      return fail(
        'profile.newer-version',
        'This profile was used by a newer version of Bothy.',
        'Install the newest version to open it; nothing was changed.',
      );
    const file = decode(content);
    if (file !== null) return ok(file);
  }
  return fail(
    'profile.unreadable',
    'The key of this profile cannot be read.',
    'Put the file key.json back from a backup.',
    'no whole copy of the key file',
  );
}

function contentBytes(content: Readonly<Record<string, unknown>>): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(content));
}

function parse(text: string): Record<string, unknown> | null {
  try {
    return record(JSON.parse(text));
  } catch {
    return null;
  }
}

function record(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? { ...value } : null;
}

function encode(protection: Protection): Record<string, unknown> {
  return protection.kind === 'vault'
    ? { kind: 'vault', sealed: base64(protection.sealed) }
    : {
        kind: 'passphrase',
        kdf: 'argon2id',
        operations: protection.limits.operations,
        memoryBytes: protection.limits.memoryBytes,
        salt: base64(protection.salt),
        box: base64(protection.box),
      };
}

function decode(content: Readonly<Record<string, unknown>>): KeyFile | null {
  const check = bytes(content['check']);
  const protection = record(content['protection']);
  if (content['version'] !== version || check?.length !== keyCheckLength || protection === null) return null;
  if (protection['kind'] === 'vault') {
    const sealed = bytes(protection['sealed']);
    return sealed === null ? null : { check, protection: { kind: 'vault', sealed } };
  }
  const { kind, kdf, operations, memoryBytes } = protection;
  const salt = bytes(protection['salt']);
  const box = bytes(protection['box']);
  if (kind !== 'passphrase' || kdf !== 'argon2id' || salt?.length !== 16 || box === null) return null;
  if (!isCount(operations) || !isCount(memoryBytes)) return null;
  return { check, protection: { kind: 'passphrase', salt, limits: { operations, memoryBytes }, box } };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function base64(content: Uint8Array): string {
  return Buffer.from(content).toString('base64');
}

function bytes(value: unknown): Uint8Array | null {
  return typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'base64')) : null;
}
