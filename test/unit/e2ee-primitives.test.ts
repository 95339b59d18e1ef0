/** The primitives beyond their vectors: every length against OpenSSL's, every limit, what they leave behind. */
import {
  argon2Sync,
  createCipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
} from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { decryptCbc, encryptCbc } from '../../src/main/e2ee/primitives/aes-cbc.ts';
import { decryptGcm, encryptGcm } from '../../src/main/e2ee/primitives/aes-gcm.ts';
import { publicKeyOfSeed, sign, toCurve25519Public, verify } from '../../src/main/e2ee/primitives/ed25519.ts';
import { toEd25519Public } from '../../src/main/e2ee/primitives/edwards-form.ts';
import { hkdfSha256 } from '../../src/main/e2ee/primitives/hkdf.ts';
import { hmacSha256 } from '../../src/main/e2ee/primitives/hmac.ts';
import { argon2id, moderateLimits } from '../../src/main/e2ee/primitives/password-hash.ts';
import { equal, randomBytes, ready, wipe } from '../../src/main/e2ee/primitives/sodium.ts';
import {
  hasSmallOrder,
  isCanonical,
  keyPairOf,
  newKeyPair,
  sharedSecret,
} from '../../src/main/e2ee/primitives/x25519.ts';
import { open, seal } from '../../src/main/e2ee/primitives/xchacha20-poly1305.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const count = (from: number, length: number) => Uint8Array.from({ length }, (_, index) => from + index);
const flipped = (value: Uint8Array, at: number) => value.with(at, (value[at] ?? 0) ^ 1);

beforeAll(() => ready());

describe('HMAC and HKDF', () => {
  test.each([0, 1, 31, 32, 33, 64, 65, 200, 2048])('with a key of %i bytes, any message, in any parts', (length) => {
    const key = randomBytes(length);
    for (const size of [0, 1, 64, 2047, 2048, 2049, 4096, 5000]) {
      const message = randomBytes(size);
      const expected = new Uint8Array(createHmac('sha256', key).update(message).digest());
      expect(hmacSha256(key, message), `${size}`).toEqual(expected);
      const third = Math.floor(size / 3);
      const parts = [message.subarray(0, third), new Uint8Array(0), message.subarray(third)];
      expect(hmacSha256(key, ...parts), `${size} in parts`).toEqual(expected);
    }
  });

  test.each([1, 31, 32, 33, 63, 64, 65, 80, 255 * 32])('of %i bytes', (length) => {
    for (const saltLength of [0, 1, 32, 40]) {
      const [salt, input, info] = [randomBytes(saltLength), randomBytes(33), randomBytes(saltLength)];
      expect(hkdfSha256(salt, input, info, length)).toEqual(
        new Uint8Array(hkdfSync('sha256', input, salt, info, length)),
      );
    }
  });

  test('more than 255 blocks are refused', () => {
    expect(() => hkdfSha256(count(0, 32), count(0, 32), count(0, 3), 255 * 32 + 1)).toThrow(RangeError);
  });
});

describe('AES', () => {
  const [key, iv] = [count(1, 32), count(33, 16)];
  const raw = (padded: Uint8Array) =>
    new Uint8Array(createCipheriv('aes-256-cbc', key, iv).setAutoPadding(false).update(padded));

  test('CBC: every length, as OpenSSL pads it', () => {
    for (let length = 0; length <= 33; length += 1) {
      const plaintext = randomBytes(length);
      const cipher = createCipheriv('aes-256-cbc', key, iv);
      const expected = new Uint8Array(Buffer.concat([cipher.update(plaintext), cipher.final()]));
      expect(encryptCbc(key, iv, plaintext)).toEqual(expected);
      const back = decryptCbc(key, iv, expected);
      expect(back).toEqual(plaintext);
      // `slice` of a Buffer would not copy.
      expect(Buffer.isBuffer(back)).toBe(false);
    }
  });

  test.each([
    ['0 bytes', 0, 0],
    ['17 bytes', 17, 17],
    ['255 bytes', 255, 16],
  ])('CBC: padding of %s is refused', (_name, value, times) => {
    expect(decryptCbc(key, iv, raw(new Uint8Array(32).fill(value, 32 - times).with(31, value)))).toBeNull();
  });

  test('CBC: padding is refused wherever a byte of it differs, and what is before it is not', () => {
    for (let padding = 1; padding <= 16; padding += 1) {
      const padded = new Uint8Array(32).fill(0xee).fill(padding, 32 - padding);
      expect(decryptCbc(key, iv, raw(padded))).toEqual(padded.subarray(0, 32 - padding));
      for (let at = 32 - padding; at < 31; at += 1) expect(decryptCbc(key, iv, raw(flipped(padded, at)))).toBeNull();
    }
  });

  test('CBC: bytes behind the last block are refused', () => {
    const whole = raw(new Uint8Array(16).fill(16));
    expect(decryptCbc(key, iv, whole)).toEqual(new Uint8Array(0));
    for (const more of [1, 15]) expect(decryptCbc(key, iv, Uint8Array.of(...whole, ...count(1, more)))).toBeNull();
  });

  test.each([1, 15, 17, 31])('CBC: %i bytes are refused', (length) => {
    expect(decryptCbc(key, iv, new Uint8Array(length))).toBeNull();
  });

  test('GCM: every length and IV, as OpenSSL has it, and nothing altered', () => {
    const key128 = count(1, 16);
    for (const [length, ivLength] of [
      [0, 12],
      [1, 12],
      [16, 16],
      [33, 12],
    ] as const) {
      const [nonce, plaintext] = [randomBytes(ivLength), randomBytes(length)];
      const cipher = createCipheriv('aes-128-gcm', key128, nonce);
      const expected = new Uint8Array(Buffer.concat([cipher.update(plaintext), cipher.final()]));
      const { ciphertext, tag } = encryptGcm(key128, nonce, plaintext);
      expect([ciphertext, tag]).toEqual([expected, new Uint8Array(cipher.getAuthTag())]);
      expect(Buffer.isBuffer(ciphertext) || Buffer.isBuffer(tag)).toBe(false);
      expect(decryptGcm(key128, nonce, ciphertext, tag)).toEqual(plaintext);
      for (let at = 0; at < length; at += 1) {
        expect(decryptGcm(key128, nonce, flipped(ciphertext, at), tag)).toBeNull();
      }
      for (let at = 0; at < 16; at += 1) {
        expect(decryptGcm(key128, nonce, ciphertext, flipped(tag, at))).toBeNull();
        expect(decryptGcm(key128, nonce, ciphertext, tag.subarray(0, at))).toBeNull();
      }
    }
  });
});

describe('Ed25519', () => {
  test('keys and signatures of a wrong length are refused, not thrown at', () => {
    const [seed, message] = [count(1, 32), count(9, 5)];
    const [key, signature] = [publicKeyOfSeed(seed), sign(seed, message)];
    expect(verify(key, message, signature)).toBe(true);
    for (const [otherKey, otherSignature] of [
      [key.subarray(1), signature],
      [Uint8Array.of(...key, 0), signature],
      [key, signature.subarray(1)],
      [key, Uint8Array.of(...signature, 0)],
    ] as const) {
      expect(verify(otherKey, message, otherSignature)).toBe(false);
    }
    expect(toCurve25519Public(key)).toHaveLength(32);
    for (const other of [key.subarray(1), Uint8Array.of(...key, 0)]) expect(toCurve25519Public(other)).toBeNull();
  });

  test('the form of an X25519 key is found, and found again', () => {
    const seen: [Uint8Array, Uint8Array][] = [];
    for (let number = 1; seen.length < 30; number += 1) {
      const key = publicKeyOfSeed(count(number, 32));
      const u = (key[31] ?? 0) < 0x80 ? toCurve25519Public(key) : null;
      if (u !== null) seen.push([u, key]);
    }
    for (const [u, key] of [...seen, ...seen]) expect(toEd25519Public(u)).toEqual(key);
  });

  test.each([
    ['0, of order 2', '00'.repeat(32)],
    ['1, of order 4', `01${'00'.repeat(31)}`],
    ['2, on the twist', `02${'00'.repeat(31)}`],
    ['of order 8', 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'],
    ['−1, which has none', `ec${'ff'.repeat(30)}7f`],
    ['9, written with a bit more', `09${'00'.repeat(30)}80`],
    ['9, written as p + 9', `f6${'ff'.repeat(30)}7f`],
    ['of 31 bytes', `09${'00'.repeat(30)}`],
    ['of 33 bytes', `09${'00'.repeat(32)}`],
    ['of no bytes', ''],
  ])('there is no form of an X25519 key %s', (_name, encoding) => {
    for (let times = 0; times < 2; times += 1) expect(toEd25519Public(bytes(encoding))).toBeNull();
    // The base point, whose y is 4/5 (RFC 8032 §5.1).
    expect(toEd25519Public(bytes(`09${'00'.repeat(31)}`))).toEqual(bytes(`58${'66'.repeat(31)}`));
  });
});

describe('X25519', () => {
  const pkcs8 = '302e020100300506032b656e04220420';
  const spki = '302a300506032b656e032100';
  const ofOpenSsl = (privateKey: Uint8Array) =>
    createPrivateKey({ key: Buffer.concat([bytes(pkcs8), privateKey]), format: 'der', type: 'pkcs8' });

  test.each([
    ['of the system', randomBytes],
    ['of a test', (length: number) => new Uint8Array(randomBytes(length))],
  ])('new keys, with randomness %s, agree as OpenSSL has it', (_name, random) => {
    const pairs = Array.from({ length: 100 }, () => newKeyPair(random));
    expect(new Set(pairs.map(({ privateKey }) => Buffer.from(privateKey).toString('hex'))).size).toBe(100);
    for (const [at, { privateKey, publicKey }] of pairs.entries()) {
      const own = ofOpenSsl(privateKey);
      expect(createPublicKey(own).export({ format: 'der', type: 'spki' }).toString('hex')).toBe(
        spki + Buffer.from(publicKey).toString('hex'),
      );
      const other = pairs[(at * 7 + 1) % pairs.length]?.publicKey ?? publicKey;
      const theirs = createPublicKey({ key: Buffer.concat([bytes(spki), other]), format: 'der', type: 'spki' });
      expect(sharedSecret(privateKey, other)).toEqual(
        new Uint8Array(diffieHellman({ privateKey: own, publicKey: theirs })),
      );
    }
  });

  test('given bytes become the private key as they are', () => {
    expect(newKeyPair(() => count(1, 32))).toEqual(keyPairOf(count(1, 32)));
    expect(keyPairOf(count(1, 32)).privateKey).toEqual(count(1, 32));
  });

  test('a public key of another length gives nothing, a private key of another length is a mistake', () => {
    const { privateKey, publicKey } = newKeyPair(randomBytes);
    for (const other of [new Uint8Array(0), publicKey.subarray(1), Uint8Array.of(...publicKey, 0)]) {
      expect(sharedSecret(privateKey, other)).toBeNull();
    }
    for (const other of [privateKey.subarray(1), Uint8Array.of(...privateKey, 0)]) {
      expect(() => sharedSecret(other, publicKey)).toThrow(RangeError);
    }
  });

  test('one encoding of a number is its own, and the top bit hides no small order', () => {
    const ff = 'ff'.repeat(30);
    for (const [encoding, canonical] of [
      [`ec${ff}7f`, true],
      [`ed${ff}7f`, false],
      [`ff${ff}7f`, false],
      [`ed${ff}7e`, true],
      [`edfe${'ff'.repeat(29)}7f`, true],
      [`ed${'ff'.repeat(29)}fe7f`, true],
      [`ec${ff}ff`, false],
      [`09${'00'.repeat(30)}80`, false],
    ] as const) {
      expect(isCanonical(bytes(encoding)), encoding).toBe(canonical);
    }
    expect(hasSmallOrder(bytes(`02${'00'.repeat(31)}`))).toBe(false);
    const given = bytes(`01${'00'.repeat(30)}80`);
    expect(hasSmallOrder(given)).toBe(true);
    expect(given[31]).toBe(0x80);
  });
});

describe('XChaCha20-Poly1305', () => {
  const key = count(0x80, 32);

  test('opens the example of draft-irtf-cfrg-xchacha-03, A.3.1', () => {
    const sealed = bytes(
      `${Buffer.from(count(0x40, 24)).toString('hex')}bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49`,
    );
    const plaintext = open(key, sealed, bytes('50515253c0c1c2c3c4c5c6c7'));
    expect(plaintext && Buffer.from(plaintext).toString()).toBe(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    );
  });

  test('opens what was sealed, and nothing else', () => {
    for (const length of [0, 1, 100]) {
      const [plaintext, associated] = [randomBytes(length), count(1, 3)];
      const sealed = seal(key, plaintext, associated);
      expect(sealed).toHaveLength(length + 40);
      expect(open(key, sealed, associated)).toEqual(plaintext);
      expect(seal(key, plaintext, associated).subarray(0, 24)).not.toEqual(sealed.subarray(0, 24));
      for (let at = 0; at < sealed.length; at += 1) {
        expect(open(key, flipped(sealed, at), associated)).toBeNull();
        expect(open(key, sealed.subarray(0, at), associated)).toBeNull();
      }
      expect(open(key, sealed, count(1, 4))).toBeNull();
      expect(open(flipped(key, 31), sealed, associated)).toBeNull();
    }
  });
});

describe('passphrases', () => {
  const [passphrase, salt] = [new TextEncoder().encode('a hut for anyone'), count(1, 16)];

  test('are hashed by Argon2id, as OpenSSL has it', async () => {
    for (const [operations, memoryBytes] of [
      [1, 64 * 1024],
      [3, 1024 * 1024],
    ] as const) {
      const expected = argon2Sync('argon2id', {
        message: passphrase,
        nonce: salt,
        parallelism: 1,
        tagLength: 32,
        memory: memoryBytes / 1024,
        passes: operations,
      });
      expect(await argon2id(passphrase, salt, { operations, memoryBytes })).toEqual(new Uint8Array(expected));
    }
  });

  test('take 256 MiB three times over, and a failure where there is not so much memory', async () => {
    expect(moderateLimits).toEqual({ operations: 3, memoryBytes: 2 ** 28 });
    await expect(argon2id(passphrase, salt, { operations: 1, memoryBytes: 2 ** 42 })).rejects.toThrow();
  });
});

test('secrets are compared whole, and overwritten', () => {
  const secret = count(1, 32);
  for (let at = 0; at < 32; at += 1) expect(equal(secret, flipped(secret, at))).toBe(false);
  expect(equal(secret, count(1, 32))).toBe(true);
  for (const other of [secret.subarray(1), Uint8Array.of(...secret, 0)]) expect(equal(secret, other)).toBe(false);
  const [one, other] = [count(1, 5), count(1, 7)];
  wipe(one, other);
  expect([one, other]).toEqual([new Uint8Array(5), new Uint8Array(7)]);
  expect(randomBytes(16)).toHaveLength(16);
  expect(randomBytes(16)).not.toEqual(randomBytes(16));
});
