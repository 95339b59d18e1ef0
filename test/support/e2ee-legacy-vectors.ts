/**
 * Known answers for what only legacy OMEMO uses. Those of the Signal protocol are the data of libsignal's own tests
 * (github.com/signalapp/libsignal, AGPL-3.0-only, like Bothy): rust/protocol/src/ratchet/keys.rs,
 * rust/protocol/src/curve/curve25519.rs and rust/protocol/tests/ratchet.rs.
 */
import { cipherKeys } from '../../src/main/e2ee/authenticated-cipher.ts';
import { concat, utf8 } from '../../src/main/e2ee/bytes.ts';
import { verifyLegacy } from '../../src/main/e2ee/legacy-keys.ts';
import { decryptGcm, encryptGcm } from '../../src/main/e2ee/primitives/aes-gcm.ts';
import { toEd25519Public } from '../../src/main/e2ee/primitives/edwards-form.ts';
import { hkdfSha256 } from '../../src/main/e2ee/primitives/hkdf.ts';
import { sharedSecret } from '../../src/main/e2ee/primitives/x25519.ts';
import { stepChainKey } from '../../src/main/e2ee/ratchet/kdf-chain.ts';
import { wireLegacy } from '../../src/main/e2ee/wire-legacy.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (value: Uint8Array | null) => (value === null ? 'null' : Buffer.from(value).toString('hex'));

/** keys.rs, test_chain_key_derivation. */
const CHAIN = {
  seed: '8ab72d6f4cc5ac0d387eaf463378ddb28edd07385b1cb01250c715982e7ad48f',
  cipherKey: 'bf51e9d75e0e31031051f82a2491ffc084fa298b7793bd9db620056febf45217',
  macKey: 'c6c77d6a73a354337a56435e34607dfe48e3ace14e77314dc6abc172e7a7030b',
  next: '28e8f8fee54b801eef7c5cfb2f17f32c7b334485bbb70fac6ec10342a246d15d',
};

/** curve25519.rs, test_signature: its last byte has bit 7 set. */
const XEDDSA = {
  publicKey: 'ab7e717d4a163b7d9a1d8071dfe9dcf8cdcd1cea3339b6356be84d887e322c64',
  message: '05edce9d9c415ca78cb7252e72c2c4a554d3eb29485a0e1d503118d1a82d99fb4a',
  signature:
    '5de88ca9a89b4a115da79109c67c9c7464a3e4180274f1cb8c63c2984e286dfbede82deb9dcd9fae0bfbb821569b3d9001bd8130cd11d486cef047bd60b86e88',
};

/** ratchet.rs, test_ratcheting_session_as_bob: an agreement without one-time prekey. */
const AGREEMENT = {
  identityPrivate: '4875cc69ddf8ea0719ec947d61081135868d5fd801f02c0225e516df2156605e',
  signedPrekeyPrivate: '583900131fb727998b7803fe6ac22cc591f342e4e42a8c8d5d78194209b8d253',
  theirIdentity: 'b4a8455660ada65b401007f615e654041746432e3339c6875149bceefcb42b4a',
  theirBase: '472d1fb1a9862c3af6beaca8920277e2b26f4a79213ec7c906aeb35e03cf8950',
  chain: '9797caca53c989bbe229a40ca7727010eb2604fc14945d77958a0aeda088b44d',
};

/** "The Galois/Counter Mode of Operation" (McGrew, Viega; NIST's submission), appendix B, test case 3. */
const GCM = {
  key: 'feffe9928665731c6d6a8f9467308308',
  iv: 'cafebabefacedbaddecaf888',
  plaintext:
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255',
  ciphertext:
    '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985',
  tag: '4d5c2af327cd64a62cf35abd2ba6fab4',
};

/** Takes down an answer that is expected, and how it is found. */
export type Check = (name: string, expected: string, actual: () => string) => void;

function agree(own: string, theirs: string): Uint8Array {
  const secret = sharedSecret(bytes(own), bytes(theirs));
  if (secret === null) throw new Error('no secret');
  return secret;
}

function agreed(length: number): Uint8Array {
  const input = concat(
    new Uint8Array(32).fill(0xff),
    agree(AGREEMENT.signedPrekeyPrivate, AGREEMENT.theirIdentity),
    agree(AGREEMENT.identityPrivate, AGREEMENT.theirBase),
    agree(AGREEMENT.signedPrekeyPrivate, AGREEMENT.theirBase),
  );
  return hkdfSha256(new Uint8Array(32), input, wireLegacy.keyAgreementInfo, length);
}

export function legacyAnswers(check: Check): void {
  const keys = () => cipherKeys(stepChainKey(bytes(CHAIN.seed)).messageKey, utf8('WhisperMessageKeys'));
  check('libsignal message keys, cipher key', CHAIN.cipherKey, () => hex(keys().encryption));
  check('libsignal message keys, MAC key', CHAIN.macKey, () => hex(keys().authentication));
  check('libsignal next chain key', CHAIN.next, () => hex(stepChainKey(bytes(CHAIN.seed)).chainKey));

  const verified = (signature: Uint8Array): string => {
    const identity = toEd25519Public(bytes(XEDDSA.publicKey));
    if (identity === null) throw new Error('no Ed25519 form');
    return String(verifyLegacy(identity, bytes(XEDDSA.message), signature));
  };
  const signature = bytes(XEDDSA.signature);
  check('libsignal XEdDSA', 'true', () => verified(signature));
  for (let at = 0; at < signature.length; at += 1) {
    const altered = signature.map((byte, index) => (index === at ? byte ^ 1 : byte));
    check(`libsignal XEdDSA, altered at ${at}`, 'false', () => verified(altered));
  }

  check('libsignal key agreement, chain key', AGREEMENT.chain, () => hex(agreed(64).subarray(32)));
  // Why 32 bytes of it are enough for the root key.
  check('libsignal key agreement, root key', 'true', () => String(hex(agreed(64)).startsWith(hex(agreed(32)))));

  const [key, iv, tag] = [bytes(GCM.key), bytes(GCM.iv), bytes(GCM.tag)];
  const sealed = () => encryptGcm(key, iv, bytes(GCM.plaintext));
  check('AES-128-GCM case 3, ciphertext', GCM.ciphertext, () => hex(sealed().ciphertext));
  check('AES-128-GCM case 3, tag', GCM.tag, () => hex(sealed().tag));
  check('AES-128-GCM case 3, opened', GCM.plaintext, () => hex(decryptGcm(key, iv, bytes(GCM.ciphertext), tag)));
  check('AES-128-GCM refuses a cut tag', 'null', () =>
    hex(decryptGcm(key, iv, bytes(GCM.ciphertext), tag.subarray(0, 12))),
  );
}
