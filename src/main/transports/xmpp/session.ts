/**
 * One session of the account from bind to catch-up: roster, carbons, service discovery, archive, initial presence
 * (RFC 6121 §2.2 and §4.2, XEP-0280, XEP-0313). Begun again when a connection was lost before it was complete.
 */
import xml, { type Element } from '@xmpp/xml';
import type { AppError, Result } from '../../../shared/errors.ts';
import type { BareJid } from '../../../shared/model.ts';
import type { ArchivedUpTo } from './account-state.ts';
import { ArchiveCatchUp } from './archive.ts';
import { ArchivePages } from './archive-page.ts';
import type { Taken } from './incoming-message.ts';
import { NS } from './namespaces.ts';
import type { Roster } from './roster.ts';
import { readFeatures } from './service-discovery.ts';
import type { XmppStream } from './types.ts';

const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 300_000;

export interface SessionContext {
  readonly account: BareJid;
  readonly roster: Roster;
  readonly caps: Element;
  readonly cursor: () => string | null;
  readonly archived: () => ArchivedUpTo | null;
  readonly stream: () => XmppStream;
  readonly deliver: (message: Taken, keepsId: () => boolean) => Promise<void>;
  readonly deliverPage: (messages: readonly Taken[]) => Promise<void>;
  readonly onRoster: () => void;
  readonly onCatchUp: (stored: number | null, complete: boolean) => void;
  readonly onCaughtUp: (archived: ArchivedUpTo) => void;
}

export class Session {
  readonly #context: SessionContext;
  readonly #pages = new ArchivePages();
  readonly #archive: ArchiveCatchUp;
  #marksArchiveIds = false;
  #abort = new AbortController();
  /** Everything was done for the current binding. */
  #complete = false;
  #retry: NodeJS.Timeout | null = null;
  #retryDelay = FIRST_RETRY_MS;

  constructor(context: SessionContext) {
    this.#context = context;
    this.#archive = new ArchiveCatchUp({
      cursor: context.cursor,
      archived: context.archived,
      fetch: (position) => this.#pages.fetch(position, context.account, (iq) => this.#request(iq)),
      deliver: context.deliver,
      deliverPage: context.deliverPage,
      missed: () => this.#tryAgainLater(),
      progress: (stored) => context.onCatchUp(stored, false),
    });
  }

  get marksArchiveIds(): boolean {
    return this.#marksArchiveIds;
  }

  /** A resumed session goes on as it was, unless it had not yet come to its end. */
  bound(resumed: boolean): void {
    if (resumed && this.#complete) return;
    void this.#begin();
  }

  end(): void {
    this.#abort.abort();
    this.#archive.abandon();
    this.#complete = false;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  /** A live message or carbon. */
  live(message: Taken): Promise<void> {
    return this.#archive.live(message);
  }

  /** An archive result; one that answers no query of ours is dropped. */
  archived(queryId: string, archiveId: string, message: Taken | null): void {
    this.#pages.collect(queryId, archiveId, message);
  }

  async #begin(): Promise<void> {
    this.end();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#archive.hold();
    this.#context.onCatchUp(0, false);
    const { roster, account } = this.#context;
    // asked together, answered in order
    const [features, contacts] = await Promise.all([
      this.#request(xml('iq', { type: 'get', to: account }, xml('query', { xmlns: NS.discoInfo }))),
      this.#request(roster.fetch(this.#context.stream().features)),
      this.#request(xml('iq', { type: 'set' }, xml('enable', { xmlns: NS.carbons }))),
    ]);
    if (signal.aborted) return;
    if (contacts.ok) {
      roster.replace(contacts.value);
      this.#context.onRoster();
    }
    if (!features.ok && features.error.code.startsWith('transport.')) return this.#failed(features.error);
    const supported = features.ok ? readFeatures(features.value) : new Set<string>();
    const hasArchive = supported.has(NS.archive);
    this.#marksArchiveIds = hasArchive;
    if (hasArchive) return this.#catchUp(signal);
    this.#announce();
    this.#complete = true;
    await this.#archive.attach();
    this.#context.onCatchUp(null, true);
  }

  async #catchUp(signal: AbortSignal): Promise<void> {
    const outcome = await this.#archive.run(() => this.#announce());
    if (signal.aborted || outcome.kind === 'superseded') return;
    if (outcome.kind === 'done') {
      this.#complete = true;
      this.#retryDelay = FIRST_RETRY_MS;
      this.#context.onCaughtUp(outcome.archived);
      this.#context.onCatchUp(null, true);
      return;
    }
    this.#context.onCatchUp(null, false);
    await this.#failed(outcome.error);
  }

  /** `error` null: the application did not take a message. */
  async #failed(error: AppError | null): Promise<void> {
    this.#tryAgainLater();
    // cut off: messages stay held until the next catch-up; anything else must not keep them from flowing
    const cutOff = error?.code === 'transport.unreachable' || error?.code === 'transport.stopped';
    if (!cutOff) await this.#archive.detach();
  }

  /** Initial presence: neither priority nor status, only what others need to know what to send us. */
  #announce(): void {
    void this.#context.stream().send(xml('presence', {}, this.#context.caps), this.#abort.signal);
  }

  #request(iq: Element): Promise<Result<Element>> {
    return this.#context.stream().request(iq, this.#abort.signal);
  }

  #tryAgainLater(): void {
    this.#complete = false;
    if (this.#retry !== null) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      // offline: the next binding begins again by itself
      if (this.#context.stream().status.state === 'online') void this.#begin();
    }, this.#retryDelay);
    this.#retry.unref();
    this.#retryDelay = Math.min(this.#retryDelay * 2, LONGEST_RETRY_MS);
  }
}
