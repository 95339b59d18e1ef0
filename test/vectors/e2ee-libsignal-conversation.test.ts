/** libsignal's conversation of two with given keys (libsignal-two-party.ts): read by us, and written by us to the byte. */
import { beforeAll, describe, expect, test } from 'vitest';
import { concat } from '../../src/main/e2ee/bytes.ts';
import { fromLegacyKey, verifyLegacy } from '../../src/main/e2ee/legacy-keys.ts';
import { toEd25519Public } from '../../src/main/e2ee/primitives/edwards-form.ts';
import { hkdfSha256 } from '../../src/main/e2ee/primitives/hkdf.ts';
import { ready } from '../../src/main/e2ee/primitives/sodium.ts';
import { type KeyPair, keyPairOf, sharedSecret } from '../../src/main/e2ee/primitives/x25519.ts';
import {
  initiateRatchet,
  type RatchetState,
  ratchetForward,
  ratchetReceive,
  respondRatchet,
} from '../../src/main/e2ee/ratchet/double-ratchet.ts';
import type { RandomBytes } from '../../src/main/e2ee/types.ts';
import { wireLegacy } from '../../src/main/e2ee/wire-legacy.ts';
import { expectOk } from '../support/e2ee-device.ts';
import { ALICE, BOB, CONVERSATION, type Said } from './libsignal-two-party.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');
const publicKey = (written: string): Uint8Array => present(fromLegacyKey(bytes(written)));

function present<T>(value: T | null): T {
  if (value === null) throw new Error('nothing');
  return value;
}

/** The keys in turn, as the randomness that makes ratchet keys. */
function inTurn(...keys: readonly string[]): RandomBytes {
  const left = [...keys];
  return () => bytes(left.shift() ?? '');
}

/** As libsignal pads: the text as field 1, then 0x80 and zeros, 159 bytes in all. */
function padded(text: string): Uint8Array {
  const plain = new Uint8Array(159);
  plain.set([0x0a, text.length, ...Buffer.from(text), 0x80]);
  return plain;
}

class Side {
  readonly #name: 'alice' | 'bob';
  readonly #random: RandomBytes;
  readonly #identities: { readonly initiator: Uint8Array; readonly responder: Uint8Array };
  readonly #base: KeyPair;
  #state: RatchetState;

  constructor(name: 'alice' | 'bob') {
    this.#name = name;
    const pair = (secret: string): KeyPair => keyPairOf(bytes(secret));
    const [alice, bob] = [pair(ALICE.identityPrivate), pair(BOB.identityPrivate)];
    this.#base = pair(ALICE.basePrivate);
    const [signed, prekey] = [pair(BOB.signedPrekeyPrivate), pair(BOB.prekeyPrivate)];
    this.#identities = {
      initiator: present(toEd25519Public(alice.publicKey)),
      responder: present(toEd25519Public(bob.publicKey)),
    };
    const parts: [KeyPair, KeyPair][] =
      name === 'alice'
        ? [
            [alice, signed],
            [this.#base, bob],
            [this.#base, signed],
            [this.#base, prekey],
          ]
        : [
            [signed, alice],
            [bob, this.#base],
            [signed, this.#base],
            [prekey, this.#base],
          ];
    const agreed = parts.map(([own, other]) => present(sharedSecret(own.privateKey, other.publicKey)));
    const input = concat(new Uint8Array(32).fill(0xff), ...agreed);
    const secret = hkdfSha256(new Uint8Array(32), input, wireLegacy.keyAgreementInfo, 32);
    this.#state = name === 'alice' ? initiateRatchet(secret, signed.publicKey) : respondRatchet(secret, signed);
    this.#random = name === 'alice' ? inTurn(...ALICE.ratchetPrivates) : inTurn(BOB.ratchetPrivate);
  }

  #associatedData(by: Said['by']): Uint8Array {
    const sender = by === 'alice' ? 'initiator' : 'responder';
    return wireLegacy.associatedData({ ...this.#identities, sender });
  }

  reads({ by, prekey, bytes: written }: Said): Uint8Array {
    const message = prekey ? expectOk(wireLegacy.readKeyExchange(bytes(written))).message : bytes(written);
    const sealed = expectOk(wireLegacy.read(message));
    const received = ratchetReceive(this.#state, sealed.header, wireLegacy.ratchet, (key) =>
      wireLegacy.open(key, this.#associatedData(by), sealed),
    );
    const { state, opened } = expectOk(received);
    this.#state = state;
    return opened;
  }

  writes({ text, prekey }: Said): string {
    const { state, header, messageKey } = expectOk(
      ratchetForward(this.#state, wireLegacy.ratchet.rootInfo, this.#random),
    );
    this.#state = state;
    // This libsignal counts the chain before one too low.
    const told = { ...header, pn: Math.max(header.pn - 1, 0) };
    const message = wireLegacy.seal(messageKey, this.#associatedData(this.#name), told, padded(text));
    if (!prekey) return hex(message);
    const exchange = {
      prekeyId: BOB.prekeyId,
      signedPrekeyId: BOB.signedPrekeyId,
      identityKey: this.#identities.initiator,
      ephemeralKey: this.#base.publicKey,
      message,
    };
    return hex(wireLegacy.writeKeyExchange(exchange, ALICE.registrationId));
  }
}

const numbers = CONVERSATION.map((_, index) => index);
/** As libsignal's own tests change the order for each side. */
const orders = [
  { who: 'alice', order: numbers },
  { who: 'alice', order: [0, 1, 3, 2, 4] },
  { who: 'bob', order: numbers },
  { who: 'bob', order: [1, 0, 2, 3, 4] },
  { who: 'bob', order: [0, 2, 1, 3, 4] },
  { who: 'bob', order: [0, 2, 3, 4, 1] },
  { who: 'bob', order: [1, 2, 3, 4, 0] },
] as const;

beforeAll(() => ready());

test('Bob’s bundle: its keys belong together and its signature is valid', () => {
  for (const [secret, written] of [
    [BOB.identityPrivate, BOB.identity],
    [BOB.signedPrekeyPrivate, BOB.signedPrekey],
    [BOB.prekeyPrivate, BOB.prekey],
  ] as const) {
    expect(hex(keyPairOf(bytes(secret)).publicKey)).toBe(hex(publicKey(written)));
  }
  const identity = present(toEd25519Public(publicKey(BOB.identity)));
  expect(verifyLegacy(identity, bytes(BOB.signedPrekey), bytes(BOB.signature))).toBe(true);
  expect(verifyLegacy(identity, bytes(BOB.prekey), bytes(BOB.signature))).toBe(false);
});

test('a key exchange says what it is made of', () => {
  const exchange = expectOk(wireLegacy.readKeyExchange(bytes(CONVERSATION[0]?.bytes ?? '')));
  expect([exchange.prekeyId, exchange.signedPrekeyId]).toEqual([BOB.prekeyId, BOB.signedPrekeyId]);
  expect(exchange.ephemeralKey).toEqual(keyPairOf(bytes(ALICE.basePrivate)).publicKey);
  expect(exchange.identityKey).toEqual(toEd25519Public(keyPairOf(bytes(ALICE.identityPrivate)).publicKey));
});

describe.each(orders)('as $who, in the order $order', ({ who, order }) => {
  test('every message of the other is read, every own one is written to the byte', () => {
    const side = new Side(who);
    for (const index of order) {
      const said = CONVERSATION[index];
      if (!said) throw new Error('no such message');
      if (said.by === who) expect(side.writes(said)).toBe(said.bytes);
      else expect(hex(side.reads(said))).toBe(hex(padded(said.text)));
    }
  });
});

/**
 * A bundle without prekeys that a client of libsignal published: OmemoBundleVAxolotlElementTest.java of Smack
 * (github.com/igniterealtime/Smack, Apache-2.0). Its signature has bit 7 of the last byte set.
 */
test('the signature in a bundle of Smack’s tests', () => {
  const base64 = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
  const signedPrekey = base64('BU4bJ18+rqbSnBblZU8pR/s+impyhoL9AJssJIE59fZb');
  const signature = base64('MaQtv7ySqHpPr0gkVtMp4KmWC61Hnfs5a7/cKEhrX8n12evGdkg4fNf3Q/ufgmJu5dnup9pkTA1pj00dTbtXjw==');
  const written = base64('BWO0QOem1YXIJuT61cxXpG/mKlvISDwZxQJHW2/7eVki');
  const identity = present(toEd25519Public(present(fromLegacyKey(written))));
  expect(signature.at(-1)).toBeGreaterThan(127);
  expect(verifyLegacy(identity, signedPrekey, signature)).toBe(true);
  expect(verifyLegacy(identity, signedPrekey.with(1, 0), signature)).toBe(false);
});
