/** Which device wrote what arrived, and what it says: each key that may be ours is tried, under the identity it must have. */
import { type AppError, fail, ok, type Result } from '../../../shared/errors.ts';
import type { MessageId } from '../../../shared/model.ts';
import type { Arrival } from '../../transports/transport.ts';
import type { AfterCommit, MessagingContext } from '../context.ts';
import { learnDevice, type Owner } from '../devices/device-records.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import { sameBytes } from '../envelope/same-bytes.ts';
import type { MessageCipher } from '../message-cipher.ts';
import type { IncomingEncrypted } from './incoming-encrypted.ts';

export type DecryptedArrival = Extract<ReturnType<MessageCipher['decrypt']>, { ok: true }>['value'] & {
  /** Ed25519, 32 bytes. */
  readonly identityKey: Uint8Array;
};

export interface ArrivedCiphertext {
  readonly owner: Owner;
  readonly arrival: Arrival;
  readonly encrypted: IncomingEncrypted;
  readonly id: MessageId;
}

/** The first key that decrypts is ours; `duplicate` before any ratchet is touched. Inside a transaction. */
export function decryptFor(
  context: MessagingContext,
  directory: KeyDirectory,
  { owner, arrival, encrypted, id }: ArrivedCiphertext,
  after: AfterCommit,
): 'duplicate' | Result<DecryptedArrival> {
  let failure: AppError | null = null;
  for (const key of encrypted.keys) {
    const known =
      context.store.devices.get(owner, encrypted.sid)?.identityKey ?? metNearby(context, owner, encrypted.sid);
    const identityKey = context.cipher.statedIdentity(key, encrypted.wire) ?? known;
    if (!identityKey) {
      failure ??= fail('encryption.no-session', 'A message came from a device this one has no session with.').error;
      continue;
    }
    // A direct link carries only what the device at its other end says itself.
    const linked = arrival.device;
    if (
      linked &&
      (linked.deviceId !== encrypted.sid ||
        !sameBytes(context.cipher.canonicalIdentity(linked.identityKey), identityKey))
    ) {
      failure = fail('encryption.mismatch', 'A message claimed to come from another device.').error;
      continue;
    }
    if (context.store.seen.has(identityKey, id)) return 'duplicate';
    const result = context.cipher.decrypt({
      wire: encrypted.wire,
      senderDeviceId: encrypted.sid,
      senderIdentity: identityKey,
      key,
      payload: encrypted.payload,
      iv: encrypted.iv,
    });
    if (result.ok) {
      context.crashPoint('inbox.decrypted');
      context.store.seen.add(identityKey, id, context.now());
      learnDevice(context, after, owner, {
        deviceId: encrypted.sid,
        identityKey,
        wire: wireToWriteIn(context, directory, owner, encrypted),
        seenAt: arrival.delayedSince ?? context.now(),
        ...(arrival.route === 'direct' ? activeBySight(context, owner) : {}),
      });
      if (!known) directory.identityKnown(owner, encrypted.sid, after);
      return ok({ ...result.value, identityKey });
    }
    failure = result.error;
  }
  return { ok: false, error: failure ?? fail('encryption.not-for-us', 'There was no key for this device.').error };
}

/**
 * Somebody met nearby may write from an account we know as another contact: the session belongs to the device, not to
 * the address. The introduction inside then makes one contact of the two.
 */
function metNearby(context: MessagingContext, owner: Owner, sid: number): Uint8Array | null {
  const { contacts, devices } = context.store;
  if (owner === 'self' || contacts.get(owner)?.xid !== null) return null;
  for (const contact of contacts.list()) {
    const identityKey = contact.jid === null ? devices.get(contact.id, sid)?.identityKey : null;
    if (identityKey) return identityKey;
  }
  return null;
}

/** What a device we know is written to in is for its owner's lists to say. */
function wireToWriteIn(
  context: MessagingContext,
  directory: KeyDirectory,
  owner: Owner,
  { sid, wire }: IncomingEncrypted,
): IncomingEncrypted['wire'] {
  if (wire === 'omemo2' && directory.bundles.newerWorks(owner, sid)) return wire;
  return context.store.devices.get(owner, sid)?.wire ?? wire;
}

/** A contact without an account has nowhere else to announce a device than in front of us. */
function activeBySight(context: MessagingContext, owner: Owner): { readonly active?: boolean } {
  const contact = owner === 'self' ? null : context.store.contacts.get(owner);
  return contact?.jid === null ? { active: true } : {};
}
