/**
 * Notices that an old copy of the profile was put back, and never goes on with its ratchets: a key they would use was used
 * before (docs/decisions/0061). Signs of it: a marker kept outside the profile is ahead; the server's archive holds what
 * this device sent and does not know of; keys of ours that we do not know were published.
 */
import type { DeviceId, MessageId } from '../../../shared/model.ts';
import { type AfterCommit, accountOf, inTransaction, type MessagingContext, selfOf } from '../context.ts';

/** How far the ratchets had moved when they last did, as far as is known outside the profile. Never throws. */
export interface OutsideMarker {
  read(profile: string): number | null;
  write(profile: string, steps: number): void;
}

export interface RollbackCallbacks {
  /** Encrypting is allowed from now on. */
  readonly onOpen: () => void;
  /** Our keys changed: publish them. */
  readonly onKeys: () => void;
  readonly onNotice: () => void;
}

const day = 24 * 60 * 60 * 1000;
/** How long what is to be encrypted waits at the start for the archive: where the marker knows nothing, and where it fits. */
const longestHold = { unknown: 60_000, fits: 10_000 } as const;
const noticeName = 'rolled-back';
const markerName = 'marker-id';
/** Whatever we sent is known by its id since the archive was first read with that. */
const idsKnownName = 'own-ids-known';
const answeredName = 'rolled-back-answered';

export class RollbackGuard {
  readonly #context: MessagingContext;
  readonly #marker: OutsideMarker | null;
  readonly #callbacks: RollbackCallbacks;
  readonly #signal: AbortSignal;
  #open = false;
  #fits = false;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #moving = false;

  constructor(
    context: MessagingContext,
    marker: OutsideMarker | null,
    callbacks: RollbackCallbacks,
    signal: AbortSignal,
  ) {
    this.#context = context;
    this.#marker = marker;
    this.#callbacks = callbacks;
    this.#signal = signal;
    signal.addEventListener('abort', () => clearTimeout(this.#deadline));
  }

  mayEncrypt(): boolean {
    return this.#open;
  }

  /** Before anything is encrypted. */
  start(): void {
    const steps = this.#context.cipher.steps();
    const marked = this.#marker?.read(this.#markerId()) ?? null;
    if (marked !== null && marked > steps) this.#found('marker', marked);
    this.#fits = marked !== null;
    this.moved();
    const nothingToLose = this.#context.store.sessions.isEmpty();
    if (nothingToLose || !accountOf(this.#context)) this.#openUp();
    else this.#deadline = setTimeout(() => this.#openUp(), longestHold[this.#fits ? 'fits' : 'unknown']);
  }

  /** A ratchet moved. The marker follows once that is on the disk: it must never be ahead of the truth. */
  moved(): void {
    if (this.#moving || !this.#marker) return;
    this.#moving = true;
    setImmediate(() => {
      this.#moving = false;
      if (!this.#signal.aborted) this.#marker?.write(this.#markerId(), this.#context.cipher.steps());
    });
  }

  /** `complete`: the archive has been read to its end. What was not read may tell of keys that were used. */
  caughtUp(complete: boolean): void {
    if (!complete) return;
    this.#context.store.settings.setValue(idsKnownName, 'true');
    this.#openUp();
  }

  /** The server cannot be asked now. Where the marker fits, those nearby need not wait for it. */
  serverFails(): void {
    if (this.#fits) this.#openUp();
  }

  /** A stanza of this very device comes back from the server. Inside its transaction. */
  sawOwn(id: MessageId, after: AfterCommit): void {
    const { seen, messages, settings } = this.#context.store;
    const own = selfOf(this.#context).identityKey;
    if (seen.has(own, id) || messages.get(id)) return;
    seen.add(own, id, this.#context.now());
    if (settings.getValue(idsKnownName) === null) return;
    after(() => this.#foundOnServer('archive'));
  }

  /**
   * The account keeps, under our device id, keys of ours that we do not know, or keys of another device of the account:
   * then one of the two would be unreachable, and we take another id. False: nothing was done.
   */
  conflict(what: 'newer-keys' | 'other-device', taken: readonly DeviceId[]): boolean {
    if (what === 'newer-keys') return this.#foundOnServer('bundle');
    if (!this.#firstToday('device-id-changed')) return false;
    this.#context.log('warn', 'device-id-taken', {});
    inTransaction(this.#context, (after) => {
      this.#context.cipher.changeDeviceId(taken);
      after(() => this.#callbacks.onKeys());
    });
    return true;
  }

  #foundOnServer(how: 'archive' | 'bundle'): boolean {
    if (!this.#firstToday(answeredName)) return false;
    this.#found(how, 0);
    return true;
  }

  /** What only the server says it could make up: no more than once a day. */
  #firstToday(name: string): boolean {
    const { settings } = this.#context.store;
    const now = this.#context.now();
    // Either way: the clock may have been set back.
    if (Math.abs(now - Number(settings.getValue(name) ?? 0)) < day) return false;
    settings.setValue(name, String(now));
    return true;
  }

  #found(how: 'marker' | 'archive' | 'bundle', marked: number): void {
    this.#context.log('warn', 'rolled-back', { how });
    inTransaction(this.#context, (after) => {
      this.#context.cipher.startAnew(marked + 1);
      this.#context.store.settings.setValue(noticeName, String(this.#context.now()));
      after(() => {
        this.moved();
        this.#callbacks.onKeys();
        this.#callbacks.onNotice();
      });
    });
  }

  #openUp(): void {
    clearTimeout(this.#deadline);
    if (this.#open || this.#signal.aborted) return;
    this.#open = true;
    this.#callbacks.onOpen();
  }

  #markerId(): string {
    const { settings } = this.#context.store;
    const known = settings.getValue(markerName);
    if (known) return known;
    const made = Buffer.from(this.#context.random(16)).toString('hex');
    settings.setValue(markerName, made);
    return made;
  }
}

/** When it was found that an old copy was put back, until the person has seen that; null: it was not. */
export function rollbackNews(store: MessagingContext['store']): number | null {
  const at = Number(store.settings.getValue(noticeName) ?? 0);
  return at > 0 ? at : null;
}

export function rollbackNewsSeen(store: MessagingContext['store']): void {
  store.settings.setValue(noticeName, '0');
}
