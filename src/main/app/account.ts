/** The XMPP account while it is signed in: its transport, who is online, and what the roster says about contacts. */
import { traceOf } from '../../shared/error-trace.ts';
import { type AppError, fail, ok, type Result } from '../../shared/errors.ts';
import type { AccountStatus, BareJid, Contact, ContactId } from '../../shared/model.ts';
import { inTransaction, type MessagingContext } from '../messaging/context.ts';
import { conversationWith } from '../messaging/timeline/conversation-timeline.ts';
import type { AccountRecord, ContactRecord } from '../storage/records.ts';
import type { StanzaHandler, TransportEvents } from '../transports/transport.ts';
import { createXmppTransport } from '../transports/xmpp/account.ts';
import type { RosterEntry, XmppAccountEvents, XmppTransport, XmppTransportOptions } from '../transports/xmpp/types.ts';
import { cleanName } from './clean-name.ts';
import { localPart, mergeRosterEntry, sameContact } from './roster-contacts.ts';

const signInTimeout = 60_000;
/** What a server held back for us arrives within this time of connecting, where it keeps no archive. */
const settlingTime = 20_000;
/** Strangers' requests that wait for an answer at the same time. */
const maxRequests = 20;

export interface AccountCallbacks {
  readonly onStatus: () => void;
  /** What is reachable through the server changed. */
  readonly onReach: () => void;
  readonly onOnline: () => void;
  /** `complete`: the archive was read to its end; false: it could not be, and what comes is taken as it comes. */
  readonly onCaughtUp: (complete: boolean) => void;
  readonly onBounce: (messageId: string, from: BareJid, error: AppError) => void;
  readonly onStanza: StanzaHandler;
  readonly onStanzas: NonNullable<TransportEvents['onStanzas']>;
}

export class Account {
  readonly #context: MessagingContext;
  readonly #callbacks: AccountCallbacks;
  readonly #override: XmppTransportOptions['override'];
  readonly #presence = new Map<BareJid, 'online' | 'away' | 'offline'>();
  #transport: XmppTransport | null = null;
  #life = new AbortController();
  #catchingUp: number | null = null;
  #wasOnline = false;

  constructor(context: MessagingContext, callbacks: AccountCallbacks, override: XmppTransportOptions['override']) {
    this.#context = context;
    this.#callbacks = callbacks;
    this.#override = override;
  }

  get transport(): XmppTransport | null {
    return this.#transport;
  }

  /** Null without an account. */
  status(): AccountStatus | null {
    const record = this.#context.store.accounts.get();
    if (!record || !this.#transport) return null;
    return { jid: record.jid, transport: this.#transport.status, catchingUp: this.#catchingUp };
  }

  catchingUp(): boolean {
    return this.#catchingUp !== null && this.#transport?.status.state === 'online';
  }

  archiveComplete(): boolean {
    const status = this.#transport?.status;
    if (!status) return true;
    // Either way: the clock may have been set back since.
    const settled = Math.abs(this.#context.now() - status.since) > settlingTime;
    return status.state === 'online' && this.#catchingUp === null && settled;
  }

  presenceOf(contact: ContactRecord): Contact['presence'] {
    if (!this.#transport || !contact.jid) return null;
    if (contact.subscription !== 'both' && contact.subscription !== 'to') return null;
    return this.#presence.get(contact.jid) ?? 'offline';
  }

  /** Connects the account that is stored, if one is. */
  start(): void {
    const record = this.#context.store.accounts.get();
    if (!record) return;
    const { transport, begin } = this.#prepare(record, Promise.resolve());
    this.#transport = transport;
    begin();
  }

  /** Resolves when online and stored, or with the reason why not; then nothing was stored. */
  async signIn(jid: BareJid, password: string): Promise<Result<void>> {
    const previous = this.#context.store.accounts.get();
    await this.#stopTransport();
    const record: AccountRecord =
      previous?.jid === jid ? { ...previous, password } : { jid, password, state: '', archiveCursor: null };
    // What arrives before the account is stored waits; if it never is, it is not taken.
    const stored = deferred();
    const attempt = this.#prepare(record, stored.promise);
    attempt.begin();
    const outcome = await attempt.transport.firstOutcome(AbortSignal.timeout(signInTimeout));
    if (!outcome.ok) {
      stored.reject(new Error('not signed in'));
      await attempt.end();
      this.start();
      this.#callbacks.onStatus();
      return outcome;
    }
    this.#context.store.accounts.put({ ...record, state: attempt.state() });
    this.#transport = attempt.transport;
    stored.resolve();
    this.#statusChanged(attempt.transport);
    return ok();
  }

  async signOut(): Promise<void> {
    await this.#stopTransport();
    this.#context.store.accounts.remove();
    this.#callbacks.onStatus();
    this.#callbacks.onReach();
  }

  retry(password: string | null): Result<void> {
    const record = this.#context.store.accounts.get();
    if (!record || !this.#transport) return fail('account.none', 'You are not signed in to an account.');
    if (password !== null) this.#context.store.accounts.put({ ...record, password });
    this.#transport.retry(password);
    return ok();
  }

  async stop(): Promise<void> {
    await this.#stopTransport();
  }

  async #stopTransport(): Promise<void> {
    const transport = this.#transport;
    this.#transport = null;
    this.#presence.clear();
    this.#catchingUp = null;
    this.#wasOnline = false;
    await transport?.stop();
    this.#life.abort();
    this.#life = new AbortController();
  }

  #prepare(record: AccountRecord, stored: Promise<void>) {
    const { store } = this.#context;
    let isStored = false;
    let lastState = record.state;
    stored.then(
      () => {
        isStored = true;
      },
      () => {},
    );
    const afterStored = (work: () => void): void => {
      stored.then(work).catch((error: unknown) => {
        if (!isStored) return;
        this.#context.log('error', 'account-event-lost', {
          reason: traceOf(error),
        });
      });
    };
    const events: XmppAccountEvents = {
      onRoster: (entries, complete) => afterStored(() => this.#takeRoster(entries, complete)),
      onRosterRemoved: (jid) => afterStored(() => this.#changeSubscription(jid, 'none')),
      onPresence: (jid, presence) => afterStored(() => this.#takePresence(jid, presence)),
      onSubscriptionRequest: (jid, nickname) => afterStored(() => this.#takeRequest(jid, nickname)),
      onCatchUp: (count, complete) => {
        this.#catchingUp = count;
        afterStored(() => {
          this.#callbacks.onStatus();
          if (count === null) this.#callbacks.onCaughtUp(complete);
        });
      },
      archiveCursor: () => (isStored ? (store.accounts.get()?.archiveCursor ?? null) : record.archiveCursor),
      onBounce: (messageId, from, error) => afterStored(() => this.#callbacks.onBounce(messageId, from, error)),
      onState: (state) => {
        lastState = state;
        if (isStored && store.accounts.get()?.jid === record.jid) store.accounts.putState(state);
      },
    };
    const transport = createXmppTransport({
      credentials: { jid: record.jid, password: record.password, state: record.state },
      events,
      ...(this.#override ? { override: this.#override } : {}),
    });
    const transportEvents: TransportEvents = {
      onStatus: () => {
        if (this.#transport === transport) this.#statusChanged(transport);
      },
      onReach: () => afterStored(() => this.#callbacks.onReach()),
      onStanza: async (incoming) => {
        await stored;
        return await this.#callbacks.onStanza(incoming);
      },
      onStanzas: async (incoming) => {
        await stored;
        await this.#callbacks.onStanzas(incoming);
      },
      onRequest: async () => fail('stanza.not-found', 'There is nothing to answer.'),
    };
    const life = this.#life;
    return {
      transport,
      begin: () => transport.start(transportEvents, life.signal),
      end: () => transport.stop(),
      state: () => lastState,
    };
  }

  #statusChanged(transport: XmppTransport): void {
    const online = transport.status.state === 'online';
    if (!online) this.#presence.clear();
    this.#callbacks.onStatus();
    if (online !== this.#wasOnline) {
      this.#wasOnline = online;
      if (online) this.#callbacks.onOnline();
      this.#callbacks.onReach();
    }
  }

  #takeRoster(entries: readonly RosterEntry[], complete: boolean): void {
    inTransaction(this.#context, (after) => {
      const { contacts } = this.#context.store;
      const listed = new Set(entries.map((entry) => entry.jid));
      for (const entry of entries) {
        const known = contacts.byAddress(entry.jid);
        const updated = mergeRosterEntry(known, entry, this.#context.now());
        if (known && sameContact(known, updated)) continue;
        contacts.put(updated);
        const conversation = known ? this.#context.store.conversations.byContact(known.id) : null;
        after(() => {
          this.#context.events.contact(updated.id);
          if (conversation) this.#context.events.conversation(conversation.id);
        });
      }
      if (!complete) return;
      for (const contact of contacts.list()) {
        if (!contact.jid || listed.has(contact.jid) || contact.subscription === 'none') continue;
        if (contact.subscription === 'pending-in') continue;
        contacts.put({ ...contact, subscription: 'none' });
        after(() => this.#context.events.contact(contact.id));
      }
    });
  }

  #changeSubscription(jid: BareJid, subscription: ContactRecord['subscription']): void {
    const contact = this.#context.store.contacts.byAddress(jid);
    if (!contact || contact.subscription === subscription) return;
    this.#context.store.contacts.put({ ...contact, subscription });
    this.#context.events.contact(contact.id);
  }

  #takePresence(jid: BareJid, presence: 'online' | 'away' | 'offline'): void {
    if (this.#presence.get(jid) === presence) return;
    this.#presence.set(jid, presence);
    const contact = this.#context.store.contacts.byAddress(jid);
    if (contact) this.#context.events.contact(contact.id);
  }

  #takeRequest(jid: BareJid, nickname: string): void {
    const { contacts } = this.#context.store;
    const known = contacts.byAddress(jid);
    if (known && known.subscription !== 'none') {
      // Whom we asked ourselves, or let in before, need not be asked about again.
      if (known.subscription !== 'pending-in') void this.#transport?.answerSubscription(jid, true);
      return;
    }
    const waiting = contacts.list().filter((contact) => contact.subscription === 'pending-in').length;
    if (waiting >= maxRequests) return;
    const id = known?.id ?? (crypto.randomUUID() as string as ContactId);
    contacts.put({
      id,
      name: known?.name ?? (cleanName(nickname) || localPart(jid)),
      jid,
      xid: known?.xid ?? null,
      subscription: 'pending-in',
      xidShared: known?.xidShared ?? false,
      addedAt: known?.addedAt ?? this.#context.now(),
    });
    this.#context.events.contact(id);
  }

  /** A contact for the address, asked for their presence. */
  async addByJid(jid: BareJid, name: string | null): Promise<Result<ContactRecord>> {
    const transport = this.#transport;
    if (!transport)
      return fail('account.none', 'You need an account to add people by their address.', 'Sign in first.');
    const known = this.#context.store.contacts.byAddress(jid);
    if (known && (known.subscription === 'both' || known.subscription === 'to')) {
      return fail('contact.exists', 'This person is in your contacts already.');
    }
    const listed = await transport.setRosterEntry(jid, name ?? '');
    if (!listed.ok) return listed;
    const record = inTransaction(this.#context, (after): ContactRecord => {
      const current = this.#context.store.contacts.byAddress(jid);
      const contact: ContactRecord = {
        id: current?.id ?? (crypto.randomUUID() as string as ContactId),
        name: name ?? current?.name ?? localPart(jid),
        jid,
        xid: current?.xid ?? null,
        subscription:
          current && !['none', 'pending-in'].includes(current.subscription) ? current.subscription : 'pending-out',
        xidShared: current?.xidShared ?? false,
        addedAt: current?.addedAt ?? this.#context.now(),
      };
      this.#context.store.contacts.put(contact);
      const conversation = conversationWith(this.#context, contact.id);
      after(() => {
        this.#context.events.contact(contact.id);
        this.#context.events.conversation(conversation.id);
      });
      return contact;
    });
    const asked = await transport.subscribe(jid);
    if (asked.ok && known?.subscription === 'pending-in') await transport.answerSubscription(jid, true);
    return asked.ok ? ok(record) : asked;
  }
}

/** A promise and its two ends; nobody has to be waiting for its failure. */
function deferred() {
  let resolve: () => void = () => {};
  let reject: (reason: Error) => void = () => {};
  const promise = new Promise<void>((good, bad) => {
    resolve = good;
    reject = bad;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
