/** Transmitting queued stanzas: each as often as it takes, by whichever routes are open, and what comes of it. */
import type { Element } from '@xmpp/xml';
import { traceOf } from '../../../shared/error-trace.ts';
import type { AppError, Result } from '../../../shared/errors.ts';
import type { ContactId, DeviceId } from '../../../shared/model.ts';
import type { RouteKind } from '../../../shared/routing.ts';
import type { ContactRecord, OutboxTarget } from '../../storage/records.ts';
import type { SendOutcome } from '../../transports/transport.ts';
import { parseElement } from '../../xml/parse-element.ts';
import { type AfterCommit, accountOf, inTransaction, type MessagingContext } from '../context.ts';
import { recordDelivery, showInterrupted, showTransmitting } from '../timeline/delivery-record.ts';
import { clearSignalsAllowed, withoutClearSignals } from './clear-signals.ts';
import { isFinished, isForContact, type OutboxEntry } from './outbox-entry.ts';
import { forOwnDevices, forServer, planTransmission } from './transmission.ts';
import type { WakeTimers } from './wake-timers.ts';

const sendTimeout = 60_000;
const maxInFlight = 32;
const firstRetry = 1_000;
const lastRetry = 60_000;
const finalErrors: ReadonlySet<AppError['code']> = new Set([
  'transport.refused',
  'transport.too-large',
  'transport.malformed',
]);

type Way = 'direct' | 'server' | 'self';

export interface TransmitterCallbacks {
  /** The contact's queue is worth another look. */
  readonly wake: (contactId: ContactId) => void;
  /** These devices say that they cannot decrypt it. */
  readonly unreadable: (entry: OutboxEntry, devices: readonly DeviceId[]) => void;
  /** These devices have a message that was sent to them once more. Inside the transaction. */
  readonly sentAgain: (entry: OutboxEntry, devices: readonly DeviceId[], after: AfterCommit) => void;
}

/** A transmission that went well and is not recorded yet. */
interface Transmitted {
  readonly entry: OutboxEntry;
  readonly way: Way;
  readonly outcome: SendOutcome;
  /** The devices it was for. */
  readonly asked: readonly DeviceId[];
  /** It may be transmitted this way again. */
  readonly release: () => void;
}

export class Transmitter {
  readonly #context: MessagingContext;
  readonly #signal: AbortSignal;
  readonly #timers: WakeTimers;
  readonly #wake: (contactId: ContactId) => void;
  readonly #unreadable: TransmitterCallbacks['unreadable'];
  readonly #sentAgain: TransmitterCallbacks['sentAgain'];
  readonly #inFlight = new Map<ContactId, number>();
  #transmitted: Transmitted[] = [];

  constructor(context: MessagingContext, signal: AbortSignal, timers: WakeTimers, callbacks: TransmitterCallbacks) {
    this.#context = context;
    this.#signal = signal;
    this.#timers = timers;
    this.#wake = callbacks.wake;
    this.#unreadable = callbacks.unreadable;
    this.#sentAgain = callbacks.sentAgain;
    // The store is closed next.
    signal.addEventListener('abort', () => this.#record(), { once: true });
  }

  /** Starts whatever transmissions are possible now; their outcomes come back by themselves. */
  transmit(entry: OutboxEntry, contact: ContactRecord): void {
    if (entry.targets.every((target) => target.state === 'done' || target.state === 'failed')) return;
    if ((this.#inFlight.get(contact.id) ?? 0) >= maxInFlight) return;
    const plan = planTransmission(this.#context, contact, entry);
    if (plan.promoteAt !== null) this.#timers.wakeAt(contact.id, plan.promoteAt);
    const wanted = plan.direct.length + plan.server.length > 0 || plan.self;
    if (!wanted) return;
    const wait = entry.notBefore - this.#context.now();
    // Longer than any pause of ours: the clock was set back.
    if (wait > 0 && wait <= 2 * lastRetry) {
      this.#timers.wakeAt(contact.id, entry.notBefore);
      return;
    }
    const direct = this.#context.direct();
    const linkAddress = contact.xid ?? contact.jid;
    if (plan.direct.length > 0 && direct && linkAddress && !entry.busy.has('direct')) {
      const target = { address: linkAddress, devices: plan.direct };
      const stanza = withoutClearSignals(freshCopy(entry));
      this.#begin(entry, 'direct', (signal) => direct.send(stanza, target, signal), plan.direct);
    }
    const xmpp = this.#context.xmpp();
    if (plan.server.length > 0 && xmpp && contact.jid && !entry.busy.has('server')) {
      const target = { address: contact.jid, devices: plan.server };
      const stanza = forServer(freshCopy(entry));
      // Allowed when it was written is not allowed now.
      if (!clearSignalsAllowed(this.#context, contact)) withoutClearSignals(stanza);
      this.#begin(entry, 'server', (signal) => xmpp.send(stanza, target, signal), plan.server);
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
    way: Way,
    send: (signal: AbortSignal) => Promise<Result<SendOutcome>>,
    devices: readonly DeviceId[],
  ): void {
    const { contactId } = entry.row;
    const count = (change: 1 | -1): void => {
      this.#inFlight.set(contactId, (this.#inFlight.get(contactId) ?? 0) + change);
    };
    count(1);
    entry.busy.add(way);
    entry.unrefused += 1;
    if (way === 'server') entry.returned = false;
    if (entry.row.kind === 'text' && way !== 'self') showTransmitting(this.#context, entry.row.messageId);
    this.#context.crashPoint('outbox.transmitting');
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(sendTimeout)]);
    const release = (): void => {
      entry.busy.delete(way);
      entry.choice = null;
      count(-1);
    };
    send(signal)
      .catch((error: unknown) => {
        release();
        throw error;
      })
      .then((outcome) => {
        if (outcome.ok && !this.#signal.aborted) {
          this.#succeeded({ entry, way, outcome: outcome.value, asked: devices, release });
          return;
        }
        release();
        if (!outcome.ok && !this.#signal.aborted) this.#failed(entry, outcome.error, devices);
      })
      .catch((error: unknown) => this.#broke(entry, error));
  }

  #broke(entry: OutboxEntry, error: unknown): void {
    this.#context.log('error', 'transmission-broke', {
      reason: traceOf(error),
    });
    this.backOff(entry);
  }

  /** Recorded together with whatever else this turn brings: a commit waits for the disk, however much is in it. */
  #succeeded(transmitted: Transmitted): void {
    this.#context.crashPoint('outbox.transmitted');
    if (this.#transmitted.push(transmitted) === 1) setImmediate(() => this.#record());
  }

  #record(): void {
    const transmitted = this.#transmitted;
    if (transmitted.length === 0) return;
    this.#transmitted = [];
    for (const { release } of transmitted) release();
    try {
      const recorded = inTransaction(this.#context, (after) =>
        transmitted.filter((one) => this.#recordOne(one, after)),
      );
      this.#context.crashPoint('outbox.recorded');
      for (const one of recorded) this.#lookAfter(one);
    } catch (error) {
      for (const { entry } of transmitted) this.#broke(entry, error);
      return;
    }
    for (const { entry } of transmitted) this.#wake(entry.row.contactId);
  }

  /** Those who did not answer are sent it again, those who could not read it get it anew. */
  #lookAfter({ entry, outcome, asked }: Transmitted): void {
    if (outcome.kind !== 'acknowledged') return;
    const unreadable = outcome.unreadable ?? [];
    if (outcome.devices.length + unreadable.length < asked.length) this.backOff(entry);
    if (unreadable.length > 0) this.#unreadable(entry, unreadable);
  }

  /** False: meanwhile it is no longer so, or nobody wants to know. */
  #recordOne({ entry, way, outcome, asked }: Transmitted, after: AfterCommit): boolean {
    if (!this.#context.store.outbox.get(entry.row.id) || (way === 'server' && entry.returned)) return false;
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
    this.setTargets(entry, changed, after);
    // Goes with what finished it: a commit of its own would only cost another wait for the disk.
    if (isFinished(entry)) this.#context.store.outbox.remove(entry.row.id);
    if (way === 'self' || devices.length === 0) return true;
    if (acknowledged && entry.stanzaId !== entry.row.messageId) this.#sentAgain(entry, devices, after);
    recordDelivery(
      this.#context,
      after,
      entry.row.messageId,
      { type: acknowledged ? 'device-acknowledged' : 'server-accepted' },
      { targets: entry.targets },
    );
    return true;
  }

  #failed(entry: OutboxEntry, error: AppError, asked: readonly DeviceId[]): void {
    this.#context.log('info', 'not-transmitted', { code: error.code });
    if (finalErrors.has(error.code)) {
      entry.unrefused -= 1;
      // One device that refuses it must not keep it from the others.
      inTransaction(this.#context, (after) => this.giveUp(entry, error, after, asked));
      return;
    }
    if (entry.busy.size === 0) showInterrupted(this.#context, entry.row.messageId);
    this.backOff(entry);
  }

  /** `devices`: only these; null: every device that has not got it. */
  giveUp(entry: OutboxEntry, error: AppError, after: AfterCommit, devices: readonly DeviceId[] | null = null): void {
    const waiting = entry.targets.filter(
      (target) =>
        isForContact(target) &&
        (devices === null ? target.state === 'waiting' : target.state !== 'done' && devices.includes(target.deviceId)),
    );
    this.setTargets(
      entry,
      waiting.map((target) => ({ ...target, state: 'failed' })),
      after,
    );
    // The others may still get it.
    if (entry.targets.some((target) => isForContact(target) && target.state === 'waiting')) return;
    recordDelivery(this.#context, after, entry.row.messageId, { type: 'gave-up' }, { failure: error });
    after(() => {
      entry.failed = true;
      this.#wake(entry.row.contactId);
    });
  }

  backOff(entry: OutboxEntry): void {
    const delay = Math.min(lastRetry, firstRetry * 2 ** Math.min(entry.attempts, 10)) * (0.5 + Math.random());
    entry.attempts += 1;
    entry.notBefore = this.#context.now() + delay;
    this.#wake(entry.row.contactId);
  }

  setTargets(entry: OutboxEntry, changed: readonly OutboxTarget[], after: AfterCommit): void {
    for (const target of changed) this.#context.store.outbox.setTarget(target);
    const same = (a: OutboxTarget, b: OutboxTarget): boolean => a.owner === b.owner && a.deviceId === b.deviceId;
    const before = entry.targets;
    entry.targets = before.map((target) => changed.find((other) => same(other, target)) ?? target);
    after(() => this.#wake(entry.row.contactId));
  }
}

/** Transports may change what they are given (addresses, ids): each gets its own element. */
function freshCopy(entry: OutboxEntry): Element {
  const parsed = parseElement(entry.row.stanza);
  if (!parsed.ok) throw new Error('outbox stanza is not XML');
  return parsed.value;
}
