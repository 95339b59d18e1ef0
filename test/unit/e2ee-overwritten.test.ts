/** Secrets that have done their work are overwritten: each is looked for among what was set to zero. */
import { hkdfSync } from 'node:crypto';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { ByteWriter, concat, utf8 } from '../../src/main/e2ee/bytes.ts';
import { createOwnDevice, ready } from '../../src/main/e2ee/omemo.ts';
import { decryptCbc, encryptCbc } from '../../src/main/e2ee/primitives/aes-cbc.ts';
import { decryptGcm, encryptGcm } from '../../src/main/e2ee/primitives/aes-gcm.ts';
import {
  publicKeyOfSeed,
  sign,
  toCurve25519Private,
  toCurve25519Public,
} from '../../src/main/e2ee/primitives/ed25519.ts';
import { hkdfSha256 } from '../../src/main/e2ee/primitives/hkdf.ts';
import { hmacSha256, withHmacKey } from '../../src/main/e2ee/primitives/hmac.ts';
import { libsodium, randomBytes, sodium } from '../../src/main/e2ee/primitives/sodium.ts';
import { newKeyPair, sharedSecret } from '../../src/main/e2ee/primitives/x25519.ts';
import {
  initiateRatchet,
  ratchetForward,
  ratchetReceive,
  respondRatchet,
} from '../../src/main/e2ee/ratchet/double-ratchet.ts';
import { stepRoot } from '../../src/main/e2ee/ratchet/kdf-chain.ts';
import { wireLegacy } from '../../src/main/e2ee/wire-legacy.ts';
import { wireOmemo2 } from '../../src/main/e2ee/wire-omemo2.ts';
import { agreeAsInitiator, agreeAsResponder } from '../../src/main/e2ee/x3dh.ts';
import { type Envelope, expectOk, systemRandom, TestDevice } from '../support/e2ee-device.ts';

beforeAll(() => ready());

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const hkdf = (salt: Uint8Array, input: Uint8Array, info: Uint8Array, length: number) =>
  new Uint8Array(hkdfSync('sha256', input, salt, info, length));
const ZERO: Uint8Array = new Uint8Array(32);

/**
 * Says of a secret whether it was set to zero while `run` ran, libsodium's own memory aside: as a whole, or, if that is
 * enough, as part of something longer.
 */
function overwrittenBy(run: () => void): (secret: Uint8Array, asPart?: boolean) => boolean {
  const found: string[] = [];
  const { memzero } = sodium;
  const { fill } = Uint8Array.prototype;
  const spy = vi.spyOn(sodium, 'memzero').mockImplementation((bytes) => {
    found.push(hex(bytes));
    memzero(bytes);
  });
  Uint8Array.prototype.fill = function noted(this: Uint8Array, value, from = 0, to = this.length) {
    if (value === 0 && this.buffer !== libsodium().HEAPU8.buffer) found.push(hex(this.subarray(from, to)));
    return fill.call(this, value, from, to);
  } as typeof fill;
  try {
    run();
  } finally {
    Uint8Array.prototype.fill = fill;
    spy.mockRestore();
  }
  return (secret, asPart = false) =>
    found.some((content) => (asPart ? content.includes(hex(secret)) : content === hex(secret)));
}

function expectOverwritten(secrets: Readonly<Record<string, Uint8Array>>, run: () => void, asPart = false): void {
  const wasOverwritten = overwrittenBy(run);
  const left = Object.entries(secrets).filter(([, secret]) => !wasOverwritten(secret, asPart));
  expect(left.map(([name]) => name)).toEqual([]);
}

describe('primitives', () => {
  test('HMAC: whatever was put into the memory of libsodium, which is taken once', () => {
    const isThere = (secret: Uint8Array) => Buffer.from(libsodium().HEAPU8.buffer).includes(Buffer.from(secret));
    for (const parts of [[40], [500], [2048], [500, 3], [3, 500], [5000, 1]]) {
      const key = randomBytes(32);
      const given = parts.map((length) => randomBytes(length));
      const mac = withHmacKey(key, (use) => use(...given));
      // The ends: of a long message only its last piece was there.
      const ends = given.filter(({ length }) => length > 16).map((part) => part.subarray(-16));
      expect([key, mac, ...ends].filter(isThere), `${parts}`).toEqual([]);
    }
    const { length } = libsodium().HEAPU8;
    for (let count = 0; count < 20_000; count += 1) withHmacKey(ZERO, () => null);
    expect(libsodium().HEAPU8).toHaveLength(length);
  });

  test('HKDF: the pseudorandom key and every block', () => {
    const [salt, input, info] = [randomBytes(32), randomBytes(32), randomBytes(9)];
    const key = hmacSha256(salt, input);
    const blocks = hkdf(salt, input, info, 96);
    const [first, second, third] = [blocks.subarray(0, 32), blocks.subarray(32, 64), blocks.subarray(64)];
    expectOverwritten({ key, first, second, third }, () => hkdfSha256(salt, input, info, 80));
  });

  test('Ed25519: the expanded key', () => {
    const seed = randomBytes(32);
    const expanded = concat(seed, publicKeyOfSeed(seed));
    expectOverwritten({ expanded }, () => publicKeyOfSeed(seed));
    expectOverwritten({ expanded }, () => sign(seed, ZERO));
    expectOverwritten({ expanded }, () => toCurve25519Private(seed));
  });

  test('AES: the padded plaintext; what was deciphered before its tag was found wrong', () => {
    const [key, iv, plaintext] = [randomBytes(32), randomBytes(16), randomBytes(50)];
    let sealed = ZERO;
    const seal = () => {
      sealed = encryptCbc(key, iv, plaintext);
    };
    expectOverwritten({ plaintext }, seal, true);
    expect(decryptCbc(key, iv, sealed)).toEqual(plaintext);
    const { ciphertext, tag } = encryptGcm(key.subarray(16), iv, plaintext);
    const wrong = tag.map((byte) => byte ^ 1);
    expectOverwritten({ plaintext }, () => expect(decryptGcm(key.subarray(16), iv, ciphertext, wrong)).toBeNull());
  });

  test('what was written to be stored: every buffer on the way', () => {
    const [first, second] = [randomBytes(1000), randomBytes(40_000)];
    const outgrow = () => {
      const out = new ByteWriter(10);
      out.fixed(first);
      out.fixed(second);
    };
    expectOverwritten({ first }, outgrow, true);
    const finish = () => {
      const out = new ByteWriter(50_000);
      out.fixed(first);
      out.fixed(second);
      expect(out.finish()).toEqual(concat(first, second));
    };
    expectOverwritten({ first, second }, finish, true);
  });
});

describe('the key agreement', () => {
  const info = utf8('any');

  function people() {
    const [alice, bob] = [createOwnDevice(systemRandom, 0), createOwnDevice(systemRandom, 0)];
    const [ephemeral, signedPrekey, prekey] = [1, 2, 3].map(() => newKeyPair(systemRandom));
    if (!ephemeral || !signedPrekey || !prekey) throw new Error('no keys');
    const identity = toCurve25519Private(alice.identitySeed);
    const theirs = toCurve25519Public(bob.identityKey) ?? ZERO;
    const results = {
      first: sharedSecret(identity, signedPrekey.publicKey) ?? ZERO,
      second: sharedSecret(ephemeral.privateKey, theirs) ?? ZERO,
      third: sharedSecret(ephemeral.privateKey, signedPrekey.publicKey) ?? ZERO,
      fourth: sharedSecret(ephemeral.privateKey, prekey.publicKey) ?? ZERO,
    };
    const remote = { identityKey: bob.identityKey, signedPrekey: signedPrekey.publicKey, prekey: prekey.publicKey };
    return { alice, bob, ephemeral, signedPrekey, prekey, identity, results, remote };
  }

  test('leaves no result, no input and no converted identity behind, on either side', () => {
    const { alice, bob, ephemeral, signedPrekey, prekey, identity, results, remote } = people();
    const { first, second, third, fourth } = results;
    const input = concat(
      ZERO.map(() => 0xff),
      first,
      second,
      third,
      fourth,
    );
    expectOverwritten({ ...results, input, identity }, () => {
      const secret = expectOk(agreeAsInitiator(alice.identitySeed, ephemeral, remote, info));
      expect(secret).toEqual(hkdf(ZERO, input, info, 32));
    });
    expectOverwritten({ ...results, input, identity: toCurve25519Private(bob.identitySeed) }, () => {
      const { identityKey } = alice;
      const secret = agreeAsResponder(bob.identitySeed, signedPrekey, prekey, identityKey, ephemeral.publicKey, info);
      expect(expectOk(secret)).toEqual(hkdf(ZERO, input, info, 32));
    });
  });

  test('leaves nothing behind when a key has small order, and refuses an identity that is none', () => {
    const { alice, bob, ephemeral, signedPrekey, identity, results, remote } = people();
    const { first, second, third } = results;
    const bad = { error: { code: 'encryption.bad-bundle' } };
    const forged = { error: { code: 'encryption.forged' } };
    expectOverwritten({ first, second, third, identity }, () => {
      expect(agreeAsInitiator(alice.identitySeed, ephemeral, { ...remote, prekey: ZERO }, info)).toMatchObject(bad);
    });
    expect(agreeAsInitiator(alice.identitySeed, ephemeral, { ...remote, identityKey: ZERO }, info)).toMatchObject(bad);
    for (const [identityKey, ephemeralKey] of [
      [ZERO, ephemeral.publicKey],
      [alice.identityKey, ZERO],
    ] as const) {
      expect(
        agreeAsResponder(bob.identitySeed, signedPrekey, signedPrekey, identityKey, ephemeralKey, info),
      ).toMatchObject(forged);
    }
  });
});

describe('the ratchet', () => {
  const rules = wireLegacy.ratchet;

  test('a turn of the root: the agreed secret and what is derived of it', () => {
    const [prekey, own, rootKey] = [newKeyPair(systemRandom), newKeyPair(systemRandom), randomBytes(32)];
    const agreed = sharedSecret(own.privateKey, prekey.publicKey) ?? ZERO;
    const derived = hkdf(rootKey, agreed, rules.rootInfo, 64);
    expectOverwritten({ derived }, () => stepRoot(rootKey, agreed, rules.rootInfo));
    const sender = initiateRatchet(rootKey, prekey.publicKey);
    const forward = () => expectOk(ratchetForward(sender, rules.rootInfo, () => own.privateKey.slice()));
    const chainKey = derived.subarray(32);
    expectOverwritten({ agreed, derived, chainKey }, forward);
    const receiver = respondRatchet(rootKey, prekey);
    const { header } = forward();
    expectOverwritten({ agreed, derived }, () => ratchetReceive(receiver, header, rules, () => null));
  });

  test.each([wireOmemo2, wireLegacy])(
    '$name: message keys, chain keys passed over, keys kept for a forgery',
    (wire) => {
      const { ratchet } = wire;
      const prekey = newKeyPair(systemRandom);
      let sender = initiateRatchet(new Uint8Array(32), prekey.publicKey);
      let receiver = respondRatchet(new Uint8Array(32), prekey);
      const send = () => {
        const { state, header, messageKey } = expectOk(ratchetForward(sender, ratchet.rootInfo, systemRandom));
        sender = state;
        return { header, messageKey: messageKey.slice(), chainKey: state.sending?.key.slice() ?? ZERO };
      };
      const receive = ({ header }: ReturnType<typeof send>, fits: boolean) => {
        const result = ratchetReceive(receiver, header, ratchet, () => (fits ? true : null));
        if (result.ok) receiver = result.value.state;
      };
      const [first, second, third, fourth, last] = [send(), send(), send(), send(), send()];
      expectOverwritten({ opened: first.messageKey }, () => receive(first, true));
      const passed = { afterSecond: second.chainKey, afterThird: third.chainKey };
      const skipped = { second: second.messageKey, third: third.messageKey };
      // A forgery from far ahead leaves none of the keys that were derived on the way to it; the chain stays.
      expectOverwritten({ ...passed, ...skipped, opened: fourth.messageKey }, () => receive(fourth, false));
      expect(receiver.receiving?.key).toEqual(first.chainKey);
      // Kept keys are copied into the store; where they were made nothing stays.
      expectOverwritten({ ...passed, ...skipped, opened: fourth.messageKey }, () => receive(fourth, true));
      for (const fits of [false, true]) expectOverwritten({ late: second.messageKey }, () => receive(second, fits));

      // Their next turn, and the message of the chain before it that did not come.
      const answer = expectOk(ratchetForward(receiver, ratchet.rootInfo, systemRandom));
      receiver = answer.state;
      sender = expectOk(ratchetReceive(sender, answer.header, ratchet, () => true)).state;
      const turned = send();
      // In OMEMO 2 the chain before is finished at once, and it stays open in the old format.
      const unread = wire === wireOmemo2 ? { last: last.messageKey, finished: last.chainKey } : {};
      expectOverwritten({ ...unread, opened: turned.messageKey }, () => receive(turned, false));
      const spoilt = { ...turned, header: { ...turned.header, ratchetKey: ZERO } };
      expectOverwritten(unread, () => receive(spoilt, true));
      expect(receiver.remote).toEqual(first.header.ratchetKey);
      receive(turned, true);
      for (const fits of [false, true]) expectOverwritten({ late: last.messageKey }, () => receive(last, fits));
    },
  );

  test('keys skipped in a chain that stays open go, with a forgery and without', () => {
    const prekey = newKeyPair(systemRandom);
    let sender = initiateRatchet(ZERO, prekey.publicKey);
    let receiver = respondRatchet(ZERO, prekey);
    const send = () => {
      const step = expectOk(ratchetForward(sender, rules.rootInfo, systemRandom));
      sender = step.state;
      return step;
    };
    const [read, skipped, far] = [send(), send(), send()];
    receiver = expectOk(ratchetReceive(receiver, read.header, rules, () => true)).state;
    const answer = expectOk(ratchetForward(receiver, rules.rootInfo, systemRandom));
    sender = expectOk(ratchetReceive(sender, answer.header, rules, () => true)).state;
    receiver = expectOk(ratchetReceive(answer.state, send().header, rules, () => true)).state;
    const secrets = { skipped: skipped.messageKey.slice(), opened: far.messageKey.slice() };
    expectOverwritten(secrets, () => ratchetReceive(receiver, far.header, rules, () => null));
    expectOverwritten(secrets, () => ratchetReceive(receiver, far.header, rules, () => true));
  });
});

describe.each([wireOmemo2, wireLegacy])('$name', (wire) => {
  const label = utf8(wire === wireOmemo2 ? 'OMEMO Message Key Material' : 'WhisperMessageKeys');

  test('sealing and opening: the cipher keys, and the seal a forger would have liked to know', () => {
    const [messageKey, associated, plaintext] = [randomBytes(32), randomBytes(66), randomBytes(48)];
    const header = { ratchetKey: newKeyPair(systemRandom).publicKey, n: 1, pn: 0 };
    const material = hkdf(ZERO, messageKey, label, 80);
    let sealed = ZERO;
    expectOverwritten({ material }, () => {
      sealed = wire.seal(messageKey, associated, header, plaintext);
    });
    const message = expectOk(wire.read(sealed));
    const mac = message.mac.slice();
    expectOverwritten({ material, mac }, () => expect(wire.open(messageKey, associated, message)).toEqual(plaintext));
    const forged = { ...message, mac: message.mac.map((byte) => byte ^ 1) };
    expectOverwritten({ material, mac }, () => expect(wire.open(messageKey, associated, forged)).toBeNull());
  });

  test('the payload: its key, once it is part of what each device gets', () => {
    const key = randomBytes(wire === wireOmemo2 ? 32 : 16);
    const given = [key.slice()];
    const random = (length: number) => given.pop() ?? randomBytes(length);
    const material = hkdf(ZERO, key, utf8('OMEMO Payload'), 80);
    let sealed = wire.sealPayload(null, systemRandom);
    expectOverwritten(wire === wireOmemo2 ? { key, material } : { key }, () => {
      sealed = wire.sealPayload(utf8('content'), random);
    });
    expectOverwritten(wire === wireOmemo2 ? { material } : {}, () =>
      expect(expectOk(wire.openPayload(sealed.keyMaterial, sealed.payload, sealed.iv))).toEqual(utf8('content')),
    );
  });

  test('a message sent and received: ephemeral key, agreed secret, what each device gets', () => {
    const drawn: Uint8Array[] = [];
    const random = (length: number) => {
      const bytes = systemRandom(length);
      drawn.push(bytes.slice());
      return bytes;
    };
    const [ownAlice, ownBob] = [createOwnDevice(systemRandom, 0), createOwnDevice(systemRandom, 0)];
    const alice = new TestDevice(random, ownAlice, 1_000, wire.name);
    const bob = new TestDevice(systemRandom, ownBob, 1_000, wire.name);
    const { bundle } = bob;
    let envelope: Envelope = { keyExchange: false, data: ZERO, payload: null };
    const wasOverwritten = overwrittenBy(() => {
      envelope = alice.send(bundle, utf8('content'));
    });
    // The last two are the ephemeral key and, kept in the session, the ratchet key.
    const [payloadKey = ZERO] = drawn;
    const [ephemeral = ZERO, ratchet = ZERO] = drawn.slice(-2);
    expect([payloadKey, ephemeral, ratchet].map((secret) => wasOverwritten(secret))).toEqual([true, true, false]);
    expect(alice.record?.sessions[0]?.ratchet.own?.privateKey).toEqual(ratchet);

    const { prekeyId, identityKey, ephemeralKey } = expectOk(wire.readKeyExchange(envelope.data));
    const [signed] = ownBob.signedPrekeys;
    const prekey = ownBob.prekeys.find(({ id }) => id === prekeyId);
    if (!signed || !prekey) throw new Error('no such prekey');
    const info = wire.keyAgreementInfo;
    const secret = expectOk(agreeAsResponder(ownBob.identitySeed, signed, prekey, identityKey, ephemeralKey, info));
    const material = hkdf(ZERO, payloadKey, utf8('OMEMO Payload'), 80);
    const tag =
      wire === wireOmemo2
        ? hmacSha256(material.subarray(32, 64), envelope.payload ?? ZERO).subarray(0, 16)
        : encryptGcm(payloadKey, envelope.iv ?? ZERO, utf8('content')).tag;
    const chainKey = hkdf(secret, sharedSecret(ratchet, signed.publicKey) ?? ZERO, wire.ratchet.rootInfo, 64).slice(32);
    const messageKey = hmacSha256(chainKey, Uint8Array.of(1));
    const secrets = [secret, messageKey, concat(payloadKey, tag)];
    const atBob = overwrittenBy(() => expect(bob.receive(envelope).ok).toBe(true));
    expect(secrets.map((each) => wasOverwritten(each))).toEqual([true, true, true]);
    expect(secrets.map((each) => atBob(each))).toEqual([true, true, true]);
  });
});
