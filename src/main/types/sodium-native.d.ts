/** The part of sodium-native in use; it brings no types of its own. Results go into the first argument. */
declare module 'sodium-native' {
  const sodiumNative: {
    randombytes_buf(bytes: Uint8Array): void;
    /** `publicKey` and `privateKey` 32 bytes. */
    crypto_scalarmult_base(publicKey: Uint8Array, privateKey: Uint8Array): void;
    /** 32 bytes each. Throws when the result is all zero. */
    crypto_scalarmult(secret: Uint8Array, privateKey: Uint8Array, publicKey: Uint8Array): void;
  };
  export default sodiumNative;
}
