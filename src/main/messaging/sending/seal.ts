/**
 * Turning queued content into the final stanza, in one transaction: ratchet step + ciphertext + outbox row. What must be
 * asked of the network before is in prepare-to-seal.ts.
 */
import type { Element } from '@xmpp/xml';
import xml from '@xmpp/xml';
import type { DeviceId, Encryption, MessageId } from '../../../shared/model.ts';
import type { WireFormat } from '../../e2ee/types.ts';
import type { ContactRecord, DeviceRecord, OutboxRecord, OutboxTarget } from '../../storage/records.ts';
import { parseElement } from '../../xml/parse-element.ts';
import type { AfterCommit, MessagingContext } from '../context.ts';
import { selfOf } from '../context.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import {
  type AddressPair,
  addressPair,
  contactDevices,
  hasHadEncryption,
  olderClientsSee,
  ownOtherDevices,
  partyOf,
  verifiedDevices,
  waitsForTrust,
} from '../devices/recipients.ts';
import { introductionElement, isIntroduction } from '../envelope/introductions.ts';
import { withoutHint } from '../envelope/omemo-stanza.ts';
import { sceNamespace, writeEnvelope } from '../envelope/sce-envelope.ts';
import { tellWhoIsLeftOut } from '../timeline/left-out.ts';
import { addClearRequests, clearSignalsAllowed, isClearSignal } from './clear-signals.ts';
import { encryptFor } from './encrypt-for.ts';
import { drawNumber } from './order-number.ts';
import { legacyBodyOf, writeSealed } from './sealed-stanza.ts';

/** The device id that stands for "whoever reads the account", where there is no encryption. */
export const plainDeviceId: DeviceId = 0;

export type Sealed = 'sealed' | 'waiting';

/** SCE content as it waits in the outbox. */
export function contentXml(content: readonly Element[]): string {
  return xml('content', { xmlns: sceNamespace }, ...content).toString();
}

/** Inside a transaction. `waiting`: not now (no device can be encrypted for). */
export function seal(
  context: MessagingContext,
  directory: KeyDirectory,
  row: OutboxRecord,
  after: AfterCommit,
): Sealed {
  const contact = partyOf(context, row.contactId);
  const pair = contact ? addressPair(context, contact) : null;
  if (!contact || !pair) return 'waiting';
  const parsed = parseElement(row.stanza);
  if (!parsed.ok) throw new Error('outbox content is not XML');
  const content = parsed.value.getChildElements();
  if (row.kind === 'trust') return sealTrust(context, directory, row, contact, pair, content);
  const devices = contactDevices(context, contact);
  if (waitsForTrust(context, contact)) return 'waiting';
  if (devices.length === 0) return sealPlain(context, directory, row, contact, pair, content, after);
  const number = drawNumber(context, row, content);
  const sealed = encryptContent(context, directory, row, contact, pair, content, after);
  if (!sealed) {
    number?.giveBack();
    return 'waiting';
  }
  number?.keep();
  context.store.outbox.setEncrypted(row.id, sealed.stanza, sealed.targets);
  const wires = sealed.targets.map(
    ({ owner, deviceId }) => owner !== 'self' && devices.find((device) => device.deviceId === deviceId)?.wire,
  );
  showEncryption(context, row, wires.includes('omemo2') ? 'omemo2' : 'omemo-legacy', after);
  after(() => context.log('debug', 'sealed', { devices: sealed.targets.length }));
  return 'sealed';
}

/** Trust messages: for verified devices and nobody else; for none, when none is verified any more. */
function sealTrust(
  context: MessagingContext,
  directory: KeyDirectory,
  row: OutboxRecord,
  party: ContactRecord,
  pair: AddressPair,
  content: readonly Element[],
): Sealed {
  const devices = verifiedDevices(context, party);
  const plaintext = writeEnvelope({ content, from: pair.from, to: pair.to, time: row.createdAt }, context.random);
  const sealed = encryptFor(context, directory, devices, plaintext);
  if (devices.length > 0 && sealed.targets.length === 0) return 'waiting';
  noteSealed(context, row.messageId);
  const stanza = writeSealed(selfOf(context).deviceId, row.messageId, pair, party.id, sealed, null);
  if (olderClientsSee(context, party)) withoutHint(stanza);
  context.store.outbox.setEncrypted(row.id, stanza.toString(), sealed.targets);
  return 'sealed';
}

/** A message written while nothing was known about their devices says from now on what really protects it. */
function showEncryption(
  context: MessagingContext,
  row: OutboxRecord,
  encryption: Encryption,
  after: AfterCommit,
): void {
  if (row.kind !== 'text' || context.store.messages.get(row.messageId)?.encryption === encryption) return;
  const message = context.store.messages.setEncryption(row.messageId, encryption);
  if (message) after(() => context.events.message(message));
}

/**
 * The final stanza for all devices that can be encrypted for; null: for none of the contact's. Inside a transaction.
 * Devices that read only the legacy format get the text and nothing else, each device one form of it
 * (docs/decisions/0014).
 */
export function encryptContent(
  context: MessagingContext,
  directory: KeyDirectory,
  row: OutboxRecord,
  contact: ContactRecord,
  pair: AddressPair,
  content: Element[],
  after: AfterCommit,
): { readonly stanza: string; readonly targets: readonly Omit<OutboxTarget, 'outboxId'>[] } | null {
  const devices = contactDevices(context, contact);
  // An answer to an introduction has one already.
  if (!contact.xidShared && contact.subscription !== 'pending-in' && !content.some(isIntroduction)) {
    content.push(introductionElement(context, contact, pair.to));
  }
  const plaintext = writeEnvelope({ content, from: pair.from, to: pair.to, time: row.createdAt }, context.random);
  const own = ownOtherDevices(context);
  const all = [...devices, ...own];
  const speaking = (wire: WireFormat): DeviceRecord[] => all.filter((device) => device.wire === wire);
  const sealed = encryptFor(context, directory, speaking('omemo2'), plaintext);
  const body = row.kind === 'text' ? legacyBodyOf(content) : null;
  const legacy = body ? encryptFor(context, directory, speaking('omemo-legacy'), body, 'omemo-legacy') : null;
  const targets = [...sealed.targets, ...(legacy?.targets ?? [])];
  // What no device of theirs could read is still for our own others (what was read), or for nobody.
  const awaitsContact = row.kind === 'text' || devices.some((device) => device.wire === 'omemo2');
  if (awaitsContact && !targets.some((target) => target.owner !== 'self')) return null;
  if (row.kind === 'text') {
    tellWhoIsLeftOut(context, contact, devices, targets, after);
    // What a device may ask for again, should it not be able to read this.
    context.store.messages.addSealedFor(row.messageId, sealed.devicesOf(contact.id));
  }
  noteSealed(context, row.messageId);
  const stanza = writeSealed(selfOf(context).deviceId, row.messageId, pair, contact.id, sealed, legacy);
  if (row.kind !== 'text' && olderClientsSee(context, contact)) withoutHint(stanza);
  const hasReceipts = sealed.targets.some((target) => target.owner !== 'self');
  if (legacy && !hasReceipts && clearSignalsAllowed(context, contact)) addClearRequests(stanza);
  return { stanza: stanza.toString(), targets };
}

/** Whatever leaves under our device id is known by its id: what is not known was sent by another copy of this profile. */
export function noteSealed(context: MessagingContext, id: MessageId): void {
  context.store.seen.add(selfOf(context).identityKey, id, context.now());
}

/** Plain text, only to an account that announces no OMEMO at all, and only if the person agreed to it. */
function sealPlain(
  context: MessagingContext,
  directory: KeyDirectory,
  row: OutboxRecord,
  contact: ContactRecord,
  pair: AddressPair,
  content: readonly Element[],
  after: AfterCommit,
): Sealed {
  const conversation = context.store.conversations.byContact(contact.id);
  if (row.kind !== 'text' || pair.to !== contact.jid) return 'waiting';
  if (!conversation?.plainAllowed || !directory.announcesNothing(contact.id)) return 'waiting';
  // Whoever has had encryption is never written to without it, whatever their account announces today.
  if (hasHadEncryption(context, contact)) return 'waiting';
  // Nor does what was written under the promise of encryption leave without it.
  const promised = context.store.messages.get(row.messageId)?.encryption;
  if (promised !== 'none' && promised !== 'pending') return 'waiting';
  // Our own element says nothing to a client without encryption.
  const allowed = clearSignalsAllowed(context, contact);
  const visible = content.filter(
    (element) => element.getNS() !== 'urn:bothy:order:0' && (allowed || !isClearSignal(element)),
  );
  const stanza = xml('message', { type: 'chat', id: row.messageId, ...pair }, ...visible);
  context.store.outbox.setEncrypted(row.id, stanza.toString(), [
    { owner: contact.id, deviceId: plainDeviceId, state: 'waiting', route: null },
  ]);
  showEncryption(context, row, 'none', after);
  return 'sealed';
}
