/** The thread in which a passphrase is hashed: one job, one answer, and all its memory goes with it. */
import { parentPort, workerData } from 'node:worker_threads';
import type { PasswordHashJob } from './password-hash.ts';
import { ready, sodium } from './sodium.ts';

const { passphrase, salt, operations, memoryBytes } = workerData as PasswordHashJob;
await ready();
const algorithm = sodium.crypto_pwhash_ALG_ARGON2ID13;
parentPort?.postMessage(sodium.crypto_pwhash(32, passphrase, salt, operations, memoryBytes, algorithm));
