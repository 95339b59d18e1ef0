/**
 * Turning queued content into the final stanza: first whatever must be asked of the network (device lists, bundles),
 * then, in one transaction, ratchet step + ciphertext + outbox row.
 */
import type { Element } from '@xmpp/xml';
import xml from '@xmpp/xml';
import type { ContactId, DeviceId, Encryption, MessageId } from '../../../shared/model.ts';
import type { EncryptedKey, WireFormat } from '../../e2ee/types.ts';
import type { ContactRecord, DeviceRecord, OutboxRecord, OutboxTarget, SealedFor } from '../../storage/records.ts';
import { parseElement } from '../../xml/parse-element.ts';
import type { AfterCommit, MessagingContext } from '../context.ts';
import { selfOf } from '../context.ts';
import type { Owner } from '../devices/device-records.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import {
  type AddressPair,
  addressPair,
  contactDevices,
  hasHadEncryption,
  linkedDevices,
  ownOtherDevices,
  ownQueue,
  partyOf,
  serverReaches,
  verifiedDevices,
  waitsForTrust,
} from '../devices/recipients.ts';
import { introductionElement } from '../envelope/introductions.ts';
import { sceNamespace, writeEnvelope } from '../envelope/sce-envelope.ts';
import { tellWhoIsLeftOut } from '../timeline/left-out.ts';
import { addClearRequests, clearSignalsAllowed, isClearSignal } from './clear-signals.ts';
import { drawNumber } from './order-number.ts';
import { withPatience } from './patience.ts';
import { legacyBodyOf, writeSealed } from './sealed-stanza.ts';

/** The device id that stands for "whoever reads the account", where there is no encryption. */
export const plainDeviceId: DeviceId = 0;

export type Sealed = 'sealed' | 'waiting';

/** SCE content as it waits in the outbox. */
export function contentXml(content: readonly Element[]): string {
  return xml('content', { xmlns: sceNamespace }, ...content).toString();
}

/** Asks the network for what encryption needs. Afterwards `seal` can be tried. */
export async function prepareToSeal(
  context: MessagingContext,
  directory: KeyDirectory,
  contactId: ContactId,
  mayAskServer: boolean,
): Promise<void> {
  const contact = partyOf(context, contactId);
  if (!contact) return;
  const server = mayAskServer && serverReaches(context, contact.jid);
  const someone = (): boolean =>
    contactDevices(context, contact).some((device) => canEncryptTo(context, directory, device));
  if (server && contact.jid && directory.listDoubtful(contact.id)) {
    await withPatience([{ answer: directory.fetchList(contact.id, contact.jid) }], someone);
  }
  const known = new Set(context.store.devices.of(contact.id).map((device) => device.deviceId));
  const asked: { readonly owner: Owner; readonly deviceId: DeviceId; readonly answer: Promise<unknown> }[] = [];
  const ask = (owner: Owner, record: ContactRecord | null, deviceId: DeviceId): void => {
    if (directory.bundles.recentlyFailed(owner, deviceId)) return;
    asked.push({ owner, deviceId, answer: directory.fetchBundle(owner, record, deviceId) });
  };
  const linked = contactId === ownQueue ? new Set<DeviceId>() : linkedDevices(context, contact);
  for (const deviceId of linked) if (!known.has(deviceId)) ask(contact.id, contact, deviceId);
  for (const device of contactId === ownQueue ? [] : contactDevices(context, contact)) {
    const reachable = linked.has(device.deviceId) || server;
    if (reachable && !canEncryptTo(context, directory, device)) ask(contact.id, contact, device.deviceId);
  }
  if (server) {
    for (const device of ownOtherDevices(context)) {
      if (!canEncryptTo(context, directory, device)) ask('self', null, device.deviceId);
    }
  }
  // One whose keys do not come, or come late, does not keep the others waiting.
  for (const { owner, deviceId } of await withPatience(asked, someone)) directory.bundles.isLate(owner, deviceId);
}

/** Nothing has to be asked first: sealing now reaches every device it should. */
export function readyToSeal(context: MessagingContext, directory: KeyDirectory, contact: ContactRecord): boolean {
  const server = serverReaches(context, contact.jid);
  if (server && directory.listDoubtful(contact.id)) return false;
  const devices = contactDevices(context, contact);
  const known = new Set(context.store.devices.of(contact.id).map((device) => device.deviceId));
  for (const id of linkedDevices(context, contact)) if (!known.has(id)) return false;
  const ready = (device: DeviceRecord): boolean => canEncryptTo(context, directory, device);
  if (devices.length === 0 || !devices.some(ready)) return false;
  const own = server ? ownOtherDevices(context) : [];
  return [...devices, ...own].every(
    (device) => ready(device) || directory.bundles.recentlyFailed(device.owner, device.deviceId),
  );
}

function canEncryptTo(context: MessagingContext, directory: KeyDirectory, device: DeviceRecord): boolean {
  if (device.identityKey && context.cipher.hasSession(device.identityKey, device.deviceId, device.wire)) return true;
  return directory.bundles.cached(device.owner, device.deviceId, device.wire) !== null;
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
  if (!contact.xidShared && contact.subscription !== 'pending-in') {
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
  const hasReceipts = sealed.targets.some((target) => target.owner !== 'self');
  if (legacy && !hasReceipts && clearSignalsAllowed(context, contact)) addClearRequests(stanza);
  return { stanza: stanza.toString(), targets };
}

/** Whatever leaves under our device id is known by its id: what is not known was sent by another copy of this profile. */
export function noteSealed(context: MessagingContext, id: MessageId): void {
  context.store.seen.add(selfOf(context).identityKey, id, context.now());
}

export interface SealedKeys {
  readonly payload: Uint8Array | null;
  readonly iv: Uint8Array | null;
  readonly targets: Omit<OutboxTarget, 'outboxId'>[];
  keysOf(owner: Owner): EncryptedKey[];
  devicesOf(owner: Owner): SealedFor[];
}

/** Inside a transaction: steps the ratchets. Devices without session and bundle are left out. */
export function encryptFor(
  context: MessagingContext,
  directory: KeyDirectory,
  devices: readonly DeviceRecord[],
  plaintext: Uint8Array | null,
  wire: WireFormat = 'omemo2',
): SealedKeys {
  const { cipher } = context;
  const usable = devices.flatMap((device) => {
    const bundle = directory.bundles.cached(device.owner, device.deviceId, wire);
    const offered = bundle && cipher.canonicalIdentity(bundle.identityKey);
    const identityKey = device.identityKey ?? offered;
    if (!identityKey) return [];
    // A bundle under another key is another device's; it was told in the conversation when it was fetched.
    const fits = offered && Buffer.from(offered).equals(identityKey) ? bundle : null;
    if (!fits && !cipher.hasSession(identityKey, device.deviceId, wire)) return [];
    return [{ owner: device.owner, deviceId: device.deviceId, identityKey, bundle: fits }];
  });
  const output = context.cipher.encrypt(usable, plaintext, wire);
  const made = usable.flatMap((device, index) => {
    const key = output.keys[index];
    return key ? [{ ...device, key }] : [];
  });
  return {
    payload: output.payload,
    iv: output.iv,
    targets: made.map(({ owner, deviceId }) => ({ owner, deviceId, state: 'waiting', route: null })),
    keysOf: (owner) => made.filter((device) => device.owner === owner).map((device) => device.key),
    devicesOf: (owner) => made.filter((device) => device.owner === owner),
  };
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
