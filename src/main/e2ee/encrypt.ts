/** From content to envelopes: one payload, one `<key/>` for each device. */
import type { AppError, Result } from '../../shared/errors.ts';
import type { DeviceId } from '../../shared/model.ts';
import { checkBundle } from './bundle-check.ts';
import { badBundle, noSession } from './failures.ts';
import type { OwnDevice } from './own-device.ts';
import { wipe } from './primitives/sodium.ts';
import { newKeyPair } from './primitives/x25519.ts';
import { initiateRatchet, ratchetForward } from './ratchet/double-ratchet.ts';
import { currentSession, type Session, type SessionRecord, withSessionInFront } from './session-record.ts';
import type { Bundle, EncryptedKey, RandomBytes, WireFormat } from './types.ts';
import type { Wire } from './wire.ts';
import { wireOf } from './wires.ts';
import { agreeAsInitiator } from './x3dh.ts';

/** One device to encrypt for. A session in the record is used; without one, the bundle starts a new session. */
export interface EncryptTarget {
  readonly deviceId: DeviceId;
  readonly record: SessionRecord | null;
  readonly bundle: Bundle | null;
}

export interface Encrypted {
  readonly keys: readonly EncryptedKey[];
  /** The `<payload/>`; null for an empty message. */
  readonly payload: Uint8Array | null;
  /** The legacy `<iv/>`, 12 bytes; null in OMEMO 2. */
  readonly iv: Uint8Array | null;
  /** By index into `targets`: the records to store in the same transaction as the message. */
  readonly records: ReadonlyMap<number, SessionRecord>;
  /** Devices left out; the others are encrypted for all the same. */
  readonly failures: readonly { readonly index: number; readonly error: AppError }[];
}

function startSession(own: OwnDevice, bundle: Bundle, wire: Wire, random: RandomBytes): Result<Session> {
  const checked = checkBundle(bundle, wire.name);
  if (!checked.ok) return checked;
  const { identityKey, signedPrekey, signedPrekeyId, prekeys } = checked.value;
  // Ids begin with 1 (§5.3.2), but Converse publishes a 0, too, and then takes it for none: it reads nothing of a session
  // that was begun with that prekey. Where there is no other, it is better than nothing.
  const allowed = prekeys.filter(({ id }) => id > 0);
  const offered = allowed.length > 0 ? allowed : prekeys;
  // §5.4: "A random pk entry is selected".
  const [a = 0, b = 0, c = 0, d = 0] = random(4);
  const prekey = offered[(((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % offered.length];
  if (prekey === undefined) return badBundle('no prekey');
  const ephemeral = newKeyPair(random);
  const remote = { identityKey, signedPrekey, prekey: prekey.key };
  const secret = agreeAsInitiator(own.identitySeed, ephemeral, remote, wire.keyAgreementInfo);
  wipe(ephemeral.privateKey);
  if (!secret.ok) return secret;
  return {
    ok: true,
    value: {
      wire: wire.name,
      initiator: true,
      sendable: true,
      theirIdentityKey: identityKey.slice(),
      ephemeralKey: ephemeral.publicKey,
      pending: { prekeyId: prekey.id, signedPrekeyId },
      ratchet: initiateRatchet(secret.value, signedPrekey.slice()),
    },
  };
}

function encryptFor(
  own: OwnDevice,
  target: EncryptTarget,
  wire: Wire,
  plaintext: Uint8Array,
  random: RandomBytes,
): Result<{ readonly key: EncryptedKey; readonly record: SessionRecord }> {
  const existing = currentSession(target.record, wire.name);
  let session = existing;
  if (session === null) {
    if (target.bundle === null) return noSession();
    if (target.bundle.deviceId !== target.deviceId) return badBundle('device id');
    const started = startSession(own, target.bundle, wire, random);
    if (!started.ok) return started;
    session = started.value;
  }
  const step = ratchetForward(session.ratchet, wire.ratchet.rootInfo, random);
  // Of a session that begins, the first root key is used up at once.
  if (existing === null) wipe(session.ratchet.rootKey);
  if (!step.ok) return step;
  const { state, header, messageKey } = step.value;
  const { initiator, pending, theirIdentityKey, ephemeralKey } = session;
  const associatedData = wire.associatedData({
    initiator: initiator ? own.identityKey : theirIdentityKey,
    responder: initiator ? theirIdentityKey : own.identityKey,
    sender: initiator ? 'initiator' : 'responder',
  });
  const message = wire.seal(messageKey, associatedData, header, plaintext);
  wipe(messageKey);
  const data =
    pending === null
      ? message
      : wire.writeKeyExchange({ ...pending, identityKey: own.identityKey, ephemeralKey, message }, own.deviceId);
  return {
    ok: true,
    value: {
      key: { deviceId: target.deviceId, keyExchange: pending !== null, data },
      record: withSessionInFront(target.record, { ...session, ratchet: state }, existing),
    },
  };
}

/**
 * Encrypts `content` (an SCE envelope, or the UTF-8 text of a legacy message; null: an empty message, XEP-0384 §5.5.3)
 * for each target. The order of `keys` is the order of the targets without those in `failures`. Nothing given is
 * changed.
 */
export function encrypt(
  own: OwnDevice,
  targets: readonly EncryptTarget[],
  content: Uint8Array | null,
  random: RandomBytes,
  format: WireFormat = 'omemo2',
): Encrypted {
  const wire = wireOf(format);
  const sealed = wire.sealPayload(content, random);
  const keys: EncryptedKey[] = [];
  const records = new Map<number, SessionRecord>();
  const failures: { index: number; error: AppError }[] = [];
  targets.forEach((target, index) => {
    const result = encryptFor(own, target, wire, sealed.keyMaterial, random);
    if (result.ok) {
      keys.push(result.value.key);
      records.set(index, result.value.record);
    } else {
      failures.push({ index, error: result.error });
    }
  });
  wipe(sealed.keyMaterial);
  return { keys, payload: sealed.payload, iv: sealed.iv, records, failures };
}
