/** Saying something: a text with its row, its order and its queue entry in one transaction; markers beside it. */
import type { RouteChoice } from '../../../shared/bridge/contract.ts';
import { fail, ok, type Result } from '../../../shared/errors.ts';
import type { ContactId, ConversationId, Message, MessageId } from '../../../shared/model.ts';
import { type AfterCommit, inTransaction, type MessagingContext, selfOf } from '../context.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import { addressPair, conversationEncryption } from '../devices/recipients.ts';
import { introductionElement } from '../envelope/introductions.ts';
import { displayedMarker } from '../envelope/markers.ts';
import { cleanBody } from '../envelope/text-body.ts';
import { textContent } from '../envelope/text-content.ts';
import { wireId } from '../envelope/wire-id.ts';
import { insertMessage, ownDisplayTime } from '../timeline/conversation-timeline.ts';
import { tellDisplayedInClear } from './clear-signal-mail.ts';
import type { Outbox } from './outbox.ts';

export class Speaker {
  readonly #context: MessagingContext;
  readonly #outbox: Outbox;
  readonly #directory: KeyDirectory;

  constructor(context: MessagingContext, outbox: Outbox, directory: KeyDirectory) {
    this.#context = context;
    this.#outbox = outbox;
    this.#directory = directory;
  }

  /** Durable when it returns. The same id again says nothing new. */
  say(conversationId: ConversationId, id: MessageId, text: string, choice: RouteChoice): Result<Message> {
    const { store, now } = this.#context;
    const existing = store.messages.get(id);
    if (existing) return ok(existing);
    const conversation = store.conversations.get(conversationId);
    const contact = conversation ? store.contacts.get(conversation.contactId) : null;
    if (!conversation || !contact) return fail('conversation.unknown', 'This conversation does not exist any more.');
    const body = cleanBody(text);
    if (!body.ok) return body;
    const encryption = conversationEncryption(this.#context, contact, (owner) =>
      this.#directory.announcesNothing(owner),
    );
    if (encryption === 'none' && !conversation.plainAllowed) {
      return fail(
        'message.plain-not-allowed',
        `${contact.name} uses an app without encryption.`,
        'Allow messages without encryption for this conversation, or ask them to use another app.',
      );
    }
    const message = inTransaction(this.#context, (after) => {
      const newest = store.conversations.summary(conversationId).lastMessage;
      const at = now();
      const inserted = insertMessage(this.#context, after, {
        id,
        conversationId,
        direction: 'out',
        kind: 'text',
        body: body.value,
        sentAt: at,
        receivedAt: at,
        sortAt: ownDisplayTime(this.#context, conversationId),
        senderOwner: 'self',
        senderDeviceId: selfOf(this.#context).deviceId,
        encryption,
        route: null,
        state: 'queued',
        orderCounter: null,
      });
      if (!inserted) throw new Error('a message id was taken within its own transaction');
      const content = textContent(body.value, {
        counter: null,
        after: newest?.kind === 'text' ? wireId(newest.id) : null,
      });
      const { preference } = choice;
      this.#outbox.add({ messageId: id, contactId: contact.id, kind: 'text', content, preference, choice, at }, after);
      this.#context.crashPoint('send.before-commit');
      return inserted;
    });
    this.#context.crashPoint('send.committed');
    return ok(message);
  }

  /**
   * The person has read everything up to this message, which may be one of their own. `tell`: the others, and our own
   * other devices, learn of the newest of theirs that was not read before. Returns how many were not.
   */
  markRead(conversationId: ConversationId, upTo: MessageId, tell: boolean): number {
    const { contacts, conversations, messages } = this.#context.store;
    return inTransaction(this.#context, (after) => {
      const conversation = conversations.get(conversationId);
      const last = messages.get(upTo);
      if (!conversation || last?.conversationId !== conversationId) return 0;
      const isStranger = contacts.get(conversation.contactId)?.subscription === 'pending-in';
      const newest = conversations.newestUnreadEncrypted(conversationId, upTo);
      const read = conversations.markRead(conversationId, upTo);
      if (!tell || isStranger || read === 0) return read;
      if (newest !== null) this.#control(conversation.contactId, [displayedMarker(wireId(newest))], after);
      tellDisplayedInClear(this.#context, this.#outbox, conversation, last, after);
      return read;
    });
  }

  /** Tells a contact who knows us where we can be reached directly now. */
  tellAddresses(contactId: ContactId): void {
    const contact = this.#context.store.contacts.get(contactId);
    const pair = contact ? addressPair(this.#context, contact) : null;
    if (!contact || !pair) return;
    const introduction = introductionElement(this.#context, contact, pair.to);
    inTransaction(this.#context, (after) => this.#control(contactId, [introduction], after));
  }

  #control(contactId: ContactId, content: Parameters<Outbox['add']>[0]['content'], after: AfterCommit): void {
    const conversation = this.#context.store.conversations.byContact(contactId);
    this.#outbox.add(
      {
        messageId: crypto.randomUUID() as string as MessageId,
        contactId,
        kind: 'control',
        content,
        preference: conversation?.routePreference ?? 'automatic',
        choice: null,
      },
      after,
    );
  }
}
