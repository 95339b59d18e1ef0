/** The end-to-end encryption over the store: what messaging calls inside its transactions. */
import { ok } from '../../shared/errors.ts';
import type { DeviceId } from '../../shared/model.ts';
import * as omemo from '../e2ee/omemo.ts';
import type { EncryptedKey, RandomBytes, WireFormat } from '../e2ee/types.ts';
import type { MessageCipher } from '../messaging/message-cipher.ts';
import type { Store } from '../storage/records.ts';

/** Parsed sessions kept at hand; parsing one costs more than a ratchet step. */
const rememberedSessions = 1024;

const stepsName = 'ratchet-steps';

/** `onStep`: a ratchet moved, in a transaction that may still be rolled back. */
export function createOmemoCipher(
  store: Store,
  random: RandomBytes,
  now: () => number,
  onStep: () => void = () => {},
): MessageCipher {
  let own: omemo.OwnDevice | null = null;
  const records = new Map<string, omemo.SessionRecord | null>();

  const ownDevice = (): omemo.OwnDevice => {
    if (!own) {
      const self = store.self.get();
      if (!self) throw new Error('encryption runs only with a profile that has an identity');
      own = omemo.parseOwnDevice(self.device);
    }
    return own;
  };
  const keepOwn = (device: omemo.OwnDevice): void => {
    store.self.putDevice(omemo.serializeOwnDevice(device));
    own = device;
  };
  const nameOf = (identityKey: Uint8Array, deviceId: DeviceId): string =>
    `${Buffer.from(identityKey).toString('base64')}/${deviceId}`;
  const recordOf = (identityKey: Uint8Array, deviceId: DeviceId): omemo.SessionRecord | null => {
    const name = nameOf(identityKey, deviceId);
    let record = records.get(name);
    if (record === undefined) {
      const row = store.sessions.get(identityKey, deviceId);
      record = row ? omemo.parseRecord(row.state) : null;
    }
    remember(name, record);
    return record;
  };
  const remember = (name: string, record: omemo.SessionRecord | null): void => {
    records.delete(name);
    records.set(name, record);
    const oldest = records.keys().next();
    if (records.size > rememberedSessions && !oldest.done) records.delete(oldest.value);
  };
  const keepRecord = (identityKey: Uint8Array, deviceId: DeviceId, record: omemo.SessionRecord): void => {
    const name = nameOf(identityKey, deviceId);
    const state = omemo.serializeRecord(record);
    store.sessions.put({ identityKey, deviceId, state });
    state.fill(0);
    // If the transaction fails later, what is stored is read again: nobody needs the record before this one.
    const previous = records.get(name);
    if (previous) omemo.wipeReplaced(previous, record);
    remember(name, record);
  };
  let counted: number | null = null;
  const steps = (): number => {
    counted ??= Number(store.settings.getValue(stepsName) ?? 0);
    return counted;
  };
  const keepSteps = (count: number): void => {
    store.settings.setValue(stepsName, String(count));
    counted = count;
  };
  /** Every session is kept for receiving alone. */
  const retireSessions = (): void => {
    for (const { identityKey, deviceId, state } of store.sessions.list()) {
      const retired = omemo.archiveSessions(omemo.archiveSessions(omemo.parseRecord(state), 'omemo2'), 'omemo-legacy');
      store.sessions.put({ identityKey, deviceId, state: omemo.serializeRecord(retired) });
    }
    records.clear();
  };
  const canonicalIdentity = (identityKey: Uint8Array): Uint8Array => {
    const canonical = identityKey.slice();
    canonical[31] = (canonical[31] ?? 0) & 0x7f;
    return canonical;
  };

  return {
    canonicalIdentity,
    hasSession: (identityKey, deviceId, wire) => omemo.hasSession(recordOf(identityKey, deviceId), wire),

    encrypt(recipients, plaintext, wire) {
      const targets = recipients.map((recipient) => ({
        deviceId: recipient.deviceId,
        record: recordOf(recipient.identityKey, recipient.deviceId),
        bundle: recipient.bundle,
      }));
      const encrypted = omemo.encrypt(ownDevice(), targets, plaintext, random, wire);
      if (encrypted.records.size > 0) {
        keepSteps(steps() + 1);
        onStep();
      }
      const failed = new Set(encrypted.failures.map((failure) => failure.index));
      const made = encrypted.keys.values();
      const keys = recipients.map((recipient, index) => {
        const record = encrypted.records.get(index);
        if (record) keepRecord(recipient.identityKey, recipient.deviceId, record);
        return failed.has(index) ? null : (made.next().value ?? null);
      });
      return { payload: encrypted.payload, iv: encrypted.iv, keys };
    },

    decrypt(input) {
      const identityKey = input.senderIdentity ?? statedIdentity(input.key, input.wire, canonicalIdentity);
      const record = identityKey ? recordOf(identityKey, input.senderDeviceId) : null;
      const result = omemo.decrypt(
        ownDevice(),
        record,
        {
          wire: input.wire,
          senderDeviceId: input.senderDeviceId,
          keyExchange: input.key.keyExchange,
          data: input.key.data,
          payload: input.payload,
          iv: input.iv,
        },
        now(),
      );
      if (!result.ok) return result;
      const { value } = result;
      keepRecord(canonicalIdentity(value.identityKey), input.senderDeviceId, value.record);
      if (value.own) keepOwn(omemo.maintainOwnDevice(value.own, random, now()) ?? value.own);
      return ok({
        plaintext: value.content,
        newSession: value.newSession,
        heartbeatDue: value.heartbeatDue,
        bundleChanged: value.own !== null,
      });
    },

    statedIdentity: (key, wire) => statedIdentity(key, wire, canonicalIdentity),
    prekeyTakenBy: omemo.prekeyTakenBy,

    forgetSession(identityKey, deviceId, wire) {
      const record = recordOf(identityKey, deviceId);
      if (record) keepRecord(identityKey, deviceId, omemo.archiveSessions(record, wire));
    },

    steps,

    startAnew(least) {
      retireSessions();
      keepOwn(omemo.renewOwnDevice(ownDevice(), random, now()));
      keepSteps(Math.max(steps() + 1, least));
    },

    changeDeviceId(taken) {
      const self = store.self.get();
      if (!self) throw new Error('encryption runs only with a profile that has an identity');
      // Our sessions are known under the old id.
      retireSessions();
      const device = omemo.withNewDeviceId(ownDevice(), taken, random);
      store.self.put({ ...self, deviceId: device.deviceId, device: omemo.serializeOwnDevice(device) });
      own = device;
    },

    isNewerThanOwn: (bundle) => bundle.signedPrekeyId >= ownDevice().nextSignedPrekeyId,

    ownBundle: () => omemo.bundleOf(ownDevice()),
    ownLegacyBundle: () => omemo.legacyBundleOf(ownDevice()),

    maintain() {
      const maintained = omemo.maintainOwnDevice(ownDevice(), random, now());
      if (maintained) keepOwn(maintained);
      return maintained !== null;
    },

    checkBundle: (bundle) => omemo.checkBundle(bundle),
    checkLegacyBundle: omemo.readLegacyBundle,
    fingerprint: omemo.fingerprintOf,
    identityOf: omemo.identityOfFingerprint,

    signLabel: (label) => omemo.signLabel(ownDevice(), label),

    verifyLabel(identityKey, label, signature) {
      // The sign bit that the key was published with is not kept; either way it is the same owner's.
      const negative = identityKey.slice();
      negative[31] = (negative[31] ?? 0) | 0x80;
      return [identityKey, negative].some((key) => omemo.verifyLabel(key, label, signature));
    },

    rolledBack() {
      own = null;
      counted = null;
      records.clear();
    },
  };
}

function statedIdentity(
  { keyExchange, data }: EncryptedKey,
  wire: WireFormat,
  canonical: (key: Uint8Array) => Uint8Array,
): Uint8Array | null {
  if (!omemo.isKeyExchange({ keyExchange, data, wire })) return null;
  const stated = omemo.identityOf(data, wire);
  return stated.ok ? canonical(stated.value) : null;
}
