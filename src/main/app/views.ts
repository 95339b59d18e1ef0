/** What the window sees, made of what the store keeps and what is true right now. */
import {
  type Contact,
  type ContactId,
  type Conversation,
  type Device,
  deviceRef,
  type Self,
} from '../../shared/model.ts';
import type { DeviceReach } from '../../shared/routing.ts';
import { type MessagingContext, selfOf } from '../messaging/context.ts';
import { ownLabel } from '../messaging/devices/device-labels.ts';
import type { KeyDirectory } from '../messaging/devices/key-directory.ts';
import { isStale } from '../messaging/devices/own-device-life.ts';
import { ownReceivingDevices, receivingDevices } from '../messaging/devices/receivers.ts';
import { contactReach, conversationEncryption, serverReaches } from '../messaging/devices/recipients.ts';
import { isRemoved } from '../messaging/devices/removed-devices.ts';
import { plainDeviceId } from '../messaging/sending/seal.ts';
import type { ContactRecord, ConversationRecord, DeviceRecord } from '../storage/records.ts';

export class Views {
  readonly #context: MessagingContext;
  readonly #directory: KeyDirectory;
  readonly #presence: (contact: ContactRecord) => Contact['presence'];

  constructor(
    context: MessagingContext,
    directory: KeyDirectory,
    presence: (contact: ContactRecord) => Contact['presence'],
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#presence = presence;
  }

  self(): Self {
    const self = selfOf(this.#context);
    return {
      name: self.name,
      xid: self.xid,
      deviceId: self.deviceId,
      fingerprint: this.#context.cipher.fingerprint(self.identityKey),
    };
  }

  /** `receiving`: what is written now is encrypted for these. */
  device(record: DeviceRecord, receiving: readonly DeviceRecord[]): Device {
    const { owner, deviceId, label, localName, wire, trust, active, lastSeenAt, identityKey } = record;
    return {
      ref: deviceRef(owner, deviceId),
      deviceId,
      label: localName === '' ? label : localName,
      fingerprint: identityKey ? this.#context.cipher.fingerprint(identityKey) : null,
      trust,
      active,
      lastSeenAt,
      isThisDevice: owner === 'self' && deviceId === selfOf(this.#context).deviceId,
      encryption: wire,
      receives: receiving.some((device) => device.deviceId === deviceId),
      stale: isStale(this.#context, record),
    };
  }

  ownDevices(): Device[] {
    const self = selfOf(this.#context);
    const { store } = this.#context;
    // One that was removed is gone, unless it is still, or again, on the account's list.
    const others = store.devices
      .of('self')
      .filter((device) => device.deviceId !== self.deviceId && (device.active || !isRemoved(store, device)));
    const own: DeviceRecord = {
      owner: 'self',
      deviceId: self.deviceId,
      wire: 'omemo2',
      label: ownLabel(store),
      localName: '',
      identityKey: self.identityKey,
      trust: 'verified',
      active: true,
      lastSeenAt: this.#context.now(),
    };
    const receiving = ownReceivingDevices(this.#context, this.#directory);
    return [own, ...others].map((device) => this.device(device, receiving));
  }

  contact(id: ContactId): Contact | null {
    const record = this.#context.store.contacts.get(id);
    return record ? this.contactOf(record) : null;
  }

  contactOf(record: ContactRecord): Contact {
    const { id, name, jid, xid, subscription, addedAt } = record;
    const receiving = receivingDevices(this.#context, this.#directory, record);
    const devices = this.#context.store.devices.of(id).map((device) => this.device(device, receiving));
    return { id, name, jid, xid, presence: this.#presence(record), subscription, devices, addedAt };
  }

  /** Null for a conversation with somebody who asks to be a contact and has no answer yet. */
  conversation(record: ConversationRecord): Conversation | null {
    const contact = this.#context.store.contacts.get(record.contactId);
    if (!contact || contact.subscription === 'pending-in') return null;
    const encryption = conversationEncryption(this.#context, contact, (id) => this.#directory.announcesNothing(id));
    const { unread, firstUnread, lastMessage } = this.#context.store.conversations.summary(record.id);
    return {
      id: record.id,
      contactId: contact.id,
      title: contact.name,
      routePreference: record.routePreference,
      encryption,
      plainAllowed: record.plainAllowed,
      clearSignalsAllowed: record.clearSignalsAllowed,
      unread,
      firstUnread,
      lastMessage,
      draft: record.draft,
      updatedAt: record.updatedAt,
      reach: encryption === 'none' ? this.#plainReach(contact, record) : contactReach(this.#context, contact),
    };
  }

  /** Without encryption there is one way and nobody in particular at its end. */
  #plainReach(contact: ContactRecord, record: ConversationRecord): DeviceReach[] {
    const server = record.plainAllowed && serverReaches(this.#context, contact.jid);
    return [{ ref: deviceRef(contact.id, plainDeviceId), direct: false, server }];
  }
}
