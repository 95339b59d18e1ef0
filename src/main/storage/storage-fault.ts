/** What the storage throws when the disk, and not the program, is to blame: full, damaged, or held by another process. */
import { type AppError, appError, type ErrorCode } from '../../shared/errors.ts';

/** Carries the `AppError` to show; whoever answers a command turns it into a failed `Result`. */
export class StorageFault extends Error {
  readonly error: AppError;

  constructor(error: AppError, cause?: unknown) {
    super(error.detail ?? error.code, { cause });
    this.name = 'StorageFault';
    this.error = error;
  }
}

const words: Partial<Record<ErrorCode, readonly [what: string, action: string]>> = {
  'profile.disk-full': ['There is no space left on the disk.', 'Free some space and try again; nothing was lost.'],
  'profile.in-use': [
    'This profile is already open in another Bothy.',
    'Use the window that is open, or close it and try again.',
  ],
  'profile.unreadable': ['The stored history cannot be read.', 'Close Bothy and open it again to repair it.'],
};

/** The words for one of the codes a fault can have. `detail` names SQLite's code, never content. */
export function storageError(code: 'profile.disk-full' | 'profile.in-use' | 'profile.unreadable', detail: string) {
  const [what, action] = words[code] ?? ['', ''];
  return appError(code, what, action, detail);
}

/** SQLite's extended code (`SQLITE_IOERR_WRITE`), or null for anything else. */
export function sqliteCode(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if ('code' in error && typeof error.code === 'string' && error.code.startsWith('SQLITE_')) return error.code;
  // The constructor of a connection reports failures without a code.
  return error.message.startsWith('sqlite open error') ? 'SQLITE_CANTOPEN' : null;
}

/** Whether the content of the database, rather than the computer around it, is at fault. */
export function isDamage(error: unknown): boolean {
  if (error instanceof StorageFault) return isDamage(error.cause);
  if (error instanceof MalformedRow) return true;
  const code = sqliteCode(error);
  return code !== null && (/^SQLITE_(CORRUPT|NOTADB|FORMAT)/.test(code) || isUnreadablePage(error));
}

/** A page that fails its authentication can surface as an error without a reason; every real mistake in SQL has one. */
function isUnreadablePage(error: unknown): boolean {
  return sqliteCode(error) === 'SQLITE_ERROR' && error instanceof Error && error.message.endsWith('SQL logic error');
}

/** A stored value that is not what the schema promises. */
export class MalformedRow extends Error {
  constructor(column: string) {
    super(`malformed column ${column}`);
    this.name = 'MalformedRow';
  }
}

/** The fault an error stands for, or null when it is a bug of ours (a constraint, bad SQL, an exception). */
export function faultOf(error: unknown): StorageFault | null {
  if (error instanceof StorageFault) return error;
  if (error instanceof MalformedRow) return new StorageFault(storageError('profile.unreadable', error.message), error);
  const code = sqliteCode(error) ?? systemCode(error);
  if (code === null) return null;
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT')
    return new StorageFault(storageError('profile.disk-full', code), error);
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return new StorageFault(storageError('profile.in-use', code), error);
  if (
    isUnreadablePage(error) ||
    /^SQLITE_(CORRUPT|NOTADB|FORMAT|IOERR|CANTOPEN|READONLY|PERM|AUTH|PROTOCOL|NOLFS)/.test(code) ||
    /^E[A-Z]+$/.test(code)
  )
    return new StorageFault(storageError('profile.unreadable', code), error);
  return null;
}

/** `ENOSPC` and the like of a failed file operation. */
function systemCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}
