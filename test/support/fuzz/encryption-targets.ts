/** What comes out of a `<key/>` and a `<payload/>`, met by real sessions. */

import { toLegacyKey } from '../../../src/main/e2ee/legacy-keys.ts';
import {
  type Decrypted,
  decrypt,
  encrypt,
  identityOf,
  legacyBundleOf,
  type OwnDevice,
  readLegacyBundle,
  ready,
  type SessionRecord,
  serializeOwnDevice,
  serializeRecord,
} from '../../../src/main/e2ee/omemo.ts';
import {
  decodeAuthenticated,
  decodeKeyExchange,
  decodeMessage,
  encodeAuthenticated,
  encodeKeyExchange,
  encodeMessage,
} from '../../../src/main/e2ee/protobuf.ts';
import {
  decodePrekeySignalMessage,
  decodeSignalMessage,
  encodePrekeySignalMessage,
  encodeSignalMessage,
} from '../../../src/main/e2ee/protobuf-legacy.ts';
import type { Bundle, LegacyBundle, WireFormat } from '../../../src/main/e2ee/types.ts';
import { wireOf } from '../../../src/main/e2ee/wires.ts';
import type { ErrorCode, Result } from '../../../src/shared/errors.ts';
import { type Envelope, expectOk, seededRandom, TestDevice } from '../e2ee-device.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { promise, promiseEqual, refused } from './property.ts';
import type { FuzzRandom } from './random.ts';
import type { FuzzTarget } from './run-target.ts';

const now = 1_000;

interface Situation {
  readonly own: OwnDevice;
  readonly record: SessionRecord | null;
  /** Messages on their way to this device then. */
  readonly envelopes: readonly Envelope[];
  /** What may come out of them. */
  readonly texts: readonly string[];
}

/** A conversation, and the receiving device at several moments of it. */
async function conversation(wire: WireFormat): Promise<readonly [Situation, ...Situation[]]> {
  await ready();
  const alice = new TestDevice(seededRandom(1), undefined, now, wire);
  const bob = new TestDevice(seededRandom(2), undefined, now, wire);
  const texts: string[] = [];
  const say = (from: TestDevice, to: TestDevice, text: string | null): Envelope => {
    if (text !== null) texts.push(text);
    return from.send(to.bundle, text === null ? null : new TextEncoder().encode(text));
  };
  const moment = (device: TestDevice, envelopes: readonly Envelope[]): Situation => ({
    own: device.own,
    record: device.record,
    envelopes,
    texts,
  });
  const first = say(alice, bob, 'first');
  const second = say(alice, bob, 'second');
  const fresh = moment(bob, [first, second]);
  expectOk(bob.receive(first));
  const begun = moment(bob, [first, second, say(alice, bob, null)]);
  const answer = say(bob, alice, 'answer');
  const waiting = moment(alice, [answer, say(bob, alice, null)]);
  expectOk(alice.receive(answer));
  const many = Array.from({ length: 60 }, (_, index) => say(alice, bob, `many ${index}`));
  const last = many.at(-1) ?? answer;
  const turned = moment(bob, [second, ...many.slice(0, 3), ...many.slice(-3)]);
  expectOk(bob.receive(last));
  const behind = moment(bob, [second, ...many.slice(10, 14), last]);
  // One without a key exchange where there is no session.
  const unheard = { ...fresh, envelopes: [...fresh.envelopes, last] };
  return [unheard, begun, waiting, turned, behind];
}

const documented: readonly ErrorCode[] = [
  'encryption.malformed',
  'encryption.forged',
  'encryption.replayed',
  'encryption.too-far-ahead',
  'encryption.unknown-prekey',
  'encryption.no-session',
  'encryption.mismatch',
];

/** Not met with certainty among a thousand inputs. */
const rare: readonly ErrorCode[] = ['encryption.mismatch', 'encryption.too-far-ahead', 'encryption.unknown-prekey'];

function stored(own: OwnDevice, record: SessionRecord | null): readonly [string, string] {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return [hex(serializeOwnDevice(own)), record === null ? '' : hex(serializeRecord(record))];
}

function changedEnvelope(envelope: Envelope, random: FuzzRandom, others: readonly Envelope[]): Envelope {
  const part = random.below(8);
  const data = others.map((other) => other.data);
  const payloads = others.flatMap((other) => (other.payload === null ? [] : [other.payload]));
  if (part === 0) return { ...envelope, keyExchange: !envelope.keyExchange };
  if (part === 1) return { ...envelope, payload: envelope.payload === null ? (payloads[0] ?? null) : null };
  if (part === 2 && envelope.payload) return { ...envelope, payload: mutateBytes(envelope.payload, random, payloads) };
  if (part === 3) return { ...envelope, iv: envelope.iv ? mutateBytes(envelope.iv, random, data) : random.bytes(12) };
  return { ...envelope, data: mutateBytes(envelope.data, random, data) };
}

function decryptTarget(wire: WireFormat, count: number): FuzzTarget {
  return {
    name: `decrypt-${wire}`,
    count,
    expected: ['decrypted', ...documented.filter((code) => !rare.includes(code))],
    async prepare() {
      const situations = await conversation(wire);
      const before = new Map(situations.map((situation) => [situation, stored(situation.own, situation.record)]));
      return (random) => {
        const situation = random.pick(situations);
        const { own, record, envelopes, texts } = situation;
        const envelope = envelopes[random.below(envelopes.length)] ?? {
          keyExchange: false,
          data: random.bytes(9),
          payload: null,
        };
        const input = random.oneIn(50) ? envelope : changedEnvelope(envelope, random, envelopes);
        return {
          input,
          run() {
            const identity = input.keyExchange ? identityOf(input.data, wire) : null;
            if (identity && !identity.ok) refused(identity.error, ['encryption.malformed']);
            const result: Result<Decrypted> = decrypt(own, record, { wire, senderDeviceId: 1, ...input }, now);
            promiseEqual(stored(own, record), before.get(situation), 'decrypting changed what it was given');
            if (!result.ok) return refused(result.error, documented);
            const { content, record: next, own: nextOwn } = result.value;
            promise(
              content === null || texts.includes(new TextDecoder().decode(content)),
              'something came out that nobody put in',
            );
            stored(nextOwn ?? own, next);
            return 'decrypted';
          },
        };
      };
    },
  };
}

/** Decodes, and what was read is what its own writing says. */
function codecTarget(
  name: string,
  codecs: readonly (readonly [decode: (data: Uint8Array) => Result<unknown>, encode: (value: never) => Uint8Array])[],
  makeSamples: () => Promise<readonly Uint8Array[]>,
): FuzzTarget {
  return {
    name,
    count: 6_000,
    expected: ['read', 'encryption.malformed'],
    async prepare() {
      const samples = await makeSamples();
      return (random) => {
        const input = mutateBytes(samples[random.below(samples.length)] ?? random.bytes(50), random, samples);
        return {
          input,
          run() {
            let outcome = 'encryption.malformed';
            for (const [decode, encode] of codecs) {
              const result = decode(input);
              if (!result.ok) {
                refused(result.error, ['encryption.malformed']);
                continue;
              }
              promiseEqual(decode(encode(result.value as never)), result, 'read differently the second time');
              outcome = 'read';
            }
            return outcome;
          },
        };
      };
    },
  };
}

/** The data of each message, and what is inside it. */
async function layers(wire: WireFormat): Promise<readonly Uint8Array[]> {
  const situations = await conversation(wire);
  return situations.flatMap(({ envelopes }) =>
    envelopes.flatMap(({ data, keyExchange }) => {
      const message = keyExchange ? expectOk(wireOf(wire).readKeyExchange(data)).message : data;
      const { sealed } = expectOk(wireOf(wire).read(message));
      return [data, message, sealed];
    }),
  );
}

/** Whoever has a session may put anything into it: the key material itself is hostile here. */
function payloadTarget(wire: WireFormat): FuzzTarget {
  return {
    name: `payload-${wire}`,
    count: 2_000,
    expected: ['opened', 'encryption.malformed', 'encryption.forged'],
    async prepare() {
      await ready();
      const { sealPayload, openPayload } = wireOf(wire);
      const text = new TextEncoder().encode('payload');
      const samples = [text, new Uint8Array(0), text, null].map((content, index) =>
        sealPayload(content, seededRandom(index)),
      );
      const keys = samples.map(({ keyMaterial }) => keyMaterial);
      return (random) => {
        const sample = samples[random.below(samples.length)] ?? { payload: null, iv: null, keyMaterial: text };
        const part = random.below(5);
        const change = (bytes: Uint8Array | null) => bytes && mutateBytes(bytes, random, keys);
        const input = {
          keyMaterial: part < 2 ? mutateBytes(sample.keyMaterial, random, keys) : sample.keyMaterial,
          payload: part === 2 ? change(sample.payload) : part === 3 ? null : sample.payload,
          iv: part === 4 ? change(sample.iv) : sample.iv,
        };
        return {
          input,
          run() {
            const result = openPayload(input.keyMaterial, input.payload, input.iv);
            return result.ok ? 'opened' : refused(result.error, ['encryption.malformed', 'encryption.forged']);
          },
        };
      };
    },
  };
}

/** Starting a session with whatever somebody publishes. */
const bundleTarget: FuzzTarget = {
  name: 'session-start',
  count: 600,
  expected: ['encrypted', 'encryption.bad-bundle'],
  async prepare() {
    await ready();
    const own = new TestDevice(seededRandom(3), undefined, now).own;
    const peer = new TestDevice(seededRandom(4), undefined, now);
    // A few prekeys: a hundred would be most of what is copied and checked.
    const few = <T extends Bundle>(bundle: T): T => ({ ...bundle, prekeys: bundle.prekeys.slice(0, 3) });
    const [current, legacy] = [few(peer.bundle), few(legacyBundleOf(peer.own))];
    const parts = (bundle: LegacyBundle) => [bundle.identityKey, bundle.signedPrekey, bundle.signedPrekeySignature];
    const samples = [...parts(current), ...parts(legacy)];
    return (random) => {
      const isLegacy = random.oneIn(2);
      const sample: LegacyBundle = isLegacy ? legacy : current;
      const part = random.below(6);
      const change = (bytes: Uint8Array, at: number) => (at === part ? mutateBytes(bytes, random, samples) : bytes);
      const id = (value: number, at: number) =>
        at === part ? random.pick([0, -1, 1.5, 2 ** 31, 2 ** 32, Number.NaN, value]) : value;
      const input: LegacyBundle = {
        deviceId: sample.deviceId,
        identityKey: change(sample.identityKey, 0),
        signedPrekey: change(sample.signedPrekey, 1),
        signedPrekeySignature: change(sample.signedPrekeySignature, 2),
        signedPrekeyId: id(sample.signedPrekeyId, 3),
        prekeys: sample.prekeys.map((prekey) => ({ id: id(prekey.id, 4), key: change(prekey.key, 5) })),
      };
      return {
        input,
        run() {
          const bundle: Result<Bundle> = isLegacy ? readLegacyBundle(input) : { ok: true, value: input };
          if (!bundle.ok) return refused(bundle.error, ['encryption.bad-bundle']);
          const target = { deviceId: peer.own.deviceId, record: null, bundle: bundle.value };
          const wire = isLegacy ? 'omemo-legacy' : 'omemo2';
          const { keys, failures } = encrypt(own, [target], new Uint8Array(9), seededRandom(5), wire);
          promise(keys.length + failures.length === 1, 'neither encrypted nor refused');
          const [failure] = failures;
          return failure ? refused(failure.error, ['encryption.bad-bundle', 'encryption.forged']) : 'encrypted';
        },
      };
    };
  },
};

export const encryptionTargets: readonly FuzzTarget[] = [
  codecTarget(
    'protobuf-omemo2',
    [
      [decodeMessage, encodeMessage],
      [decodeAuthenticated, encodeAuthenticated],
      [decodeKeyExchange, encodeKeyExchange],
    ],
    () => layers('omemo2'),
  ),
  codecTarget(
    'protobuf-omemo-legacy',
    [
      [decodeSignalMessage, encodeSignalMessage],
      [
        decodePrekeySignalMessage,
        (exchange: Parameters<typeof encodePrekeySignalMessage>[0]) =>
          encodePrekeySignalMessage({ ...exchange, identityKey: toLegacyKey(exchange.identityKey) }, 1),
      ],
    ],
    () => layers('omemo-legacy'),
  ),
  decryptTarget('omemo2', 1_200),
  decryptTarget('omemo-legacy', 1_200),
  payloadTarget('omemo2'),
  payloadTarget('omemo-legacy'),
  bundleTarget,
];
