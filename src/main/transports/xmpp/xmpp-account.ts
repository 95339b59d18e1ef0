/** The XMPP transport: one account's roster, presence, carbons, archive and messages on top of its stream. */
import { randomUUID } from 'node:crypto';
import xml, { Element } from '@xmpp/xml';
import { fail, ok, type Result } from '../../../shared/errors.ts';
import { parseJid } from '../../../shared/jid.ts';
import type { Address, BareJid, TransportStatus } from '../../../shared/model.ts';
import type { IncomingStanza, Reach, SendOutcome, SendTarget, TransportEvents } from '../transport.ts';
import { answerRequest } from './account-requests.ts';
import { type AccountState, formatAccountState, parseAccountState } from './account-state.ts';
import { DeliveryOrder } from './delivery-order.ts';
import { type OwnAccount, readMessage, type Taken } from './incoming-message.ts';
import { NS } from './namespaces.ts';
import { PresenceBoard } from './presence.ts';
import { Roster, rosterRemove, rosterSet } from './roster.ts';
import { createServiceDiscovery, type ServiceDiscovery } from './service-discovery.ts';
import { Session } from './session.ts';
import { readStanzaError } from './stanza-error.ts';
import type { RosterEntry, XmppStream, XmppTransport, XmppTransportOptions } from './types.ts';

/** PEP nodes whose changes contacts' servers shall tell us (XEP-0163 §4.3.2): what this version handles. */
const DEFAULT_NOTIFY = ['urn:xmpp:omemo:2:devices', 'eu.siacs.conversations.axolotl.devicelist'];
const MAX_NICKNAME = 200;
/** XEP-0516: these addresses exist on no server. */
const XID = /^[0-9a-f]{66}@id\.internal$/;

export type StreamFactory = (options: Pick<XmppTransportOptions, 'credentials' | 'override'>) => XmppStream;

/** Longest stretch of handing over before other events get a turn. */
const SLICE_MS = 8;

/** Made by `createXmppTransport` (account.ts). */
export class XmppAccount implements XmppTransport {
  readonly id = 'xmpp';
  readonly route = 'server';
  readonly jid: BareJid;
  readonly #options: XmppTransportOptions;
  readonly #makeStream: StreamFactory;
  readonly #domain: string;
  readonly #discovery: ServiceDiscovery;
  readonly #roster: Roster;
  readonly #presences: PresenceBoard;
  readonly #order = new DeliveryOrder();
  readonly #session: Session;
  #state: AccountState;
  #password: string;
  #stream: XmppStream;
  #events: TransportEvents | null = null;
  #signal: AbortSignal | null = null;
  #status: TransportStatus;
  readonly #statusWatchers = new Set<(status: TransportStatus) => void>();

  constructor(options: XmppTransportOptions, makeStream: StreamFactory) {
    const { credentials, events } = options;
    this.#options = options;
    this.#makeStream = makeStream;
    this.jid = credentials.jid;
    this.#domain = credentials.jid.slice(credentials.jid.indexOf('@') + 1);
    this.#discovery = createServiceDiscovery(options.notify ?? DEFAULT_NOTIFY);
    this.#state = parseAccountState(credentials.state);
    this.#password = credentials.password;
    this.#roster = new Roster(this.#state.roster);
    this.#presences = new PresenceBoard(events.onPresence);
    this.#stream = this.#newStream();
    this.#status = this.#stream.status;
    this.#session = new Session({
      account: this.jid,
      roster: this.#roster,
      caps: this.#discovery.caps,
      cursor: events.archiveCursor,
      archived: () => this.#state.archived,
      stream: () => this.#stream,
      deliver: (message, keepsId) => this.#deliver(message, keepsId),
      deliverPage: (messages) => this.#deliverPage(messages),
      onRoster: () => {
        events.onRoster(this.#roster.entries, true);
        this.#keep({ roster: this.#roster.save() });
      },
      onCatchUp: events.onCatchUp,
      onCaughtUp: (archived) => this.#keep({ archived }),
    });
  }

  get status(): TransportStatus {
    return this.#status;
  }

  start(events: TransportEvents, signal: AbortSignal): void {
    this.#events = events;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#session.end(), { once: true });
    this.#startStream();
  }

  async stop(): Promise<void> {
    this.#session.end();
    await this.#stream.stop();
    if (this.#status.state === 'off') return;
    this.#takeStatus(this.#stream, { state: 'off', error: null, since: Date.now(), retryAt: null });
  }

  nudge(): void {
    this.#stream.nudge();
  }

  retry(password: string | null): void {
    if (password !== null) this.#password = password;
    const { error, retryAt } = this.#status;
    // still trying by itself with what the person entered: only sooner
    if (password === null && (error === null || retryAt !== null)) {
      this.#stream.nudge();
      return;
    }
    const previous = this.#stream;
    this.#session.end();
    this.#stream = this.#newStream();
    // its last words are not ours any more (see takeStatus); a failure to close changes nothing
    previous.stop().catch(() => {});
    if (this.#events !== null) this.#startStream();
  }

  firstOutcome(signal: AbortSignal): Promise<Result<void>> {
    return new Promise((resolve) => {
      const settle = (result: Result<void>) => {
        this.#statusWatchers.delete(look);
        signal.removeEventListener('abort', aborted);
        resolve(result);
      };
      const look = (status: TransportStatus) => {
        if (status.state === 'online') settle(ok());
        else if (status.error !== null) settle({ ok: false, error: status.error });
      };
      const aborted = () => settle(fail('transport.stopped', 'Signing in was cancelled.'));
      if (signal.aborted) return aborted();
      signal.addEventListener('abort', aborted);
      this.#statusWatchers.add(look);
      look(this.#status);
    });
  }

  /** Any bare JID is reachable while the account is online; XMPP cannot tell devices apart. */
  reach(address: Address): Reach {
    return { reachable: this.#status.state === 'online' && !XID.test(address), devices: null };
  }

  async send(stanza: Element, target: SendTarget, signal: AbortSignal): Promise<Result<SendOutcome>> {
    const refused = this.#refusal(target.address, signal);
    if (refused !== null) return refused;
    const sent = await this.#stream.send(addressed(stanza, target.address), signal);
    return sent.ok ? ok({ kind: 'accepted' }) : sent;
  }

  async request(iq: Element, target: SendTarget, signal: AbortSignal): Promise<Result<Element>> {
    const refused = this.#refusal(target.address, signal);
    if (refused !== null) return refused;
    return this.#stream.request(addressed(iq, target.address), signal);
  }

  setRosterEntry(jid: BareJid, name: string): Promise<Result<void>> {
    return this.#command(rosterSet(jid, name));
  }

  removeRosterEntry(jid: BareJid): Promise<Result<void>> {
    return this.#command(rosterRemove(jid));
  }

  async subscribe(jid: BareJid): Promise<Result<void>> {
    const preApproves = this.#stream.features?.getChild('sub', NS.preApproval) !== undefined;
    if (preApproves) {
      const approved = await this.#presence(jid, 'subscribed');
      if (!approved.ok) return approved;
    }
    return this.#presence(jid, 'subscribe');
  }

  answerSubscription(jid: BareJid, accept: boolean): Promise<Result<void>> {
    return this.#presence(jid, accept ? 'subscribed' : 'unsubscribed');
  }

  #newStream(): XmppStream {
    const { credentials, override } = this.#options;
    const own = { jid: credentials.jid, password: this.#password, state: this.#state.stream };
    return this.#makeStream({ credentials: own, ...(override === undefined ? {} : { override }) });
  }

  #startStream(): void {
    const stream = this.#stream;
    const signal = this.#signal;
    if (signal === null) return;
    stream.start(
      {
        onStatus: (status) => this.#takeStatus(stream, status),
        onBound: ({ resumed }) => {
          if (stream !== this.#stream) return;
          if (resumed) this.#presences.reveal();
          else this.#presences.clear();
          this.#session.bound(resumed);
        },
        onStanza: (stanza) => this.#take(stanza),
        onState: (state) => this.#keep({ stream: state }),
      },
      signal,
    );
  }

  #takeStatus(stream: XmppStream, status: TransportStatus): void {
    if (stream !== this.#stream) return;
    const wasOnline = this.#status.state === 'online';
    this.#status = status;
    // cut off from the server, nobody's presence is known
    if (status.state !== 'online') this.#presences.hide();
    for (const watcher of [...this.#statusWatchers]) watcher(status);
    this.#events?.onStatus(status);
    if (wasOnline !== (status.state === 'online')) this.#events?.onReach(null);
  }

  #keep(part: Partial<AccountState>): void {
    this.#state = { ...this.#state, ...part };
    this.#options.events.onState(formatAccountState(this.#state));
  }

  async #take(stanza: Element): Promise<void> {
    if (stanza.name === 'message') return this.#takeMessage(stanza);
    if (stanza.name === 'presence') return this.#takePresence(stanza);
    if (stanza.name === 'iq') return this.#takeRequest(stanza);
  }

  async #takeMessage(stanza: Element): Promise<void> {
    const own: OwnAccount = {
      bare: this.jid,
      domain: this.#domain,
      marksArchiveIds: this.#session.marksArchiveIds,
    };
    const read = readMessage(stanza, own);
    if (read.kind === 'message') return this.#session.live(read.message);
    if (read.kind === 'archive-result') this.#session.archived(read.queryId, read.archiveId, read.message);
  }

  /** One after the other, in the order of calls: the cursor of the application only ever moves forward. */
  #deliver(message: Taken, keepsId: () => boolean): Promise<void> {
    return this.#order.run(async () => {
      if (this.#isBounce(message)) return;
      await this.#events?.onStanza(this.#incoming(message, keepsId() ? message.archiveId : null));
    });
  }

  /** Likewise, a whole page. */
  #deliverPage(messages: readonly Taken[]): Promise<void> {
    return this.#order.run(async () => {
      const incoming = messages
        .filter((message) => !this.#isBounce(message))
        .map((message) => this.#incoming(message, message.archiveId));
      const events = this.#events;
      if (events?.onStanzas) return events.onStanzas(incoming);
      let since = performance.now();
      for (const one of incoming) {
        if (performance.now() - since > SLICE_MS) {
          await new Promise((resolve) => setImmediate(resolve));
          since = performance.now();
        }
        await events?.onStanza(one);
      }
    });
  }

  /** Not a message but the news that one of ours came back. */
  #isBounce({ stanza, from }: Taken): boolean {
    if (stanza.attrs['type'] !== 'error') return false;
    const id: unknown = stanza.attrs['id'];
    if (typeof id === 'string') this.#options.events.onBounce(id, from, readStanzaError(stanza));
    return true;
  }

  #incoming({ stanza, from, kind, delayedSince }: Taken, archiveId: string | null): IncomingStanza {
    return {
      stanza,
      arrival: {
        transport: 'xmpp',
        route: 'server',
        to: this.jid,
        from,
        device: null,
        kind,
        archiveId,
        delayedSince,
      },
    };
  }

  #takePresence(stanza: Element): void {
    const from = parseJid(String(stanza.attrs['from'] ?? ''));
    if (!from.ok || from.value.bare === this.jid) return;
    const { bare, resource } = from.value;
    const type: unknown = stanza.attrs['type'];
    if (type === 'subscribe') {
      const nickname = stanza.getChildText('nick', NS.nick) ?? '';
      this.#options.events.onSubscriptionRequest(bare, nickname.trim().slice(0, MAX_NICKNAME));
    } else if (type === undefined || type === 'unavailable' || type === 'error') {
      // presence that we did not ask for is nobody's business to show (RFC 6121 §4.6)
      if (seesTheirPresence(this.#roster.get(bare))) this.#presences.take(bare, resource ?? '', stanza);
    }
    // subscribed, unsubscribe and unsubscribed reach us as roster pushes (RFC 6121 §3)
  }

  async #takeRequest(iq: Element): Promise<void> {
    const answer = await answerRequest(iq, {
      ownBare: this.jid,
      ownDomain: this.#domain,
      discovery: this.#discovery,
      seesOurPresence: (jid) => ['both', 'from'].includes(this.#roster.get(jid)?.subscription ?? 'none'),
      onRosterPush: (query) => this.#takeRosterPush(query),
      onRequest: async (request, arrival) =>
        (await this.#events?.onRequest(request, arrival)) ?? fail('transport.stopped', 'The connection was closed.'),
    });
    // whether the answer arrives is the asker's concern, and its acknowledgement must not hold up what comes next
    if (answer !== null) void this.#stream.send(answer, this.#signal ?? AbortSignal.abort());
  }

  #takeRosterPush(query: Element): void {
    const change = this.#roster.push(query);
    if (change === null) return;
    this.#keep({ roster: this.#roster.save() });
    const { events } = this.#options;
    if (change.kind === 'removed') {
      this.#presences.forget(change.jid);
      events.onRosterRemoved(change.jid);
    } else {
      if (!seesTheirPresence(change.entry)) this.#presences.forget(change.entry.jid);
      events.onRoster([change.entry], false);
    }
  }

  async #command(iq: Element): Promise<Result<void>> {
    const done = await this.#stream.request(withId(iq), this.#signal ?? AbortSignal.abort());
    return done.ok ? ok() : done;
  }

  #presence(to: BareJid, type: 'subscribe' | 'subscribed' | 'unsubscribed'): Promise<Result<void>> {
    return this.#stream.send(xml('presence', { to, type, id: randomUUID() }), this.#signal ?? AbortSignal.abort());
  }

  #refusal(address: Address, signal: AbortSignal): Result<never> | null {
    if (signal.aborted) return fail('transport.stopped', 'Sending was cancelled.');
    if (XID.test(address)) return fail('transport.unreachable', 'This address is on no server.', '', 'XID over XMPP');
    if (this.#status.state !== 'online') return fail('transport.unreachable', 'Your account is not connected.');
    return null;
  }
}

function seesTheirPresence(entry: RosterEntry | null): boolean {
  return entry?.subscription === 'both' || entry?.subscription === 'to';
}

/** A copy with its address; the caller may send the same element again. */
function addressed(stanza: Element, to: Address): Element {
  const { from: _ours, ...attributes } = stanza.attrs;
  const copy = new Element(stanza.name, { ...attributes, to });
  // shared, not moved: their parent stays the caller's element
  copy.children = stanza.children;
  return withId(copy);
}

function withId(stanza: Element): Element {
  if (stanza.attrs['id'] === undefined) stanza.attrs['id'] = randomUUID();
  return stanza;
}
