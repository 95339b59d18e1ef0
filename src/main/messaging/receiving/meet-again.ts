/** Taking an introduction: a contact's XID becomes known, and somebody known twice becomes one contact. */
import type { ContactId, ConversationId, Message, MessageId, Xid } from '../../../shared/model.ts';
import type { ContactRecord, DeviceRecord, OutboxRecord, OutboxTarget } from '../../storage/records.ts';
import { type AfterCommit, type MessagingContext, selfOf } from '../context.ts';
import type { Introduction } from '../envelope/introductions.ts';
import { textContentAgain } from '../envelope/text-content.ts';
import type { Outbox } from '../sending/outbox.ts';
import { contentXml } from '../sending/seal.ts';
import { conversationWith, insertSystemMessage } from '../timeline/conversation-timeline.ts';

export interface Met {
  readonly contact: ContactRecord;
  /** They do not know us yet: introduce ourselves back. */
  readonly answer: boolean;
}

/** XIDs remembered for one contact, the newest last. */
const mostXids = 10;

/**
 * True when the contact was never known by the next XID. Two computers of one person may each have an XID of their own
 * and introduce themselves in turn: that is news once, not each time.
 */
function rememberXids(context: MessagingContext, contact: ContactId, current: Xid, next: Xid): boolean {
  const name = `xids/${contact}`;
  const text = context.store.settings.getValue(name);
  const stored: unknown = text === null ? [] : JSON.parse(text);
  const known = new Set(Array.isArray(stored) ? stored.filter((xid) => typeof xid === 'string') : []);
  const isNews = !known.has(next);
  context.store.settings.setValue(name, JSON.stringify([...known.add(current).add(next)].slice(-mostXids)));
  return isNews;
}

/** Inside a transaction. The XID was proved before this is called. */
export function takeIntroduction(
  context: MessagingContext,
  outbox: Outbox,
  contact: ContactRecord,
  introduction: Introduction,
  after: AfterCommit,
): Met {
  const { contacts } = context.store;
  if (introduction.xid === selfOf(context).xid) return { contact, answer: false };
  const isNew = contact.xid !== introduction.xid;
  // Two people with two computers each would answer each other for ever, were an XID known before news again.
  const isNews = isNew && (contact.xid === null || rememberXids(context, contact.id, contact.xid, introduction.xid));
  if (isNews && contact.xid !== null) {
    const what = `${contact.name} has a new identity for direct connections, said by one of their devices.`;
    const conversation = conversationWith(context, contact.id);
    insertSystemMessage(context, after, conversation.id, 'info', what, { owner: contact.id, deviceId: 0 });
  }
  const other = isNew ? contacts.byAddress(introduction.xid) : null;
  if (other && other.id !== contact.id) mergeInto(context, outbox, contact, other, after);
  const named = contact.jid !== null && contact.name === localPart(contact.jid) && introduction.name !== '';
  const updated: ContactRecord = {
    ...contact,
    name: named ? introduction.name : contact.name,
    xid: introduction.xid,
    xidShared: contact.xidShared || introduction.knowsUs,
  };
  if (isNew || updated.xidShared !== contact.xidShared || named) {
    contacts.put(updated);
    after(() => context.events.contact(contact.id));
  }
  after(() => context.addresses.learn(contact.id, introduction.addresses));
  return { contact: updated, answer: isNews || !introduction.knowsUs };
}

function localPart(jid: string): string {
  return jid.slice(0, jid.indexOf('@'));
}

/** One person, two contacts: everything of `gone` moves to `kept` before it is removed. */
function mergeInto(
  context: MessagingContext,
  outbox: Outbox,
  kept: ContactRecord,
  gone: ContactRecord,
  after: AfterCommit,
): void {
  const { store } = context;
  const from = store.conversations.byContact(gone.id);
  const messages = from ? allMessages(context, from.id) : [];
  const queued = store.outbox.pending().filter((row) => row.contactId === gone.id);
  const rows = queued.map((row) => ({ row, targets: store.outbox.targets(row.id) }));
  const devices = store.devices.of(gone.id);
  const into = conversationWith(context, kept.id);
  const unread = [from?.id, into.id].flatMap((id) => (id ? (store.conversations.summary(id).firstUnread ?? []) : []));
  store.contacts.remove(gone.id);
  for (const message of messages) {
    const [owner, device] = (message.senderDevice ?? '/').split('/');
    store.messages.insert({
      ...message,
      conversationId: into.id,
      senderOwner: owner === 'self' ? 'self' : owner === '' ? null : kept.id,
      senderDeviceId: device ? Number(device) : null,
      orderCounter: null,
    });
    if (message.failure) store.messages.setDelivery(message.id, message.state, message.route, message.failure);
  }
  markReadBefore(context, into.id, unread);
  for (const device of devices) {
    const known = store.devices.get(kept.id, device.deviceId);
    if (!known) store.devices.put({ ...device, owner: kept.id });
    else if (isJudgedMore(device, known)) store.devices.put({ ...known, trust: device.trust });
  }
  for (const { row, targets } of rows) moveRow(context, row, targets, kept.id);
  after(() => {
    outbox.forget(gone.id);
    outbox.reload(kept.id);
    context.events.contactRemoved(gone.id, from?.id ?? null);
    context.events.conversation(into.id);
  });
}

/** The same device under the same key: what the person said of it holds, under whatever address they said it. */
function isJudgedMore(device: DeviceRecord, known: DeviceRecord): boolean {
  const weight = { blind: 0, undecided: 1, verified: 2, distrusted: 3 };
  if (!device.identityKey || !known.identityKey) return false;
  return Buffer.from(device.identityKey).equals(known.identityKey) && weight[device.trust] > weight[known.trust];
}

/** What was read stays read: inserting counted it as new. */
function markReadBefore(context: MessagingContext, id: ConversationId, unread: readonly MessageId[]): void {
  const { conversations, messages } = context.store;
  const [first] = unread
    .flatMap((messageId) => messages.get(messageId) ?? [])
    .sort((a, b) => a.sortAt - b.sortAt || a.sequence - b.sequence);
  const before = first ? { before: { sortAt: first.sortAt, sequence: first.sequence } } : {};
  const lastRead = messages.page(id, { ...before, limit: 1 }).messages[0];
  if (lastRead) conversations.markRead(id, lastRead.id);
}

function moveRow(
  context: MessagingContext,
  row: OutboxRecord,
  targets: readonly OutboxTarget[],
  contactId: ContactId,
): void {
  const { outbox, messages } = context.store;
  const text = row.kind === 'text' ? messages.get(row.messageId) : null;
  if (text && targets.every((target) => target.state === 'waiting')) {
    // Nobody has it yet: encrypted under the addresses of the one contact, it may go every way that leads there.
    outbox.add({ ...row, contactId, stage: 'plaintext', stanza: contentXml(textContentAgain(context, text)) });
    return;
  }
  const moved = outbox.add({ ...row, contactId, stage: 'plaintext' });
  if (row.stage !== 'encrypted') return;
  outbox.setEncrypted(
    moved.id,
    row.stanza,
    targets.map((target) => ({ ...target, owner: target.owner === 'self' ? 'self' : contactId })),
  );
}

function allMessages(context: MessagingContext, conversationId: Message['conversationId']): Message[] {
  const all: Message[] = [];
  for (;;) {
    const first = all[0];
    const page = context.store.messages.page(conversationId, {
      ...(first ? { before: { sortAt: first.sortAt, sequence: first.sequence } } : {}),
      limit: 200,
    });
    all.unshift(...page.messages);
    if (!page.hasOlder || page.messages.length === 0) return all;
  }
}
