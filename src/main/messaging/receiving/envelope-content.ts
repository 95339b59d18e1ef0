/** What a decrypted envelope does: text, receipts, markers, introductions, each handed to where it belongs. */
import type { Element } from '@xmpp/xml';
import { fail, ok, type Result } from '../../../shared/errors.ts';
import {
  type ContactId,
  type ConversationId,
  type DeviceId,
  deviceRef,
  type Message,
  type MessageId,
} from '../../../shared/model.ts';
import type { WireFormat } from '../../e2ee/types.ts';
import type { ContactRecord } from '../../storage/records.ts';
import type { Arrival } from '../../transports/transport.ts';
import { type AfterCommit, inTransaction, type MessagingContext } from '../context.ts';
import { lettingIn } from '../devices/device-records.ts';
import { addressPair, bareAddress, isAddressOf, isOwnAddress } from '../devices/recipients.ts';
import { lineBefore, lineInstead, shownText } from '../envelope/foreign-content.ts';
import { introductionElement, introductionIn } from '../envelope/introductions.ts';
import { displayedIn, receivedIn } from '../envelope/markers.ts';
import { type Order, orderIn } from '../envelope/order.ts';
import { asksForReceipt, receiptFor, receiptsIn } from '../envelope/receipts.ts';
import { type Envelope, readEnvelope } from '../envelope/sce-envelope.ts';
import { bodyElement, bodyIn } from '../envelope/text-body.ts';
import { freeId, wireId } from '../envelope/wire-id.ts';
import type { Asker } from '../repair/resend.ts';
import type { Outbox } from '../sending/outbox.ts';
import {
  conversationWith,
  displayTime,
  insertMessage,
  insertSystemMessage,
  latestOf,
} from '../timeline/conversation-timeline.ts';
import { recordDelivery } from '../timeline/delivery-record.ts';
import type { Gaps } from '../timeline/gaps.ts';
import { lineOf, putInPlaceOf } from '../timeline/undecryptable-line.ts';
import { takeTrustMessage } from '../trust/trust-receiving.ts';
import { ClearSignalReader } from './clear-signal-reader.ts';
import { takeIntroduction } from './meet-again.ts';
import { contactFor, type Sender } from './sender.ts';

const receiptsPerEnvelope = 100;

export interface Taken {
  readonly id: MessageId;
  readonly stanza: Element;
  readonly arrival: Arrival;
  readonly sender: Sender;
  readonly deviceId: DeviceId;
  readonly wire: WireFormat;
  readonly identityKey: Uint8Array;
}

export class EnvelopeReader {
  readonly #context: MessagingContext;
  readonly #outbox: Outbox;
  readonly #gaps: Gaps;
  /** Receipts due once the archive has been read: a few large ones instead of thousands. */
  readonly #owed = new Map<ContactId, MessageId[]>();
  /** Set by whoever keeps sessions alive: what a device that is let in says about messages that were lost. */
  onHealing: (asker: Asker, content: readonly Element[], after: AfterCommit) => void = () => {};
  /** What stands beside a message, or alone, without encryption. */
  readonly clear: ClearSignalReader;

  constructor(context: MessagingContext, outbox: Outbox, gaps: Gaps) {
    this.#context = context;
    this.#outbox = outbox;
    this.#gaps = gaps;
    this.clear = new ClearSignalReader(context, outbox);
  }

  /** Inside the transaction of the decryption. `answered`: something encrypted goes back to the device anyway. */
  take(taken: Taken, plaintext: Uint8Array, after: AfterCommit): Result<{ readonly answered: boolean }> {
    const envelope = taken.wire === 'omemo2' ? readEnvelope(plaintext) : legacyEnvelope(plaintext);
    if (!envelope.ok) return envelope;
    if (taken.sender.owner === 'self') return this.#takeOwn(taken, envelope.value, after);
    const contact = taken.sender.contact;
    if (!contact) return ok({ answered: false });
    if (!isMeantForUs(this.#context, contact, envelope.value)) {
      return fail('encryption.mismatch', 'A message was not written for this conversation.');
    }
    return ok({ answered: this.#takeFrom(contact, taken, envelope.value, after) });
  }

  #takeFrom(contact: ContactRecord, taken: Taken, envelope: Envelope, after: AfterCommit): boolean {
    const { content } = envelope;
    takeTrustMessage(this.#context, after, { owner: contact.id, ...taken }, contact, envelope);
    const letIn = lettingIn(this.#context)(this.#context.store.devices.get(contact.id, taken.deviceId));
    if (letIn) {
      for (const id of [...receiptsIn(content), ...receivedIn(content)]) {
        this.#outbox.outcomes.acknowledged(contact.id, taken.deviceId, id, after);
      }
      for (const id of displayedIn(content)) this.#displayed(contact, id, after);
    }
    const answers: Element[] = [];
    const reader = envelope.to ?? '';
    const introduction = letIn ? introductionIn(this.#context, content, taken.identityKey, reader) : null;
    let current = contact;
    if (introduction) {
      const met = takeIntroduction(this.#context, this.#outbox, contact, introduction, after);
      current = met.contact;
      const pair = addressPair(this.#context, current);
      if (met.answer && pair && current.subscription !== 'pending-in') {
        answers.push(introductionElement(this.#context, current, pair.to));
      }
    }
    if (letIn && taken.wire === 'omemo2') {
      const { deviceId, identityKey } = taken;
      this.onHealing({ contact: current, deviceId, identityKey }, content, after);
    }
    const body = bodyIn(content);
    let stored: Message | null = null;
    if (body !== null) {
      if (!letIn) this.#warn(current, taken, envelope, after);
      stored = this.#insertText(current, taken, envelope, body, 'in', after);
    } else if (letIn) {
      // The number of a text that was taken back before it left (discard.ts): nobody shall wait for it.
      this.#count(conversationWith(this.#context, current.id).id, current, taken, orderIn(content), after);
    }
    if (letIn && taken.wire === 'omemo-legacy') {
      this.clear.take(current, taken.stanza, taken.arrival, stored, after);
    }
    const wanted = asksForReceipt(content) && taken.arrival.route === 'server';
    if (wanted && current.subscription !== 'pending-in') {
      if (this.#context.catchingUp()) after(() => this.#owe(current.id, wireId(taken.id)));
      else answers.push(receiptFor(wireId(taken.id)));
    }
    if (answers.length > 0) this.#answer(current, answers, after);
    return answers.length > 0;
  }

  /** What another device of ours said: shown as ours. */
  #takeOwn(taken: Taken, envelope: Envelope, after: AfterCommit): Result<{ readonly answered: boolean }> {
    const { content, from, to } = envelope;
    const outer = taken.sender.contact;
    const contact = to === null ? outer : contactFor(this.#context, to);
    const honest = (from === null || isOwnAddress(this.#context, from)) && (!outer || outer.id === contact?.id);
    if (!honest) return fail('encryption.mismatch', 'A message was not written for this conversation.');
    takeTrustMessage(this.#context, after, { owner: 'self', ...taken }, null, envelope);
    if (!contact) return ok({ answered: false });
    // Only the server says that a device is ours: one the person has not let in never speaks as them.
    if (!lettingIn(this.#context)(this.#context.store.devices.get('self', taken.deviceId))) {
      return fail('encryption.mismatch', 'A device that is not trusted spoke in our name.');
    }
    for (const id of displayedIn(content)) {
      const conversation = this.#context.store.conversations.byContact(contact.id);
      const message = this.#context.store.messages.get(id);
      if (!conversation || message?.conversationId !== conversation.id) continue;
      this.#context.store.conversations.markRead(conversation.id, id);
      after(() => this.#context.events.conversation(conversation.id));
    }
    const body = bodyIn(content);
    if (body !== null) this.#insertText(contact, taken, envelope, body, 'out', after);
    return ok({ answered: false });
  }

  /** What a device says that the person has not let in is shown, but not without a word. Once for all it says in a row. */
  #warn(contact: ContactRecord, taken: Taken, envelope: Envelope, after: AfterCommit): void {
    const conversation = conversationWith(this.#context, contact.id);
    const { lastMessage } = this.#context.store.conversations.summary(conversation.id);
    const goesOn = lastMessage?.kind === 'text' && lastMessage.senderDevice === deviceRef(contact.id, taken.deviceId);
    if (goesOn) return;
    const what = `A device of ${contact.name} that you have not let in says:`;
    insertSystemMessage(this.#context, after, conversation.id, 'info', what, {
      owner: contact.id,
      deviceId: taken.deviceId,
      sentAt: envelope.time ?? taken.arrival.delayedSince ?? this.#context.now(),
    });
  }

  #insertText(
    contact: ContactRecord,
    taken: Taken,
    envelope: Envelope,
    body: string,
    direction: 'in' | 'out',
    after: AfterCommit,
  ): Message | null {
    const { now } = this.#context;
    const conversation = conversationWith(this.#context, contact.id);
    const order = orderIn(envelope.content);
    const receivedAt = now();
    const sentAt = envelope.time ?? taken.arrival.delayedSince ?? receivedAt;
    // What the older version cannot encrypt stands beside it.
    const said = taken.wire === 'omemo2' ? envelope.content : taken.stanza.getChildElements();
    const who = direction === 'out' ? 'You' : contact.name;
    const instead = lineInstead(said, who);
    const line = instead ?? lineBefore(said, who);
    if (line !== null) {
      const owner = direction === 'out' ? 'self' : contact.id;
      const about = { owner, deviceId: taken.deviceId, sentAt: envelope.time ?? latestOf(sentAt) } as const;
      insertSystemMessage(this.#context, after, conversation.id, 'info', line, about);
    }
    if (instead !== null) return null;
    const text = {
      conversationId: conversation.id,
      direction,
      kind: 'text',
      body: shownText(body),
      sentAt,
      receivedAt,
      senderOwner: direction === 'out' ? 'self' : contact.id,
      senderDeviceId: taken.deviceId,
      encryption: taken.wire,
      route: taken.arrival.route,
      state: direction === 'out' ? 'on-server' : 'on-device',
      orderCounter: order?.counter ?? null,
    } as const;
    const sortAt = displayTime({
      sentAt: envelope.time ?? latestOf(sentAt),
      receivedAt: Math.min(receivedAt, latestOf(taken.arrival.delayedSince ?? receivedAt)),
      seenAt: this.#seenAt(order, (message) => message.conversationId === conversation.id),
    });
    const placeholder = direction === 'in' ? lineOf(this.#context, contact.id, taken.id) : null;
    const message = placeholder
      ? putInPlaceOf(this.#context, placeholder, text, after)
      : insertMessage(this.#context, after, { id: freeId(this.#context, taken.id), sortAt, ...text });
    if (!message || direction === 'out') return message;
    this.#count(conversation.id, contact, taken, order, after);
    after(() => this.#context.events.arrived(message));
    return message;
  }

  #count(
    conversationId: ConversationId,
    { id: owner }: ContactRecord,
    { deviceId, identityKey }: Taken,
    order: Order | null,
    after: AfterCommit,
  ): void {
    if (order) this.#gaps.saw({ conversationId, owner, deviceId, identityKey, counter: order.counter }, after);
  }

  #seenAt(order: Order | null, isHere: (message: Message) => boolean): number | null {
    const seen = order?.after ? this.#context.store.messages.get(order.after) : null;
    return seen && isHere(seen) ? seen.sortAt : null;
  }

  #displayed(contact: ContactRecord, id: MessageId, after: AfterCommit): void {
    const message = this.#context.store.messages.get(id);
    const conversation = this.#context.store.conversations.byContact(contact.id);
    if (!message || message.conversationId !== conversation?.id || message.direction !== 'out') return;
    for (const read of this.#context.store.messages.unreadOutgoingUpTo(id)) {
      recordDelivery(this.#context, after, read.id, { type: 'displayed' });
    }
  }

  /** The same message again: its sender does not know yet that we have it. */
  acknowledgeAgain(contact: ContactRecord, id: MessageId, arrival: Arrival, after: AfterCommit): void {
    const message = this.#context.store.messages.get(id);
    if (arrival.route !== 'server' || message?.direction !== 'in' || contact.subscription === 'pending-in') return;
    this.#answer(contact, [receiptFor(wireId(id))], after);
  }

  #owe(contactId: ContactId, id: MessageId): void {
    const owed = this.#owed.get(contactId);
    if (owed) owed.push(id);
    else this.#owed.set(contactId, [id]);
  }

  /** The archive has been read: one envelope acknowledges many messages. */
  caughtUp(): void {
    this.clear.caughtUp();
    const owed = [...this.#owed];
    this.#owed.clear();
    for (const [contactId, ids] of owed) {
      const contact = this.#context.store.contacts.get(contactId);
      if (!contact) continue;
      inTransaction(this.#context, (after) => {
        for (let first = 0; first < ids.length; first += receiptsPerEnvelope) {
          this.#answer(contact, ids.slice(first, first + receiptsPerEnvelope).map(receiptFor), after);
        }
      });
    }
  }

  #answer(contact: ContactRecord, content: readonly Element[], after: AfterCommit): void {
    this.#outbox.add(
      {
        messageId: crypto.randomUUID() as string as MessageId,
        contactId: contact.id,
        kind: 'control',
        content,
        preference: conversationWith(this.#context, contact.id).routePreference,
        choice: null,
      },
      after,
    );
  }
}

/** Legacy OMEMO encrypts the text alone: who speaks with whom, and when, is what the stanza says. */
function legacyEnvelope(plaintext: Uint8Array): Result<Envelope> {
  const body = new TextDecoder().decode(plaintext);
  return ok({ content: [bodyElement(body)], from: null, to: null, time: null });
}

/** XEP-0420 §4: from and to inside must be the two ends of this conversation, whatever route carried it. */
function isMeantForUs(context: MessagingContext, contact: ContactRecord, envelope: Envelope): boolean {
  const { from, to } = envelope;
  if (from !== null && !isAddressOf(contact, from)) return false;
  return to === null || isOwnAddress(context, bareAddress(to));
}
