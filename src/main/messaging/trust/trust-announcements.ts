/**
 * Who is told what about keys (XEP-0450 §4). Our own verified devices hear of every judgement; a contact's verified
 * devices hear of our own devices, and nothing of anybody else's. Only devices whose keys are verified are told anything,
 * and only in the format that seals sender and time in (`kind: 'trust'`, see seal.ts).
 */
import type { MessageId } from '../../../shared/model.ts';
import type { ContactRecord, DeviceRecord } from '../../storage/records.ts';
import type { AfterCommit, MessagingContext } from '../context.ts';
import { addressPair, ownQueue, partyOf, verifiedDevices } from '../devices/recipients.ts';
import { mainName } from '../devices/trust-belief.ts';
import type { Outbox } from '../sending/outbox.ts';
import { type KeyOwner, trustMessage } from './trust-message.ts';

/** Keys in one message; far below what servers and XEP-0434 readers take. */
const keysPerMessage = 200;

export interface Judgements {
  readonly trusted: readonly Uint8Array[];
  readonly distrusted: readonly Uint8Array[];
}

/** To our own other devices: what the person judged of a contact's keys, or of our own (`self`). */
export function tellOwnDevices(
  context: MessagingContext,
  outbox: Outbox,
  about: ContactRecord | 'self',
  judged: Judgements,
  after: AfterCommit,
): void {
  const jid = about === 'self' ? partyOf(context, ownQueue)?.jid : mainName(about);
  if (jid) tell(context, outbox, 'self', [{ jid, ...judged }], after);
}

/** To every contact with verified devices: what the person judged of our own keys. */
export function tellContactsOfOwn(
  context: MessagingContext,
  outbox: Outbox,
  judged: Judgements,
  after: AfterCommit,
): void {
  for (const contact of context.store.contacts.list()) tellContactOfOwn(context, outbox, contact, judged, after);
}

/** To a contact whose devices were verified: all that is judged of our own. This device they must compare themselves. */
export function tellContactOfOwn(
  context: MessagingContext,
  outbox: Outbox,
  contact: ContactRecord,
  judged: Judgements,
  after: AfterCommit,
): void {
  const pair = addressPair(context, contact);
  if (pair) tell(context, outbox, contact, [{ jid: pair.from, ...judged }], after);
}

/** To our own devices, when one of them was verified: every key that is judged, anybody's. */
export function tellOwnDevicesAll(context: MessagingContext, outbox: Outbox, after: AfterCommit): void {
  const self = partyOf(context, ownQueue);
  if (!self?.jid) return;
  const owners: KeyOwner[] = [{ jid: self.jid, ...judgedOf(context, 'self') }];
  for (const contact of context.store.contacts.list()) {
    const jid = mainName(contact);
    if (jid && contact.subscription !== 'pending-in') owners.push({ jid, ...judgedOf(context, contact.id) });
  }
  tell(context, outbox, 'self', owners, after);
}

/** The owner's other devices that are judged now, by their keys. */
export function judgedOf(context: MessagingContext, owner: DeviceRecord['owner']): Judgements {
  const keysOf = (trust: DeviceRecord['trust']): Uint8Array[] =>
    context.store.devices
      .of(owner)
      .flatMap((device) => (device.trust === trust && device.identityKey ? [device.identityKey] : []));
  return { trusted: keysOf('verified'), distrusted: keysOf('distrusted') };
}

function tell(
  context: MessagingContext,
  outbox: Outbox,
  to: ContactRecord | 'self',
  owners: readonly KeyOwner[],
  after: AfterCommit,
): void {
  const party = to === 'self' ? partyOf(context, ownQueue) : to;
  if (!party || party.subscription === 'pending-in' || verifiedDevices(context, party).length === 0) return;
  for (const part of inParts(owners)) {
    outbox.add(
      {
        messageId: crypto.randomUUID() as string as MessageId,
        contactId: party.id,
        kind: 'trust',
        content: [trustMessage(part)],
        preference: context.store.conversations.byContact(party.id)?.routePreference ?? 'automatic',
        choice: null,
      },
      after,
    );
  }
}

function inParts(owners: readonly KeyOwner[]): KeyOwner[][] {
  const parts: KeyOwner[][] = [];
  let room = 0;
  for (const { jid, trusted, distrusted } of owners) {
    const keys = [
      ...trusted.map((key) => ({ key, list: 'trusted' as const })),
      ...distrusted.map((key) => ({ key, list: 'distrusted' as const })),
    ];
    for (let first = 0; first < keys.length; ) {
      if (room === 0) {
        parts.push([]);
        room = keysPerMessage;
      }
      const taken = keys.slice(first, first + room);
      const of = (list: 'trusted' | 'distrusted') => taken.flatMap((one) => (one.list === list ? [one.key] : []));
      parts.at(-1)?.push({ jid, trusted: of('trusted'), distrusted: of('distrusted') });
      first += taken.length;
      room -= taken.length;
    }
  }
  return parts;
}
