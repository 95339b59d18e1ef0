/** Opens the database of a profile: locked, checked, migrated; a damaged one is set aside and salvaged. */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { fail, ok, type Result } from '../../shared/errors.ts';
import { Connection, type DatabaseKey } from './connection.ts';
import { createPrivateFile, makePrivateDirectory, removeDatabase, renameDurably, syncFile } from './files.ts';
import { migrate, newestVersion, schemaVersion } from './migrate.ts';
import { faultResult, lockProfile, type ProfileLock } from './profile-lock.ts';
import type { DeviceRecord, Store } from './records.ts';
import { Remembered } from './remembered.ts';
import { accountRepository } from './repositories/accounts.ts';
import { contactRepository } from './repositories/contacts.ts';
import { conversationRepository } from './repositories/conversations.ts';
import { deviceRepository } from './repositories/devices.ts';
import { invitationRepository } from './repositories/invitations.ts';
import { messageRepository } from './repositories/messages.ts';
import { outboxRepository } from './repositories/outbox.ts';
import { seenRepository } from './repositories/seen.ts';
import { selfRepository } from './repositories/self.ts';
import { sessionRepository } from './repositories/sessions.ts';
import { settingsRepository } from './repositories/settings.ts';
import { statementRepository } from './repositories/statements.ts';
import { finishSalvage, salvage } from './salvage.ts';
import { readSalvageReport, type SalvageReport } from './salvage-report.ts';
import { faultOf, isDamage } from './storage-fault.ts';
import { inspectWal, type WalState } from './write-ahead-log.ts';

export interface OpenStoreOptions {
  /** The database file; its folder is made (0700) if it does not exist. */
  readonly path: string;
  readonly key: DatabaseKey;
  /** The key was proven right by other means: what does not open with it is damaged, not foreign. */
  readonly keyIsProven?: boolean;
  /** Held already by the caller, then released by `Store.close`, or at once when opening fails. */
  readonly lock?: ProfileLock;
  /** Unix milliseconds, for the name of a file that is set aside. */
  readonly now?: () => number;
}

export interface OpenedStore {
  readonly store: Store;
  /** What a salvage kept and lost; told at every start until `forgetSalvage`. */
  readonly salvage: SalvageReport | null;
}

const pageSize = 4096;
/** Up to this size every page is verified at every start (about 4 ms a megabyte); beyond it after damage was met. */
const alwaysVerifiedBytes = 8 * 1024 * 1024;

/**
 * Errors: `profile.in-use`, `profile.newer-version` and `profile.wrong-passphrase` (the key is not this database's)
 * leave every file as it was; `profile.disk-full`; `profile.unreadable` (the computer refuses to read or write it).
 */
export function openStore(options: OpenStoreOptions): Result<OpenedStore> {
  let lock = options.lock;
  try {
    if (lock === undefined) {
      makePrivateDirectory(dirname(options.path));
      const locked = lockProfile(options.path);
      if (!locked.ok) return locked;
      lock = locked.value;
    }
    const opened = openLocked(options, lock);
    if (!opened.ok) lock.release();
    return opened;
  } catch (error) {
    lock?.release();
    return faultResult(error);
  }
}

function openLocked(options: OpenStoreOptions, lock: ProfileLock): Result<OpenedStore> {
  const { path, key } = options;
  try {
    finishSalvage(path, key);
  } catch (error) {
    if (isDamage(error)) return foreignKey();
    throw error;
  }
  if (!existsSync(path)) create(path, key);
  else {
    const state = examine(path, key, options.keyIsProven ?? false);
    if (state === 'foreign') return foreignKey();
    if (state === 'newer')
      return fail(
        'profile.newer-version',
        'This profile was used by a newer version of Bothy.',
        'Install the newest version to open it; nothing was changed.',
      );
    if (state === 'damaged') salvage({ path, key, now: options.now?.() ?? Date.now(), create });
  }
  try {
    return ok(open(path, key, lock));
  } catch (error) {
    // Damage that only showed now, while migrating or reading: once more by way of salvage.
    if (!isDamage(error)) throw error;
    salvage({ path, key, now: options.now?.() ?? Date.now(), create });
    return ok(open(path, key, lock));
  }
}

function foreignKey(): Result<never> {
  return fail('profile.wrong-passphrase', 'This key does not open the profile.', 'Check it and try again.');
}

/** A new database is complete before it gets its name. */
function create(path: string, key: DatabaseKey): void {
  const unfinished = `${path}.new`;
  removeDatabase(unfinished);
  createPrivateFile(unfinished);
  const connection = new Connection({ path: unfinished, key });
  try {
    connection.prepareForUse();
    migrate(connection);
    connection.writeBack();
    connection.close();
    syncFile(unfinished);
    renameDurably(unfinished, path);
  } catch (error) {
    connection.abandon();
    removeDatabase(unfinished);
    throw error;
  }
}

type FileState = 'usable' | 'foreign' | 'newer' | 'damaged';

/** Judges the file without opening it for writing: on a copy of its first page. */
function examine(path: string, key: DatabaseKey, keyIsProven: boolean): FileState {
  const size = statSync(path).size;
  const log = inspectWal(`${path}-wal`);
  if (size < pageSize) return 'damaged';
  const damaged = () => (keyIsProven ? 'damaged' : provenDamage(path, key));
  if (log.damaged) return damaged();
  const copy = `${path}.examined`;
  try {
    copyFirstPage(path, copy, log);
    const connection = new Connection({ path: copy, key });
    try {
      connection.exec('PRAGMA locking_mode = EXCLUSIVE');
      const version = schemaVersion(connection);
      if (version > newestVersion) return 'newer';
      // A database gets its name when it is complete: one without a schema is a blank that took its place.
      if (version < 1) return 'damaged';
    } finally {
      connection.abandon();
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    return damaged();
  } finally {
    removeDatabase(copy);
  }
  return (size <= alwaysVerifiedBytes || existsSync(suspicionPath(path))) && failsVerification(path, key)
    ? 'damaged'
    : 'usable';
}

/**
 * The newest first page, from the log if it is there. The rest of the copy is a hole: the version is on the first page,
 * and only the size must be what that page says.
 */
function copyFirstPage(path: string, copy: string, log: WalState): void {
  removeDatabase(copy);
  createPrivateFile(copy);
  const source = openSync(log.firstPageAt === null ? path : `${path}-wal`, 'r');
  const target = openSync(copy, 'r+');
  try {
    const page = new Uint8Array(pageSize);
    readSync(source, page, 0, page.length, log.firstPageAt ?? 0);
    writeSync(target, page, 0, page.length, 0);
    ftruncateSync(target, Math.max(statSync(path).size, log.pages * pageSize));
  } finally {
    closeSync(source);
    closeSync(target);
  }
}

/** The key is right if any page verifies under it; then it is the file that is damaged. */
function provenDamage(path: string, key: DatabaseKey): FileState {
  const pages = Math.floor(statSync(path).size / pageSize);
  const connection = new Connection({ path, key });
  try {
    return pages === 0 || badPages(connection) < pages ? 'damaged' : 'foreign';
  } finally {
    connection.abandon();
  }
}

function failsVerification(path: string, key: DatabaseKey): boolean {
  const connection = new Connection({ path, key });
  try {
    // The log may hold the good version of a page that a power cut tore: it goes into the file first.
    connection.exec('PRAGMA locking_mode = EXCLUSIVE');
    connection.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    const damaged = badPages(connection) > 0;
    if (!damaged) rmSync(suspicionPath(path), { force: true });
    return damaged;
  } catch (error) {
    if (isDamage(error)) return true;
    throw error;
  } finally {
    connection.abandon();
  }
}

/** Pages whose authentication fails: SQLCipher reads the file itself, outside of any transaction. */
function badPages(connection: Connection): number {
  return connection.all('PRAGMA cipher_integrity_check').length;
}

/** Left behind when reading met damage: the next start verifies every page. */
function suspicionPath(path: string): string {
  return `${path}.verify`;
}

function open(path: string, key: DatabaseKey, lock: ProfileLock): OpenedStore {
  const connection = new Connection({
    path,
    key,
    onDamage: () => writeFileSync(suspicionPath(path), '', { mode: 0o600 }),
  });
  try {
    connection.prepareForUse();
    migrate(connection);
    const devicesOf = new Remembered<readonly DeviceRecord[]>(connection);
    const store: Store = {
      transaction: (work) => connection.transaction(work),
      isFault: (error) => faultOf(error) !== null,
      close: () => {
        try {
          connection.close();
        } finally {
          lock.release();
        }
      },
      self: selfRepository(connection),
      accounts: accountRepository(connection),
      contacts: contactRepository(connection, devicesOf),
      devices: deviceRepository(connection, devicesOf),
      sessions: sessionRepository(connection),
      conversations: conversationRepository(connection),
      messages: messageRepository(connection),
      seen: seenRepository(connection),
      outbox: outboxRepository(connection),
      invitations: invitationRepository(connection),
      settings: settingsRepository(connection),
      statements: statementRepository(connection),
    };
    return { store, salvage: readSalvageReport(connection) };
  } catch (error) {
    connection.abandon();
    throw error;
  }
}
