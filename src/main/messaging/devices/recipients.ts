/** Which devices a message is for, under which addresses, and what is reachable of them now. */
import {
  type Address,
  type BareJid,
  type ContactId,
  type DeviceId,
  deviceRef,
  type Encryption,
} from '../../../shared/model.ts';
import type { DeviceReach } from '../../../shared/routing.ts';
import type { ContactRecord, DeviceRecord } from '../../storage/records.ts';
import { accountOf, type MessagingContext, selfOf } from '../context.ts';
import { firstTrust, lettingIn } from './device-records.ts';

export interface AddressPair {
  readonly from: Address;
  readonly to: Address;
}

/** JIDs where both sides have one, else XIDs; null when there is no way to address each other at all. */
export function addressPair(context: MessagingContext, contact: ContactRecord): AddressPair | null {
  const account = accountOf(context);
  if (account && contact.jid) return { from: account.jid, to: contact.jid };
  return contact.xid ? { from: selfOf(context).xid, to: contact.xid } : null;
}

export function bareAddress(address: string): string {
  const slash = address.indexOf('/');
  return slash < 0 ? address : address.slice(0, slash);
}

export function isOwnAddress(context: MessagingContext, address: string): boolean {
  const bare = bareAddress(address);
  return bare === selfOf(context).xid || bare === accountOf(context)?.jid;
}

export function isAddressOf(contact: ContactRecord, address: string): boolean {
  const bare = bareAddress(address);
  return bare === contact.jid || bare === contact.xid;
}

/** Devices of the contact with an authenticated direct link now. */
export function linkedDevices(context: MessagingContext, contact: ContactRecord): ReadonlySet<DeviceId> {
  const transport = context.direct();
  const linked = new Set<DeviceId>();
  if (!transport) return linked;
  for (const address of [contact.xid, contact.jid]) {
    if (address) for (const id of transport.reach(address).devices ?? []) linked.add(id);
  }
  return linked;
}

/**
 * The contact's devices that messages are encrypted for (XEP-0384 §4.5: the announced ones; §8: never one the person
 * has not let in). A device that stands in front of us counts as announced.
 */
export function contactDevices(context: MessagingContext, contact: ContactRecord): DeviceRecord[] {
  const linked = linkedDevices(context, contact);
  const known = context.store.devices.of(contact.id);
  const current = known.filter((device) => device.active || linked.has(device.deviceId));
  const letIn = lettingIn(context);
  // Devices of the past are written to when none is announced any more, not in place of those that wait to be let in.
  return current.length > 0
    ? current.filter(letIn)
    : known.filter((device) => device.identityKey !== null && letIn(device));
}

/** The queue of what is for our own other devices alone; contacts have ids of another form. */
export const ownQueue = 'self' as ContactId;

/** Whom a queue is for. For our own devices: ourselves, as far as the account brings something to them. */
export function partyOf(context: MessagingContext, queue: ContactId): ContactRecord | null {
  if (queue !== ownQueue) return context.store.contacts.get(queue);
  const jid = accountOf(context)?.jid;
  const { name } = selfOf(context);
  return jid ? { id: queue, name, jid, xid: null, subscription: 'both', xidShared: true, addedAt: 0 } : null;
}

/** Devices that may be told whom we trust (XEP-0434 §5.2): verified, and reading the format that seals in who says it. */
export function verifiedDevices(context: MessagingContext, party: ContactRecord): DeviceRecord[] {
  const devices = party.id === ownQueue ? ownOtherDevices(context) : contactDevices(context, party);
  return devices.filter((device) => device.trust === 'verified' && device.wire === 'omemo2');
}

/** They have devices that could be written to if the person let them in. */
export function waitsForTrust(context: MessagingContext, contact: ContactRecord): boolean {
  if (contactDevices(context, contact).length > 0) return false;
  const letIn = lettingIn(context);
  const linked = linkedDevices(context, contact);
  return context.store.devices
    .of(contact.id)
    .some((device) => !letIn(device) && (device.active || device.identityKey !== null || linked.has(device.deviceId)));
}

/** A device of theirs has shown us its keys, ever. */
export function hasHadEncryption(context: MessagingContext, contact: ContactRecord): boolean {
  return context.store.devices.of(contact.id).some((device) => device.identityKey !== null);
}

/** Our other devices that get a copy. */
export function ownOtherDevices(context: MessagingContext): DeviceRecord[] {
  const self = selfOf(context);
  const letIn = lettingIn(context);
  return context.store.devices
    .of('self')
    .filter((device) => device.active && device.deviceId !== self.deviceId && letIn(device));
}

/**
 * Clients of the legacy format get what is sent to this party, too, or a copy of it. What is no text is not for them, and
 * who carries it can tell the two apart there anyway: a text has an element and a body for such clients.
 */
export function olderClientsSee(context: MessagingContext, party: ContactRecord): boolean {
  const theirs = party.id === ownQueue ? [] : contactDevices(context, party);
  return [...theirs, ...ownOtherDevices(context)].some((device) => device.wire === 'omemo-legacy');
}

export function serverReaches(context: MessagingContext, address: BareJid | null): boolean {
  const transport = context.xmpp();
  return address !== null && (transport?.reach(address).reachable ?? false);
}

/** What is reachable for each device of the conversation: the input of `routeConversation`. Own devices stay out. */
export function contactReach(context: MessagingContext, contact: ContactRecord): DeviceReach[] {
  const linked = linkedDevices(context, contact);
  const server = serverReaches(context, contact.jid);
  const devices = contactDevices(context, contact);
  const anyAnnounced = devices.some((device) => device.active);
  const reach = devices.map((device) => ({
    ref: deviceRef(contact.id, device.deviceId),
    direct: linked.has(device.deviceId),
    server: server && (device.active || !anyAnnounced),
  }));
  // A device that just connected is reachable before its keys are known.
  const all = context.store.devices.of(contact.id);
  const known = new Set(all.map((device) => device.deviceId));
  const isLetIn = firstTrust(all) === 'blind' && context.store.settings.get().blindTrust;
  for (const id of linked) {
    if (!known.has(id) && isLetIn) reach.push({ ref: deviceRef(contact.id, id), direct: true, server: false });
  }
  return reach;
}

/** What a message would really be protected by now. `announcesNothing`: their account was asked and lists no device. */
export function conversationEncryption(
  context: MessagingContext,
  contact: ContactRecord,
  announcesNothing: (id: ContactId) => boolean,
): Encryption {
  const devices = contactDevices(context, contact);
  if (devices.some((device) => device.wire === 'omemo2')) return 'omemo2';
  if (devices.length > 0) return 'omemo-legacy';
  const unencrypted = !hasHadEncryption(context, contact) && linkedDevices(context, contact).size === 0;
  return unencrypted && announcesNothing(contact.id) ? 'none' : 'pending';
}
