/** An open profile at work: messaging between its store and its two networks. Pieces are passed by name, in order. */
import type { ContactId, ConversationId, MessageId } from '../../shared/model.ts';
import { inTransaction, type MessagingContext } from '../messaging/context.ts';
import { KeyDirectory } from '../messaging/devices/key-directory.ts';
import { countTime } from '../messaging/devices/own-device-life.ts';
import { EnvelopeReader } from '../messaging/receiving/envelope-content.ts';
import { Inbox } from '../messaging/receiving/inbox.ts';
import { RollbackGuard } from '../messaging/repair/rollback-guard.ts';
import { SessionCare } from '../messaging/repair/session-care.ts';
import { Outbox } from '../messaging/sending/outbox.ts';
import { Speaker } from '../messaging/sending/say.ts';
import { Gaps } from '../messaging/timeline/gaps.ts';
import { Trust } from '../messaging/trust/trust.ts';
import { TrustCodes } from '../messaging/trust/trust-codes.ts';
import type { NearbyCrypto } from '../nearby/crypto.ts';
import type { Store } from '../storage/records.ts';
import type { StepMarker } from '../storage/step-marker.ts';
import type { XmppTransportOptions } from '../transports/xmpp/types.ts';
import { Account } from './account.ts';
import { ClockWatch, clockNotice } from './clock-watch.ts';
import { DeviceLists } from './device-lists.ts';
import type { EventHub } from './event-hub.ts';
import { LinkedDevices } from './linked-devices.ts';
import { Nearby, type NearbyOptions } from './nearby.ts';
import { News } from './news.ts';
import { createOmemoCipher } from './omemo-cipher.ts';
import type { Ports } from './ports.ts';
import { createStoreBook } from './store-book.ts';
import { Views } from './views.ts';
import { createXidProofs } from './xid-proofs.ts';

/** Keys are looked after this often (signed prekey rotation, XEP-0384 §5.3.2). */
const maintenancePeriod = 6 * 60 * 60 * 1000;

export interface RunningProfileOptions {
  readonly store: Store;
  readonly ports: Ports;
  readonly hub: EventHub;
  readonly crypto: NearbyCrypto;
  readonly onStatus: () => void;
  readonly xmppOverride: XmppTransportOptions['override'];
  readonly nearby: NearbyOptions;
  /** Null: nothing is kept outside the profile. */
  readonly marker: StepMarker | null;
}

const nearbyEnabled = 'nearby-enabled';

export class RunningProfile {
  readonly store: Store;
  readonly context: MessagingContext;
  readonly directory: KeyDirectory;
  readonly outbox: Outbox;
  readonly speaker: Speaker;
  readonly trust: Trust;
  readonly trustCodes: TrustCodes;
  readonly account: Account;
  readonly nearby: Nearby;
  readonly views: Views;
  /** What whoever listens is told. */
  readonly news: News;
  readonly #linked: LinkedDevices;
  readonly #care: SessionCare;
  readonly #guard: RollbackGuard;
  readonly clock: ClockWatch;
  readonly #marker: StepMarker | null;
  /** By what each contact is recognised: only a change of that concerns the direct transport. */
  readonly #addresses = new Map<ContactId, string>();
  readonly #deviceLists: DeviceLists;
  readonly #life = new AbortController();
  readonly #maintenance: ReturnType<typeof setInterval>;

  constructor(options: RunningProfileOptions) {
    const { store, ports, hub, crypto } = options;
    this.store = store;
    const now = (): number => ports.clock.now();
    const { signal } = this.#life;
    const context: MessagingContext = {
      store,
      cipher: createOmemoCipher(store, crypto.randomBytes, now, () => this.#guard.moved()),
      proofs: createXidProofs(store, crypto),
      addresses: {
        own: () => this.nearby.transport?.listenAddresses() ?? [],
        learn: (contactId, addresses) => this.nearby.transport?.learnAddresses(contactId, addresses),
      },
      events: {
        message: (message) => hub.emit({ type: 'message', message }),
        messageRemoved: (message) => this.news.messageRemoved(message),
        conversation: (id) => this.news.conversation(id),
        contact: (id) => this.#contactChanged(id),
        contactRemoved: (id, conversationId) => this.tellRemoved(id, conversationId),
        ownDevices: () => {
          options.onStatus();
          this.news.ownDevices();
        },
        trustDue: (owner) => this.trust.attend(owner),
        arrived: (message) => this.news.arrived(message),
      },
      now,
      random: crypto.randomBytes,
      log: (level, event, fields) => ports.logger.log(level, event, fields),
      crashPoint: ports.crashPoint,
      xmpp: () => this.account.transport,
      direct: () => this.nearby.transport,
      catchingUp: () => this.account.catchingUp(),
      mayEncrypt: () => this.#guard.mayEncrypt(),
      archiveComplete: () => this.account.archiveComplete(),
    };
    this.context = context;
    this.directory = new KeyDirectory(context, signal);
    this.views = new Views(context, this.directory, (contact) => this.account.presenceOf(contact));
    this.news = new News(store, this.views, hub, ports.notifier);
    this.#deviceLists = new DeviceLists(context, this.directory, signal);
    this.outbox = new Outbox(context, this.directory, signal);
    this.speaker = new Speaker(context, this.outbox, this.directory);
    this.trust = new Trust(context, this.directory, this.outbox);
    this.trustCodes = new TrustCodes(context, this.directory, this.trust);
    this.#linked = new LinkedDevices(context, this.directory, {
      onKeys: (contactId) => this.outbox.kick(contactId),
      tellAddresses: (contactId) => this.speaker.tellAddresses(contactId),
      isOnline: (contact) => this.account.presenceOf(contact) === 'online',
    });
    const gaps = new Gaps(context, signal);
    const care = new SessionCare(context, this.directory, this.outbox, signal);
    const reader = new EnvelopeReader(context, this.outbox, gaps);
    const inbox = new Inbox(context, this.directory, care, reader);
    this.#care = care;
    this.#marker = options.marker;
    this.clock = new ClockWatch(
      context,
      () => {
        options.onStatus();
        this.#maintain();
        this.outbox.kickAll();
      },
      signal,
    );
    this.#guard = new RollbackGuard(
      context,
      options.marker,
      {
        onOpen: () => {
          this.outbox.kickAll();
          care.caughtUp();
        },
        onKeys: () => void this.directory.announce(),
        onNotice: options.onStatus,
      },
      signal,
    );
    inbox.onOwnStanza = (id, after) => this.#guard.sawOwn(id, after);
    this.directory.onConflict = (what, listed) => this.#guard.conflict(what, listed);
    this.account = new Account(
      context,
      {
        onStatus: () => {
          if (this.account.status()?.transport.state === 'failing') this.#guard.serverFails();
          options.onStatus();
        },
        onReach: () => {
          this.outbox.kickAll();
          this.news.allConversations();
          this.news.receivers(signal).catch(() => context.log('warn', 'receivers-not-told'));
        },
        onOnline: () => {
          this.clock.online();
          this.directory.forgetLists();
          void this.directory.announce();
          this.trust.attendAll();
          this.#deviceLists.askAll().catch(() => context.log('warn', 'lists-not-fetched'));
          // A session that is taken up again reads no archive, and nothing else would say that it can be asked now.
          setImmediate(() => care.reached(null));
        },
        onCaughtUp: (complete) => {
          this.#guard.caughtUp(complete);
          care.caughtUp();
          reader.caughtUp();
          gaps.review();
          this.#countTime();
          this.outbox.kickAll();
        },
        onBounce: (messageId, from, error) => this.outbox.outcomes.bounced(messageId as MessageId, from, error),
        onStanza: (incoming) => inbox.take(incoming),
        onStanzas: (incoming) => inbox.takeAll(incoming),
      },
      options.xmppOverride,
    );
    const book = createStoreBook(
      store,
      () => context,
      (contact) => this.#contactChanged(contact.id),
    );
    this.nearby = new Nearby(
      context,
      this.directory,
      book,
      crypto,
      {
        onStatus: options.onStatus,
        onReach: (contactId) => this.#directReachChanged(contactId),
        onAddresses: () => this.#linked.tellAddresses(),
        onStanza: (incoming) => inbox.take(incoming),
      },
      options.nearby,
    );
    this.#maintenance = setInterval(() => this.#maintain(), maintenancePeriod);
    this.#maintenance.unref();
    gaps.load();
  }

  start(nearby: boolean | null): void {
    this.#guard.start();
    this.clock.look();
    this.#maintain();
    if (nearby ?? this.store.settings.getValue(nearbyEnabled) !== 'false') this.nearby.start();
    this.account.start();
    this.outbox.load();
    this.trust.attendAll();
  }

  async setNearbyEnabled(enabled: boolean): Promise<void> {
    this.store.settings.setValue(nearbyEnabled, JSON.stringify(enabled));
    if (enabled) this.nearby.start();
    else await this.nearby.stop();
    this.news.allConversations();
  }

  nudge(): void {
    this.account.transport?.nudge();
    this.nearby.transport?.nudge();
    this.outbox.kickAll();
  }

  async close(): Promise<void> {
    clearInterval(this.#maintenance);
    await Promise.allSettled([this.account.stop(), this.nearby.stop()]);
    this.#life.abort();
    this.#marker?.close();
  }

  dismiss(notice: string): void {
    if (notice === clockNotice) this.clock.dismiss();
  }

  /** Who gets messages depends on it: what waited may go, and what would have gone may wait. */
  trustPolicyChanged(): void {
    this.news.everything();
    this.trust.attendAll();
  }

  tellRemoved(id: ContactId, conversationId: ConversationId | null): void {
    this.#addresses.delete(id);
    this.#deviceLists.forget(id);
    this.news.removed(id, conversationId);
    this.nearby.transport?.contactsChanged();
  }

  #contactChanged(id: ContactId): void {
    this.news.contact(id);
    const conversation = this.store.conversations.byContact(id);
    if (conversation) this.news.conversation(conversation.id);
    const contact = this.store.contacts.get(id);
    if (contact) this.#deviceLists.contactChanged(contact);
    const addresses = contact ? `${contact.jid} ${contact.xid} ${contact.subscription === 'pending-in'}` : '';
    if (this.#addresses.get(id) === addresses) return;
    this.#addresses.set(id, addresses);
    this.nearby.transport?.contactsChanged();
  }

  #directReachChanged(contactId: ContactId | null): void {
    if (contactId === null) {
      this.outbox.kickAll();
      this.news.allConversations();
      return;
    }
    this.outbox.kick(contactId);
    this.#care.reached(contactId);
    const conversation = this.store.conversations.byContact(contactId);
    if (conversation) this.news.conversation(conversation.id);
    this.news.contact(contactId);
    this.#linked.reachChanged(contactId);
  }

  #maintain(): void {
    if (this.context.cipher.maintain()) void this.directory.announce();
    if (this.account.transport?.status.state === 'online' && !this.account.catchingUp()) this.#countTime();
  }

  /** Own devices may have been silent for long enough now. */
  #countTime(): void {
    inTransaction(this.context, () => countTime(this.context));
    this.news.ownDevices();
  }
}
