/**
 * Keeping sessions alive: the empty message that completes a key exchange or moves a ratchet on (XEP-0384 §6), and the
 * repair of a session that broke: visibly, and at most once per device per day (docs/decisions/0043).
 */
import type { ContactId, DeviceId, MessageId } from '../../shared/model.ts';
import type { WireFormat } from '../e2ee/types.ts';
import { type AfterCommit, inTransaction, type MessagingContext, selfOf } from './context.ts';
import { conversationWith, insertSystemMessage } from './conversation-timeline.ts';
import type { KeyDirectory } from './key-directory.ts';
import type { Outbox } from './outbox.ts';
import { addressPair, linkedDevices, serverReaches } from './recipients.ts';
import { encryptFor } from './seal.ts';
import { writeSealed } from './sealed-stanza.ts';

const day = 24 * 60 * 60 * 1000;
/** Sessions found broken while the archive was read that are looked after then; the others at their next message. */
const maxBroken = 500;

interface Device {
  readonly contactId: ContactId;
  readonly deviceId: DeviceId;
  /** Of the session it is about. */
  readonly wire: WireFormat;
}

export class SessionCare {
  readonly #context: MessagingContext;
  readonly #directory: KeyDirectory;
  readonly #outbox: Outbox;
  /** Due once the archive has been read: answering each archived key exchange would only make noise. */
  readonly #due = new Map<string, Device>();
  readonly #broken = new Map<string, Device>();

  constructor(context: MessagingContext, directory: KeyDirectory, outbox: Outbox) {
    this.#context = context;
    this.#directory = directory;
    this.#outbox = outbox;
  }

  /** Queues an empty message for the device. Inside the transaction that found it necessary. */
  answer(device: Device, after: AfterCommit): void {
    if (!this.#context.catchingUp()) {
      this.#queueEmpty(device, after);
      return;
    }
    after(() => this.#due.set(`${device.contactId}/${device.deviceId}`, device));
  }

  caughtUp(): void {
    const due = [...this.#due.values()];
    const broken = [...this.#broken.values()];
    this.#due.clear();
    this.#broken.clear();
    if (due.length + broken.length === 0) return;
    inTransaction(this.#context, (after) => {
      for (const device of due) this.#queueEmpty(device, after);
      for (const device of broken) this.broken(device, after);
    });
  }

  #queueEmpty({ contactId, deviceId, wire }: Device, after: AfterCommit): boolean {
    const contact = this.#context.store.contacts.get(contactId);
    const record = this.#context.store.devices.get(contactId, deviceId);
    const pair = contact ? addressPair(this.#context, contact) : null;
    if (!contact || !record || !pair || contact.subscription === 'pending-in') return false;
    const empty = encryptFor(this.#context, this.#directory, [record], null, wire);
    if (empty.targets.length === 0) return false;
    const messageId = crypto.randomUUID() as string as MessageId;
    const [current, legacy] = wire === 'omemo2' ? [empty, null] : [null, empty];
    const stanza = writeSealed(selfOf(this.#context).deviceId, messageId, pair, contactId, current, legacy);
    const preference = conversationWith(this.#context, contactId).routePreference;
    this.#outbox.addSealed({ messageId, contactId, preference }, stanza, empty.targets, after);
    return true;
  }

  /** A message of this device could not be decrypted. Inside its transaction. */
  broken(device: Device, after: AfterCommit): void {
    if (this.#context.catchingUp()) {
      if (this.#broken.size < maxBroken) {
        after(() => this.#broken.set(`${device.contactId}/${device.deviceId}`, device));
      }
      return;
    }
    const { contacts, devices } = this.#context.store;
    // Device ids are free: only one that was heard of before has a session that can break.
    if (contacts.get(device.contactId)?.subscription === 'pending-in') return;
    if (!devices.get(device.contactId, device.deviceId)) return;
    const name = `repaired/${device.contactId}/${device.deviceId}`;
    const last = Number(this.#context.store.settings.getValue(name) ?? 0);
    const now = this.#context.now();
    // Either way: a clock that was ahead must not forbid it for ever.
    if (Math.abs(now - last) < day) return;
    this.#context.store.settings.setValue(name, String(now));
    after(() => {
      this.#repair(device).catch(() => this.#context.log('warn', 'session-not-repaired'));
    });
  }

  async #repair(device: Device): Promise<void> {
    const contact = this.#context.store.contacts.get(device.contactId);
    if (!contact || contact.subscription === 'pending-in') return;
    const linked = linkedDevices(this.#context, contact).has(device.deviceId);
    if (!linked && !serverReaches(this.#context, contact.jid)) return;
    const bundle = await this.#directory.fetchBundle(contact.id, contact, device.deviceId, device.wire);
    if (!bundle.ok) return;
    inTransaction(this.#context, (after) => {
      this.#context.cipher.forgetSession(
        this.#context.cipher.canonicalIdentity(bundle.value.identityKey),
        device.deviceId,
        device.wire,
      );
      if (!this.#queueEmpty(device, after)) return;
      const conversation = conversationWith(this.#context, contact.id);
      const what = `The secure connection with a device of ${contact.name} was renewed.`;
      insertSystemMessage(this.#context, after, conversation.id, 'info', what, {
        owner: contact.id,
        deviceId: device.deviceId,
      });
    });
  }
}
