/**
 * Known answers for every primitive, as data, so that the same ones run in Node and in Electron (whose crypto library is
 * another one). Each names its source. Nothing is computed before a test asks for it.
 */
import { decryptCbc, encryptCbc } from '../../src/main/e2ee/primitives/aes-cbc.ts';
import {
  publicKeyOfSeed,
  sign,
  toCurve25519Private,
  toCurve25519Public,
  verify,
} from '../../src/main/e2ee/primitives/ed25519.ts';
import { hkdfSha256 } from '../../src/main/e2ee/primitives/hkdf.ts';
import { hmacSha256 } from '../../src/main/e2ee/primitives/hmac.ts';
import { equal, ready } from '../../src/main/e2ee/primitives/sodium.ts';
import { hasSmallOrder, isCanonical, keyPairOf, sharedSecret } from '../../src/main/e2ee/primitives/x25519.ts';
import { type Check, legacyAnswers } from './e2ee-legacy-vectors.ts';

export interface KnownAnswer {
  readonly name: string;
  readonly expected: string;
  /** After `ready`. */
  readonly actual: () => string;
}

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (value: Uint8Array | null) => (value === null ? 'null' : Buffer.from(value).toString('hex'));
const ascii = (text: string) => new TextEncoder().encode(text);
const count = (from: number, length: number) => Uint8Array.from({ length }, (_, index) => from + index);

/** RFC 7748 §5.2 (scalar, u, result), §6.1. */
const X25519 = [
  [
    'RFC 7748 §5.2, first',
    'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
    'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
    'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  ],
  [
    'RFC 7748 §5.2, second (top bit of u set)',
    '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
    'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
    '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
  ],
  [
    'RFC 7748 §6.1, Alice with Bob',
    '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
    'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
    '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  ],
  [
    'RFC 7748 §6.1, Bob with Alice',
    '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
    '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
    '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  ],
] as const;

/** Points of small order, and non-canonical forms of them: cr.yp.to/ecdh.html, and RFC 7748 §5 (the masked top bit). */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];

/** RFC 8032 §7.1: seed, public key, message, signature. */
const ED25519 = [
  [
    'test 1',
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    'test 2',
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'test 3',
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
] as const;

/** RFC 4231 §4: key, data, HMAC-SHA-256. (Case 5 is about truncation.) */
const HMAC = [
  ['1', bytes('0b'.repeat(20)), ascii('Hi There'), 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
  [
    '2',
    ascii('Jefe'),
    ascii('what do ya want for nothing?'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  ],
  [
    '3',
    bytes('aa'.repeat(20)),
    bytes('dd'.repeat(50)),
    '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
  ],
  ['4', count(1, 25), bytes('cd'.repeat(50)), '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b'],
  [
    '6',
    bytes('aa'.repeat(131)),
    ascii('Test Using Larger Than Block-Size Key - Hash Key First'),
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  ],
  [
    '7',
    bytes('aa'.repeat(131)),
    ascii(
      'This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.',
    ),
    '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
  ],
] as const;

/** RFC 5869 appendix A: salt, input, info, output. */
const HKDF = [
  [
    'A.1',
    count(0, 13),
    bytes('0b'.repeat(22)),
    count(0xf0, 10),
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  ],
  [
    'A.2',
    count(0x60, 80),
    count(0, 80),
    count(0xb0, 80),
    'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
  ],
  [
    'A.3',
    new Uint8Array(0),
    bytes('0b'.repeat(22)),
    new Uint8Array(0),
    '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  ],
] as const;

/** NIST SP 800-38A F.2.5, with the block of padding (RFC 5652 §6.3) that follows whole blocks cut off. */
const AES_KEY = bytes('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4');
const AES_IV = count(0, 16);
const AES_PLAINTEXT =
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710';
const AES_CIPHERTEXT =
  'f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b';

/** Every answer, with the way to find it. */
export function knownAnswers(): KnownAnswer[] {
  const answers: KnownAnswer[] = [];
  const check: Check = (name, expected, actual) => answers.push({ name, expected, actual });

  for (const [name, scalar, u, result] of X25519) {
    check(`X25519 ${name}`, result, () => hex(sharedSecret(bytes(scalar), bytes(u))));
  }
  const alice = '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a';
  const alicePublic = '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a';
  check('X25519 RFC 7748 §6.1, public key', alicePublic, () => hex(keyPairOf(bytes(alice)).publicKey));
  for (const point of SMALL_ORDER) {
    check(`X25519 refuses ${point}`, 'null', () => hex(sharedSecret(bytes(alice), bytes(point))));
    check(`small order of ${point}`, 'true', () => String(hasSmallOrder(bytes(point))));
  }
  check('small order of the base point', 'false', () => String(hasSmallOrder(bytes(`09${'00'.repeat(31)}`))));

  for (const [encoding, canonical] of [
    [`ec${'ff'.repeat(30)}7f`, true],
    [`ed${'ff'.repeat(30)}7f`, false],
    [`00${'ff'.repeat(29)}fe7f`, true],
    [`00${'ff'.repeat(30)}80`, false],
    [alicePublic, true],
  ] as const) {
    check(`X25519 canonical ${encoding}`, String(canonical), () => String(isCanonical(bytes(encoding))));
  }

  for (const [name, seed, publicKey, message, signature] of ED25519) {
    check(`Ed25519 RFC 8032 §7.1 ${name}, public key`, publicKey, () => hex(publicKeyOfSeed(bytes(seed))));
    check(`Ed25519 RFC 8032 §7.1 ${name}, signature`, signature, () => hex(sign(bytes(seed), bytes(message))));
    check(`Ed25519 RFC 8032 §7.1 ${name}, verified`, 'true', () =>
      String(verify(bytes(publicKey), bytes(message), bytes(signature))),
    );
    const other = bytes(signature);
    other[0] = (other[0] ?? 0) ^ 1;
    check(`Ed25519 RFC 8032 §7.1 ${name}, altered`, 'false', () =>
      String(verify(bytes(publicKey), bytes(message), other)),
    );
  }
  // libsodium 1.0.20, test/default/ed25519_convert.c and .exp.
  const seed = bytes('421151a459faeade3d247115f94aedae42318124095afabe4d1451a559faedee');
  check('Ed25519 to Curve25519, public key', 'f1814f0e8ff1043d8a44d25babff3cedcae6c22c3edaa48f857ae70de2baae50', () =>
    hex(toCurve25519Public(publicKeyOfSeed(seed))),
  );
  check('Ed25519 to Curve25519, private key', '8052030376d47112be7f73ed7a019293dd12ad910b654455798b4667d73de166', () =>
    hex(toCurve25519Private(seed)),
  );
  check('Ed25519 to Curve25519 refuses zero', 'null', () => hex(toCurve25519Public(new Uint8Array(32))));

  for (const [name, key, data, mac] of HMAC) check(`HMAC RFC 4231 case ${name}`, mac, () => hex(hmacSha256(key, data)));
  // RFC 4231 has no key of 32 bytes, the length that takes the short way: a key padded with zeros is the same key.
  const padded = new Uint8Array(32);
  padded.set(ascii('Jefe'));
  check('HMAC RFC 4231 case 2, key padded to 32 bytes', HMAC[1][3], () => hex(hmacSha256(padded, HMAC[1][2])));
  for (const [name, salt, input, info, output] of HKDF) {
    check(`HKDF RFC 5869 ${name}`, output, () => hex(hkdfSha256(salt, input, info, output.length / 2)));
  }

  const encrypted = () => encryptCbc(AES_KEY, AES_IV, bytes(AES_PLAINTEXT));
  const decrypted = (ciphertext: Uint8Array) => hex(decryptCbc(AES_KEY, AES_IV, ciphertext));
  check('AES-256-CBC SP 800-38A F.2.5', AES_CIPHERTEXT, () => hex(encrypted().subarray(0, 64)));
  check('AES-256-CBC SP 800-38A F.2.6', AES_PLAINTEXT, () => decrypted(encrypted()));
  check('AES-256-CBC refuses bad padding', 'null', () => decrypted(bytes(AES_CIPHERTEXT)));
  check('AES-256-CBC refuses half a block', 'null', () => decrypted(encrypted().subarray(0, 72)));
  check('AES-256-CBC refuses nothing', 'null', () => decrypted(new Uint8Array(0)));

  legacyAnswers(check);
  check('equal', 'true', () => String(equal(bytes('0102'), bytes('0102'))));
  check('equal, one bit apart', 'false', () => String(equal(bytes('0102'), bytes('0103'))));
  check('equal, other length', 'false', () => String(equal(bytes('0102'), bytes('010200'))));
  return answers;
}

/** Every answer as it is found here. */
export async function foundAnswers(): Promise<{ name: string; expected: string; found: string }[]> {
  await ready();
  return knownAnswers().map(({ name, expected, actual }) => ({ name, expected, found: actual() }));
}
