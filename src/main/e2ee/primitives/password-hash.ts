/**
 * Argon2id (RFC 9106) for the passphrase of a profile. It runs in a thread of its own: a second of work and 256 MiB
 * that WebAssembly memory would never give back stay out of the main process's way, and end with the thread.
 */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

export interface Argon2Limits {
  /** Passes over the memory. */
  readonly operations: number;
  readonly memoryBytes: number;
}

/** libsodium's MODERATE: about a second on the computers of today. */
export const moderateLimits: Argon2Limits = { operations: 3, memoryBytes: 256 * 1024 * 1024 };

/** What the worker is given. */
export interface PasswordHashJob extends Argon2Limits {
  readonly passphrase: Uint8Array;
  readonly salt: Uint8Array;
}

/** From source, the file beside this one; from a bundle, an entry of its own beside or above this chunk. */
function workerUrl(): URL {
  if (import.meta.url.endsWith('.ts')) return new URL('./password-hash-worker.ts', import.meta.url);
  const beside = new URL('./password-hash-worker.js', import.meta.url);
  return existsSync(beside) ? beside : new URL('../password-hash-worker.js', import.meta.url);
}

/** 32 bytes from a passphrase (UTF-8) and a 16-byte salt. Rejects when the computer has not that much memory. */
export function argon2id(passphrase: Uint8Array, salt: Uint8Array, limits: Argon2Limits): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const job: PasswordHashJob = { ...limits, passphrase, salt };
    // Flags of the main thread (test hooks, loaders) are none of its business.
    const worker = new Worker(workerUrl(), { execArgv: [], workerData: job });
    worker.once('message', (key: Uint8Array) => {
      resolve(new Uint8Array(key));
      void worker.terminate();
    });
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`password hashing ended with ${code}`)));
  });
}
