/** What devices, servers and the person say of what was queued: it is there, it came back, it cannot be read, try again. */
import { traceOf } from '../../../shared/error-trace.ts';
import { type AppError, appError } from '../../../shared/errors.ts';
import type { BareJid, ContactId, DeviceId, MessageId } from '../../../shared/model.ts';
import type { OutboxTarget } from '../../storage/records.ts';
import { type AfterCommit, inTransaction, type MessagingContext } from '../context.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import { owe } from '../devices/trust-news.ts';
import { recordDelivery } from '../timeline/delivery-record.ts';
import { isFinished, isForContact, mayHaveLeft, type OutboxEntry } from './outbox-entry.ts';
import type { OutboxQueues } from './outbox-queues.ts';
import { resealFor } from './reseal.ts';
import type { Transmitter } from './transmitter.ts';

/** How soon the same bytes are tried again while others are made. */
const sealAgain = 60_000;

export interface OutcomeEvents {
  readonly wake: (contactId: ContactId) => void;
  /** Whatever was being waited for, try now. */
  readonly kick: (contactId: ContactId) => void;
}

export class OutboxOutcomes {
  readonly #context: MessagingContext;
  readonly #directory: KeyDirectory;
  readonly #queues: OutboxQueues;
  readonly #transmitter: Transmitter;
  readonly #events: OutcomeEvents;

  constructor(
    context: MessagingContext,
    directory: KeyDirectory,
    queues: OutboxQueues,
    transmitter: Transmitter,
    events: OutcomeEvents,
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#queues = queues;
    this.#transmitter = transmitter;
    this.#events = events;
  }

  /** The device itself says that it has the message. Inside a transaction. */
  acknowledged(contactId: ContactId, deviceId: DeviceId, messageId: MessageId, after: AfterCommit): void {
    const message = this.#context.store.messages.get(messageId);
    const entry = this.#queues.find(contactId, messageId);
    if (message) {
      const conversation = this.#context.store.conversations.get(message.conversationId);
      if (conversation?.contactId !== contactId) return;
    }
    if (entry) {
      const target = entry.targets.find((candidate) => isForContact(candidate) && candidate.deviceId === deviceId);
      // It was not encrypted for that device: its word says nothing.
      if (!target) return;
      if (target.state !== 'done') {
        this.#transmitter.setTargets(entry, [{ ...target, state: 'done', route: target.route ?? 'server' }], after);
        if (isFinished(entry)) this.#context.store.outbox.remove(entry.row.id);
      }
    }
    recordDelivery(
      this.#context,
      after,
      messageId,
      { type: 'device-acknowledged' },
      entry ? { targets: entry.targets } : {},
    );
    after(() => this.#events.wake(contactId));
  }

  /** The server gave a stanza back in the name of `from`, to whom it was sent. */
  bounced(messageId: MessageId, from: BareJid, error: AppError): void {
    for (const contactId of this.#queues.contacts()) {
      const entry = this.#queues.find(contactId, messageId);
      if (!entry || this.#context.store.contacts.get(contactId)?.jid !== from) continue;
      // RFC 6121 §8.5: `service-unavailable` is what a server says of an address that does not exist.
      const final =
        error.code === 'stanza.not-found' ||
        error.code === 'stanza.forbidden' ||
        error.detail === 'service-unavailable';
      entry.returned = true;
      entry.unrefused = Math.max(0, entry.unrefused - 1);
      inTransaction(this.#context, (after) => {
        const returned = entry.targets
          .filter((target) => isForContact(target) && target.route !== 'direct' && target.state !== 'done')
          .map((target): OutboxTarget => ({ ...target, state: 'waiting', route: null }));
        this.#transmitter.setTargets(entry, returned, after);
        recordDelivery(this.#context, after, messageId, { type: 'returned' });
        if (final) this.#transmitter.giveUp(entry, error, after);
        else after(() => this.#transmitter.backOff(entry));
      });
    }
  }

  /** The person asks to try again. Inside a transaction. False: there is nothing left to send. */
  retry(contactId: ContactId, messageId: MessageId, after: AfterCommit): boolean {
    const entry = this.#queues.find(contactId, messageId);
    if (!entry) return false;
    const again = entry.targets
      .filter((target) => target.state === 'failed')
      .map((target): OutboxTarget => ({ ...target, state: 'waiting', route: null }));
    this.#transmitter.setTargets(entry, again, after);
    recordDelivery(this.#context, after, messageId, { type: 'retried' }, { failure: null });
    after(() => {
      entry.failed = false;
      entry.resealed = false;
      entry.attempts = 0;
      this.#events.kick(contactId);
    });
    return true;
  }

  /** Takes a text out that nobody has. Inside a transaction. False: it has left, or may have. */
  takeBack(contactId: ContactId, messageId: MessageId, after: AfterCommit): boolean {
    const entry = this.#queues.find(contactId, messageId);
    if (!entry || mayHaveLeft(entry)) return false;
    this.#context.store.outbox.remove(entry.row.id);
    after(() => {
      // Whoever goes through the queue right now passes it by.
      entry.failed = true;
      this.#queues.remove(contactId, [entry]);
      this.#events.wake(contactId);
    });
    return true;
  }

  /** Devices with a direct link say that they cannot decrypt it: once it is encrypted again, then the person is told. */
  unreadable(entry: OutboxEntry, devices: readonly DeviceId[]): void {
    if (entry.row.kind === 'text' && !entry.resealed) {
      entry.resealed = true;
      // Not the same bytes again meanwhile.
      entry.notBefore = this.#context.now() + sealAgain;
      resealFor(this.#context, this.#directory, entry, devices)
        .then((done) => {
          entry.notBefore = 0;
          if (done) this.#events.wake(entry.row.contactId);
          else {
            entry.resealed = false;
            this.#transmitter.backOff(entry);
          }
        })
        .catch((error: unknown) => {
          this.#context.log('error', 'not-encrypted-again', {
            reason: traceOf(error),
          });
        });
      return;
    }
    // What it would have told (this arrived, that was read) is told anew instead.
    if (entry.row.kind !== 'text' && entry.stanzaId === entry.row.messageId) {
      this.onSignsUnreadable(entry.row.contactId, devices);
    }
    const error = appError('encryption.unreadable', 'Their device could not decrypt this message.', 'Send it again.');
    inTransaction(this.#context, (after) => {
      this.#transmitter.giveUp(entry, error, after, devices);
      // Whom we trust is told anew when something is told again: not at once, over a session that just failed.
      if (entry.row.kind === 'trust') owe(this.#context.store, [entry.row.contactId]);
    });
  }

  /** Set by whoever keeps sessions alive: these devices could not read a receipt, a marker or the like. */
  onSignsUnreadable: (contactId: ContactId, devices: readonly DeviceId[]) => void = () => {};
}
