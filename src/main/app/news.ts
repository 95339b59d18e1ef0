/** What whoever listens at the Bridge is told of an open profile, always whole current values. */
import type { ContactId, ConversationId, Message } from '../../shared/model.ts';
import type { Store } from '../storage/records.ts';
import type { EventHub } from './event-hub.ts';
import type { Ports } from './ports.ts';
import type { Views } from './views.ts';

export class News {
  readonly #store: Store;
  readonly #views: Views;
  readonly #hub: EventHub;
  readonly #notifier: Ports['notifier'];

  constructor(store: Store, views: Views, hub: EventHub, notifier: Ports['notifier']) {
    this.#store = store;
    this.#views = views;
    this.#hub = hub;
    this.#notifier = notifier;
  }

  conversation(id: ConversationId): void {
    this.#hub.emitSoon(`conversation ${id}`, () => {
      const record = this.#store.conversations.get(id);
      const conversation = record ? this.#views.conversation(record) : null;
      return conversation && { type: 'conversation', conversation };
    });
  }

  allConversations(): void {
    for (const { id } of this.#store.conversations.list()) this.conversation(id);
  }

  contact(id: ContactId): void {
    this.#hub.emitSoon(`contact ${id}`, () => {
      const contact = this.#views.contact(id);
      return contact && { type: 'contact', contact };
    });
  }

  ownDevices(): void {
    this.#hub.emitSoon('own-devices', () => ({ type: 'own-devices', devices: this.#views.ownDevices() }));
  }

  everything(): void {
    for (const { id } of this.#store.contacts.list()) this.contact(id);
    this.ownDevices();
    this.allConversations();
  }

  /** Which devices are written to depends on what is reachable. Many contacts are not looked at in one go. */
  async receivers(signal: AbortSignal): Promise<void> {
    for (const { id } of this.#store.contacts.list()) {
      this.contact(id);
      await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted) return;
    }
    this.ownDevices();
  }

  removed(contactId: ContactId, conversationId: ConversationId | null): void {
    this.#hub.emit({ type: 'contact-removed', contactId });
    if (conversationId) this.#hub.emit({ type: 'conversation-removed', conversationId });
  }

  messageRemoved({ id: messageId, conversationId }: Message): void {
    this.#hub.emit({ type: 'message-removed', conversationId, messageId });
    this.conversation(conversationId);
  }

  /** Somebody said something that nobody has seen yet. */
  arrived(message: Message): void {
    const record = this.#store.conversations.get(message.conversationId);
    const conversation = record ? this.#views.conversation(record) : null;
    if (conversation) this.#notifier.message(message, conversation, this.#store.settings.get().notifications);
  }
}
