/** Seams inside and around the XMPP transport. */
import type { Element } from '@xmpp/xml';
import type { AppError, Result } from '../../../shared/errors.ts';
import type { BareJid, TransportStatus } from '../../../shared/model.ts';
import type { Transport } from '../transport.ts';

/** How to sign in. */
export interface XmppCredentials {
  readonly jid: BareJid;
  readonly password: string;
  /** Opaque JSON the transport keeps between runs (pinned mechanism, FAST token, roster version); '' at first. */
  readonly state: string;
}

/**
 * One authenticated, encrypted, reconnecting XMPP stream with stream management: everything below the account's
 * features. `stream.ts` makes it from @xmpp/client with the nine defects mended; `account.ts` builds the features on it.
 */
export interface XmppStream {
  readonly status: TransportStatus;
  /** Full JID once bound, else null. */
  readonly fullJid: string | null;
  /** Features of the last `<stream:features/>`. */
  readonly features: Element | null;
  start(events: XmppStreamEvents, signal: AbortSignal): void;
  stop(): Promise<void>;
  nudge(): void;
  /** Resolves when the server acknowledged the stanza (XEP-0198), or failed with `transport.*`. */
  send(stanza: Element, signal: AbortSignal): Promise<Result<void>>;
  /** Sends an iq (id set here if missing), resolves with the result iq; iq errors become `stanza.*` failures. */
  request(iq: Element, signal: AbortSignal): Promise<Result<Element>>;
}

export interface XmppStreamEvents {
  readonly onStatus: (status: TransportStatus) => void;
  /** A new session (`resumed` false: fetch roster, enable carbons, send presence, catch up) or a resumed one. */
  readonly onBound: (session: { readonly resumed: boolean }) => void;
  /**
   * Every incoming stanza that answers no request of ours; counted as handled (`h`) when the promise resolves. Called in
   * the order of arrival and without waiting for earlier calls, which may be waiting for an answer behind this stanza.
   * Rejecting means not taken: the connection is ended, and the server sends the stanza again on the next one.
   */
  readonly onStanza: (stanza: Element) => Promise<void>;
  /** To be kept in `XmppCredentials.state`. */
  readonly onState: (state: string) => void;
}

export interface RosterEntry {
  readonly jid: BareJid;
  readonly name: string;
  readonly subscription: 'none' | 'both' | 'from' | 'to';
  readonly ask: boolean;
}

export interface XmppAccountEvents {
  /** Whole roster after sign-in (`complete`), or pushed changes. */
  readonly onRoster: (entries: readonly RosterEntry[], complete: boolean) => void;
  readonly onRosterRemoved: (jid: BareJid) => void;
  readonly onPresence: (jid: BareJid, presence: 'online' | 'away' | 'offline') => void;
  readonly onSubscriptionRequest: (jid: BareJid, nickname: string) => void;
  /**
   * Archive catch-up: pages are handed to `onStanza` (kind `archive`) in order; `stored` counts; null when it is over.
   * `complete` false then: the archive could not be read to its end, and that is tried again later.
   */
  readonly onCatchUp: (stored: number | null, complete: boolean) => void;
  /** Where to catch up from: the last archive id durably taken. Null: nothing taken ever (then only the newest page). */
  readonly archiveCursor: () => string | null;
  /** A sent stanza came back as an error (e.g. recipient unknown). */
  readonly onBounce: (messageId: string, from: BareJid, error: AppError) => void;
  readonly onState: (state: string) => void;
}

/** The XMPP transport as the application uses it: a Transport and the account's own features. */
export interface XmppTransport extends Transport {
  readonly jid: BareJid;
  /** Resolves when online, or with the first failure that a person must hear of (sign-in). */
  firstOutcome(signal: AbortSignal): Promise<Result<void>>;
  setRosterEntry(jid: BareJid, name: string): Promise<Result<void>>;
  removeRosterEntry(jid: BareJid): Promise<Result<void>>;
  /** Asks to see presence and pre-approves theirs. */
  subscribe(jid: BareJid): Promise<Result<void>>;
  answerSubscription(jid: BareJid, accept: boolean): Promise<Result<void>>;
  /** A new password after `account.wrong-password`; tries once. */
  retry(password: string | null): void;
}

export interface XmppTransportOptions {
  readonly credentials: XmppCredentials;
  readonly events: XmppAccountEvents;
  /** PEP nodes whose changes we want to be told; default: OMEMO 2 device lists. */
  readonly notify?: readonly string[];
  /** Tests only: resolve this domain to this address instead of asking DNS, and trust this CA (PEM). */
  readonly override?: {
    readonly host?: string;
    readonly port?: number;
    readonly directTls?: boolean;
    readonly ca?: string;
  };
}
