/** What we keep of a person's devices, and what is said in the conversation when a new one appears. */
import type { ContactId, DeviceId, TrustState } from '../../shared/model.ts';
import type { WireFormat } from '../e2ee/types.ts';
import type { DeviceRecord } from '../storage/records.ts';
import { type AfterCommit, type MessagingContext, selfOf } from './context.ts';
import { conversationWith, insertSystemMessage } from './conversation-timeline.ts';
import { ownDeviceAppeared } from './own-device-news.ts';

export type Owner = ContactId | 'self';

/**
 * More devices of one person are not remembered: their owner, or a server in their name, could name new ones for ever.
 * As many as one device list may hold.
 */
export const maxDevicesKnown = 200;

/**
 * Trust of a device nobody has judged: let in blindly until the person judges one of the owner's devices; from then on
 * each further one waits for their word (blind trust before verification, XEP-0450 §4). An undecided device counts as
 * judged: it came after a judgement, or took the place of a device that was judged.
 */
export function firstTrust(devices: readonly DeviceRecord[]): TrustState {
  return devices.every((device) => device.trust === 'blind') ? 'blind' : 'undecided';
}

/** Messages go to it, and its word about them (receipts, markers, who it is) counts. */
export function isLetIn(device: DeviceRecord | null): boolean {
  return device?.trust === 'blind' || device?.trust === 'verified';
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
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
    label: existing?.label ?? '',
    localName: existing?.localName ?? '',
    identityKey: learned.identityKey ?? existing?.identityKey ?? null,
    // Another key under a known id is another device: nothing of the old one's trust carries over.
    trust: existing ? (changedKey ? changedTrust(existing, others) : existing.trust) : firstTrust(others),
    active: learned.active ?? existing?.active ?? false,
    lastSeenAt: learned.seenAt ?? existing?.lastSeenAt ?? null,
  };
  if (existing && !changedKey && isUnchanged(existing, record)) return;
  if (!existing && others.length >= maxDevicesKnown) return;
  devices.put(record);
  if (!isThisDevice) after(() => announceChange(context, owner));
  if (owner !== 'self' && (changedKey || (!existing && others.length > 0))) {
    tellConversation(context, after, owner, record, Boolean(changedKey));
  }
  if (owner === 'self' && !isThisDevice && (changedKey || !existing)) ownDeviceAppeared(context, after);
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
  if (owner === 'self') return;
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
  const waits = record.trust === 'undecided' ? ' It gets no messages until you let it in.' : '';
  const what = changedKey ? `A device of ${contact.name} has a new key.` : `${contact.name} uses a new device.`;
  insertSystemMessage(context, after, conversationWith(context, owner).id, 'new-device', what + waits, {
    owner,
    deviceId: record.deviceId,
  });
}
