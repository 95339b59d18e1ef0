/**
 * Catching up from the message archive (XEP-0313) without losing, doubling or misplacing anything.
 *
 * The application keeps a cursor: the archive id of the last message it durably took. It must never move past a
 * message that was not taken. Live messages carry archive ids too, and they arrive while older ones are still being
 * fetched; handing such a one over would move the cursor across the hole. So, from the moment a session begins until
 * its catch-up is complete:
 *
 *  - a live message that is in the archive (our server gave it an id) is held, and dropped again when a page brings
 *    it. What is still held after the last page follows in the order of its arrival. When too many are held, the
 *    oldest are let go and the archive is asked once more;
 *  - a live message that is in no archive is handed over at once; it carries no id and moves no cursor;
 *  - the first page is asked for before the initial presence, so that a server does not also send its offline queue;
 *    whatever was archived between the two is fetched because only a complete page asked for *after* the presence
 *    ends the catch-up.
 *
 * When catching up fails for another reason than a lost connection, messages must flow all the same: then they are
 * handed over without their archive ids (`detached`), the cursor stays before the hole, and catching up is tried
 * again later. What comes twice that way is dropped above, by message id.
 */
import type { AppError, Result } from '../../../shared/errors.ts';
import type { ArchivedUpTo } from './account-state.ts';
import type { ArchivePage, PagePosition } from './archive-page.ts';
import type { Taken } from './incoming-message.ts';

const MAX_HELD = 200;
/** Archive ids remembered after a catch-up, for the live copy of a message that a page already brought. */
const MAX_RECENT = 200;

export interface ArchiveSource {
  readonly cursor: () => string | null;
  /** How far an earlier catch-up came to its end: begins there without a cursor, or when the cursor is gone. */
  readonly archived: () => ArchivedUpTo | null;
  readonly fetch: (position: PagePosition) => Promise<Result<ArchivePage>>;
  /**
   * Hands over in the order of calls; durably taken when it resolves. `keepsId` is asked at the moment of handing
   * over: false means without the archive id.
   */
  readonly deliver: (message: Taken, keepsId: () => boolean) => Promise<void>;
  /** Likewise the messages of a page, which all carry archive ids; rejects when not all were taken. */
  readonly deliverPage: (messages: readonly Taken[]) => Promise<void>;
  /** A live message was not taken: the archive has it, catch up again later. */
  readonly missed: () => void;
  readonly progress: (stored: number) => void;
}

export type CatchUpOutcome =
  | { readonly kind: 'done'; readonly archived: ArchivedUpTo }
  /** Superseded by a newer session. */
  | { readonly kind: 'superseded' }
  | { readonly kind: 'failed'; readonly error: AppError | null };

/** A page that was asked for, and what was true when it was. */
interface Asked {
  readonly page: Promise<Result<ArchivePage>>;
  readonly position: PagePosition;
  readonly coversPresence: boolean;
  readonly letGo: number;
}

type Mode = 'attached' | 'holding' | 'detached';

export class ArchiveCatchUp {
  readonly #source: ArchiveSource;
  #mode: Mode = 'attached';
  #run = 0;
  readonly #held = new Map<string, Taken>();
  /** How many held messages were let go, and how many live ones were not taken. */
  #letGo = 0;
  #missed = 0;
  readonly #recent = new Set<string>();

  constructor(source: ArchiveSource) {
    this.#source = source;
  }

  get mode(): Mode {
    return this.#mode;
  }

  /** From now on live messages wait (or, if the account has no archive, `attach` at once). */
  hold(): void {
    this.#mode = 'holding';
  }

  /** No archive on this account: messages are simply handed over. */
  attach(): Promise<void> {
    return this.#release('attached');
  }

  /** Live messages flow, the cursor stands still: something before them is missing. */
  detach(): Promise<void> {
    return this.#release('detached');
  }

  /** Takes a live message or carbon. */
  async live(message: Taken): Promise<void> {
    const { archiveId } = message;
    if (archiveId === null) return this.#source.deliver(message, () => false);
    if (this.#recent.has(archiveId)) return;
    if (this.#mode === 'holding') return this.#keep(archiveId, message);
    return this.#handOver(message);
  }

  /** Pages forward until nothing is missing. `announce` (sends our presence) is called after the first request. */
  async run(announce: () => void): Promise<CatchUpOutcome> {
    const run = ++this.#run;
    const missed = this.#missed;
    this.hold();
    const outcome = await this.#pages(run, announce);
    if (run !== this.#run) return { kind: 'superseded' };
    if (outcome.kind !== 'done') return outcome;
    if (this.#missed !== missed) return { kind: 'failed', error: null };
    await this.#release('attached');
    return outcome;
  }

  /** Abandons a run: its connection is gone. Messages stay held until the next one. */
  abandon(): void {
    this.#run++;
  }

  /** A live message that is in the archive: if it is not taken now, a later catch-up brings it again. */
  async #handOver(message: Taken): Promise<void> {
    const detached = this.#mode === 'detached';
    const missed = this.#missed;
    // nothing before it may have failed while it waited in the queue, whatever has begun since
    const keepsId = () => !detached && this.#missed === missed;
    try {
      await this.#source.deliver(message, keepsId);
    } catch {
      this.#missed++;
      this.#mode = 'detached';
      this.#source.missed();
    }
  }

  async #pages(run: number, announce: () => void): Promise<CatchUpOutcome> {
    let asked = this.#ask(this.#start(), false);
    announce();
    let stored = 0;
    let time = this.#source.archived()?.time ?? null;
    for (;;) {
      const { position, coversPresence, letGo } = asked;
      const page = await asked.page;
      if (run !== this.#run) return { kind: 'superseded' };
      if (!page.ok) {
        const next = this.#fallback(position, page.error);
        if (next === null) return { kind: 'failed', error: page.error };
        asked = this.#ask(next, true);
        continue;
      }
      const { results, last, complete } = page.value;
      const stuck = last !== null && position.kind === 'after' && position.archiveId === last;
      const next = following(position, last);
      // the server looks for the next page while this one is being stored
      const ahead = stuck || complete ? null : this.#ask(next, true);
      try {
        await this.#source.deliverPage(results.flatMap(({ message }) => message ?? []));
      } catch {
        // not taken: it and all after it come again
        return { kind: 'failed', error: null };
      }
      if (run !== this.#run) return { kind: 'superseded' };
      for (const { archiveId, message } of results) {
        this.#remember(archiveId);
        time = message?.delayedSince ?? time;
      }
      stored += results.length;
      if (results.length > 0) this.#source.progress(stored);
      if (stuck || (complete && coversPresence && this.#letGo === letGo)) {
        return { kind: 'done', archived: { last: next.kind === 'after' ? next.archiveId : null, time } };
      }
      asked = ahead ?? this.#ask(next, true);
    }
  }

  #ask(position: PagePosition, coversPresence: boolean): Asked {
    const page = this.#source.fetch(position);
    // if nobody comes to hear of it any more, it need not be told
    page.catch(() => {});
    return { page, position, coversPresence, letGo: this.#letGo };
  }

  /** Of an account that is new here only the newest page is taken; of one whose archive was empty, everything since. */
  #start(): PagePosition {
    const archived = this.#source.archived();
    const archiveId = this.#source.cursor() ?? archived?.last ?? null;
    if (archiveId !== null) return { kind: 'after', archiveId };
    return { kind: archived === null ? 'newest' : 'oldest' };
  }

  /** The server no longer knows the cursor (it expires messages): by time if we know one, else the newest page. */
  #fallback(position: PagePosition, error: AppError): PagePosition | null {
    if (error.code !== 'stanza.not-found' || position.kind === 'newest') return null;
    const time = position.kind === 'after' ? (this.#source.archived()?.time ?? null) : null;
    return time === null ? { kind: 'newest' } : { kind: 'since', time };
  }

  #keep(archiveId: string, message: Taken): void {
    this.#held.set(archiveId, message);
    if (this.#held.size <= MAX_HELD) return;
    const [oldest] = this.#held.keys();
    if (oldest !== undefined) this.#held.delete(oldest);
    this.#letGo++;
  }

  #remember(archiveId: string): void {
    this.#held.delete(archiveId);
    this.#recent.add(archiveId);
    const [oldest] = this.#recent;
    if (this.#recent.size > MAX_RECENT && oldest !== undefined) this.#recent.delete(oldest);
  }

  /** `deliver` keeps the order of calls, so what is live after this line comes after what was held. */
  async #release(mode: 'attached' | 'detached'): Promise<void> {
    this.#mode = mode;
    const held = [...this.#held.values()];
    this.#held.clear();
    await Promise.all(held.map((message) => this.#handOver(message)));
  }
}

/** Where to go on after a page of which `last` is the last. */
function following(position: PagePosition, last: string | null): PagePosition {
  if (last !== null) return { kind: 'after', archiveId: last };
  // the archive was empty: what is in it from now on is all new
  return position.kind === 'newest' ? { kind: 'oldest' } : position;
}
