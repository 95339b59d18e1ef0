/** One keyed SQLCipher connection: statements, transactions, and faults told apart from bugs. */
import { Database } from '@signalapp/sqlcipher';
import { faultOf, isDamage, StorageFault, storageError } from './storage-fault.ts';

export type SqlValue = string | number | null | Uint8Array;
export type Row = Readonly<Record<string, SqlValue>>;

/** Raw key, 32 bytes, or 48: the key followed by the 16-byte salt, which then need not be read from the file. */
export type DatabaseKey = Uint8Array;

/** SQLCipher 4's own figures, spelled out so that a new default never makes an old profile unreadable. */
const cipherSettings = [
  'cipher_log_level = NONE',
  // Locking and wiping all of SQLite's memory doubles the cost of a message, and guards copies of what this process
  // holds in ordinary memory anyway (docs/decisions/0037); SQLCipher protects its keys in memory either way.
  'cipher_memory_security = OFF',
  'cipher_page_size = 4096',
  'cipher_use_hmac = ON',
  'cipher_hmac_algorithm = HMAC_SHA512',
  'cipher_kdf_algorithm = PBKDF2_HMAC_SHA512',
  'kdf_iter = 256000',
  'cipher_plaintext_header_size = 0',
];

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export interface ConnectionOptions {
  readonly path: string;
  /** Null: a plain file without encryption (the profile's lock). */
  readonly key: DatabaseKey | null;
  /** Called once when the content turns out to be damaged. */
  readonly onDamage?: () => void;
}

export class Connection {
  readonly #database: Database;
  readonly #onDamage: () => void;
  readonly #rollBackListeners: (() => void)[] = [];
  #depth = 0;
  /** SQLite may have rolled the transaction back by itself: nothing may run until its outermost end. */
  #broken: StorageFault | null = null;

  /** Opens lazily: a wrong key or a damaged file shows at the first statement. Throws `StorageFault`. */
  constructor({ path, key, onDamage }: ConnectionOptions) {
    if (key !== null && key.length !== 32 && key.length !== 48) throw new RangeError('database key of a wrong length');
    this.#onDamage = onDamage ?? (() => {});
    try {
      this.#database = new Database(path, { cacheStatements: true });
    } catch (error) {
      throw faultOf(error) ?? error;
    }
    if (key === null) return;
    // Not through `pragma()`: a cached statement would keep the key's text in memory.
    this.#database.exec(`PRAGMA key = "x'${hex(key)}'"`);
    for (const setting of cipherSettings) this.#database.exec(`PRAGMA ${setting}`);
  }

  /** The settings of a connection that writes. WAL and a fsync at every commit: what is committed survives a crash. */
  prepareForUse(): void {
    this.exec('PRAGMA locking_mode = EXCLUSIVE');
    if (this.value('PRAGMA journal_mode = WAL') !== 'wal')
      throw new StorageFault(storageError('profile.unreadable', 'no write-ahead log'));
    for (const setting of [
      'synchronous = FULL',
      'foreign_keys = ON',
      'secure_delete = ON',
      'temp_store = MEMORY',
      'trusted_schema = OFF',
      'cell_size_check = ON',
      'journal_size_limit = 8388608',
    ])
      this.exec(`PRAGMA ${setting}`);
    this.#guard(() => this.#database.initTokenizer());
  }

  exec(sql: string): void {
    this.#guard(() => this.#database.exec(sql));
  }

  run(sql: string, parameters: readonly SqlValue[] = []): { changes: number; lastInsertRowid: number } {
    return this.#guard(() => this.#database.prepare(sql).run(native(parameters)));
  }

  get(sql: string, parameters: readonly SqlValue[] = []): Row | null {
    return this.#guard(() => this.#database.prepare(sql).get(native(parameters)) ?? null);
  }

  all(sql: string, parameters: readonly SqlValue[] = []): Row[] {
    return this.#guard(() => this.#database.prepare(sql).all(native(parameters)));
  }

  /** First column of the first row; null when there is none. */
  value(sql: string, parameters: readonly SqlValue[] = []): SqlValue {
    return this.#guard(() => this.#database.prepare(sql, { pluck: true }).get(native(parameters)) ?? null);
  }

  /** The word-like tokens of a text, as the search index cuts it. */
  tokenize(text: string): string[] {
    return this.#database.signalTokenize(text);
  }

  /** Reads rows through `read`, reporting a value the schema does not allow as damage. */
  decode<T>(read: () => T): T {
    return this.#guard(read);
  }

  /**
   * One IMMEDIATE transaction; a nested call joins as a savepoint. Rolls back on throw, also when `work` hands back a
   * promise: the transaction would end before its work does.
   */
  transaction<T>(work: () => T): T {
    const savepoint = `nested_${this.#depth}`;
    const outermost = this.#depth === 0;
    this.run(outermost ? 'BEGIN IMMEDIATE' : `SAVEPOINT ${savepoint}`);
    this.#depth += 1;
    try {
      const result = work();
      if (result instanceof Promise) throw new TypeError('a transaction cannot await');
      this.run(outermost ? 'COMMIT' : `RELEASE ${savepoint}`);
      return result;
    } catch (error) {
      this.#rollBack(outermost ? ['ROLLBACK'] : [`ROLLBACK TO ${savepoint}`, `RELEASE ${savepoint}`]);
      throw error;
    } finally {
      this.#depth -= 1;
      if (outermost) this.#broken = null;
    }
  }

  /** Called whenever a transaction, or a nested part of one, was taken back. */
  onRollBack(listener: () => void): void {
    this.#rollBackListeners.push(listener);
  }

  /** Moves everything into the database file itself, which can then be renamed. Closing alone would not say if it fails. */
  writeBack(): void {
    const [outcome] = this.all('PRAGMA wal_checkpoint(TRUNCATE)');
    if (outcome?.['busy'] !== 0) throw new StorageFault(storageError('profile.disk-full', 'log not written back'));
  }

  /** Checkpoints and closes; further calls throw. */
  close(): void {
    this.#guard(() => this.#database.close());
  }

  /** Closes a connection that may be past use; what closing has to say is not worth hearing. */
  abandon(): void {
    try {
      this.#database.close();
    } catch {
      // Damage again, or closed already.
    }
  }

  #rollBack(statements: readonly string[]): void {
    try {
      for (const sql of statements) this.#database.prepare(sql).run([]);
    } catch {
      // After a full disk SQLite has rolled back by itself; `#broken` keeps an outer transaction from going on.
    }
    for (const listener of this.#rollBackListeners) listener();
  }

  #guard<T>(work: () => T): T {
    if (this.#broken !== null) throw this.#broken;
    try {
      return work();
    } catch (error) {
      const fault = faultOf(error);
      if (fault === null) throw error;
      if (this.#depth > 0) this.#broken = fault;
      if (isDamage(fault)) this.#onDamage();
      throw fault;
    }
  }
}

/** The library's type asks for an unshared buffer, which every array we store has. */
function native(parameters: readonly SqlValue[]): (string | number | null | Uint8Array<ArrayBuffer>)[] {
  return parameters as (string | number | null | Uint8Array<ArrayBuffer>)[];
}
