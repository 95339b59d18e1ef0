/** The nouns of Bothy, as the renderer and the main process both see them. Plain data; all times are Unix milliseconds. */
import type { DeliveryState } from './delivery.ts';
import type { AppError } from './errors.ts';
import type { DeviceReach, RouteKind, RoutePreference } from './routing.ts';

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** A bare XMPP address, normalised (RFC 7622): `juliet@example.org`. */
export type BareJid = Branded<string, 'BareJid'>;
/** A person's serverless address (XEP-0516): `00<64 hex>@id.internal`, the hex being an Ed25519 public key. */
export type Xid = Branded<string, 'Xid'>;
/** Where a stanza can be addressed: a bare JID or an XID. */
export type Address = BareJid | Xid;
/** OMEMO device id, 1…2³¹−1. */
export type DeviceId = number;
/** Local ids (UUIDs), never sent anywhere. */
export type ContactId = Branded<string, 'ContactId'>;
export type ConversationId = Branded<string, 'ConversationId'>;
/** Message id, the same inside and outside the envelope and on every route. */
export type MessageId = Branded<string, 'MessageId'>;
/** `<contact id or "self">/<device id>`: one device of one person. */
export type DeviceRef = Branded<string, 'DeviceRef'>;

export function deviceRef(owner: ContactId | 'self', deviceId: DeviceId): DeviceRef {
  return `${owner}/${deviceId}` as DeviceRef;
}

/** What really protects a message or conversation. `pending`: nothing is known about the other side's devices yet. */
export type Encryption = 'omemo2' | 'omemo-legacy' | 'none' | 'pending';

export type TrustState = 'undecided' | 'blind' | 'verified' | 'distrusted';

export interface Device {
  readonly ref: DeviceRef;
  readonly deviceId: DeviceId;
  /** Human label from the device list, or ''. */
  readonly label: string;
  /** Lower-case hex of the identity key in Curve25519 form (XEP-0384 §8), or null while its bundle was never fetched. */
  readonly fingerprint: string | null;
  readonly trust: TrustState;
  /** Announced by its owner now (false: known from the past only). */
  readonly active: boolean;
  readonly lastSeenAt: number | null;
  readonly isThisDevice: boolean;
  /** What is written to it in: the older version encrypts only the text. */
  readonly encryption: 'omemo2' | 'omemo-legacy';
  /** What is written now is encrypted for it. */
  readonly receives: boolean;
  /** One of our own that nobody has used for long: removing it is proposed. */
  readonly stale: boolean;
}

/** What comparing somebody's announced keys (a scanned code, an `xmpp:` link) with what we know came to. */
export interface TrustUriCheck {
  readonly owner: ContactId | 'self';
  readonly name: string;
  /** Devices whose key is the one in the code: they are verified now. */
  readonly verified: readonly DeviceRef[];
  /** Devices we know under another key than the code says: they are not trusted now. */
  readonly mismatched: readonly DeviceRef[];
  /** Devices in the code that have not been seen here yet; they are verified when they appear under that key. */
  readonly expected: number;
}

export interface Contact {
  readonly id: ContactId;
  readonly name: string;
  readonly jid: BareJid | null;
  readonly xid: Xid | null;
  /** XMPP presence of the best resource; null without an account or a subscription. */
  readonly presence: 'online' | 'away' | 'offline' | null;
  /** Roster subscription; `pending-out`: they have not answered yet; `pending-in`: they ask, we have not answered. */
  readonly subscription: 'none' | 'pending-out' | 'pending-in' | 'both' | 'from' | 'to';
  readonly devices: readonly Device[];
  readonly addedAt: number;
}

export interface Conversation {
  readonly id: ConversationId;
  readonly contactId: ContactId;
  readonly title: string;
  readonly routePreference: RoutePreference;
  readonly encryption: Encryption;
  /** The person has agreed to plain text with this contact (one without OMEMO). */
  readonly plainAllowed: boolean;
  /**
   * The person allows receipts and read markers in clear to devices of the older OMEMO, which encrypts only the text
   * (docs/decisions/0013).
   */
  readonly clearSignalsAllowed: boolean;
  readonly unread: number;
  /** First unread message, for the unread line. */
  readonly firstUnread: MessageId | null;
  readonly lastMessage: Message | null;
  readonly draft: string;
  readonly updatedAt: number;
  /** What is reachable per device right now: input of `routeConversation`. */
  readonly reach: readonly DeviceReach[];
}

export interface Message {
  readonly id: MessageId;
  readonly conversationId: ConversationId;
  readonly direction: 'in' | 'out';
  /** `text`: said by a person. Everything else is a system event and must never look like something a person said. */
  readonly kind: 'text' | 'undecryptable' | 'gap' | 'new-device' | 'route-change' | 'info';
  readonly body: string;
  readonly sentAt: number;
  readonly receivedAt: number;
  /** Position in the conversation: sort by (sortAt, sequence). */
  readonly sortAt: number;
  readonly sequence: number;
  readonly senderDevice: DeviceRef | null;
  readonly encryption: Encryption;
  /** How it travelled: null while it has not. `both`: some devices directly, some through the server. */
  readonly route: RouteKind | 'both' | null;
  /** Outgoing only; incoming messages are always `on-device`. */
  readonly state: DeliveryState;
  readonly failure: AppError | null;
}

/** A small state machine: off → connecting → online, and failing with a reason from any of them. */
export interface TransportStatus {
  readonly state: 'off' | 'connecting' | 'online' | 'failing';
  readonly error: AppError | null;
  readonly since: number;
  /** When the next attempt happens by itself; null: never without the person (e.g. wrong password). */
  readonly retryAt: number | null;
}

export interface AccountStatus {
  readonly jid: BareJid;
  readonly transport: TransportStatus;
  /** Archive catch-up in progress: messages stored so far. */
  readonly catchingUp: number | null;
}

export interface NearbyStatus {
  readonly enabled: boolean;
  readonly transport: TransportStatus;
  /** Contacts connected directly now. */
  readonly connectedContacts: readonly ContactId[];
}

export interface Self {
  readonly name: string;
  readonly xid: Xid;
  readonly deviceId: DeviceId;
  /** As in `Device.fingerprint`. */
  readonly fingerprint: string;
}

/** A banner: something the person should know about the whole app until they dismiss it. */
export interface Notice {
  readonly id: string;
  readonly level: 'info' | 'warning' | 'danger';
  readonly error: AppError;
  readonly at: number;
}

export interface AppStatus {
  readonly version: string;
  /** `refused`: the profile cannot be opened, `error` says why. */
  readonly phase: 'starting' | 'first-start' | 'locked' | 'ready' | 'refused';
  /** The system keeps no secrets for us: a passphrase must be chosen (first start) or given (locked). */
  readonly needsPassphrase: boolean;
  readonly error: AppError | null;
  readonly self: Self | null;
  readonly account: AccountStatus | null;
  readonly nearby: NearbyStatus;
  readonly notices: readonly Notice[];
}

export interface Settings {
  readonly theme: 'system' | 'light' | 'dark';
  readonly sendReadMarkers: boolean;
  readonly notifications: 'full' | 'name' | 'none';
  /**
   * Blind trust before verification (XEP-0450 §4): devices get messages unasked until one of their owner's was judged.
   * Off: only verified devices get any.
   */
  readonly blindTrust: boolean;
}

/** An `xmpp:` link that waits to be shown: opened by the system, or in a message. It has done nothing yet. */
export interface OpenedLink {
  readonly id: string;
  /** The conversation one of whose messages held it; `outside`: a web page, a mail, another app, nobody knows. */
  readonly from: ConversationId | 'outside';
  readonly target: LinkTarget;
}

/** What it is about. Addresses are in their normal form; everything is only what whoever made the link proposes. */
export type LinkTarget =
  /** Keys of somebody's devices. */
  | { readonly kind: 'trust'; readonly link: string; readonly address: Address }
  | { readonly kind: 'invitation'; readonly link: string }
  /** Somebody to write to; `name`: what to call them, null for none; `body`: what to say, empty for nothing. */
  | { readonly kind: 'person'; readonly address: Address; readonly name: string | null; readonly body: string }
  | { readonly kind: 'refused'; readonly error: AppError };

/** Which app the system opens `xmpp:` links with. `unknown`: it cannot be asked, or nothing can be changed there. */
export type LinkHandler = 'bothy' | 'another' | 'unknown';

export interface Invitation {
  /** `xmpp:<XID>?…` link, also the content of the QR code. */
  readonly link: string;
  readonly expiresAt: number;
}
