/**
 * Receipts and read markers that arrive in clear. They prove nothing: whoever carries the stanza could have written
 * them. So they count only where the person allowed them, only in the contact's own name, and only for messages that
 * nothing better is to be had for (docs/decisions/0080).
 */
import type { Element } from '@xmpp/xml';
import type { ContactId, Message, MessageId } from '../../../shared/model.ts';
import type { ContactRecord, ConversationRecord } from '../../storage/records.ts';
import type { Arrival } from '../../transports/transport.ts';
import { type AfterCommit, inTransaction, type MessagingContext } from '../context.ts';
import { displayedIn, isMarkable, receivedIn } from '../envelope/markers.ts';
import { asksForReceipt, receiptFor, receiptsIn } from '../envelope/receipts.ts';
import { maxIdLength } from '../envelope/wire-id.ts';
import { rememberMarkable, sendInClear } from '../sending/clear-signal-mail.ts';
import { clearSignalsAllowed } from '../sending/clear-signals.ts';
import type { Outbox } from '../sending/outbox.ts';
import { recordDelivery } from '../timeline/delivery-record.ts';

/** Each is a stanza of its own (one id fits in, XEP-0184 §5): after a long absence only the newest are worth that. */
const maxOwed = 50;

export class ClearSignalReader {
  readonly #context: MessagingContext;
  readonly #outbox: Outbox;
  /** Receipts due once the archive has been read. */
  readonly #owed = new Map<ContactId, MessageId[]>();

  constructor(context: MessagingContext, outbox: Outbox) {
    this.#context = context;
    this.#outbox = outbox;
  }

  /**
   * What stands in clear in a stanza of the contact's. `stored`: the text that came with it and was new. Inside the
   * transaction of the stanza.
   */
  take(contact: ContactRecord, stanza: Element, arrival: Arrival, stored: Message | null, after: AfterCommit): void {
    const { store } = this.#context;
    const conversation = store.conversations.byContact(contact.id);
    if (arrival.transport !== 'xmpp' || !conversation || !clearSignalsAllowed(this.#context, contact)) return;
    const type: unknown = stanza.attrs['type'];
    if (type !== undefined && type !== 'chat' && type !== 'normal') return;
    const elements = stanza.getChildElements();
    for (const id of [...receiptsIn(elements), ...receivedIn(elements)]) {
      if (!hasNothingBetter(store.messages.get(id), conversation)) continue;
      recordDelivery(this.#context, after, id, { type: 'device-acknowledged' });
    }
    for (const id of displayedIn(elements)) {
      if (!hasNothingBetter(store.messages.get(id), conversation)) continue;
      for (const read of store.messages.unreadOutgoingUpTo(id)) {
        if (hasNothingBetter(read, conversation)) recordDelivery(this.#context, after, read.id, { type: 'displayed' });
      }
    }
    const wireId: unknown = stanza.attrs['id'];
    if (!stored || typeof wireId !== 'string' || wireId === '' || wireId.length > maxIdLength) return;
    if (isMarkable(elements)) rememberMarkable(this.#context, stored, wireId);
    if (!asksForReceipt(elements)) return;
    const id = wireId as MessageId;
    if (this.#context.catchingUp()) after(() => this.#owe(contact.id, id));
    else sendInClear(this.#context, this.#outbox, contact, receiptFor(id), after);
  }

  #owe(contactId: ContactId, id: MessageId): void {
    this.#owed.set(contactId, [...(this.#owed.get(contactId) ?? []), id].slice(-maxOwed));
  }

  /** The archive has been read. */
  caughtUp(): void {
    const owed = [...this.#owed];
    this.#owed.clear();
    for (const [contactId, ids] of owed) {
      inTransaction(this.#context, (after) => {
        const contact = this.#context.store.contacts.get(contactId);
        if (!contact || !clearSignalsAllowed(this.#context, contact)) return;
        for (const id of ids) sendInClear(this.#context, this.#outbox, contact, receiptFor(id), after);
      });
    }
  }
}

/** A message of ours that went in the older OMEMO or in plain text: in the newer one its devices answer themselves. */
function hasNothingBetter(message: Message | null, conversation: ConversationRecord): boolean {
  if (message?.conversationId !== conversation.id || message.direction !== 'out') return false;
  return message.encryption === 'omemo-legacy' || message.encryption === 'none';
}
