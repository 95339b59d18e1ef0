/**
 * Whom to believe about a key. What was said is kept (`Store.statements`); it counts when the person here said it, or a
 * verified device of theirs, or, about a contact's own keys, a verified device of that contact (XEP-0450 §4). Whatever
 * makes a statement count or applies one to a device comes through here, and so does what follows from that.
 */
import type { Address, ContactId, TrustState } from '../../../shared/model.ts';
import type { ContactRecord, DeviceRecord, TrustStatement } from '../../storage/records.ts';
import { type MessagingContext, selfOf } from '../context.ts';
import { sameBytes } from '../envelope/same-bytes.ts';

export interface BeliefChange {
  /** As it is now. */
  readonly device: DeviceRecord;
  readonly before: TrustState;
  /** Whose word it was; null: the person's own, given before the device was seen. */
  readonly by: DeviceRecord | null;
}

/** More steps than any honest set of devices needs. */
const maxSteps = 5_000;

/** The addresses under which something may have been said about the owner's keys. */
export function namesOf(context: MessagingContext, owner: DeviceRecord['owner']): (Address | 'self')[] {
  if (owner === 'self') return ['self'];
  const contact = context.store.contacts.get(owner);
  return [contact?.jid, contact?.xid].filter((address) => address !== null && address !== undefined);
}

/** Under which name what is said about a contact's keys is kept. */
export function mainName(contact: ContactRecord): Address | null {
  return contact.jid ?? contact.xid;
}

/** Whether a key id means this identity key: as it is, or in Curve25519 form. */
export function isKeyOf(context: MessagingContext, keyId: Uint8Array, identityKey: Uint8Array): boolean {
  const { cipher } = context;
  if (sameBytes(cipher.canonicalIdentity(keyId), cipher.canonicalIdentity(identityKey))) return true;
  return Buffer.from(keyId).toString('hex') === cipher.fingerprint(identityKey);
}

/** Judges the devices by what was said about them, and those that the judged ones spoke about. Inside a transaction. */
export function believe(context: MessagingContext, first: readonly DeviceRecord[]): BeliefChange[] {
  const changes: BeliefChange[] = [];
  const due = [...first];
  for (let step = 0; due.length > 0 && step < maxSteps; step += 1) {
    const next = due.shift();
    const device = next && context.store.devices.get(next.owner, next.deviceId);
    const word = device && lastWord(context, device);
    if (!device || !word || word.trust === device.trust) continue;
    const judged = { ...device, trust: word.trust };
    context.store.devices.put(judged);
    changes.push({ device: judged, before: device.trust, by: word.by });
    if (word.trust === 'verified') due.push(...spokenOfBy(context, judged));
  }
  return changes;
}

/** Devices that a device which is verified now has said something about. */
export function spokenOfBy(context: MessagingContext, speaker: DeviceRecord): DeviceRecord[] {
  const { store } = context;
  if (!speaker.identityKey) return [];
  return store.statements.by(speaker.identityKey).flatMap(({ about, keyId }) => {
    const owner = about === 'self' ? 'self' : store.contacts.byAddress(about)?.id;
    return owner ? devicesWith(context, owner, keyId) : [];
  });
}

/** The owner's devices with this key; never this one. */
export function devicesWith(context: MessagingContext, owner: ContactId | 'self', keyId: Uint8Array): DeviceRecord[] {
  const { deviceId } = selfOf(context);
  return context.store.devices
    .of(owner)
    .filter((device) => device.identityKey !== null && isKeyOf(context, keyId, device.identityKey))
    .filter((device) => owner !== 'self' || device.deviceId !== deviceId);
}

interface Word {
  readonly trust: TrustState;
  readonly saidAt: number;
  readonly by: DeviceRecord | null;
}

/**
 * What counts about a device now. The person decides, wherever they last did; a contact's newer word is taken (XEP-0450
 * §4), but does not let in what the person has distrusted.
 */
function lastWord(context: MessagingContext, device: DeviceRecord): Word | null {
  let person: Word | null = null;
  let contact: Word | null = null;
  for (const statement of statementsAbout(context, device)) {
    const { saidBy, saidAt, trust } = statement;
    const by = saidBy && speakerOf(context, device, saidBy);
    if (saidBy && !by) continue;
    const word = { trust, saidAt, by };
    if (by && by.owner !== 'self') contact = latest(contact, word);
    else person = latest(person, word);
  }
  if (!person || !contact) return person ?? contact;
  if (contact.saidAt <= person.saidAt) return person;
  return contact.trust === 'verified' && person.trust === 'distrusted' ? person : contact;
}

/** At the same moment distrust wins. */
function latest(one: Word | null, other: Word): Word {
  if (!one || other.saidAt > one.saidAt) return other;
  return other.saidAt === one.saidAt && other.trust === 'distrusted' ? other : one;
}

function statementsAbout(context: MessagingContext, device: DeviceRecord): TrustStatement[] {
  const { identityKey } = device;
  if (!identityKey) return [];
  return namesOf(context, device.owner)
    .flatMap((name) => context.store.statements.about(name))
    .filter(({ keyId }) => isKeyOf(context, keyId, identityKey));
}

/** The verified device with this identity that may speak about the other; nobody speaks about themselves. */
function speakerOf(context: MessagingContext, about: DeviceRecord, saidBy: Uint8Array): DeviceRecord | null {
  const isSpeaker = (device: DeviceRecord): boolean =>
    device.trust === 'verified' && device.identityKey !== null && sameBytes(device.identityKey, saidBy);
  if (about.identityKey && sameBytes(about.identityKey, saidBy)) return null;
  const { devices } = context.store;
  return devices.of('self').find(isSpeaker) ?? devices.of(about.owner).find(isSpeaker) ?? null;
}
