/** Everything the window knows, and the pure reducer that applies what the application tells. */
import type { BridgeEvent } from '../../shared/bridge/contract.ts';
import type {
  AppStatus,
  Contact,
  ContactId,
  Conversation,
  ConversationId,
  Device,
  OpenedLink,
  Settings,
} from '../../shared/model.ts';
import { applyMessage, type Timeline, withoutMessage } from './timeline.ts';

export interface WindowState {
  /** Null until the application answered for the first time. */
  readonly status: AppStatus | null;
  readonly contacts: ReadonlyMap<ContactId, Contact>;
  readonly conversations: ReadonlyMap<ConversationId, Conversation>;
  readonly settings: Settings;
  /** Devices of the person's own account, this one among them. */
  readonly ownDevices: readonly Device[];
  /** `xmpp:` links that wait to be shown. */
  readonly openedLinks: readonly OpenedLink[];
  /** Conversations whose history has been opened in this window. */
  readonly timelines: ReadonlyMap<ConversationId, Timeline>;
  /** Contacts, conversations, settings and own devices have been read once. */
  readonly listsLoaded: boolean;
}

export const initialState: WindowState = {
  status: null,
  contacts: new Map(),
  conversations: new Map(),
  settings: { theme: 'system', sendReadMarkers: true, notifications: 'name', blindTrust: true },
  ownDevices: [],
  openedLinks: [],
  timelines: new Map(),
  listsLoaded: false,
};

function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return new Map(map).set(key, value);
}

function withoutEntry<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  const next = new Map(map);
  next.delete(key);
  return next;
}

export function applyEvent(state: WindowState, event: BridgeEvent): WindowState {
  switch (event.type) {
    case 'status':
      return { ...state, status: event.status };
    case 'settings':
      return { ...state, settings: event.settings };
    case 'links':
      return { ...state, openedLinks: event.links };
    case 'own-devices':
      return { ...state, ownDevices: event.devices };
    case 'contact':
      return { ...state, contacts: withEntry(state.contacts, event.contact.id, event.contact) };
    case 'contact-removed':
      return { ...state, contacts: withoutEntry(state.contacts, event.contactId) };
    case 'conversation':
      return { ...state, conversations: withEntry(state.conversations, event.conversation.id, event.conversation) };
    case 'conversation-removed':
      return {
        ...state,
        conversations: withoutEntry(state.conversations, event.conversationId),
        timelines: withoutEntry(state.timelines, event.conversationId),
      };
    case 'message': {
      const timeline = state.timelines.get(event.message.conversationId);
      if (timeline === undefined) return state;
      return {
        ...state,
        timelines: withEntry(state.timelines, event.message.conversationId, applyMessage(timeline, event.message)),
      };
    }
    case 'message-removed': {
      const timeline = state.timelines.get(event.conversationId);
      if (timeline === undefined) return state;
      return {
        ...state,
        timelines: withEntry(state.timelines, event.conversationId, withoutMessage(timeline, event.messageId)),
      };
    }
  }
}

export function withTimeline(state: WindowState, id: ConversationId, timeline: Timeline): WindowState {
  return { ...state, timelines: withEntry(state.timelines, id, timeline) };
}

/** The whole lists, read once at the start. */
export function withLists(
  state: WindowState,
  contacts: readonly Contact[],
  conversations: readonly Conversation[],
  settings: Settings,
  ownDevices: readonly Device[],
): WindowState {
  return {
    ...state,
    contacts: new Map(contacts.map((contact) => [contact.id, contact])),
    conversations: new Map(conversations.map((conversation) => [conversation.id, conversation])),
    settings,
    ownDevices,
    listsLoaded: true,
  };
}
