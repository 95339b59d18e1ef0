/** Records for tests of the storage: valid, and different in every field that has a choice. */
import type {
  ContactRecord,
  ConversationRecord,
  DeviceRecord,
  NewMessage,
  OutboxRecord,
  SelfRecord,
} from '../../src/main/storage/records.ts';
import type { BareJid, ContactId, ConversationId, MessageId, Xid } from '../../src/shared/model.ts';

export const contactId = (name: string) => `contact-${name}` as ContactId;
export const conversationId = (name: string) => `conversation-${name}` as ConversationId;
export const messageId = (name: string | number) => `message-${name}` as MessageId;
export const jid = (name: string) => `${name}@example.org` as BareJid;
export const xid = (digit: string) => `00${digit.repeat(64)}@id.internal` as Xid;
export const bytes = (length: number, value: number) => new Uint8Array(length).fill(value);

export const self: SelfRecord = {
  name: 'Romeo',
  xidSeed: bytes(32, 1),
  xid: xid('a'),
  device: bytes(5_000, 2),
  deviceId: 2 ** 31 - 1,
  identityKey: bytes(32, 3),
};

export function contact(name: string, change: Partial<ContactRecord> = {}): ContactRecord {
  return {
    id: contactId(name),
    name,
    jid: jid(name),
    xid: null,
    subscription: 'both',
    xidShared: false,
    addedAt: 1_000,
    ...change,
  };
}

export function conversation(name: string, change: Partial<ConversationRecord> = {}): ConversationRecord {
  return {
    id: conversationId(name),
    contactId: contactId(name),
    routePreference: 'automatic',
    plainAllowed: false,
    clearSignalsAllowed: false,
    draft: '',
    updatedAt: 2_000,
    ...change,
  };
}

export function device(owner: ContactId | 'self', deviceId: number, change: Partial<DeviceRecord> = {}): DeviceRecord {
  return {
    owner,
    deviceId,
    wire: 'omemo2',
    label: '',
    localName: '',
    identityKey: bytes(32, deviceId % 256),
    trust: 'blind',
    active: true,
    lastSeenAt: null,
    ...change,
  };
}

/** An incoming text message to the conversation of `name`, in order of `number`. */
export function message(name: string, number: number, change: Partial<NewMessage> = {}): NewMessage {
  return {
    id: messageId(number),
    conversationId: conversationId(name),
    direction: 'in',
    kind: 'text',
    body: `Message ${number}`,
    sentAt: 10_000 + number,
    receivedAt: 20_000 + number,
    sortAt: 10_000 + number,
    senderOwner: contactId(name),
    senderDeviceId: 7,
    encryption: 'omemo2',
    route: 'direct',
    state: 'on-device',
    orderCounter: number,
    ...change,
  };
}

export function outgoing(name: string, number: number, change: Partial<NewMessage> = {}): NewMessage {
  return message(name, number, {
    direction: 'out',
    senderOwner: 'self',
    senderDeviceId: self.deviceId,
    route: null,
    state: 'queued',
    ...change,
  });
}

export function outboxRow(
  name: string,
  number: number,
  change: Partial<OutboxRecord> = {},
): Omit<OutboxRecord, 'id' | 'attempts'> {
  return {
    messageId: messageId(number),
    contactId: contactId(name),
    kind: 'text',
    stage: 'plaintext',
    stanza: `<content>${number}</content>`,
    preference: 'automatic',
    createdAt: 30_000 + number,
    ...change,
  };
}
