/**
 * Argon2id (RFC 9106) for the passphrase of a profile. It runs in a thread of its own: a second of work and 256 MiB
 * that WebAssembly memory would never give back stay out of the main process's way, and end with the thread.
 */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

export interface Argon2Limits {
  /** Passes over the memory. */
  readonly operations: number;
  readonly memoryBytes: number;
}

/** libsodium's MODERATE: about a second on the computers of today. */
export const moderateLimits: Argon2Limits = { operations: 3, memoryBytes: 256 * 1024 * 1024 };

// Plain JavaScript handed over as text: it runs the same from source, from a bundle and from inside an archive.
const program = `
const { parentPort, workerData } = require('node:worker_threads');
const sodium = require(workerData.library);
sodium.ready.then(() => {
  const { passphrase, salt, operations, memoryBytes } = workerData;
  const key = sodium.crypto_pwhash(32, passphrase, salt, operations, memoryBytes, sodium.crypto_pwhash_ALG_ARGON2ID13);
  parentPort.postMessage(key);
});
`;

/** 32 bytes from a passphrase (UTF-8) and a 16-byte salt. Rejects when the computer has not that much memory. */
export function argon2id(passphrase: Uint8Array, salt: Uint8Array, limits: Argon2Limits): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, {
      eval: true,
      // Flags of the main thread (test hooks, loaders) are none of its business.
      execArgv: [],
      workerData: {
        library: createRequire(import.meta.url).resolve('libsodium-wrappers-sumo'),
        passphrase,
        salt,
        operations: limits.operations,
        memoryBytes: limits.memoryBytes,
      },
    });
    worker.once('message', (key: Uint8Array) => {
      resolve(new Uint8Array(key));
      void worker.terminate();
    });
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`password hashing ended with ${code}`)));
  });
}
