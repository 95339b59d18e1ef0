import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { createStorageCrypto } from '../../src/main/app/storage-crypto.ts';
import { changePassphrase, inspectProfile, openProfile } from '../../src/main/storage/open-profile.ts';
import type { ProfileCrypto, SecretVault } from '../../src/main/storage/profile-key.ts';
import type { Result } from '../../src/shared/errors.ts';
import { self } from '../support/store-samples.ts';
import { filesIn, filesOf } from '../support/stored-profile.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const real = await createStorageCrypto();
/** The real thing with a hash that costs nothing: what is tested here is what happens around it. */
const crypto: ProfileCrypto = {
  ...real,
  kdf: {
    limits: real.kdf.limits,
    derive: async (passphrase, salt, limits) =>
      real.checksum(new Uint8Array([...passphrase, ...salt, limits.operations])),
  },
};

const noVault: SecretVault = {
  available: false,
  seal: () => Promise.reject(new Error('not available')),
  unseal: () => Promise.reject(new Error('not available')),
};

/** As a system's secret store: opens only what it sealed itself. */
function newVault(): SecretVault {
  const secret = real.randomBytes(32);
  const nothing = new Uint8Array();
  return {
    available: true,
    seal: async (content) => real.box.seal(secret, content, nothing),
    unseal: async (sealed) => real.box.open(secret, sealed, nothing),
  };
}

async function codeOf(result: Promise<Result<unknown>>): Promise<string> {
  const settled = await result;
  return settled.ok ? 'ok' : settled.error.code;
}

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});

async function openOnce(vault: SecretVault, passphrase: string | null): Promise<void> {
  const opened = await openProfile({ directory, vault, passphrase, crypto });
  if (!opened.ok) throw new Error(opened.error.code);
  if (opened.value.store.self.get() === null) opened.value.store.self.put(self);
  expect(opened.value.store.self.get()).toEqual(self);
  opened.value.store.close();
}

describe('under a passphrase', () => {
  const passphrase = 'wherefore art thou';
  const open = (given: string | null) => codeOf(openProfile({ directory, vault: noVault, passphrase: given, crypto }));

  test('a new profile needs one that is long enough', async () => {
    expect(inspectProfile(directory)).toBe('none');
    expect(await open(null)).toBe('profile.passphrase-needed');
    expect(await open('1234567')).toBe('profile.passphrase-too-short');
    expect(await open('👋👋👋👋')).toBe('profile.passphrase-too-short');
    expect(inspectProfile(directory)).toBe('none');
    await openOnce(noVault, passphrase);
    expect(inspectProfile(directory)).toBe('needs-passphrase');
    for (const name of filesIn(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
  });

  test('it opens again with the same one, however its accents are typed, and with no other', async () => {
    await openOnce(noVault, 'pa\u00dfphras\u00e9');
    await openOnce(noVault, 'pa\u00dfphrase\u0301');
    const before = filesOf(directory);
    expect(await open('pa\u00dfphrase')).toBe('profile.wrong-passphrase');
    expect(await open('')).toBe('profile.wrong-passphrase');
    expect(await open(null)).toBe('profile.passphrase-needed');
    expect(filesOf(directory)).toEqual(before);
    await openOnce(noVault, 'pa\u00dfphras\u00e9');
  });

  test('it can be changed; the old one then opens nothing, not even the second copy', async () => {
    await openOnce(noVault, passphrase);
    const change = (from: string, to: string) =>
      codeOf(changePassphrase({ directory, vault: noVault, passphrase: from, crypto }, to));
    expect(await change('something else', 'parting is such')).toBe('profile.wrong-passphrase');
    expect(await change(passphrase, 'short')).toBe('profile.passphrase-too-short');
    await openOnce(noVault, passphrase);
    expect(await change(passphrase, 'parting is such')).toBe('ok');
    expect(await open(passphrase)).toBe('profile.wrong-passphrase');
    rmSync(join(directory, 'key.json'));
    expect(await open(passphrase)).toBe('profile.wrong-passphrase');
    await openOnce(noVault, 'parting is such');
  });

  test('a profile that is open elsewhere is neither opened nor changed', async () => {
    const first = await openProfile({ directory, vault: noVault, passphrase, crypto });
    if (!first.ok) throw new Error(first.error.code);
    expect(await open(passphrase)).toBe('profile.in-use');
    expect(await codeOf(changePassphrase({ directory, vault: noVault, passphrase, crypto }, 'other words'))).toBe(
      'profile.in-use',
    );
    first.value.store.close();
    await openOnce(noVault, passphrase);
  });

  test('the real limits are Argon2id with 256 MiB, and the work is done elsewhere', async () => {
    expect(real.kdf.limits).toEqual({ operations: 3, memoryBytes: 256 * 1024 * 1024 });
    const hash = real.kdf.derive(
      new TextEncoder().encode('password'),
      new TextEncoder().encode('somesaltsomesalt'),
      real.kdf.limits,
    );
    // The event loop turns while it works.
    const first = await Promise.race([
      hash.then(() => 'hash'),
      new Promise((resolve) => setImmediate(resolve, 'turn')),
    ]);
    expect(first).toBe('turn');
    // Known answer of the reference program: printf password | argon2 somesaltsomesalt -id -t 3 -k 262144 -p 1 -l 32 -r
    expect(Buffer.from(await hash).toString('hex')).toBe(
      '5f70c345ced0cbb8f42438b3aaf225369c337f548134c94e9f223c524751e52b',
    );
  });

  test('limits beyond reason in the file are refused before any memory is taken', async () => {
    await openOnce(noVault, passphrase);
    for (const name of ['key.json', 'key.copy.json']) {
      const { checksum: _, ...content } = JSON.parse(readFileSync(join(directory, name), 'utf8'));
      content.protection.memoryBytes = 2 ** 40;
      const checksum = Buffer.from(crypto.checksum(new TextEncoder().encode(JSON.stringify(content)))).toString(
        'base64',
      );
      writeFileSync(join(directory, name), JSON.stringify({ ...content, checksum }));
    }
    expect(await open(passphrase)).toBe('profile.unreadable');
  });
});

describe('in the system’s secret store', () => {
  test('no passphrase is asked for, and the key is in no file', async () => {
    const vault = newVault();
    await openOnce(vault, null);
    expect(inspectProfile(directory)).toBe('needs-vault');
    await openOnce(vault, null);
    expect(await codeOf(changePassphrase({ directory, vault, passphrase: null, crypto }, 'long enough'))).toBe(
      'request.malformed',
    );
  });

  test('a store that was reset, or is gone, is said, and nothing is touched', async () => {
    const vault = newVault();
    await openOnce(vault, null);
    const before = filesOf(directory);
    for (const other of [newVault(), noVault, { ...newVault(), unseal: async () => new Uint8Array(48) }]) {
      const opened = await openProfile({ directory, vault: other, passphrase: null, crypto });
      expect(opened).toMatchObject({ ok: false, error: { code: 'profile.unreadable' } });
      expect(JSON.stringify(opened)).toContain('secret store');
    }
    expect(filesOf(directory)).toEqual(before);
    await openOnce(vault, null);
  });
});

describe('the key file', () => {
  const passphrase = 'wherefore art thou';
  const open = () => codeOf(openProfile({ directory, vault: noVault, passphrase, crypto }));

  test('is read from its second copy when the first is damaged, and mended', async () => {
    await openOnce(noVault, passphrase);
    const good = readFileSync(join(directory, 'key.json'), 'utf8');
    for (const damage of ['', '{', '[]', 'null', good.replace(/"box": "..../, '"box": "AAAA'), good.slice(0, -9)]) {
      writeFileSync(join(directory, 'key.json'), damage);
      await openOnce(noVault, passphrase);
      expect(readFileSync(join(directory, 'key.json'), 'utf8')).toBe(good);
    }
  });

  test('lost in both copies is said; no new key is made over the old history', async () => {
    await openOnce(noVault, passphrase);
    for (const name of ['key.json', 'key.copy.json']) writeFileSync(join(directory, name), '{}');
    expect(await open()).toBe('profile.unreadable');
    for (const name of ['key.json', 'key.copy.json']) rmSync(join(directory, name));
    const before = filesOf(directory);
    expect(inspectProfile(directory)).toBe('unreadable');
    expect(await open()).toBe('profile.unreadable');
    expect(filesOf(directory)).toEqual(before);
  });

  test('of a newer version is refused', async () => {
    await openOnce(noVault, passphrase);
    const content = { version: 2, protection: { kind: 'moonlight' } };
    const checksum = Buffer.from(crypto.checksum(new TextEncoder().encode(JSON.stringify(content)))).toString('base64');
    writeFileSync(join(directory, 'key.json'), JSON.stringify({ ...content, checksum }));
    expect(inspectProfile(directory)).toBe('newer-version');
    expect(await open()).toBe('profile.newer-version');
  });

  test('written but no database yet, as after a crash at the first start, opens to an empty one', async () => {
    await openOnce(noVault, passphrase);
    rmSync(join(directory, 'bothy.db'));
    const opened = await openProfile({ directory, vault: noVault, passphrase, crypto });
    if (!opened.ok) throw new Error(opened.error.code);
    expect(opened.value.store.self.get()).toBeNull();
    opened.value.store.close();
  });
});
