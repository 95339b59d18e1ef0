/**
 * The durable queue of what this device has to say. Each row is encrypted once, in one transaction with the ratchet
 * step; then the same bytes are transmitted, by any route and as often as it takes, until the devices answer. The
 * receiver drops duplicates. Rows of one contact are encrypted and first transmitted in order.
 */
import type { Element } from '@xmpp/xml';
import type { RouteChoice } from '../../shared/bridge/contract.ts';
import type { AppError } from '../../shared/errors.ts';
import type { ContactId, DeviceId, MessageId } from '../../shared/model.ts';
import type { RouteKind, RoutePreference } from '../../shared/routing.ts';
import type { OutboxTarget } from '../storage/records.ts';
import type { SendOutcome } from '../transports/transport.ts';
import { type AfterCommit, accountOf, inTransaction, type MessagingContext } from './context.ts';
import { recordDelivery, showInterrupted, showTransmitting } from './delivery-record.ts';
import type { KeyDirectory } from './key-directory.ts';
import { entryOf, isFinished, isForContact, type OutboxEntry } from './outbox-entry.ts';
import { parseElement } from './parse-xml.ts';
import { contentXml, prepareToSeal, readyToSeal, seal } from './seal.ts';
import { forOwnDevices, forServer, planTransmission } from './transmission.ts';
import { WakeTimers } from './wake-timers.ts';

const sendTimeout = 60_000;
const maxInFlight = 32;
const firstRetry = 1_000;
const lastRetry = 60_000;
/** A text the server took and no device answered for: kept this long in case the device comes near. */
const keepAccepted = 7 * 24 * 60 * 60 * 1000;
const finalErrors: ReadonlySet<AppError['code']> = new Set([
  'transport.refused',
  'transport.too-large',
  'transport.malformed',
]);

export interface Queued {
  readonly messageId: MessageId;
  readonly contactId: ContactId;
  readonly kind: 'text' | 'control';
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

  constructor(context: MessagingContext, directory: KeyDirectory, signal: AbortSignal) {
    this.#context = context;
    this.#directory = directory;
    this.#signal = signal;
    this.#timers = new WakeTimers(context.now, (contactId) => this.#wake(contactId), signal);
    directory.onListChanged = (contactId) => this.#wake(contactId);
  }

  /** Takes up what the last run left. */
  load(): void {
    const { outbox, messages } = this.#context.store;
    const oldest = this.#context.now() - keepAccepted;
    for (const row of outbox.pending()) {
      const message = row.kind === 'text' ? messages.get(row.messageId) : null;
      const entry = entryOf(row, outbox.targets(row.id), message?.state === 'failed');
      const rests = entry.targets.length > 0 && entry.targets.every((target) => target.state !== 'waiting');
      if (isFinished(entry) || (rests && row.createdAt < oldest)) outbox.remove(row.id);
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
    const first = !this.#queue(queued.contactId).some((entry) => entry.row.stage === 'plaintext');
    const mayAnswer = queued.kind === 'text' || !this.#context.catchingUp();
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
    this.#directory.forgetFailures(contactId);
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
    const { outbox } = this.#context.store;
    const rows = outbox.pending().filter((row) => row.contactId === contactId);
    this.#queues.set(
      contactId,
      rows.map((row) => entryOf(row, outbox.targets(row.id), false)),
    );
    this.#wake(contactId);
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
      if (target && target.state !== 'done')
        this.#setTargets(entry, [{ ...target, state: 'done', route: target.route ?? 'server' }], after);
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

  /** The server gave a stanza back. */
  bounced(messageId: MessageId, error: AppError): void {
    for (const queue of this.#queues.values()) {
      const entry = queue.find((candidate) => candidate.row.messageId === messageId);
      if (!entry) continue;
      const final = error.code === 'stanza.not-found' || error.code === 'stanza.forbidden';
      inTransaction(this.#context, (after) => {
        const returned = entry.targets
          .filter((target) => isForContact(target) && target.route !== 'direct' && target.state !== 'done')
          .map((target): OutboxTarget => ({ ...target, state: 'waiting', route: null }));
        this.#setTargets(entry, returned, after);
        if (final) this.#giveUp(entry, error, after);
        else after(() => this.#backOff(entry));
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
    this.#setTargets(entry, again, after);
    recordDelivery(this.#context, after, messageId, { type: 'retried' }, { failure: null });
    after(() => {
      entry.failed = false;
      entry.attempts = 0;
      this.kick(contactId);
    });
    return true;
  }

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
    // A turn later, so that what one event queues together is looked at together.
    setImmediate(() => {
      this.#pump(contactId)
        .catch((error: unknown) => {
          this.#context.log('error', 'outbox-failed', { reason: error instanceof Error ? error.message : 'unknown' });
          this.#timers.wakeAt(contactId, this.#context.now() + lastRetry);
        })
        .finally(() => {
          const again = this.#pumping.get(contactId) === 'again';
          this.#pumping.delete(contactId);
          if (again) this.#wake(contactId);
        });
    });
  }

  async #pump(contactId: ContactId): Promise<void> {
    const queue = this.#queue(contactId);
    let prepared = false;
    let blocked = false;
    for (const entry of [...queue]) {
      if (this.#signal.aborted) return;
      if (entry.failed) continue;
      if (entry.row.stage === 'plaintext') {
        if (blocked || (entry.row.kind === 'control' && this.#context.catchingUp())) continue;
        if (!prepared) {
          await prepareToSeal(this.#context, this.#directory, contactId, entry.row.preference !== 'direct');
          prepared = true;
        }
        blocked = !this.#seal(entry);
        if (blocked) {
          this.#timers.wakeAt(contactId, this.#context.now() + lastRetry);
          continue;
        }
      }
      this.#transmit(entry);
    }
    this.#sweep(contactId);
  }

  #seal(entry: OutboxEntry): boolean {
    if (this.#signal.aborted || !this.#context.store.outbox.get(entry.row.id)) return false;
    const sealed = inTransaction(this.#context, (after) => seal(this.#context, this.#directory, entry.row, after));
    if (sealed !== 'sealed') return false;
    this.#context.crashPoint('outbox.sealed');
    const row = this.#context.store.outbox.get(entry.row.id);
    if (!row) return false;
    entry.row = row;
    entry.targets = this.#context.store.outbox.targets(row.id);
    return true;
  }

  /** Starts whatever transmissions are possible now; their outcomes come back by themselves. */
  #transmit(entry: OutboxEntry): void {
    const contact = this.#context.store.contacts.get(entry.row.contactId);
    if (!contact || entry.targets.every((target) => target.state === 'done')) return;
    const inFlight = this.#queue(contact.id).reduce((count, other) => count + other.busy.size, 0);
    if (inFlight >= maxInFlight) return;
    const parsed = parseElement(entry.row.stanza);
    if (!parsed.ok) throw new Error('outbox stanza is not XML');
    const plan = planTransmission(this.#context, contact, entry, String(parsed.value.attrs['to']));
    if (plan.promoteAt !== null) this.#timers.wakeAt(contact.id, plan.promoteAt);
    const wanted = plan.direct.length + plan.server.length > 0 || plan.self;
    if (!wanted) return;
    if (entry.notBefore > this.#context.now()) {
      this.#timers.wakeAt(contact.id, entry.notBefore);
      return;
    }
    const direct = this.#context.direct();
    const linkAddress = contact.xid ?? contact.jid;
    if (plan.direct.length > 0 && direct && linkAddress && !entry.busy.has('direct')) {
      const target = { address: linkAddress, devices: plan.direct };
      this.#begin(entry, 'direct', (signal) => direct.send(freshCopy(entry), target, signal), plan.direct);
    }
    const xmpp = this.#context.xmpp();
    if (plan.server.length > 0 && xmpp && contact.jid && !entry.busy.has('server')) {
      const target = { address: contact.jid, devices: plan.server };
      this.#begin(entry, 'server', (signal) => xmpp.send(forServer(freshCopy(entry)), target, signal), plan.server);
    }
    const account = accountOf(this.#context);
    if (plan.self && xmpp && account && !entry.busy.has('self')) {
      const target = { address: account.jid, devices: [] };
      this.#begin(
        entry,
        'self',
        (signal) => xmpp.send(forOwnDevices(freshCopy(entry), account.jid), target, signal),
        [],
      );
    }
  }

  #begin(
    entry: OutboxEntry,
    way: 'direct' | 'server' | 'self',
    send: (signal: AbortSignal) => Promise<import('../../shared/errors.ts').Result<SendOutcome>>,
    devices: readonly DeviceId[],
  ): void {
    entry.busy.add(way);
    if (entry.row.kind === 'text' && way !== 'self') showTransmitting(this.#context, entry.row.messageId);
    this.#context.crashPoint('outbox.transmitting');
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(sendTimeout)]);
    send(signal)
      .then((outcome) => {
        entry.busy.delete(way);
        entry.choice = null;
        if (this.#signal.aborted) return;
        if (outcome.ok) this.#succeeded(entry, way, outcome.value, devices);
        else this.#failed(entry, outcome.error);
      })
      .catch((error: unknown) => {
        entry.busy.delete(way);
        this.#context.log('error', 'transmission-broke', {
          reason: error instanceof Error ? error.message : 'unknown',
        });
        this.#backOff(entry);
      });
  }

  #succeeded(
    entry: OutboxEntry,
    way: 'direct' | 'server' | 'self',
    outcome: SendOutcome,
    asked: readonly DeviceId[],
  ): void {
    this.#context.crashPoint('outbox.transmitted');
    if (!this.#context.store.outbox.get(entry.row.id)) return;
    const acknowledged = outcome.kind === 'acknowledged';
    const route: RouteKind = way === 'direct' ? 'direct' : 'server';
    const devices = acknowledged ? outcome.devices : asked;
    const changed = entry.targets.flatMap((target): OutboxTarget[] => {
      if (target.state === 'done') return [];
      // What the server takes reaches our own devices too, as a carbon or as their own copy.
      if (!isForContact(target)) return way === 'direct' ? [] : [{ ...target, state: 'accepted', route }];
      if (way === 'self' || !devices.includes(target.deviceId)) return [];
      return [{ ...target, state: acknowledged ? 'done' : 'accepted', route }];
    });
    if (!acknowledged) entry.acceptedAt = this.#context.now();
    entry.attempts = 0;
    inTransaction(this.#context, (after) => {
      this.#setTargets(entry, changed, after);
      if (way === 'self') return;
      recordDelivery(
        this.#context,
        after,
        entry.row.messageId,
        { type: acknowledged ? 'device-acknowledged' : 'server-accepted' },
        { targets: entry.targets },
      );
    });
    this.#context.crashPoint('outbox.recorded');
    if (acknowledged && devices.length < asked.length) this.#backOff(entry);
    this.#wake(entry.row.contactId);
  }

  #failed(entry: OutboxEntry, error: AppError): void {
    this.#context.log('info', 'not-transmitted', { code: error.code });
    if (finalErrors.has(error.code)) {
      inTransaction(this.#context, (after) => this.#giveUp(entry, error, after));
      return;
    }
    if (entry.busy.size === 0) showInterrupted(this.#context, entry.row.messageId);
    this.#backOff(entry);
  }

  #giveUp(entry: OutboxEntry, error: AppError, after: AfterCommit): void {
    const waiting = entry.targets.filter((target) => isForContact(target) && target.state === 'waiting');
    this.#setTargets(
      entry,
      waiting.map((target) => ({ ...target, state: 'failed' })),
      after,
    );
    recordDelivery(this.#context, after, entry.row.messageId, { type: 'gave-up' }, { failure: error });
    after(() => {
      entry.failed = true;
      this.#wake(entry.row.contactId);
    });
  }

  #backOff(entry: OutboxEntry): void {
    const delay = Math.min(lastRetry, firstRetry * 2 ** Math.min(entry.attempts, 10)) * (0.5 + Math.random());
    entry.attempts += 1;
    entry.notBefore = this.#context.now() + delay;
    this.#wake(entry.row.contactId);
  }

  #setTargets(entry: OutboxEntry, changed: readonly OutboxTarget[], after: AfterCommit): void {
    for (const target of changed) this.#context.store.outbox.setTarget(target);
    const same = (a: OutboxTarget, b: OutboxTarget): boolean => a.owner === b.owner && a.deviceId === b.deviceId;
    const before = entry.targets;
    entry.targets = before.map((target) => changed.find((other) => same(other, target)) ?? target);
    after(() => this.#wake(entry.row.contactId));
  }

  #sweep(contactId: ContactId): void {
    const queue = this.#queue(contactId);
    const finished = queue.filter(isFinished);
    if (finished.length === 0) return;
    inTransaction(this.#context, () => {
      for (const entry of finished) this.#context.store.outbox.remove(entry.row.id);
    });
    this.#queues.set(
      contactId,
      queue.filter((entry) => !finished.includes(entry)),
    );
  }
}

/** Transports may change what they are given (addresses, ids): each gets its own element. */
function freshCopy(entry: OutboxEntry): Element {
  const parsed = parseElement(entry.row.stanza);
  if (!parsed.ok) throw new Error('outbox stanza is not XML');
  return parsed.value;
}
