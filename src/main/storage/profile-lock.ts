/** One process a profile: a lock of the operating system, which goes with the process however it ends. */
import { closeSync, existsSync, openSync } from 'node:fs';
import { ok, type Result } from '../../shared/errors.ts';
import { Connection } from './connection.ts';
import { faultOf, type StorageFault } from './storage-fault.ts';

export interface ProfileLock {
  /** May be called again. */
  release(): void;
}

/**
 * Takes the lock beside the database at once or fails with `profile.in-use`. It is a lock on an empty file of its own,
 * taken by SQLite so that it works alike on every system, and stays held while the database itself is replaced.
 */
export function lockProfile(databasePath: string): Result<ProfileLock> {
  const path = `${databasePath}.lock`;
  try {
    createEmpty(path);
    const connection = new Connection({ path, key: null });
    try {
      connection.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    } catch (error) {
      connection.close();
      throw error;
    }
    return ok({ release: () => connection.abandon() });
  } catch (error) {
    return faultResult(error);
  }
}

/** Only when it is new: closing a second handle of a locked file would drop the lock (POSIX). */
function createEmpty(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
}

/** A fault as a failed result; anything else is a bug and thrown on. */
export function faultResult(error: unknown): { readonly ok: false; readonly error: StorageFault['error'] } {
  const fault = faultOf(error);
  if (fault === null) throw error;
  return { ok: false, error: fault.error };
}
