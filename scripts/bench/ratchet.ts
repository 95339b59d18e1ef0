/**
 * The ratchet against @signalapp/libsignal-client: the same 1 kB from one device to one other, encrypted and decrypted,
 * the session loaded from and stored into an in-memory store as bytes for every step, on both sides. libsignal does
 * more for it (its ratchet is post-quantum since 2025, and its calls are asynchronous); that is part of the baseline.
 *
 * Alone: `node scripts/bench/ratchet.ts`.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as signal from '@signalapp/libsignal-client';
import {
  bundleOf,
  createOwnDevice,
  decrypt,
  encrypt,
  legacyBundleOf,
  type OwnDevice,
  parseRecord,
  readLegacyBundle,
  ready,
  serializeRecord,
} from '../../src/main/e2ee/omemo.ts';
import { randomBytes } from '../../src/main/e2ee/primitives/sodium.ts';
import type { Bundle, WireFormat } from '../../src/main/e2ee/types.ts';
import { type Measurement, measurement, median } from './measurement.ts';

const TEXT = new Uint8Array(1024).fill(0x62);
const MESSAGES = 100;
const ROUNDS = 41;
const WARM_UP_ROUNDS = 20;

/** Sends the text from one of two sides to the other, and reads it there. */
type Exchange = (from: 0 | 1) => Promise<void> | void;

function bundleFor(own: OwnDevice, wire: WireFormat): Bundle {
  if (wire === 'omemo2') return bundleOf(own);
  const bundle = readLegacyBundle(legacyBundleOf(own));
  if (!bundle.ok) throw new Error(bundle.error.code);
  return bundle.value;
}

function ours(wire: WireFormat): Exchange {
  const owns: [OwnDevice, OwnDevice] = [createOwnDevice(randomBytes, 0), createOwnDevice(randomBytes, 0)];
  // As the application does: a bundle is fetched and checked once, for the first message.
  const bundles = owns.map((own) => bundleFor(own, wire));
  const store: [Uint8Array | null, Uint8Array | null] = [null, null];
  const load = (side: 0 | 1) => {
    const bytes = store[side];
    return bytes === null ? null : parseRecord(bytes);
  };
  return (from) => {
    const to = from === 0 ? 1 : 0;
    const target = { deviceId: owns[to].deviceId, record: load(from), bundle: bundles[to] ?? null };
    const { keys, payload, iv, records } = encrypt(owns[from], [target], TEXT, randomBytes, wire);
    const [key] = keys;
    const record = records.get(0);
    if (key === undefined || record === undefined) throw new Error('not encrypted');
    store[from] = serializeRecord(record);
    const { keyExchange, data } = key;
    const envelope = { wire, senderDeviceId: owns[from].deviceId, keyExchange, data, payload, iv };
    const received = decrypt(owns[to], load(to), envelope, 0);
    if (!received.ok) throw new Error(received.error.code);
    store[to] = serializeRecord(received.value.record);
    owns[to] = received.value.own ?? owns[to];
    if (received.value.content?.length !== TEXT.length) throw new Error('another text');
  };
}

class Sessions extends signal.SessionStore {
  readonly #bytes = new Map<string, Uint8Array<ArrayBuffer>>();
  override async saveSession(name: signal.ProtocolAddress, record: signal.SessionRecord): Promise<void> {
    this.#bytes.set(name.toString(), record.serialize());
  }
  override async getSession(name: signal.ProtocolAddress): Promise<signal.SessionRecord | null> {
    const bytes = this.#bytes.get(name.toString());
    return bytes === undefined ? null : signal.SessionRecord.deserialize(bytes);
  }
  override async getExistingSessions(): Promise<signal.SessionRecord[]> {
    throw new Error('not used');
  }
}

class Identities extends signal.IdentityKeyStore {
  readonly key = signal.PrivateKey.generate();
  readonly #known = new Map<string, signal.PublicKey>();
  override async getIdentityKey(): Promise<signal.PrivateKey> {
    return this.key;
  }
  override async getLocalRegistrationId(): Promise<number> {
    return 1;
  }
  override async saveIdentity(name: signal.ProtocolAddress, key: signal.PublicKey): Promise<signal.IdentityChange> {
    this.#known.set(name.toString(), key);
    return signal.IdentityChange.NewOrUnchanged;
  }
  override async isTrustedIdentity(): Promise<boolean> {
    return true;
  }
  override async getIdentity(name: signal.ProtocolAddress): Promise<signal.PublicKey | null> {
    return this.#known.get(name.toString()) ?? null;
  }
}

class Prekeys extends signal.PreKeyStore {
  readonly record: signal.PreKeyRecord;
  constructor(record: signal.PreKeyRecord) {
    super();
    this.record = record;
  }
  override async savePreKey(): Promise<void> {}
  override async getPreKey(): Promise<signal.PreKeyRecord> {
    return this.record;
  }
  override async removePreKey(): Promise<void> {}
}

class SignedPrekeys extends signal.SignedPreKeyStore {
  readonly record: signal.SignedPreKeyRecord;
  constructor(record: signal.SignedPreKeyRecord) {
    super();
    this.record = record;
  }
  override async saveSignedPreKey(): Promise<void> {}
  override async getSignedPreKey(): Promise<signal.SignedPreKeyRecord> {
    return this.record;
  }
}

class KyberPrekeys extends signal.KyberPreKeyStore {
  readonly record: signal.KyberPreKeyRecord;
  constructor(record: signal.KyberPreKeyRecord) {
    super();
    this.record = record;
  }
  override async saveKyberPreKey(): Promise<void> {}
  override async getKyberPreKey(): Promise<signal.KyberPreKeyRecord> {
    return this.record;
  }
  override async markKyberPreKeyUsed(): Promise<void> {}
}

async function libsignal(): Promise<Exchange> {
  const addresses = [
    signal.ProtocolAddress.new('00000000-0000-4000-8000-000000000001', 1),
    signal.ProtocolAddress.new('00000000-0000-4000-8000-000000000002', 1),
  ] as const;
  const sessions = [new Sessions(), new Sessions()] as const;
  const identities = [new Identities(), new Identities()] as const;
  const prekey = signal.PrivateKey.generate();
  const signedPrekey = signal.PrivateKey.generate();
  const kyber = signal.KEMKeyPair.generate();
  const identity = identities[1].key;
  const signature = identity.sign(signedPrekey.getPublicKey().serialize());
  const kyberSignature = identity.sign(kyber.getPublicKey().serialize());
  const prekeys = new Prekeys(signal.PreKeyRecord.new(1, prekey.getPublicKey(), prekey));
  const signedPrekeys = new SignedPrekeys(
    signal.SignedPreKeyRecord.new(1, 0, signedPrekey.getPublicKey(), signedPrekey, signature),
  );
  const kyberPrekeys = new KyberPrekeys(signal.KyberPreKeyRecord.new(1, 0, kyber, kyberSignature));
  const bundle = signal.PreKeyBundle.new(
    1,
    1,
    1,
    prekey.getPublicKey(),
    1,
    signedPrekey.getPublicKey(),
    signature,
    identity.getPublicKey(),
    1,
    kyber.getPublicKey(),
    kyberSignature,
  );
  await signal.processPreKeyBundle(bundle, addresses[1], addresses[0], sessions[0], identities[0]);
  return async (from) => {
    const to = from === 0 ? 1 : 0;
    const sent = await signal.signalEncrypt(TEXT, addresses[to], addresses[from], sessions[from], identities[from]);
    const bytes = sent.serialize();
    const received =
      sent.type() === signal.CiphertextMessageType.PreKey
        ? await signal.signalDecryptPreKey(
            signal.PreKeySignalMessage.deserialize(bytes),
            addresses[from],
            addresses[to],
            sessions[to],
            identities[to],
            prekeys,
            signedPrekeys,
            kyberPrekeys,
          )
        : await signal.signalDecrypt(
            signal.SignalMessage.deserialize(bytes),
            addresses[from],
            addresses[to],
            sessions[to],
            identities[to],
          );
    if (received.length !== TEXT.length) throw new Error('another text');
  };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as (options: { readonly type: 'minor' }) => void;

/** Messages a second. */
async function measure(exchange: Exchange, sender: (index: number) => 0 | 1): Promise<number> {
  // Nobody pays for what the other one left behind.
  collectGarbage({ type: 'minor' });
  const start = performance.now();
  for (let index = 0; index < MESSAGES; index += 1) await exchange(sender(index));
  return (MESSAGES * 1000) / (performance.now() - start);
}

async function compare(metric: string, wire: WireFormat, sender: (index: number) => 0 | 1): Promise<Measurement> {
  const sides = { ours: ours(wire), baseline: await libsignal() };
  // The key exchange is answered before the clock starts, and both are compiled.
  for (const exchange of [sides.ours, sides.baseline]) {
    await exchange(0);
    await exchange(1);
    for (let round = 0; round < WARM_UP_ROUNDS; round += 1) await measure(exchange, sender);
  }
  const figures = { ours: [] as number[], baseline: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    // Alternating quickly, so that whatever else the machine does meets both.
    figures.ours.push(await measure(sides.ours, sender));
    figures.baseline.push(await measure(sides.baseline, sender));
  }
  return measurement(metric, median(figures.ours), median(figures.baseline), 'messages/s', { ratioAtLeast: 2 });
}

export async function benchRatchet(): Promise<Measurement[]> {
  await ready();
  return [
    await compare('ratchet, one direction', 'omemo2', () => 0),
    await compare('ratchet, ping-pong', 'omemo2', (index) => (index % 2 === 0 ? 0 : 1)),
    await compare('legacy ratchet, one direction', 'omemo-legacy', () => 0),
    await compare('legacy ratchet, ping-pong', 'omemo-legacy', (index) => (index % 2 === 0 ? 0 : 1)),
  ];
}

if (import.meta.main) console.table(await benchRatchet());
