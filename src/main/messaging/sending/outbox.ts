/**
 * The durable queue of what this device has to say. Each row is encrypted once, in one transaction with the ratchet
 * step; then the same bytes are transmitted, by any route and as often as it takes, until the devices answer. The
 * receiver drops duplicates. Rows of one contact are encrypted and first transmitted in order.
 */
import type { Element } from '@xmpp/xml';
import type { RouteChoice } from '../../../shared/bridge/contract.ts';
import { traceOf } from '../../../shared/error-trace.ts';
import type { ContactId, MessageId } from '../../../shared/model.ts';
import type { RoutePreference } from '../../../shared/routing.ts';
import type { ContactRecord, OutboxRecord, OutboxTarget } from '../../storage/records.ts';
import { type AfterCommit, inTransaction, type MessagingContext } from '../context.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import { partyOf } from '../devices/recipients.ts';
import { entryOf, isFinished, isForContact, type OutboxEntry } from './outbox-entry.ts';
import { OutboxOutcomes } from './outbox-outcomes.ts';
import { OutboxQueues } from './outbox-queues.ts';
import { prepareToSeal, readyToSeal } from './prepare-to-seal.ts';
import { contentXml, plainDeviceId, seal } from './seal.ts';
import { Transmitter } from './transmitter.ts';
import { explainWaiting } from './waiting-reason.ts';
import { WakeTimers } from './wake-timers.ts';

/** How soon content is looked at again that could not be encrypted, where nothing says that it is worth it sooner. */
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
  readonly #queues: OutboxQueues;
  /** What devices, servers and the person say of what was queued. */
  readonly outcomes: OutboxOutcomes;
  readonly #pumping = new Map<ContactId, 'running' | 'again'>();
  readonly #timers: WakeTimers;
  readonly #transmitter: Transmitter;

  constructor(context: MessagingContext, directory: KeyDirectory, signal: AbortSignal) {
    this.#context = context;
    this.#directory = directory;
    this.#signal = signal;
    this.#queues = new OutboxQueues(context);
    this.#timers = new WakeTimers(context.now, (contactId) => this.#wake(contactId), signal);
    this.#transmitter = new Transmitter(context, signal, this.#timers, {
      wake: (contactId) => this.#wake(contactId),
      unreadable: (entry, devices) => this.outcomes.unreadable(entry, devices),
      sentAgain: ({ row, stanzaId }, devices, after) => {
        for (const deviceId of devices) this.outcomes.acknowledged(row.contactId, deviceId, stanzaId, after);
      },
    });
    this.outcomes = new OutboxOutcomes(context, directory, this.#queues, this.#transmitter, {
      wake: (contactId) => this.#wake(contactId),
      kick: (contactId) => this.kick(contactId),
    });
    directory.onListChanged = (contactId) => this.#wake(contactId);
  }

  /** Takes up what the last run left. */
  load(): void {
    const { outbox } = this.#context.store;
    const now = this.#context.now();
    for (const row of outbox.pending()) {
      const entry = this.#queues.entryOf(row);
      const rests = entry.targets.length > 0 && entry.targets.every((target) => target.state !== 'waiting');
      if (isFinished(entry) || (rests && Math.abs(now - row.createdAt) > keepAccepted)) outbox.remove(row.id);
      else this.#queues.of(row.contactId).push(entry);
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
    const first = queued.kind !== 'trust' && !this.#queues.of(queued.contactId).some(isWaiting);
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
    const dropped = this.#queues
      .of(contactId)
      .filter(
        ({ row, targets }) =>
          row.kind === 'control' && targets.some((target) => isForContact(target) && target.deviceId === plainDeviceId),
      );
    for (const { row } of dropped) this.#context.store.outbox.remove(row.id);
    after(() => {
      this.#queues.remove(contactId, dropped);
    });
  }

  #enter(rowId: number, choice: RouteChoice | null): void {
    const row = this.#context.store.outbox.get(rowId);
    if (!row) return;
    const entry = entryOf(row, this.#context.store.outbox.targets(rowId), false);
    entry.choice = choice;
    this.#queues.of(row.contactId).push(entry);
    this.#wake(row.contactId);
  }

  /** Something may have become possible for this contact: try now, whatever was being waited for. */
  kick(contactId: ContactId): void {
    this.#directory.bundles.forgetFailures(contactId);
    for (const entry of this.#queues.of(contactId)) entry.notBefore = 0;
    this.#wake(contactId);
  }

  kickAll(): void {
    for (const contactId of this.#queues.contacts()) this.kick(contactId);
  }

  /** Messages that wait behind a server's outcome must not wait for it when the server is gone. */
  serverLost(): void {
    this.kickAll();
  }

  forget(contactId: ContactId): void {
    this.#queues.forget(contactId);
    this.#timers.cancel(contactId);
  }

  /** The queue after rows were moved to another contact. */
  reload(contactId: ContactId): void {
    this.#queues.reload(contactId);
    this.#wake(contactId);
  }

  setPreference(contactId: ContactId, preference: RoutePreference, after: AfterCommit): void {
    for (const entry of this.#queues.of(contactId)) {
      this.#context.store.outbox.setPreference(entry.row.id, preference);
      after(() => {
        entry.row = { ...entry.row, preference };
        entry.choice = null;
      });
    }
    after(() => this.kick(contactId));
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
    const queue = this.#queues.of(contactId);
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
          const wait = Math.min(this.#directory.bundles.askAgainIn(contactId) ?? sealAgain, sealAgain);
          this.#timers.wakeAt(contactId, this.#context.now() + wait);
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
    const queue = this.#queues.of(contactId);
    const finished = queue.filter(isFinished);
    if (finished.length === 0) return;
    const { outbox } = this.#context.store;
    const kept = finished.filter((entry) => outbox.get(entry.row.id));
    if (kept.length > 0) {
      inTransaction(this.#context, () => {
        for (const entry of kept) outbox.remove(entry.row.id);
      });
    }
    this.#queues.remove(contactId, finished);
  }
}
