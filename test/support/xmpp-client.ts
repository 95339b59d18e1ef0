/** An XMPP transport with everything it reports written down, for tests and scripts that wait for what happens. */
import type { Element } from '@xmpp/xml';
import type { IncomingStanza, RequestHandler } from '../../src/main/transports/transport.ts';
import { createXmppTransport } from '../../src/main/transports/xmpp/account.ts';
import type { RosterEntry, XmppTransport, XmppTransportOptions } from '../../src/main/transports/xmpp/types.ts';
import type { StreamFactory } from '../../src/main/transports/xmpp/xmpp-account.ts';
import { type AppError, fail } from '../../src/shared/errors.ts';
import type { BareJid, TransportStatus } from '../../src/shared/model.ts';
import { bounded } from './bounded-wait.ts';

export interface ClientOptions {
  readonly jid: string;
  readonly password: string;
  readonly override?: NonNullable<XmppTransportOptions['override']>;
  readonly cursor?: string | null;
  readonly state?: string;
  /** Instead of a real stream. */
  readonly makeStream?: StreamFactory;
  /** Takes pages of the archive whole, as the application does. */
  readonly wholePages?: boolean;
}

export class TestClient {
  readonly jid: BareJid;
  readonly transport: XmppTransport;
  readonly abort = new AbortController();
  readonly statuses: TransportStatus[] = [];
  readonly received: IncomingStanza[] = [];
  readonly roster = new Map<BareJid, RosterEntry>();
  readonly presences = new Map<BareJid, string>();
  readonly subscriptionRequests: { jid: BareJid; nickname: string }[] = [];
  readonly bounces: { id: string; from: BareJid; error: AppError }[] = [];
  readonly catchUps: (number | null)[] = [];
  /** Of each catch-up that is over, whether it came to the end of the archive. */
  readonly completed: boolean[] = [];
  rosterFetches = 0;
  /** As the application keeps it: the last archive id durably taken. */
  cursor: string | null;
  state: string;
  onStanza: (incoming: IncomingStanza) => Promise<void> = async () => {};
  onRequest: RequestHandler = async () => fail('stanza.error', 'not understood');
  readonly #waiting = new Set<() => void>();
  readonly #wholePages: boolean;

  constructor(options: ClientOptions) {
    this.#wholePages = options.wholePages ?? false;
    this.jid = options.jid as BareJid;
    this.cursor = options.cursor ?? null;
    this.state = options.state ?? '';
    const transportOptions: XmppTransportOptions = {
      credentials: { jid: this.jid, password: options.password, state: this.state },
      ...(options.override === undefined ? {} : { override: options.override }),
      events: {
        onRoster: (entries, complete) => {
          if (complete) {
            this.rosterFetches++;
            this.roster.clear();
          }
          for (const entry of entries) this.roster.set(entry.jid, entry);
          this.#check();
        },
        onRosterRemoved: (jid) => {
          this.roster.delete(jid);
          this.#check();
        },
        onPresence: (jid, presence) => {
          this.presences.set(jid, presence);
          this.#check();
        },
        onSubscriptionRequest: (jid, nickname) => {
          this.subscriptionRequests.push({ jid, nickname });
          this.#check();
        },
        onCatchUp: (stored, complete) => {
          this.catchUps.push(stored);
          if (stored === null) this.completed.push(complete);
          this.#check();
        },
        archiveCursor: () => this.cursor,
        onBounce: (id, from, error) => {
          this.bounces.push({ id, from, error });
          this.#check();
        },
        onState: (state) => {
          this.state = state;
        },
      },
    };
    this.transport = createXmppTransport(transportOptions, options.makeStream);
  }

  start(): this {
    this.transport.start(
      {
        onStatus: (status) => {
          this.statuses.push(status);
          this.#check();
        },
        onReach: () => this.#check(),
        onStanza: (incoming) => this.#take(incoming),
        ...(this.#wholePages
          ? {
              onStanzas: async (page: readonly IncomingStanza[]) => {
                for (const incoming of page) await this.#take(incoming);
              },
            }
          : {}),
        onRequest: (request, arrival) => this.onRequest(request, arrival),
      },
      this.abort.signal,
    );
    return this;
  }

  async #take(incoming: IncomingStanza): Promise<undefined> {
    await this.onStanza(incoming);
    if (incoming.arrival.archiveId !== null) this.cursor = incoming.arrival.archiveId;
    this.received.push(incoming);
    this.#check();
  }

  /** Signed in, roster known, archive caught up. */
  async ready(): Promise<this> {
    await this.until(() => this.catchUps.at(-1) === null && this.catchUps.length > 0);
    return this;
  }

  until(condition: () => boolean): Promise<void> {
    let end = (): void => {};
    const held = new Promise<void>((resolve) => {
      const check = () => {
        if (condition()) resolve();
      };
      end = () => this.#waiting.delete(check);
      this.#waiting.add(check);
      check();
    });
    // A condition is short, and says best itself what it is.
    return bounded(String(condition).replaceAll(/\s+/g, ' '), held).finally(end);
  }

  async stop(): Promise<void> {
    await this.transport.stop();
  }

  send(to: string, stanza: Element) {
    return this.transport.send(stanza, { address: to as BareJid, devices: [] }, this.abort.signal);
  }

  request(to: string, iq: Element) {
    return this.transport.request(iq, { address: to as BareJid, devices: [] }, this.abort.signal);
  }

  /** Ids of the messages received so far, in order. */
  ids(): string[] {
    return this.received.map(({ stanza }) => String(stanza.attrs['id']));
  }

  #check(): void {
    for (const check of [...this.#waiting]) check();
  }
}
