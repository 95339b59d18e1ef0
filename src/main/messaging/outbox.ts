/**
 * The durable queue of what this device has to say. Each row is encrypted once, in one transaction with the ratchet
 * step; then the same bytes are transmitted, by any route and as often as it takes, until the devices answer. The
 * receiver drops duplicates. Rows of one contact are encrypted and first transmitted in order.
 */
import type { Element } from '@xmpp/xml';
import type { RouteChoice } from '../../shared/bridge/contract.ts';
import { traceOf } from '../../shared/error-trace.ts';
import { type AppError, appError } from '../../shared/errors.ts';
import type { BareJid, ContactId, DeviceId, MessageId } from '../../shared/model.ts';
import type { RoutePreference } from '../../shared/routing.ts';
import type { ContactRecord, OutboxRecord, OutboxTarget } from '../storage/records.ts';
import { type AfterCommit, inTransaction, type MessagingContext } from './context.ts';
import { recordDelivery } from './delivery-record.ts';
import type { KeyDirectory } from './key-directory.ts';
import { entryOf, isFinished, isForContact, mayHaveLeft, type OutboxEntry } from './outbox-entry.ts';
import { partyOf } from './recipients.ts';
import { resealFor } from './reseal.ts';
import { contentXml, plainDeviceId, prepareToSeal, readyToSeal, seal } from './seal.ts';
import { Transmitter } from './transmitter.ts';
import { owe } from './trust-news.ts';
import { explainWaiting } from './waiting-reason.ts';
import { WakeTimers } from './wake-timers.ts';

/** How soon content is looked at again that could not be encrypted. */
const sealAgain = 60_000;
/** Milliseconds of work after which others get their turn: many receipts are due at once after a long archive. */
const longestTurn = 8;
/** A text the server took and no device answered for: kept this long in case the device comes near. */
const keepAccepted = 7 * 24 * 60 * 60 * 1000;

export interface Queued {
  readonly messageId: MessageId;
  readonly contactId: ContactId;
  readonly kind: OutboxRecord['kind'];
  readonly content: readonly Element[];
  readonly preference: RoutePreference;
  readonly choice: RouteChoice | null;
  /** The time inside the envelope; now, if it is not given. */
  readonly at?: number;
}

export class Outbox {
  readonly #context: MessagingContext;
  readonly #directory: KeyDirectory;
  readonly #signal: AbortSignal;
  readonly #queues = new Map<ContactId, OutboxEntry[]>();
  readonly #pumping = new Map<ContactId, 'running' | 'again'>();
  readonly #timers: WakeTimers;
  readonly #transmitter: Transmitter;

  constructor(context: MessagingContext, directory: KeyDirectory, signal: AbortSignal) {
    this.#context = context;
    this.#directory = directory;
    this.#signal = signal;
    this.#timers = new WakeTimers(context.now, (contactId) => this.#wake(contactId), signal);
    this.#transmitter = new Transmitter(context, signal, this.#timers, {
      wake: (contactId) => this.#wake(contactId),
      unreadable: (entry, devices) => this.#unreadable(entry, devices),
      sentAgain: ({ row, stanzaId }, devices, after) => {
        for (const deviceId of devices) this.acknowledged(row.contactId, deviceId, stanzaId, after);
      },
    });
    directory.onListChanged = (contactId) => this.#wake(contactId);
  }

  /** Takes up what the last run left. */
  load(): void {
    const { outbox } = this.#context.store;
    const now = this.#context.now();
    for (const row of outbox.pending()) {
      const entry = this.#entryOf(row);
      const rests = entry.targets.length > 0 && entry.targets.every((target) => target.state !== 'waiting');
      if (isFinished(entry) || (rests && Math.abs(now - row.createdAt) > keepAccepted)) outbox.remove(row.id);
      else this.#queue(row.contactId).push(entry);
    }
    this.kickAll();
  }

  /**
   * Queues content, inside the caller's transaction, and encrypts it at once where everything needed is at hand: then
   * ratchet step, ciphertext and queue row are one with whatever else the caller writes.
   */
  add(queued: Queued, after: AfterCommit): void {
    const { store } = this.#context;
    const row = store.outbox.add({
      messageId: queued.messageId,
      contactId: queued.contactId,
      kind: queued.kind,
      stage: 'plaintext',
      stanza: contentXml(queued.content),
      preference: queued.preference,
      createdAt: queued.at ?? this.#context.now(),
    });
    const contact = store.contacts.get(queued.contactId);
    const isWaiting = ({ row: { stage, kind } }: OutboxEntry): boolean => stage === 'plaintext' && kind !== 'trust';
    const first = queued.kind !== 'trust' && !this.#queue(queued.contactId).some(isWaiting);
    const mayAnswer = this.#context.mayEncrypt() && (queued.kind === 'text' || !this.#context.catchingUp());
    if (contact && first && mayAnswer && readyToSeal(this.#context, this.#directory, contact)) {
      seal(this.#context, this.#directory, row, after);
    }
    after(() => this.#enter(row.id, queued.choice));
  }

  /** Queues a stanza that is encrypted already (an empty message for one device). Inside a transaction. */
  addSealed(
    sealed: { readonly messageId: MessageId; readonly contactId: ContactId; readonly preference: RoutePreference },
    stanza: Element,
    targets: readonly Omit<OutboxTarget, 'outboxId'>[],
    after: AfterCommit,
  ): void {
    const { outbox } = this.#context.store;
    const row = outbox.add({
      ...sealed,
      kind: 'control',
      stage: 'plaintext',
      stanza: '',
      createdAt: this.#context.now(),
    });
    outbox.setEncrypted(row.id, stanza.toString(), targets);
    after(() => this.#enter(row.id, null));
  }

  /** Queues a receipt or marker in clear (see clear-signals.ts). Inside a transaction. */
  addInClear(
    queued: { readonly messageId: MessageId; readonly contactId: ContactId; readonly preference: RoutePreference },
    stanza: Element,
    after: AfterCommit,
  ): void {
    const target = { owner: queued.contactId, deviceId: plainDeviceId, state: 'waiting', route: null } as const;
    this.addSealed(queued, stanza, [target], after);
  }

  /** Takes back what `addInClear` queued and has not left. Inside a transaction. */
  dropClearSignals(contactId: ContactId, after: AfterCommit): void {
    const dropped = this.#queue(contactId).filter(
      ({ row, targets }) =>
        row.kind === 'control' && targets.some((target) => isForContact(target) && target.deviceId === plainDeviceId),
    );
    for (const { row } of dropped) this.#context.store.outbox.remove(row.id);
    after(() => {
      this.#queues.set(
        contactId,
        this.#queue(contactId).filter((entry) => !dropped.includes(entry)),
      );
    });
  }

  #enter(rowId: number, choice: RouteChoice | null): void {
    const row = this.#context.store.outbox.get(rowId);
    if (!row) return;
    const entry = entryOf(row, this.#context.store.outbox.targets(rowId), false);
    entry.choice = choice;
    this.#queue(row.contactId).push(entry);
    this.#wake(row.contactId);
  }

  /** Something may have become possible for this contact: try now, whatever was being waited for. */
  kick(contactId: ContactId): void {
    this.#directory.bundles.forgetFailures(contactId);
    for (const entry of this.#queue(contactId)) entry.notBefore = 0;
    this.#wake(contactId);
  }

  kickAll(): void {
    for (const contactId of this.#queues.keys()) this.kick(contactId);
  }

  /** Messages that wait behind a server's outcome must not wait for it when the server is gone. */
  serverLost(): void {
    this.kickAll();
  }

  forget(contactId: ContactId): void {
    this.#queues.delete(contactId);
    this.#timers.cancel(contactId);
  }

  /** The queue after rows were moved to another contact. */
  reload(contactId: ContactId): void {
    const rows = this.#context.store.outbox.pending().filter((row) => row.contactId === contactId);
    this.#queues.set(
      contactId,
      rows.map((row) => this.#entryOf(row)),
    );
    this.#wake(contactId);
  }

  #entryOf(row: OutboxRecord): OutboxEntry {
    const { outbox, messages } = this.#context.store;
    const failed = row.kind === 'text' && messages.get(row.messageId)?.state === 'failed';
    const entry = entryOf(row, outbox.targets(row.id), failed);
    // Nobody knows any more whether it was on its way.
    if (entry.targets.some((target) => target.state === 'waiting')) entry.unrefused = 1;
    return entry;
  }

  setPreference(contactId: ContactId, preference: RoutePreference, after: AfterCommit): void {
    for (const entry of this.#queue(contactId)) {
      this.#context.store.outbox.setPreference(entry.row.id, preference);
      after(() => {
        entry.row = { ...entry.row, preference };
        entry.choice = null;
      });
    }
    after(() => this.kick(contactId));
  }

  /** The device itself says that it has the message. Inside a transaction. */
  acknowledged(contactId: ContactId, deviceId: DeviceId, messageId: MessageId, after: AfterCommit): void {
    const message = this.#context.store.messages.get(messageId);
    const entry = this.#queue(contactId).find((candidate) => candidate.row.messageId === messageId);
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
    after(() => this.#wake(contactId));
  }

  /** The server gave a stanza back in the name of `from`, to whom it was sent. */
  bounced(messageId: MessageId, from: BareJid, error: AppError): void {
    for (const [contactId, queue] of this.#queues) {
      const entry = queue.find((candidate) => candidate.row.messageId === messageId);
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
    const entry = this.#queue(contactId).find((candidate) => candidate.row.messageId === messageId);
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
      this.kick(contactId);
    });
    return true;
  }

  /** Takes a text out that nobody has. Inside a transaction. False: it has left, or may have. */
  takeBack(contactId: ContactId, messageId: MessageId, after: AfterCommit): boolean {
    const entry = this.#queue(contactId).find(({ row }) => row.messageId === messageId);
    if (!entry || mayHaveLeft(entry)) return false;
    this.#context.store.outbox.remove(entry.row.id);
    after(() => {
      // Whoever goes through the queue right now passes it by.
      entry.failed = true;
      const left = this.#queue(contactId).filter((other) => other !== entry);
      this.#queues.set(contactId, left);
      this.#wake(contactId);
    });
    return true;
  }

  /** Devices with a direct link say that they cannot decrypt it: once it is encrypted again, then the person is told. */
  #unreadable(entry: OutboxEntry, devices: readonly DeviceId[]): void {
    if (entry.row.kind === 'text' && !entry.resealed) {
      entry.resealed = true;
      // Not the same bytes again meanwhile.
      entry.notBefore = this.#context.now() + sealAgain;
      resealFor(this.#context, this.#directory, entry, devices)
        .then((done) => {
          entry.notBefore = 0;
          if (done) this.#wake(entry.row.contactId);
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

  #queue(contactId: ContactId): OutboxEntry[] {
    let queue = this.#queues.get(contactId);
    if (!queue) {
      queue = [];
      this.#queues.set(contactId, queue);
    }
    return queue;
  }

  #wake(contactId: ContactId): void {
    if (this.#signal.aborted) return;
    if (this.#pumping.has(contactId)) {
      this.#pumping.set(contactId, 'again');
      return;
    }
    this.#pumping.set(contactId, 'running');
    // Not at once, so that what one event queues together is looked at together; but before what the same event makes
    // the window compute again.
    queueMicrotask(() => {
      this.#pump(contactId)
        .catch((error: unknown) => {
          this.#context.log('error', 'outbox-failed', { reason: traceOf(error) });
          this.#timers.wakeAt(contactId, this.#context.now() + sealAgain);
        })
        .finally(() => {
          const again = this.#pumping.get(contactId) === 'again';
          this.#pumping.delete(contactId);
          if (again) setImmediate(() => this.#wake(contactId));
        });
    });
  }

  async #pump(contactId: ContactId): Promise<void> {
    const queue = this.#queue(contactId);
    const contact = partyOf(this.#context, contactId);
    if (!contact) return;
    let prepared = false;
    let blocked = false;
    let begun = performance.now();
    for (const entry of [...queue]) {
      if (performance.now() - begun > longestTurn) {
        await new Promise((resolve) => setImmediate(resolve));
        begun = performance.now();
      }
      if (this.#signal.aborted) return;
      if (entry.failed) continue;
      if (entry.row.stage === 'plaintext') {
        if (!this.#context.mayEncrypt()) continue;
        if (entry.row.kind !== 'text' && this.#context.catchingUp()) continue;
        // What trust messages say holds in any order, and they wait for verified devices alone: nothing waits for them.
        const isTrust = entry.row.kind === 'trust';
        if (blocked && !isTrust) {
          this.#explain(entry.row, contact);
          continue;
        }
        if (!prepared) {
          await prepareToSeal(this.#context, this.#directory, contactId, entry.row.preference !== 'direct');
          prepared = true;
          if (entry.failed) continue;
        }
        if (!this.#seal(entry)) {
          blocked ||= !isTrust;
          this.#explain(entry.row, contact);
          this.#timers.wakeAt(contactId, this.#context.now() + sealAgain);
          continue;
        }
      }
      this.#transmitter.transmit(entry, contact);
    }
    this.#sweep(contactId);
  }

  #seal(entry: OutboxEntry): boolean {
    if (this.#signal.aborted || !this.#context.store.outbox.get(entry.row.id)) return false;
    const sealed = inTransaction(this.#context, (after) => {
      const outcome = seal(this.#context, this.#directory, entry.row, after);
      if (outcome === 'sealed') explainWaiting(this.#context, this.#directory, entry.row, null, after);
      return outcome;
    });
    if (sealed !== 'sealed') return false;
    this.#context.crashPoint('outbox.sealed');
    const row = this.#context.store.outbox.get(entry.row.id);
    if (!row) return false;
    entry.row = row;
    entry.targets = this.#context.store.outbox.targets(row.id);
    return true;
  }

  #explain(row: OutboxRecord, contact: ContactRecord): void {
    inTransaction(this.#context, (after) => explainWaiting(this.#context, this.#directory, row, contact, after));
  }

  #sweep(contactId: ContactId): void {
    const queue = this.#queue(contactId);
    const finished = queue.filter(isFinished);
    if (finished.length === 0) return;
    const { outbox } = this.#context.store;
    const kept = finished.filter((entry) => outbox.get(entry.row.id));
    if (kept.length > 0) {
      inTransaction(this.#context, () => {
        for (const entry of kept) outbox.remove(entry.row.id);
      });
    }
    this.#queues.set(
      contactId,
      queue.filter((entry) => !finished.includes(entry)),
    );
  }
}
