/** What is done about messages that did not decrypt: who is told, who is asked, and what the person sees. */
import type { Element } from '@xmpp/xml';
import { type AppError, fail } from '../../../shared/errors.ts';
import type { MessageId } from '../../../shared/model.ts';
import type { Arrival, Taking } from '../../transports/transport.ts';
import type { AfterCommit, MessagingContext } from '../context.ts';
import { lettingIn } from '../devices/device-records.ts';
import { linkedDevices, ownQueue } from '../devices/recipients.ts';
import { maxIdLength } from '../envelope/wire-id.ts';
import type { SessionCare } from '../repair/session-care.ts';
import { conversationWith, latestOf } from '../timeline/conversation-timeline.ts';
import { showUndecryptable, type WhatNext } from '../timeline/undecryptable-line.ts';
import type { IncomingEncrypted } from './incoming-encrypted.ts';
import type { Sender } from './sender.ts';

/** Messages of which their sender was told that they cannot be read here; more need not be remembered. */
const maxAwaited = 200;

export interface Arrived {
  readonly stanza: Element;
  readonly arrival: Arrival;
  readonly sender: Sender;
}

export class UnreadableArrivals {
  readonly #context: MessagingContext;
  readonly #care: SessionCare;
  /** Encrypted again on our word, they will come once more; only then is it worth showing that they did not decrypt. */
  readonly #awaited = new Set<string>();

  constructor(context: MessagingContext, care: SessionCare) {
    this.#context = context;
    this.#care = care;
  }

  /**
   * It did not decrypt. A direct link tells its sender so, who encrypts it again once: it is shown when that did not
   * help either. The server's acknowledgement cannot tell, so what came through it is shown at once, and asked for.
   */
  take(
    { stanza, arrival, sender }: Arrived,
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
      const shown = this.show({ stanza, arrival, sender }, sid, id, error, next, after);
      if (shown && (next === 'asked' || next === 'perhaps')) lost = id;
    }
    if (error.code !== 'encryption.not-for-us') {
      // Our own devices have no conversation to say it in, but the next copy should be readable.
      const contactId = sender.owner === 'self' ? ownQueue : sender.owner;
      this.#care.broken({ contactId, deviceId: sid, wire }, lost, after);
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
  askWhetherRolledBack({ stanza, sender }: Arrived, encrypted: IncomingEncrypted, after: AfterCommit): void {
    const { owner } = sender;
    const id: unknown = stanza.attrs['id'];
    const notReadable = fail('encryption.replayed', '').error;
    if (owner === 'self' || typeof id !== 'string' || id.length > maxIdLength) return;
    if (this.#whatNext(stanza, sender, encrypted, notReadable) !== 'asked') return;
    const { sid, wire } = encrypted;
    this.#care.broken({ contactId: owner, deviceId: sid, wire }, id as MessageId, after);
  }

  /** Shown as what it is, once, however often and by whichever route the same stanza comes. True: newly. */
  show(
    { stanza, arrival, sender }: Arrived,
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
