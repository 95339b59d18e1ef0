/**
 * Taking what arrives. One transaction per stanza: duplicate check, then ratchet step + plaintext + duplicate key +
 * archive cursor + queued answers. The transport acknowledges only after that.
 */
import type { Element } from '@xmpp/xml';
import { type AppError, fail, ok, type Result } from '../../shared/errors.ts';
import type { MessageId } from '../../shared/model.ts';
import type { ContactRecord } from '../storage/records.ts';
import type { Arrival, IncomingStanza, Taking } from '../transports/transport.ts';
import { type AfterCommit, inTransaction, type MessagingContext, selfOf } from './context.ts';
import { conversationWith, latestOf } from './conversation-timeline.ts';
import { learnDevice, lettingIn, maxDevicesKnown, type Owner } from './device-records.ts';
import type { EnvelopeReader } from './envelope-content.ts';
import { encryptedIn, type IncomingEncrypted } from './incoming-encrypted.ts';
import type { KeyDirectory } from './key-directory.ts';
import type { MessageCipher } from './message-cipher.ts';
import { takePlainMessage } from './plain-messages.ts';
import { linkedDevices } from './recipients.ts';
import { type Sender, senderOf } from './sender.ts';
import type { SessionCare } from './session-care.ts';
import { showUndecryptable, type WhatNext } from './undecryptable-line.ts';
import { uniqueId } from './wire-id.ts';

const maxIdLength = 256;
/** What is kept of somebody who asks to be a contact, until they are answered. */
const maxFromStranger = 50;
const maxDevicesOfStranger = 10;
/** Messages of which their sender was told that they cannot be read here; more need not be remembered. */
const maxAwaited = 200;
/** Milliseconds of work after which others get a turn: thousands of archived messages come in without a pause. */
const slice = 8;
/** So many archived messages share a transaction at least: on a slow computer, too, the disk is waited for seldom. */
const fewestAtOnce = 10;
type Decrypted = Extract<ReturnType<MessageCipher['decrypt']>, { ok: true }>['value'];

export class Inbox {
  readonly #context: MessagingContext;
  readonly #directory: KeyDirectory;
  readonly #care: SessionCare;
  readonly #reader: EnvelopeReader;
  /** Encrypted again on our word, they will come once more; only then is it worth showing that they did not decrypt. */
  readonly #awaited = new Set<string>();
  #sliceBegan = 0;

  constructor(context: MessagingContext, directory: KeyDirectory, care: SessionCare, reader: EnvelopeReader) {
    this.#context = context;
    this.#directory = directory;
    this.#care = care;
    this.#reader = reader;
    reader.onHealing = (asker, content, after) => care.takeContent(asker, content, after);
  }

  /** Set by whoever watches over this profile: something this very device sent comes back. Inside its transaction. */
  onOwnStanza: (id: MessageId, after: AfterCommit) => void = () => {};

  /** Resolves when the stanza is durably dealt with. */
  async take({ stanza, arrival }: IncomingStanza): Promise<Taking> {
    await this.#turn();
    if (!this.#isMessage({ stanza, arrival })) return 'taken';
    this.#context.crashPoint('inbox.received');
    const taking = inTransaction(this.#context, (after) => this.#takeInside({ stanza, arrival }, after));
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
      from = inTransaction(this.#context, (after) => this.#takeSome(messages, from, after));
      this.#context.crashPoint('inbox.committed');
    }
  }

  /** Takes what one turn allows; the index of the next. */
  #takeSome(messages: readonly IncomingStanza[], from: number, after: AfterCommit): number {
    let next = from;
    for (const message of messages.slice(from)) {
      this.#takeInside(message, after);
      next += 1;
      if (next - from >= fewestAtOnce && performance.now() - this.#sliceBegan > slice) break;
    }
    return next;
  }

  #takeInside({ stanza, arrival }: IncomingStanza, after: AfterCommit): Taking {
    const taking = this.#takeMessage(stanza, arrival, after);
    // The transport gives an archive id only where everything before it was taken.
    if (arrival.archiveId !== null) this.#context.store.accounts.putArchiveCursor(arrival.archiveId);
    this.#context.crashPoint('inbox.before-commit');
    return taking;
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
      this.#undecryptable(stanza, arrival, sender, 0, null, encrypted.error, 'person', after);
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
    const id = messageIdOf(stanza, encrypted);
    if (encrypted.keys.length === 0) {
      const error = fail('encryption.not-for-us', 'A message was not encrypted for this device.').error;
      return encrypted.payload ? this.#unreadable(stanza, arrival, sender, encrypted, id, error, after) : 'taken';
    }
    const outcome = this.#decryptAny(sender.owner, arrival, encrypted, id, after);
    if (outcome === 'duplicate') {
      if (arrival.kind === 'live' && sender.contact) this.#reader.acknowledgeAgain(sender.contact, id, arrival, after);
      return 'taken';
    }
    if (outcome.ok) return this.#decrypted(stanza, arrival, sender, encrypted, id, outcome.value, after);
    // Decrypted before under another id (a replay): nothing to say (XEP-0384 §6). But never claimed to be read, either:
    // it may be somebody honest whose ratchet went back.
    if (outcome.error.code === 'encryption.replayed') {
      if (arrival.route === 'server') this.#askWhetherRolledBack(stanza, sender, encrypted, after);
      return 'unreadable';
    }
    return this.#unreadable(stanza, arrival, sender, encrypted, id, outcome.error, after);
  }

  /**
   * It did not decrypt. A direct link tells its sender so, who encrypts it again once: it is shown when that did not
   * help either. The server's acknowledgement cannot tell, so what came through it is shown at once, and asked for.
   */
  #unreadable(
    stanza: Element,
    arrival: Arrival,
    sender: Sender,
    encrypted: IncomingEncrypted,
    id: MessageId,
    error: AppError,
    after: AfterCommit,
  ): Taking {
    const { sid, wire } = encrypted;
    const name = `${sender.owner}/${sid}/${id}`;
    const mayHelp = error.code !== 'encryption.mismatch';
    const toldToSender = mayHelp && arrival.route === 'direct' && !this.#awaited.has(name);
    let lost: MessageId | null = null;
    if (toldToSender) {
      this.#context.log('info', 'unreadable', { code: error.code });
      if (this.#awaited.size < maxAwaited) after(() => this.#awaited.add(name));
    } else {
      after(() => this.#awaited.delete(name));
      const next = this.#whatNext(stanza, sender, encrypted, error);
      const shown = this.#undecryptable(stanza, arrival, sender, sid, id, error, next, after);
      if (shown && (next === 'asked' || next === 'perhaps')) lost = id;
    }
    if (sender.owner !== 'self' && error.code !== 'encryption.not-for-us') {
      this.#care.broken({ contactId: sender.owner, deviceId: sid, wire }, lost, after);
    }
    return mayHelp ? 'unreadable' : 'refused';
  }

  /** Who is asked, and whether they will understand. */
  #whatNext(stanza: Element, sender: Sender, { sid, wire }: IncomingEncrypted, error: AppError): WhatNext {
    if (error.code === 'encryption.mismatch') return 'refused';
    if (error.code === 'encryption.not-for-us') return 'old';
    const { contact, owner } = sender;
    if (!contact || owner === 'self' || contact.subscription === 'pending-in') return 'person';
    const { store } = this.#context;
    const device = store.devices.get(owner, sid);
    if (wire !== 'omemo2' || !device || !lettingIn(this.#context)(device) || typeof stanza.attrs['id'] !== 'string')
      return 'person';
    if (linkedDevices(this.#context, contact).has(sid)) return 'asked';
    const conversation = store.conversations.byContact(contact.id);
    const { identityKey } = device;
    if (!conversation || !identityKey) return 'perhaps';
    return store.conversations.hasSeenOrder(conversation.id, identityKey, sid) ? 'asked' : 'perhaps';
  }

  /**
   * A key used before, under an id never seen: bytes that a server repeats, or a Bothy that an old copy was put back on.
   * Nothing is shown; a Bothy is asked for it in a new session, and one that never said it says so.
   */
  #askWhetherRolledBack(stanza: Element, sender: Sender, encrypted: IncomingEncrypted, after: AfterCommit): void {
    const { owner } = sender;
    const id: unknown = stanza.attrs['id'];
    const notReadable = fail('encryption.replayed', '').error;
    if (owner === 'self' || typeof id !== 'string' || id.length > maxIdLength) return;
    if (this.#whatNext(stanza, sender, encrypted, notReadable) !== 'asked') return;
    const { sid, wire } = encrypted;
    this.#care.broken({ contactId: owner, deviceId: sid, wire }, id as MessageId, after);
  }

  /** Tries each key that may be ours; the first that decrypts is it. */
  #decryptAny(
    owner: Owner,
    arrival: Arrival,
    encrypted: IncomingEncrypted,
    id: MessageId,
    after: AfterCommit,
  ): 'duplicate' | Result<Decrypted & { readonly identityKey: Uint8Array }> {
    let failure: AppError | null = null;
    for (const key of encrypted.keys) {
      const known =
        this.#context.store.devices.get(owner, encrypted.sid)?.identityKey ?? this.#metNearby(owner, encrypted.sid);
      const identityKey = this.#context.cipher.statedIdentity(key, encrypted.wire) ?? known;
      if (!identityKey) {
        failure ??= fail('encryption.no-session', 'A message came from a device this one has no session with.').error;
        continue;
      }
      // A direct link carries only what the device at its other end says itself.
      const linked = arrival.device;
      if (
        linked &&
        (linked.deviceId !== encrypted.sid ||
          !sameBytes(this.#context.cipher.canonicalIdentity(linked.identityKey), identityKey))
      ) {
        failure = fail('encryption.mismatch', 'A message claimed to come from another device.').error;
        continue;
      }
      if (this.#context.store.seen.has(identityKey, id)) return 'duplicate';
      const result = this.#context.cipher.decrypt({
        wire: encrypted.wire,
        senderDeviceId: encrypted.sid,
        senderIdentity: identityKey,
        key,
        payload: encrypted.payload,
        iv: encrypted.iv,
      });
      if (result.ok) {
        this.#context.crashPoint('inbox.decrypted');
        this.#context.store.seen.add(identityKey, id, this.#context.now());
        learnDevice(this.#context, after, owner, {
          deviceId: encrypted.sid,
          identityKey,
          wire: this.#wireToWriteIn(owner, encrypted),
          seenAt: arrival.delayedSince ?? this.#context.now(),
          ...(arrival.route === 'direct' ? this.#activeBySight(owner) : {}),
        });
        if (!known) this.#directory.identityKnown(owner, encrypted.sid, after);
        return ok({ ...result.value, identityKey });
      }
      failure = result.error;
    }
    return { ok: false, error: failure ?? fail('encryption.not-for-us', 'There was no key for this device.').error };
  }

  /**
   * Somebody met nearby may write from an account we know as another contact: the session belongs to the device, not to
   * the address. The introduction inside then makes one contact of the two.
   */
  #metNearby(owner: Owner, sid: number): Uint8Array | null {
    const { contacts, devices } = this.#context.store;
    if (owner === 'self' || contacts.get(owner)?.xid !== null) return null;
    for (const contact of contacts.list()) {
      const identityKey = contact.jid === null ? devices.get(contact.id, sid)?.identityKey : null;
      if (identityKey) return identityKey;
    }
    return null;
  }

  /** What a device we know is written to in is for its owner's lists to say. */
  #wireToWriteIn(owner: Owner, { sid, wire }: IncomingEncrypted): IncomingEncrypted['wire'] {
    if (wire === 'omemo2' && this.#directory.newerWorks(owner, sid)) return wire;
    return this.#context.store.devices.get(owner, sid)?.wire ?? wire;
  }

  /** A contact without an account has nowhere else to announce a device than in front of us. */
  #activeBySight(owner: Owner): { readonly active?: boolean } {
    const contact = owner === 'self' ? null : this.#context.store.contacts.get(owner);
    return contact?.jid === null ? { active: true } : {};
  }

  #decrypted(
    stanza: Element,
    arrival: Arrival,
    sender: Sender,
    { sid, wire }: IncomingEncrypted,
    id: MessageId,
    decrypted: Decrypted & { readonly identityKey: Uint8Array },
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
        this.#undecryptable(stanza, arrival, sender, sid, id, taken.error, next, after);
        taking = 'refused';
      }
    }
    if (sender.owner === 'self') return taking;
    const due = (decrypted.newSession && !answered) || decrypted.heartbeatDue;
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

  /** Shown as what it is, once, however often and by whichever route the same stanza comes. True: newly. */
  #undecryptable(
    stanza: Element,
    arrival: Arrival,
    sender: Sender,
    deviceId: number,
    id: MessageId | null,
    error: AppError,
    next: WhatNext,
    after: AfterCommit,
  ): boolean {
    this.#context.log('info', 'undecryptable', { code: error.code });
    const { contact } = sender;
    if (!contact || sender.owner === 'self') return false;
    const conversation = conversationWith(this.#context, contact.id);
    const last = this.#context.store.conversations.summary(conversation.id).lastMessage;
    // Many in a row (an archive from before this device existed) say no more than one.
    if (last?.kind === 'undecryptable' && error.code === 'encryption.not-for-us') return false;
    const said: unknown = stanza.attrs['id'];
    const stanzaId = typeof said === 'string' && said !== '' && said.length <= maxIdLength ? (said as MessageId) : null;
    const message = {
      id: id ?? stanzaId,
      deviceId,
      next,
      sentAt: arrival.delayedSince && latestOf(arrival.delayedSince),
    };
    return showUndecryptable(this.#context, contact, message, after) !== null;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** The stanza's id; where a client gives none, or one that comes again, what is the same each time the same bytes come. */
function messageIdOf(stanza: Element, encrypted: IncomingEncrypted): MessageId {
  const id: unknown = stanza.attrs['id'];
  const own = encrypted.keys[0]?.data ?? encrypted.payload ?? new Uint8Array();
  if (typeof id === 'string' && id !== '' && id.length <= maxIdLength) return uniqueId(id, own);
  return `bytes-${Buffer.from(own.slice(-24)).toString('hex')}` as MessageId;
}
