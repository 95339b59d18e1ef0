/**
 * The one interface of everything that carries stanzas. A transport knows no retries, no routing and no encryption.
 * One contract suite (test/contract/transport.ts) runs against xmpp, libp2p and the in-memory transport.
 */
import type { Element } from '@xmpp/xml';
import type { Result } from '../../shared/errors.ts';
import type { Address, ContactId, DeviceId, TransportStatus } from '../../shared/model.ts';
import type { RouteKind } from '../../shared/routing.ts';

export type TransportId = 'xmpp' | 'libp2p' | 'memory';

/** How a stanza came in. Only what the transport itself has authenticated. */
export interface Arrival {
  readonly transport: TransportId;
  readonly route: RouteKind;
  /** Our own address on this transport at that moment. */
  readonly to: Address;
  /**
   * XMPP: the bare sender as vouched for by the server (`own account` for our own devices and the archive).
   * libp2p: an address of the contact that the link was authenticated for.
   */
  readonly from: Address;
  /** libp2p only: the device and identity key the link was authenticated for. */
  readonly device: AuthenticatedDevice | null;
  /** `carbon-sent`/`archive` of our own sent messages: what another device of ours said. */
  readonly kind: 'live' | 'carbon-received' | 'carbon-sent' | 'archive';
  /** XMPP: the archive id (XEP-0359) assigned by our own account's archive, for the cursor. */
  readonly archiveId: string | null;
  /** When the server says it was sent (XEP-0203), for delayed and archived stanzas; Unix ms. */
  readonly delayedSince: number | null;
}

export interface AuthenticatedDevice {
  readonly contactId: ContactId;
  readonly deviceId: DeviceId;
  /** Ed25519, 32 bytes. */
  readonly identityKey: Uint8Array;
}

/** A `<message/>`, `<presence/>` or unsolicited pushed `<iq/>` and how it came. */
export interface IncomingStanza {
  readonly stanza: Element;
  readonly arrival: Arrival;
}

/**
 * What became of a stanza. `unreadable`: this device could not decrypt it, and it would be worth encrypting it again;
 * `refused`: it never will be taken. An acknowledgement that cannot tell (XEP-0198) acknowledges all of them.
 */
export type Taking = 'taken' | 'unreadable' | 'refused';

/**
 * What the application answers when it has durably dealt with a stanza (nothing said: taken): the transport
 * acknowledges only after this resolves (XEP-0198 `h`, libp2p acknowledgement frame), in order. Rejecting means: not
 * taken, let it come again.
 */
export type StanzaHandler = (incoming: IncomingStanza) => Promise<Taking | undefined>;

/** Answers an `<iq type="get|set"/>` addressed to us; the result element's children become the iq result. */
export type RequestHandler = (request: Element, arrival: Arrival) => Promise<Result<Element | null>>;

export interface SendTarget {
  readonly address: Address;
  /** libp2p: send over the links of these devices only. XMPP ignores it (one stanza reaches all resources). */
  readonly devices: readonly DeviceId[];
}

/**
 * `accepted`: by the server (stream-management ack). `acknowledged`: durably taken by these very devices; the
 * `unreadable` ones say that they could not decrypt it.
 */
export type SendOutcome =
  | { readonly kind: 'accepted' }
  | {
      readonly kind: 'acknowledged';
      readonly devices: readonly DeviceId[];
      readonly unreadable?: readonly DeviceId[];
    };

export interface TransportEvents {
  readonly onStatus: (status: TransportStatus) => void;
  /** What `reach` answers may have changed for this address (null: for all). */
  readonly onReach: (address: Address | null) => void;
  readonly onStanza: StanzaHandler;
  /**
   * Several at once, oldest first (a page of an archive); without it `onStanza` is given one after the other. All are
   * durably dealt with when it resolves. Rejecting means: some were not, let all come again.
   */
  readonly onStanzas?: (incoming: readonly IncomingStanza[]) => Promise<void>;
  readonly onRequest: RequestHandler;
}

/** What one address looks like from here. */
export interface Reach {
  /** A stanza to the address can be sent now. */
  readonly reachable: boolean;
  /** Devices with an authenticated direct link now (libp2p); null where the transport cannot tell devices apart. */
  readonly devices: readonly DeviceId[] | null;
}

export interface Transport {
  readonly id: TransportId;
  readonly route: RouteKind;
  readonly status: TransportStatus;
  /** Begins connecting and keeps at it until `stop` or the signal; resolves at once. Events start to flow. */
  start(events: TransportEvents, signal: AbortSignal): void;
  /** Ends cleanly: what was accepted is finished or reported, sockets are closed. */
  stop(): Promise<void>;
  /** The computer woke, or the network changed: try at once. */
  nudge(): void;
  reach(address: Address): Reach;
  /** Sends one stanza once. Fails with `transport.*` codes when the outcome is unknown or negative. */
  send(stanza: Element, target: SendTarget, signal: AbortSignal): Promise<Result<SendOutcome>>;
  /** One `<iq/>` and its answer (the result iq). XMPP: to the address via the server. libp2p: to the peer itself. */
  request(iq: Element, target: SendTarget, signal: AbortSignal): Promise<Result<Element>>;
}
