/**
 * Taking trust messages (XEP-0450 §4). What a device says is kept as a statement, whoever it is; it counts from the moment
 * the device is verified, and for keys that are seen later. A contact speaks of their own keys and of nobody else's.
 */

import { parseJid } from '../../../shared/jid.ts';
import type { Address, ContactId } from '../../../shared/model.ts';
import type { ContactRecord, DeviceRecord, TrustStatement } from '../../storage/records.ts';
import { type AfterCommit, type MessagingContext, selfOf } from '../context.ts';
import { isAddressOf, isOwnAddress } from '../devices/recipients.ts';
import { believe, devicesWith, isKeyOf, mainName } from '../devices/trust-belief.ts';
import { tellChanges } from '../devices/trust-news.ts';
import type { Envelope } from '../envelope/sce-envelope.ts';
import { type KeyOwner, trustMessageIn } from './trust-message.ts';

/** Statements kept of one device: of a contact's it speaks of one person's devices, of our own it speaks of everybody's. */
const mostOfContact = 100;
const mostOfOwn = 5_000;
/** While nobody knows yet whether the device is what it says it is. */
const mostOfUnverified = 50;
const mostOfUnverifiedOwn = 500;

/** Inside the transaction of the decryption. `speaker`: the device whose key the envelope was decrypted with. */
export function takeTrustMessage(
  context: MessagingContext,
  after: AfterCommit,
  speaker: { readonly owner: ContactId | 'self'; readonly deviceId: number; readonly identityKey: Uint8Array },
  contact: ContactRecord | null,
  envelope: Envelope,
): void {
  const owners = trustMessageIn(envelope.content);
  const device = context.store.devices.get(speaker.owner, speaker.deviceId);
  const isAnswered = speaker.owner === 'self' || (contact !== null && contact.subscription !== 'pending-in');
  // XEP-0434 §5.2.1: no trust message is without its time. It is never later than now: clocks may lie.
  if (!owners || !device?.identityKey || !isKeyOf(context, speaker.identityKey, device.identityKey)) return;
  if (!isAnswered || device.trust === 'distrusted' || envelope.time === null) return;
  const saidAt = Math.min(envelope.time, context.now());
  const due: DeviceRecord[] = [];
  let room = roomFor(context, device, speaker.identityKey);
  for (const owner of owners) {
    const about = aboutWhom(context, speaker.owner, contact, owner.jid);
    if (about === null) {
      context.log('warn', 'trust-message-about-others', {});
      continue;
    }
    for (const { keyId, trust } of keysOf(owner)) {
      if (isKeyOf(context, keyId, speaker.identityKey)) continue;
      if (about === 'self' && isKeyOf(context, keyId, selfOf(context).identityKey)) continue;
      const statement: TrustStatement = { about, keyId, saidBy: speaker.identityKey, trust, saidAt };
      const kept = keep(context, statement, room > 0);
      if (kept === 'new') room -= 1;
      const whose = about === 'self' ? 'self' : context.store.contacts.byAddress(about)?.id;
      if (kept && whose) due.push(...devicesWith(context, whose, keyId));
    }
  }
  tellChanges(context, after, believe(context, due));
}

function keysOf(owner: KeyOwner): { readonly keyId: Uint8Array; readonly trust: 'verified' | 'distrusted' }[] {
  return [
    ...owner.trusted.map((keyId) => ({ keyId, trust: 'verified' as const })),
    ...owner.distrusted.map((keyId) => ({ keyId, trust: 'distrusted' as const })),
  ];
}

/** Null: not theirs to say. */
function aboutWhom(
  context: MessagingContext,
  speaker: ContactId | 'self',
  contact: ContactRecord | null,
  jid: string,
): TrustStatement['about'] | null {
  if (speaker !== 'self') return contact && isAddressOf(contact, jid) ? mainName(contact) : null;
  if (isOwnAddress(context, jid)) return 'self';
  const parsed = parseJid(jid);
  if (!parsed.ok || parsed.value.local === null) return null;
  const address = parsed.value.bare as Address;
  const known = context.store.contacts.byAddress(address);
  return known ? mainName(known) : address;
}

function roomFor(context: MessagingContext, device: DeviceRecord, identityKey: Uint8Array): number {
  const own = device.owner === 'self';
  const isVerified = device.trust === 'verified';
  const most = isVerified ? (own ? mostOfOwn : mostOfContact) : own ? mostOfUnverifiedOwn : mostOfUnverified;
  return most - context.store.statements.countBy(identityKey);
}

/** False: it said something newer before (messages overtake each other), or has said too much. */
function keep(context: MessagingContext, statement: TrustStatement, hasRoom: boolean): 'new' | 'changed' | false {
  const { statements } = context.store;
  const before = statements.get(statement);
  if (before ? before.saidAt > statement.saidAt : !hasRoom) return false;
  statements.put(statement);
  return before ? 'changed' : 'new';
}
