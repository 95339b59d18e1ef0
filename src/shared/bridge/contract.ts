/** The one contract between a window (or a script) and the application: typed commands and events. */
import type { Result } from '../errors.ts';
import type {
  AppStatus,
  Contact,
  ContactId,
  Conversation,
  ConversationId,
  Device,
  DeviceRef,
  Invitation,
  LinkHandler,
  Message,
  MessageId,
  OpenedLink,
  Settings,
  TrustUriCheck,
} from '../model.ts';
import type { RoutePreference } from '../routing.ts';

/** The renderer's route choice for one message: the `direct` and `server` lists of its `RoutePlan`. */
export interface RouteChoice {
  readonly preference: RoutePreference;
  readonly direct: readonly DeviceRef[];
  readonly server: readonly DeviceRef[];
}

/** Position in a conversation, for paging. */
export interface MessageCursor {
  readonly sortAt: number;
  readonly sequence: number;
}

export interface MessagePage {
  /** Oldest first. */
  readonly messages: readonly Message[];
  readonly hasOlder: boolean;
  readonly hasNewer: boolean;
}

export type Nothing = Record<string, never>;

/** command → [arguments, value]. Arguments are validated by `schemas.ts` at the boundary. */
export interface Commands {
  'app.status': [Nothing, AppStatus];
  'app.dismissNotice': [{ id: string }, null];
  /** First start: makes the XID and the device identity. `passphrase` where `needsPassphrase`. */
  'profile.create': [{ name: string; passphrase?: string }, null];
  'profile.unlock': [{ passphrase: string }, null];
  'profile.rename': [{ name: string }, null];
  /** Signs in; resolves when online, or with the reason why not (nothing is stored then). */
  'account.signIn': [{ jid: string; password: string }, null];
  /** Signs out and forgets the account on this computer; contacts and history stay. */
  'account.signOut': [Nothing, null];
  /** Tries again now (e.g. after a wrong password, with the new one). */
  'account.retry': [{ password?: string }, null];
  'nearby.setEnabled': [{ enabled: boolean }, null];
  'contacts.list': [Nothing, readonly Contact[]];
  'contacts.addByJid': [{ jid: string; name?: string }, Contact];
  'contacts.rename': [{ contactId: ContactId; name: string }, Contact];
  'contacts.remove': [{ contactId: ContactId }, null];
  /** Answers a subscription request. */
  'contacts.answerRequest': [{ contactId: ContactId; accept: boolean }, null];
  'invitations.create': [Nothing, Invitation];
  'invitations.accept': [{ link: string }, Contact];
  'conversations.list': [Nothing, readonly Conversation[]];
  'conversations.openWith': [{ contactId: ContactId }, Conversation];
  'conversations.setRoute': [{ conversationId: ConversationId; preference: RoutePreference }, Conversation];
  'conversations.allowPlain': [{ conversationId: ConversationId; allow: boolean }, Conversation];
  'conversations.allowClearSignals': [{ conversationId: ConversationId; allow: boolean }, Conversation];
  'conversations.markRead': [{ conversationId: ConversationId; upTo: MessageId }, null];
  'conversations.setDraft': [{ conversationId: ConversationId; draft: string }, null];
  /** A page ending just before `before`, or starting just after `after`; neither: the newest page. */
  'messages.page': [
    { conversationId: ConversationId; before?: MessageCursor; after?: MessageCursor; limit: number },
    MessagePage,
  ];
  /** Durable once this resolves. `id` is made by the caller (UUID): calling again with the same id sends nothing new. */
  'messages.send': [{ conversationId: ConversationId; id: MessageId; body: string; route: RouteChoice }, Message];
  'messages.retry': [{ messageId: MessageId }, Message];
  /** Takes back a text of our own that no device and no server has got, or may have got. */
  'messages.discard': [{ messageId: MessageId }, null];
  'messages.search': [{ text: string; limit: number }, readonly Message[]];
  'devices.ofSelf': [Nothing, readonly Device[]];
  'devices.setTrust': [{ ref: DeviceRef; trust: 'verified' | 'distrusted' | 'undecided' }, null];
  /** One's own device: for this one the name is announced to others, for the rest it is kept here. */
  'devices.rename': [{ ref: DeviceRef; label: string }, null];
  /** Another own device: no longer announced, and not trusted any more. */
  'devices.remove': [{ ref: DeviceRef }, null];
  /** `xmpp:` link with the fingerprints of our devices (this one and those we verified), also the content of the QR code. */
  'trust.ownUri': [Nothing, { uri: string }];
  /** Compares such a link of somebody else's with what is known of them. `contactId`: it must be theirs. */
  'trust.checkUri': [{ uri: string; contactId?: ContactId }, TrustUriCheck];
  'settings.get': [Nothing, Settings];
  'settings.set': [{ settings: Partial<Settings> }, Settings];
  /**
   * http(s): opens in the browser, after the host asked the person. `xmpp:`: is one of those that wait (`links.waiting`),
   * whether the profile is open or not. `conversationId`: one of its messages holds the link.
   */
  'links.open': [{ url: string; conversationId?: ConversationId }, null];
  /** `xmpp:` links that were opened, and have not been shown yet. */
  'links.waiting': [Nothing, readonly OpenedLink[]];
  /** This one is shown now, and waits no longer. */
  'links.taken': [{ id: string }, null];
  'links.handler': [Nothing, LinkHandler];
  /** The person wants the system to open `xmpp:` links here, whichever app did so before. */
  'links.claim': [Nothing, LinkHandler];
}

export type CommandName = keyof Commands;
export type CommandArguments<C extends CommandName> = Commands[C][0];
export type CommandValue<C extends CommandName> = Commands[C][1];

/** What the application tells, always with whole current values: a listener that missed one loses nothing later. */
export type BridgeEvent =
  | { readonly type: 'status'; readonly status: AppStatus }
  | { readonly type: 'contact'; readonly contact: Contact }
  | { readonly type: 'contact-removed'; readonly contactId: ContactId }
  | { readonly type: 'conversation'; readonly conversation: Conversation }
  | { readonly type: 'conversation-removed'; readonly conversationId: ConversationId }
  /** A message that is new or changed. */
  | { readonly type: 'message'; readonly message: Message }
  | { readonly type: 'message-removed'; readonly conversationId: ConversationId; readonly messageId: MessageId }
  | { readonly type: 'own-devices'; readonly devices: readonly Device[] }
  | { readonly type: 'settings'; readonly settings: Settings }
  /** All that wait now. */
  | { readonly type: 'links'; readonly links: readonly OpenedLink[] };

export interface Bridge {
  call<C extends CommandName>(command: C, args: CommandArguments<C>): Promise<Result<CommandValue<C>>>;
  /** Returns the function that ends the subscription. */
  subscribe(listener: (event: BridgeEvent) => void): () => void;
}
