/** What we keep of a person's devices, and what is said in the conversation when a new one appears. */
import type { ContactId, DeviceId, TrustState } from '../../../shared/model.ts';
import type { WireFormat } from '../../e2ee/types.ts';
import type { DeviceRecord } from '../../storage/records.ts';
import { type AfterCommit, type MessagingContext, selfOf } from '../context.ts';
import { sameBytes } from '../envelope/same-bytes.ts';
import { conversationWith, insertSystemMessage } from '../timeline/conversation-timeline.ts';
import { noteSignOfLife } from './own-device-life.ts';
import { ownDeviceAppeared } from './own-device-news.ts';
import { believe, namesOf } from './trust-belief.ts';
import { tellChanges } from './trust-news.ts';

export type Owner = ContactId | 'self';

/**
 * More devices of one person are not remembered: their owner, or a server in their name, could name new ones for ever.
 * As many as one device list may hold.
 */
export const maxDevicesKnown = 200;

/**
 * Trust of a device nobody has judged: let in blindly until the person judges one of the owner's devices; from then on
 * each further one waits for their word (blind trust before verification, XEP-0450 §6.2). An undecided device counts as
 * judged: it came after a judgement, or took the place of a device that was judged.
 */
export function firstTrust(devices: readonly DeviceRecord[]): TrustState {
  return devices.every((device) => device.trust === 'blind') ? 'blind' : 'undecided';
}

/**
 * Which devices messages go to, and whose word about them (receipts, markers, who it is) counts. With strict trust only
 * verified ones: those that were let in blindly wait meanwhile.
 */
export function lettingIn(context: MessagingContext): (device: DeviceRecord | null) => boolean {
  const { blindTrust } = context.store.settings.get();
  return (device) => device?.trust === 'verified' || (blindTrust && device?.trust === 'blind');
}

/** Activity is known to this many milliseconds, and to a day where it is older: each message would be a write and an event. */
const seenStep = 10 * 60 * 1000;
const day = 24 * 60 * 60 * 1000;

/** `seenAt`: when it said something, as far as is known; a server may say what it likes, but not in the future. */
function lastSeen(context: MessagingContext, before: number | null, seenAt: number | undefined): number | null {
  if (seenAt === undefined) return before;
  const now = context.now();
  const at = Math.min(seenAt, now);
  // One that is ahead of our clock was noted by a clock that was wrong.
  const isGood = before !== null && before < now + day;
  const step = now - at < day ? seenStep : day;
  return isGood && at < before + step ? before : at;
}

/** What was learned about a device. Inside a transaction; tells the conversation about new devices and new keys. */
export function learnDevice(
  context: MessagingContext,
  after: AfterCommit,
  owner: Owner,
  learned: {
    readonly deviceId: DeviceId;
    /** What to write to it in; as it was, if it is not given. */
    readonly wire?: WireFormat;
    readonly identityKey?: Uint8Array;
    readonly active?: boolean;
    /** It showed a sign of life: a message of its own that decrypted, or a direct link. */
    readonly seenAt?: number;
  },
): void {
  const { devices } = context.store;
  const existing = devices.get(owner, learned.deviceId);
  const others = devices.of(owner).filter((device) => device.deviceId !== learned.deviceId);
  const changedKey =
    existing?.identityKey && learned.identityKey && !sameBytes(existing.identityKey, learned.identityKey);
  const isThisDevice = owner === 'self' && learned.deviceId === selfOf(context).deviceId;
  const record: DeviceRecord = {
    owner,
    deviceId: learned.deviceId,
    wire: learned.wire ?? existing?.wire ?? 'omemo2',
    label: changedKey ? '' : (existing?.label ?? ''),
    localName: changedKey ? '' : (existing?.localName ?? ''),
    identityKey: learned.identityKey ?? existing?.identityKey ?? null,
    // Another key under a known id is another device: nothing of the old one's trust carries over.
    trust: existing ? (changedKey ? changedTrust(existing, others) : existing.trust) : firstTrust(others),
    active: learned.active ?? existing?.active ?? false,
    lastSeenAt: lastSeen(context, existing?.lastSeenAt ?? null, learned.seenAt),
  };
  if (existing && !changedKey && isUnchanged(existing, record)) return;
  if (!existing && others.length >= maxDevicesKnown) return;
  devices.put(record);
  if (isThisDevice) return;
  if (owner === 'self' && (!existing || learned.seenAt !== undefined)) noteSignOfLife(context, learned.deviceId);
  after(() => announceChange(context, owner));
  const isNews = Boolean(changedKey) || !existing;
  const keyIsNew = record.identityKey !== null && (Boolean(changedKey) || !existing?.identityKey);
  // It may have been spoken about before it was seen.
  const changes = keyIsNew ? believe(context, [record]) : [];
  const judged = devices.get(owner, record.deviceId) ?? record;
  if (owner !== 'self' && isNews && (changedKey || others.length > 0)) {
    tellConversation(context, after, owner, judged, Boolean(changedKey));
  }
  if (owner === 'self' && isNews && judged.trust !== 'verified') ownDeviceAppeared(context, after);
  tellChanges(context, after, changes);
  if (needsKeys(context, record)) after(() => context.events.trustDue(owner));
}

/**
 * Keys are fetched when something is encrypted for a device. One that gets nothing would stay without, and nobody could
 * compare them; or one was announced in a code, and is known by its key alone.
 */
export function needsKeys(context: MessagingContext, device: DeviceRecord): boolean {
  if (!device.active || device.identityKey !== null) return false;
  if (!lettingIn(context)(device)) return true;
  return namesOf(context, device.owner).some((name) => context.store.statements.about(name).length > 0);
}

function changedTrust(existing: DeviceRecord, others: readonly DeviceRecord[]): TrustState {
  return existing.trust === 'blind' ? firstTrust(others) : 'undecided';
}

function isUnchanged(a: DeviceRecord, b: DeviceRecord): boolean {
  return (
    (a.identityKey === null) === (b.identityKey === null) &&
    a.wire === b.wire &&
    a.active === b.active &&
    a.lastSeenAt === b.lastSeenAt
  );
}

function announceChange(context: MessagingContext, owner: Owner): void {
  if (owner === 'self') {
    context.events.ownDevices();
    return;
  }
  context.events.contact(owner);
  const conversation = context.store.conversations.byContact(owner);
  if (conversation) context.events.conversation(conversation.id);
}

function tellConversation(
  context: MessagingContext,
  after: AfterCommit,
  owner: ContactId,
  record: DeviceRecord,
  changedKey: boolean,
): void {
  const contact = context.store.contacts.get(owner);
  if (!contact) return;
  const waits = lettingIn(context)(record) ? '' : ' It gets no messages until you let it in.';
  const what = changedKey ? `A device of ${contact.name} has a new key.` : `${contact.name} uses a new device.`;
  insertSystemMessage(context, after, conversationWith(context, owner).id, 'new-device', what + waits, {
    owner,
    deviceId: record.deviceId,
  });
}
