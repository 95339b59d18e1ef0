/**
 * Asking for a message again that could not be decrypted, inside the encryption, and answering it. Between Bothys; other
 * clients ignore the elements (docs/decisions/0060).
 */
import xml, { type Element } from '@xmpp/xml';
import type { DeviceId, MessageId } from '../../../shared/model.ts';
import type { ContactRecord, DeviceRecord } from '../../storage/records.ts';
import { type AfterCommit, type MessagingContext, selfOf } from '../context.ts';
import { addressPair } from '../devices/recipients.ts';
import { idsOf } from '../envelope/receipts.ts';
import { textContentAgain } from '../envelope/text-content.ts';
import { type DeviceMail, queueForDevice } from '../sending/device-mail.ts';
import { signsAgain } from './signs-again.ts';

const namespace = 'urn:bothy:resend:0';
/** Asked for, and answered, in one envelope. */
export const mostInOneEnvelope = 20;

/** What is said to this device, of one kind. Other devices of ours hear it too. */
function elementsFor(context: MessagingContext, content: readonly Element[], name: string): MessageId[] {
  const own = String(selfOf(context).deviceId);
  const ours = content.filter((element) => element.is(name, namespace) && element.attrs['device'] === own);
  return [...new Set(idsOf(ours))].slice(0, mostInOneEnvelope);
}

/** `device`: of the other side, whom it concerns. */
function elementFor(name: 'resend' | 'lost' | 'sign', device: DeviceId, id: MessageId): Element {
  return xml(name, { xmlns: namespace, device: String(device), id });
}

export function resendRequest(device: DeviceId, id: MessageId): Element {
  return elementFor('resend', device, id);
}

export function asksForResend(content: readonly Element[]): boolean {
  return content.some((element) => element.is('resend', namespace));
}

export interface ResendAnswer {
  /** The other side has it no longer, or never sent it to this device. */
  readonly lost: readonly MessageId[];
  /** It was a receipt or the like: nothing that anybody wrote. */
  readonly signs: readonly MessageId[];
}

export function resendAnswerIn(context: MessagingContext, content: readonly Element[]): ResendAnswer {
  return { lost: elementsFor(context, content, 'lost'), signs: elementsFor(context, content, 'sign') };
}

export interface Asker {
  readonly contact: ContactRecord;
  readonly deviceId: DeviceId;
  /** That the request was decrypted from, canonical. */
  readonly identityKey: Uint8Array;
}

/**
 * A device that is let in asks for messages it could not decrypt. It gets those that were encrypted for it, under the
 * very key it has now, each once more and no oftener: whoever takes a device id over, or was let in later, learns nothing.
 * Inside the transaction of the request.
 */
export function answerResends(
  context: MessagingContext,
  mail: DeviceMail,
  asker: Asker,
  content: readonly Element[],
  after: AfterCommit,
): void {
  const wanted = elementsFor(context, content, 'resend');
  const device = context.store.devices.get(asker.contact.id, asker.deviceId);
  if (wanted.length === 0 || !device || device.wire !== 'omemo2') return;
  if (!device.identityKey || !Buffer.from(device.identityKey).equals(asker.identityKey)) return;
  const answers: Element[] = [];
  const own = selfOf(context).identityKey;
  let signs = false;
  for (const id of wanted) {
    if (sendAgain(context, mail, asker, device, id, after)) continue;
    const isSign = !context.store.messages.get(id) && context.store.seen.has(own, id);
    signs ||= isSign;
    answers.push(elementFor(isSign ? 'sign' : 'lost', asker.deviceId, id));
  }
  if (signs) answers.push(...signsAgain(context, asker.contact));
  if (answers.length > 0) queueForDevice(context, mail, { contact: asker.contact, device, content: answers }, after);
}

function sendAgain(
  context: MessagingContext,
  mail: DeviceMail,
  { contact, deviceId, identityKey }: Asker,
  device: DeviceRecord,
  id: MessageId,
  after: AfterCommit,
): boolean {
  const { messages, conversations } = context.store;
  const message = messages.get(id);
  if (message?.direction !== 'out' || message.kind !== 'text' || !addressPair(context, contact)) return false;
  if (conversations.get(message.conversationId)?.contactId !== contact.id) return false;
  if (!messages.takeSealedFor(id, { deviceId, identityKey })) return false;
  const content = textContentAgain(context, message);
  const sent = queueForDevice(context, mail, { contact, device, content, id, time: message.sentAt }, after);
  if (sent) after(() => context.log('info', 'sent-again', {}));
  return sent;
}
