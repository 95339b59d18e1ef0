/**
 * Taking what arrives. One transaction per stanza: duplicate check, then ratchet step + plaintext + duplicate key +
 * archive cursor + queued answers. The transport acknowledges only after that.
 */
import type { Element } from '@xmpp/xml';
import { traceOf } from '../../../shared/error-trace.ts';
import { fail } from '../../../shared/errors.ts';
import type { MessageId } from '../../../shared/model.ts';
import type { ContactRecord } from '../../storage/records.ts';
import type { Arrival, IncomingStanza, Taking } from '../../transports/transport.ts';
import { type AfterCommit, inTransaction, type MessagingContext, selfOf } from '../context.ts';
import { maxDevicesKnown, type Owner } from '../devices/device-records.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import { ownQueue } from '../devices/recipients.ts';
import { maxIdLength, uniqueId } from '../envelope/wire-id.ts';
import type { SessionCare } from '../repair/session-care.ts';
import { type DecryptedArrival, decryptFor } from './decrypt-arrival.ts';
import type { EnvelopeReader } from './envelope-content.ts';
import { encryptedIn, type IncomingEncrypted } from './incoming-encrypted.ts';
import { takePlainMessage } from './plain-messages.ts';
import { notePrekeysTaken } from './prekeys-taken.ts';
import { type Sender, senderOf } from './sender.ts';
import { UnreadableArrivals } from './unreadable-arrivals.ts';

/** What is kept of somebody who asks to be a contact, until they are answered. */
const maxFromStranger = 50;
const maxDevicesOfStranger = 10;
/** Milliseconds of work after which others get a turn: thousands of archived messages come in without a pause. */
const slice = 8;
/** So many archived messages share a transaction at least: on a slow computer, too, the disk is waited for seldom. */
const fewestAtOnce = 5;

export class Inbox {
  readonly #context: MessagingContext;
  readonly #directory: KeyDirectory;
  readonly #care: SessionCare;
  readonly #reader: EnvelopeReader;
  readonly #unreadable: UnreadableArrivals;
  #sliceBegan = 0;

  constructor(context: MessagingContext, directory: KeyDirectory, care: SessionCare, reader: EnvelopeReader) {
    this.#context = context;
    this.#directory = directory;
    this.#care = care;
    this.#reader = reader;
    this.#unreadable = new UnreadableArrivals(context, care);
    reader.onHealing = (asker, content, after) => care.takeContent(asker, content, after);
  }

  /** Set by whoever watches over this profile: something this very device sent comes back. Inside its transaction. */
  onOwnStanza: (id: MessageId, after: AfterCommit) => void = () => {};

  /** Resolves when the stanza is durably dealt with. */
  async take({ stanza, arrival }: IncomingStanza): Promise<Taking> {
    await this.#turn();
    if (!this.#isMessage({ stanza, arrival })) return 'taken';
    this.#context.crashPoint('inbox.received');
    const taking = this.#takeAlone({ stanza, arrival });
    this.#context.crashPoint('inbox.committed');
    return taking;
  }

  /**
   * A page of an archive: as many in one transaction as fit into one turn, since what a commit costs is the same for one
   * and for twenty. Resolves when all are durably dealt with; rejects at the first that could not be.
   */
  async takeAll(incoming: readonly IncomingStanza[]): Promise<void> {
    const messages = incoming.filter((one) => this.#isMessage(one));
    for (let from = 0; from < messages.length; ) {
      await this.#turn();
      this.#context.crashPoint('inbox.received');
      from = this.#takeSome(messages, from);
      this.#context.crashPoint('inbox.committed');
    }
  }

  /** Takes what one turn allows; the index of the next. */
  #takeSome(messages: readonly IncomingStanza[], from: number): number {
    let next = from;
    try {
      inTransaction(this.#context, (after) => {
        for (const message of messages.slice(from)) {
          this.#takeInside(message, after);
          next += 1;
          if (next - from >= fewestAtOnce && performance.now() - this.#sliceBegan > slice) break;
        }
      });
    } catch (error) {
      if (this.#context.store.isFault(error) || next >= messages.length) throw error;
      // What came before it was taken back with it.
      for (const message of messages.slice(from, next + 1)) this.#takeAlone(message);
      next += 1;
    }
    return next;
  }

  #takeAlone(incoming: IncomingStanza): Taking {
    try {
      return inTransaction(this.#context, (after) => this.#takeInside(incoming, after));
    } catch (error) {
      if (this.#context.store.isFault(error)) throw error;
      this.#context.log('error', 'message-broke', { reason: traceOf(error) });
      return this.#setAside(incoming);
    }
  }

  /**
   * A message that our own code breaks on would come again for ever and keep all that follow it from being read: it has a
   * line in its place, and they go on.
   */
  #setAside({ stanza, arrival }: IncomingStanza): Taking {
    try {
      inTransaction(this.#context, (after) => {
        const sender = senderOf(this.#context, stanza, arrival);
        const error = fail('internal', 'A message could not be taken.').error;
        const isSaid = stanza.getChild('encrypted') !== undefined || stanza.getChild('body') !== undefined;
        if (sender && isSaid) {
          const id: unknown = stanza.attrs['id'];
          const known = typeof id === 'string' && id !== '' && id.length <= maxIdLength ? (id as MessageId) : null;
          this.#unreadable.show({ stanza, arrival, sender }, 0, known, error, 'person', after);
        }
        this.#moveOn(arrival);
      });
    } catch (error) {
      if (this.#context.store.isFault(error)) throw error;
      inTransaction(this.#context, () => this.#moveOn(arrival));
    }
    return 'refused';
  }

  #takeInside({ stanza, arrival }: IncomingStanza, after: AfterCommit): Taking {
    const taking = this.#takeMessage(stanza, arrival, after);
    this.#moveOn(arrival);
    this.#context.crashPoint('inbox.before-commit');
    return taking;
  }

  /** The transport gives an archive id only where everything before it was taken. */
  #moveOn({ archiveId }: Arrival): void {
    if (archiveId !== null) this.#context.store.accounts.putArchiveCursor(archiveId);
  }

  /** Others get a turn when the present one has lasted long enough. */
  async #turn(): Promise<void> {
    if (performance.now() - this.#sliceBegan <= slice) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#sliceBegan = performance.now();
  }

  #isMessage({ stanza, arrival }: IncomingStanza): boolean {
    if (stanza.getName() !== 'message' || stanza.attrs['type'] === 'error') return false;
    return !this.#directory.handleEvent(stanza, arrival);
  }

  #takeMessage(stanza: Element, arrival: Arrival, after: AfterCommit): Taking {
    const encrypted = encryptedIn(this.#context, stanza, arrival);
    const sender = senderOf(this.#context, stanza, arrival);
    if (!sender) return 'refused';
    if (sender.contact?.subscription === 'pending-in' && this.#saidEnough(sender.contact)) return 'taken';
    if (!encrypted) {
      const stored = takePlainMessage(this.#context, stanza, arrival, sender, after);
      if (sender.contact && sender.owner !== 'self') {
        this.#reader.clear.take(sender.contact, stanza, arrival, stored, after);
      }
      return arrival.transport === 'libp2p' ? 'refused' : 'taken';
    }
    if (!encrypted.ok) {
      this.#unreadable.show({ stanza, arrival, sender }, 0, null, encrypted.error, 'person', after);
      return 'refused';
    }
    return this.#takeEncrypted(stanza, arrival, sender, encrypted.value, after);
  }

  /** Somebody who asks to be a contact is heard, but does not fill the disk. */
  #saidEnough(contact: ContactRecord): boolean {
    const conversation = this.#context.store.conversations.byContact(contact.id);
    if (!conversation) return false;
    const { messages } = this.#context.store.messages.page(conversation.id, { limit: maxFromStranger });
    return messages.length >= maxFromStranger;
  }

  /** Another device, of somebody who has as many as are remembered: nothing more is kept for its owner. */
  #isTooMany(owner: Owner, deviceId: number): boolean {
    const { contacts, devices } = this.#context.store;
    if (devices.get(owner, deviceId)) return false;
    const stranger = owner !== 'self' && contacts.get(owner)?.subscription === 'pending-in';
    return devices.of(owner).length >= (stranger ? maxDevicesOfStranger : maxDevicesKnown);
  }

  #takeEncrypted(
    stanza: Element,
    arrival: Arrival,
    sender: Sender,
    encrypted: IncomingEncrypted,
    after: AfterCommit,
  ): Taking {
    const self = selfOf(this.#context);
    if (sender.owner === 'self' && encrypted.sid === self.deviceId) {
      const id: unknown = stanza.attrs['id'];
      if (typeof id === 'string' && id.length <= maxIdLength) this.onOwnStanza(id as MessageId, after);
      return 'taken';
    }
    // It would only spend our prekeys: nobody answers who asks to be a contact.
    if (sender.contact?.subscription === 'pending-in' && !encrypted.payload) return 'taken';
    if (this.#isTooMany(sender.owner, encrypted.sid)) return 'refused';
    notePrekeysTaken(this.#context, this.#directory, sender, encrypted);
    const id = messageIdOf(stanza, encrypted);
    if (encrypted.keys.length === 0) {
      const error = fail('encryption.not-for-us', 'A message was not encrypted for this device.').error;
      return encrypted.payload
        ? this.#unreadable.take({ stanza, arrival, sender }, encrypted, id, error, after)
        : 'taken';
    }
    const outcome = decryptFor(this.#context, this.#directory, { owner: sender.owner, arrival, encrypted, id }, after);
    if (outcome === 'duplicate') {
      if (arrival.kind === 'live' && sender.contact) this.#reader.acknowledgeAgain(sender.contact, id, arrival, after);
      return 'taken';
    }
    if (outcome.ok) return this.#decrypted(stanza, arrival, sender, encrypted, id, outcome.value, after);
    // Decrypted before under another id (a replay): nothing to say (XEP-0384 §6). But never claimed to be read, either:
    // it may be somebody honest whose ratchet went back.
    if (outcome.error.code === 'encryption.replayed') {
      if (arrival.route === 'server')
        this.#unreadable.askWhetherRolledBack({ stanza, arrival, sender }, encrypted, after);
      return 'unreadable';
    }
    return this.#unreadable.take({ stanza, arrival, sender }, encrypted, id, outcome.error, after);
  }

  #decrypted(
    stanza: Element,
    arrival: Arrival,
    sender: Sender,
    { sid, wire }: IncomingEncrypted,
    id: MessageId,
    decrypted: DecryptedArrival,
    after: AfterCommit,
  ): Taking {
    if (decrypted.bundleChanged) after(() => void this.#directory.announce());
    let answered = false;
    let taking: Taking = 'taken';
    if (decrypted.plaintext) {
      const taken = this.#reader.take(
        { id, stanza, arrival, sender, deviceId: sid, wire, identityKey: decrypted.identityKey },
        decrypted.plaintext,
        after,
      );
      if (taken.ok) answered = taken.value.answered;
      else {
        const next = taken.error.code === 'encryption.mismatch' ? 'refused' : 'person';
        this.#unreadable.show({ stanza, arrival, sender }, sid, id, taken.error, next, after);
        taking = 'refused';
      }
    }
    const due = (decrypted.newSession && !answered) || decrypted.heartbeatDue;
    if (sender.owner === 'self') {
      // A stanza of the older format would be taken for a note to ourselves.
      if (due && wire === 'omemo2') this.#care.answer({ contactId: ownQueue, deviceId: sid, wire }, after);
      return taking;
    }
    if (due) this.#care.answer({ contactId: sender.owner, deviceId: sid, wire }, after);
    this.#lookForDevice(sender.contact, sid, arrival, after);
    return taking;
  }

  /** XEP-0384 §6: a device that is not on the list makes us look at the list again. */
  #lookForDevice(contact: ContactRecord | null, sid: number, arrival: Arrival, after: AfterCommit): void {
    const jid = contact?.jid;
    if (!contact || !jid || arrival.route !== 'server' || contact.subscription === 'pending-in') return;
    if (this.#context.store.devices.get(contact.id, sid)?.active !== false) return;
    after(() => {
      this.#directory.fetchList(contact.id, jid).catch(() => this.#context.log('warn', 'list-not-fetched'));
    });
  }
}

/** The stanza's id; where a client gives none, or one that comes again, what is the same each time the same bytes come. */
function messageIdOf(stanza: Element, encrypted: IncomingEncrypted): MessageId {
  const id: unknown = stanza.attrs['id'];
  const own = encrypted.keys[0]?.data ?? encrypted.payload ?? new Uint8Array();
  if (typeof id === 'string' && id !== '' && id.length <= maxIdLength) return uniqueId(id, own);
  return `bytes-${Buffer.from(own.slice(-24)).toString('hex')}` as MessageId;
}
