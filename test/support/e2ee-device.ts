/** A device for tests of the encryption: its state, and its record with one peer, kept the way the application does. */
import { randomBytes } from 'node:crypto';
import {
  bundleOf,
  createOwnDevice,
  type Decrypted,
  decrypt,
  encrypt,
  legacyBundleOf,
  type OwnDevice,
  parseOwnDevice,
  parseRecord,
  readLegacyBundle,
  type SessionRecord,
  serializeOwnDevice,
  serializeRecord,
} from '../../src/main/e2ee/omemo.ts';
import type { Bundle, RandomBytes, WireFormat } from '../../src/main/e2ee/types.ts';
import type { Result } from '../../src/shared/errors.ts';

export interface Envelope {
  readonly keyExchange: boolean;
  readonly data: Uint8Array;
  readonly payload: Uint8Array | null;
  /** Legacy alone. */
  readonly iv?: Uint8Array | null;
}

export const systemRandom: RandomBytes = (length) => new Uint8Array(randomBytes(length));

/** Deterministic bytes for properties (mulberry32): not random in any cryptographic sense. */
export function seededRandom(seed: number): RandomBytes {
  let state = seed >>> 0;
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 1) {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      bytes[at] = mixed ^ (mixed >>> 14);
    }
    return bytes;
  };
}

/** Converting a hundred keys for each message would be all that a property does. */
const legacyBundles = new WeakMap<OwnDevice, Bundle>();

function bundleFor(own: OwnDevice, wire: WireFormat): Bundle {
  if (wire === 'omemo2') return bundleOf(own);
  const known = legacyBundles.get(own) ?? expectOk(readLegacyBundle(legacyBundleOf(own)));
  legacyBundles.set(own, known);
  return known;
}

export class TestDevice {
  readonly wire: WireFormat;
  own: OwnDevice;
  record: SessionRecord | null = null;
  readonly random: RandomBytes;
  now: number;

  constructor(random: RandomBytes = systemRandom, own?: OwnDevice, now = 1_000, wire: WireFormat = 'omemo2') {
    this.wire = wire;
    this.random = random;
    this.now = now;
    this.own = own ?? createOwnDevice(random, now);
  }

  get bundle(): Bundle {
    return bundleFor(this.own, this.wire);
  }

  /** To the peer with this bundle; throws when it cannot be done. */
  send(peer: Bundle, content: Uint8Array | null): Envelope {
    const target = { deviceId: peer.deviceId, record: this.record, bundle: peer };
    const { keys, payload, iv, records, failures } = encrypt(this.own, [target], content, this.random, this.wire);
    const [key] = keys;
    const record = records.get(0);
    if (key === undefined || record === undefined) throw new Error(failures[0]?.error.detail ?? 'not encrypted');
    this.record = record;
    return { keyExchange: key.keyExchange, data: key.data, payload, iv };
  }

  receive(envelope: Envelope, senderDeviceId = 1): Result<Decrypted> {
    const result = decrypt(this.own, this.record, { wire: this.wire, ...envelope, senderDeviceId }, this.now);
    if (result.ok) {
      this.record = result.value.record;
      this.own = result.value.own ?? this.own;
    }
    return result;
  }

  /** As if the process had ended and begun again. */
  restart(): void {
    this.own = parseOwnDevice(serializeOwnDevice(this.own));
    if (this.record !== null) this.record = parseRecord(serializeRecord(this.record));
  }
}

/** The value, or a thrown error that names the code. */
export function expectOk<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.detail ?? result.error.what}`);
  return result.value;
}
