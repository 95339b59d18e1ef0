/**
 * Whole messages of both wire formats, computed a second time from the words of XEP-0384 with OpenSSL's hashes and
 * ciphers: every label, every order, every cut.
 */
import { createCipheriv, createHmac, hkdfSync } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundleOf, createOwnDevice, legacyBundleOf, ready } from '../../src/main/e2ee/omemo.ts';
import type { OwnDevice } from '../../src/main/e2ee/own-device.ts';
import { toCurve25519Private, toCurve25519Public } from '../../src/main/e2ee/primitives/ed25519.ts';
import { keyPairOf, sharedSecret } from '../../src/main/e2ee/primitives/x25519.ts';
import type { RandomBytes, WireFormat } from '../../src/main/e2ee/types.ts';
import { expectOk, seededRandom, TestDevice } from '../support/e2ee-device.ts';

beforeAll(() => ready());

type Bytes = Uint8Array;
const join = (...parts: readonly (Bytes | readonly number[])[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const hkdf = (salt: Bytes, input: Bytes, info: string, length: number) =>
  new Uint8Array(hkdfSync('sha256', input, salt, info, length));
const hmac = (key: Bytes, ...data: readonly Bytes[]) =>
  new Uint8Array(data.reduce((mac, part) => mac.update(part), createHmac('sha256', key)).digest());
const cbc = (material: Bytes, plaintext: Bytes) => {
  const cipher = createCipheriv('aes-256-cbc', material.subarray(0, 32), material.subarray(64));
  return join(cipher.update(plaintext), cipher.final());
};
const agree = (privateKey: Bytes, publicKey: Bytes): Bytes => {
  const secret = sharedSecret(privateKey, publicKey);
  if (secret === null) throw new Error('small order');
  return secret;
};
const number = (value: number): readonly number[] =>
  value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...number(Math.floor(value / 0x80))];
const numberField = (field: number, value: number) => join([field << 3], number(value));
const bytesField = (field: number, value: Bytes) => join([(field << 3) | 2], number(value.length), value);

const ZERO = new Uint8Array(32);
const typed = (key: Bytes) => join([5], key);
const converted = (identityKey: Bytes) => typed(toCurve25519Public(identityKey) ?? ZERO);

/** What the two formats say differently. */
interface Words {
  readonly agreement: string;
  readonly root: string;
  readonly messageKeys: string;
  readonly message: (n: number, pn: number, ratchetKey: Bytes, ciphertext: Bytes) => Bytes;
  readonly sealed: (message: Bytes, mac: Bytes) => Bytes;
  /** Of the sender and the receiver of a message, of whom the initiator is one. */
  readonly associated: (sender: Bytes, receiver: Bytes, initiator: Bytes) => Bytes;
  readonly exchange: (
    ids: readonly [prekey: number, signed: number, own: number],
    identity: Bytes,
    ephemeral: Bytes,
    message: Bytes,
  ) => Bytes;
  /** Of the random bytes drawn for it: what each device gets, and the payload. */
  readonly payload: (drawn: readonly Bytes[], content: Bytes) => readonly [keyMaterial: Bytes, payload: Bytes];
}

const WORDS: Readonly<Record<WireFormat, Words>> = {
  omemo2: {
    agreement: 'OMEMO X3DH',
    root: 'OMEMO Root Chain',
    messageKeys: 'OMEMO Message Key Material',
    message: (n, pn, ratchetKey, ciphertext) =>
      join(numberField(1, n), numberField(2, pn), bytesField(3, ratchetKey), bytesField(4, ciphertext)),
    sealed: (message, mac) => join(bytesField(1, mac.subarray(0, 16)), bytesField(2, message)),
    associated: (sender, receiver, initiator) =>
      initiator === sender ? join(sender, receiver) : join(receiver, sender),
    exchange: ([prekey, signed], identity, ephemeral, message) =>
      join(
        numberField(1, prekey),
        numberField(2, signed),
        bytesField(3, identity),
        bytesField(4, ephemeral),
        bytesField(5, message),
      ),
    payload: ([key = ZERO], content) => {
      const material = hkdf(ZERO, key, 'OMEMO Payload', 80);
      const payload = cbc(material, content);
      return [join(key, hmac(material.subarray(32, 64), payload).subarray(0, 16)), payload];
    },
  },
  'omemo-legacy': {
    agreement: 'WhisperText',
    root: 'WhisperRatchet',
    messageKeys: 'WhisperMessageKeys',
    message: (n, pn, ratchetKey, ciphertext) =>
      join([0x33], bytesField(1, typed(ratchetKey)), numberField(2, n), numberField(3, pn), bytesField(4, ciphertext)),
    sealed: (message, mac) => join(message, mac.subarray(0, 8)),
    associated: (sender, receiver) => join(converted(sender), converted(receiver)),
    exchange: ([prekey, signed, own], identity, ephemeral, message) =>
      join(
        [0x33],
        numberField(1, prekey),
        bytesField(2, typed(ephemeral)),
        bytesField(3, converted(identity)),
        bytesField(4, message),
        numberField(5, own),
        numberField(6, signed),
      ),
    payload: ([key = ZERO, iv = ZERO], content) => {
      const cipher = createCipheriv('aes-128-gcm', key, iv);
      const payload = join(cipher.update(content), cipher.final());
      return [join(key, cipher.getAuthTag()), payload];
    },
  },
};

/** Random bytes that are written down as they are drawn. */
function noting(seed: number): { readonly random: RandomBytes; readonly take: () => Bytes[] } {
  const [from, drawn] = [seededRandom(seed), [] as Bytes[]];
  const random: RandomBytes = (length) => {
    const bytes = from(length);
    drawn.push(bytes.slice());
    return bytes;
  };
  return { random, take: () => drawn.splice(0) };
}

/** One side's sending chain as the documents have it. */
class Chain {
  #key: Bytes;
  #n = 0;
  readonly #words: Words;
  readonly #ratchetKey: Bytes;
  readonly #associated: Bytes;

  constructor(words: Words, key: Bytes, ratchetKey: Bytes, associated: Bytes) {
    this.#words = words;
    this.#key = key;
    this.#ratchetKey = ratchetKey;
    this.#associated = associated;
  }

  next(pn: number, keyMaterial: Bytes): Bytes {
    const material = hkdf(ZERO, hmac(this.#key, Uint8Array.of(1)), this.#words.messageKeys, 80);
    const message = this.#words.message(this.#n, pn, this.#ratchetKey, cbc(material, keyMaterial));
    this.#key = hmac(this.#key, Uint8Array.of(2));
    this.#n += 1;
    return this.#words.sealed(message, hmac(material.subarray(32, 64), this.#associated, message));
  }
}

const content = (text: string) => new TextEncoder().encode(text);
const privateOf = (own: OwnDevice, id: number) => own.prekeys.find((prekey) => prekey.id === id)?.privateKey ?? ZERO;

describe.each(['omemo2', 'omemo-legacy'] as const)('%s', (wire) => {
  test('every byte of a conversation is what the documents say', () => {
    const words = WORDS[wire];
    const [ofAlice, ofBob] = [noting(1), noting(2)];
    const [ownAlice, ownBob] = [createOwnDevice(seededRandom(11), 0), createOwnDevice(seededRandom(12), 0)];
    const alice = new TestDevice(ofAlice.random, ownAlice, 1_000, wire);
    const bob = new TestDevice(ofBob.random, ownBob, 1_000, wire);
    // Whatever is drawn for the payload comes first: the key, and in the old format the IV.
    const drawnForPayload = wire === 'omemo2' ? 1 : 2;
    const [signed] = ownBob.signedPrekeys;
    if (signed === undefined) throw new Error('no signed prekey');

    const first = alice.send(bob.bundle, content('one'));
    const drawn = ofAlice.take();
    const [pick = ZERO, ephemeralPrivate = ZERO, ratchetPrivate = ZERO] = drawn.slice(drawnForPayload);
    const prekeyId = 1 + (new DataView(pick.buffer).getUint32(0) % 100);
    const ephemeral = keyPairOf(ephemeralPrivate).publicKey;
    const identity = toCurve25519Private(ownAlice.identitySeed);
    const theirIdentity = toCurve25519Public(ownBob.identityKey) ?? ZERO;
    const secret = hkdf(
      ZERO,
      join(
        new Uint8Array(32).fill(0xff),
        agree(identity, signed.publicKey),
        agree(ephemeralPrivate, theirIdentity),
        agree(ephemeralPrivate, signed.publicKey),
        agree(ephemeralPrivate, keyPairOf(privateOf(ownBob, prekeyId)).publicKey),
      ),
      words.agreement,
      32,
    );
    const step = hkdf(secret, agree(ratchetPrivate, signed.publicKey), words.root, 64);
    const ratchetKey = keyPairOf(ratchetPrivate).publicKey;
    const chain = new Chain(
      words,
      step.subarray(32),
      ratchetKey,
      words.associated(ownAlice.identityKey, ownBob.identityKey, ownAlice.identityKey),
    );
    const wrapped = (message: Bytes) =>
      words.exchange([prekeyId, signed.id, ownAlice.deviceId], ownAlice.identityKey, ephemeral, message);

    const [material, payload] = words.payload(drawn, content('one'));
    expect(first).toMatchObject({ keyExchange: true, payload, data: wrapped(chain.next(0, material)) });
    const second = alice.send(bob.bundle, content('two'));
    const [material2, payload2] = words.payload(ofAlice.take(), content('two'));
    expect(second).toMatchObject({ keyExchange: true, payload: payload2, data: wrapped(chain.next(0, material2)) });

    // The answer, from the other side of the session.
    expectOk(bob.receive(first));
    expectOk(bob.receive(second));
    const answer = bob.send(alice.bundle, content('three'));
    const drawnByBob = ofBob.take();
    const [answerRatchet = ZERO] = drawnByBob.slice(drawnForPayload);
    const answerStep = hkdf(step.subarray(0, 32), agree(answerRatchet, ratchetKey), words.root, 64);
    const associated = words.associated(ownBob.identityKey, ownAlice.identityKey, ownAlice.identityKey);
    const answers = new Chain(words, answerStep.subarray(32), keyPairOf(answerRatchet).publicKey, associated);
    const [material3, payload3] = words.payload(drawnByBob, content('three'));
    expect(answer).toMatchObject({ keyExchange: false, payload: payload3, data: answers.next(0, material3) });
    expect(expectOk(alice.receive(answer)).content).toEqual(content('three'));

    // And the turn after it, which says how long the chain before was.
    const third = alice.send(bob.bundle, content('four'));
    const drawnThird = ofAlice.take();
    const [nextRatchet = ZERO] = drawnThird.slice(drawnForPayload);
    const nextStep = hkdf(
      answerStep.subarray(0, 32),
      agree(nextRatchet, keyPairOf(answerRatchet).publicKey),
      words.root,
      64,
    );
    const next = new Chain(
      words,
      nextStep.subarray(32),
      keyPairOf(nextRatchet).publicKey,
      words.associated(ownAlice.identityKey, ownBob.identityKey, ownAlice.identityKey),
    );
    const [material4] = words.payload(drawnThird, content('four'));
    expect(third).toMatchObject({ keyExchange: false, data: next.next(2, material4) });
    expect(expectOk(bob.receive(third)).content).toEqual(content('four'));
  });

  test('an empty message carries what its document says', () => {
    const { random, take } = noting(3);
    const alice = new TestDevice(random, createOwnDevice(seededRandom(11), 0), 1_000, wire);
    const bob = new TestDevice(random, createOwnDevice(seededRandom(12), 0), 1_000, wire);
    take();
    const empty = alice.send(bob.bundle, null);
    expect(empty.payload).toBeNull();
    // 32 zero bytes; a key without its tag and the IV that goes with it.
    expect(empty.iv).toEqual(wire === 'omemo2' ? null : take()[1]);
    expect(expectOk(bob.receive(empty))).toMatchObject({ content: null, newSession: true });
  });
});

test('the two bundles of a device are of one signed prekey and the same prekeys', () => {
  const own = createOwnDevice(seededRandom(11), 0);
  const [current, legacy] = [bundleOf(own), legacyBundleOf(own)];
  expect(legacy.signedPrekey).toEqual(typed(current.signedPrekey));
  expect(legacy.identityKey).toEqual(converted(current.identityKey));
  expect(legacy.prekeys).toEqual(current.prekeys.map(({ id, key }) => ({ id, key: typed(key) })));
  expect(legacy).toMatchObject({ deviceId: current.deviceId, signedPrekeyId: current.signedPrekeyId });
});
