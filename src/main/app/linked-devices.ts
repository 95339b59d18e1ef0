/** What is done about devices of contacts that have a direct link, and about contacts that have none any more. */
import type { ContactId, DeviceId } from '../../shared/model.ts';
import { inTransaction, type MessagingContext } from '../messaging/context.ts';
import { learnDevice } from '../messaging/devices/device-records.ts';
import type { KeyDirectory } from '../messaging/devices/key-directory.ts';
import type { ContactRecord } from '../storage/records.ts';

/** Addresses change with every rotation; contacts that wrote within this time are told. */
const recently = 24 * 60 * 60 * 1000;

export interface LinkedDevicesEvents {
  /** The keys of a device of theirs came. */
  readonly onKeys: (contactId: ContactId) => void;
  readonly tellAddresses: (contactId: ContactId) => void;
  /** Reached by the server now. */
  readonly isOnline: (contact: ContactRecord) => boolean;
}

export class LinkedDevices {
  readonly #context: MessagingContext;
  readonly #directory: KeyDirectory;
  readonly #events: LinkedDevicesEvents;
  /** Each is asked for its name once while it has a link. */
  readonly #linked = new Map<ContactId, readonly DeviceId[]>();

  constructor(context: MessagingContext, directory: KeyDirectory, events: LinkedDevicesEvents) {
    this.#context = context;
    this.#directory = directory;
    this.#events = events;
  }

  /** A device that just came near is asked for its keys, so that the next message finds them, and for its name. */
  reachChanged(contactId: ContactId): void {
    const contact = this.#context.store.contacts.get(contactId);
    const address = contact?.xid ?? contact?.jid;
    if (!contact || !address) return;
    const linked = this.#context.direct()?.reach(address).devices ?? [];
    const before = this.#linked.get(contactId) ?? [];
    this.#linked.set(contactId, linked);
    for (const deviceId of linked) {
      if (!before.includes(deviceId)) {
        this.#meet(contact, deviceId).catch(() => this.#context.log('warn', 'device-not-asked'));
      }
    }
  }

  async #meet(contact: ContactRecord, deviceId: DeviceId): Promise<void> {
    const { id } = contact;
    if (this.#context.store.devices.get(id, deviceId)?.identityKey) {
      // Whoever has a direct link proved this key for it.
      inTransaction(this.#context, (after) =>
        learnDevice(this.#context, after, id, { deviceId, seenAt: this.#context.now() }),
      );
    } else {
      await this.#directory.fetchBundle(id, contact, deviceId);
      this.#events.onKeys(id);
    }
    await this.#directory.fetchLinkedLabel(contact, deviceId);
  }

  /** Contacts who know us and whom the server reaches, but no direct link, learn where we are now. */
  tellAddresses(): void {
    const since = this.#context.now() - recently;
    for (const contact of this.#context.store.contacts.list()) {
      const conversation = this.#context.store.conversations.byContact(contact.id);
      if (!contact.xid || !contact.jid || !contact.xidShared || !conversation) continue;
      if (conversation.updatedAt < since || !this.#events.isOnline(contact)) continue;
      const direct = this.#context.direct()?.reach(contact.xid).reachable ?? false;
      if (!direct) this.#events.tellAddresses(contact.id);
    }
  }
}
