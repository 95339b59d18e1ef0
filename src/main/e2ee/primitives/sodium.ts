/** The one place that loads libsodium's WebAssembly. Randomness is the native one's: it asks the system each time. */
import sodium from 'libsodium-wrappers-sumo';
import sodiumNative from 'sodium-native';

/** Must have resolved before any other function of `e2ee` is called. */
export async function ready(): Promise<void> {
  await sodium.ready;
}

/** Compares in constant time; false for different lengths (which are no secret). */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && sodium.memcmp(a, b);
}

/** Overwrites secrets that are no longer needed. Copies the engine may have made are out of reach. */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) sodium.memzero(secret);
}

/** `length` fresh random bytes from the operating system. */
export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  sodiumNative.randombytes_buf(bytes);
  return bytes;
}

/** The few functions of libsodium that are called beneath its wrappers, with addresses in its memory. */
interface LibSodium {
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _crypto_auth_hmacsha256_init(state: number, key: number, keyBytes: number): number;
  /** The length is one number of 64 bits in two halves. */
  _crypto_auth_hmacsha256_update(state: number, input: number, lengthLow: number, lengthHigh: number): number;
  _crypto_auth_hmacsha256_final(state: number, output: number): number;
}

/** libsodium beneath its wrappers (which export it, but leave it out of their types). */
export function libsodium(): LibSodium {
  return (sodium as unknown as { readonly libsodium: LibSodium }).libsodium;
}

export { sodium };
