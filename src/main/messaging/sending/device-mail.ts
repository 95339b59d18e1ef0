/** Something that concerns one device alone, at once final: what keeps its session alive, and what heals it. */
import type { Element } from '@xmpp/xml';
import type { MessageId } from '../../../shared/model.ts';
import type { WireFormat } from '../../e2ee/types.ts';
import type { ContactRecord, DeviceRecord } from '../../storage/records.ts';
import { type AfterCommit, type MessagingContext, selfOf } from '../context.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import { addressPair, contactDevices, linkedDevices, olderClientsSee } from '../devices/recipients.ts';
import { withoutHint } from '../envelope/omemo-stanza.ts';
import { writeEnvelope } from '../envelope/sce-envelope.ts';
import { encryptFor } from './encrypt-for.ts';
import type { Outbox } from './outbox.ts';
import { noteSealed } from './seal.ts';
import { writeSealed } from './sealed-stanza.ts';

export interface DeviceMail {
  readonly directory: KeyDirectory;
  readonly outbox: Outbox;
}

export interface Mail {
  readonly contact: ContactRecord;
  readonly device: DeviceRecord;
  /** Null: an empty message (XEP-0384 §5.5.3), which only moves the session on. */
  readonly content: readonly Element[] | null;
  /** Of a message that was sent before; a new one, if it is not given. */
  readonly id?: MessageId;
  /** Inside the envelope; now, if it is not given. */
  readonly time?: number;
  /** The format of an empty message; what has content goes in the newer one. */
  readonly wire?: WireFormat;
}

/**
 * The server brings a stanza to every device of an account, and one with content that is not for them would be shown as
 * that. So they get it too, and see that it is not theirs to answer. A link brings it to the one device.
 */
function listeners(context: MessagingContext, contact: ContactRecord, device: DeviceRecord): DeviceRecord[] {
  if (linkedDevices(context, contact).has(device.deviceId)) return [];
  return contactDevices(context, contact).filter(
    (other) => other.wire === 'omemo2' && other.deviceId !== device.deviceId,
  );
}

/** Inside a transaction. False: there is no session and no bundle, or no way to address each other. */
export function queueForDevice(
  context: MessagingContext,
  { directory, outbox }: DeviceMail,
  { contact, device, content, id, time, wire = 'omemo2' }: Mail,
  after: AfterCommit,
): boolean {
  const pair = addressPair(context, contact);
  if (!pair || contact.subscription === 'pending-in') return false;
  const envelope = content && { content, from: pair.from, to: pair.to, time: time ?? context.now() };
  const plaintext = envelope && writeEnvelope(envelope, context.random);
  const devices = content && id === undefined ? [device, ...listeners(context, contact, device)] : [device];
  const sealed = encryptFor(context, directory, devices, plaintext, wire);
  if (!sealed.targets.some((target) => target.deviceId === device.deviceId)) return false;
  const messageId = crypto.randomUUID() as string as MessageId;
  noteSealed(context, id ?? messageId);
  const [current, legacy] = wire === 'omemo2' ? [sealed, null] : [null, sealed];
  const stanza = writeSealed(selfOf(context).deviceId, id ?? messageId, pair, contact.id, current, legacy);
  // What was sent before the other devices have, and in an empty message is nothing to have.
  if (id !== undefined || content === null || olderClientsSee(context, contact)) withoutHint(stanza);
  const preference = context.store.conversations.byContact(contact.id)?.routePreference ?? 'automatic';
  outbox.addSealed({ messageId, contactId: contact.id, preference }, stanza, sealed.targets, after);
  return true;
}
