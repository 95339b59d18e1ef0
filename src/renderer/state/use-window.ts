/** How components read the window's state and ask the application for something. */
import { createContext, use, useSyncExternalStore } from 'react';
import type {
  AppStatus,
  Contact,
  ContactId,
  Conversation,
  ConversationId,
  Device,
  Settings,
} from '../../shared/model.ts';
import type { Timeline } from './timeline.ts';
import type { WindowState } from './window-state.ts';
import type { WindowStore } from './window-store.ts';

export const StoreContext = createContext<WindowStore | null>(null);

export function useStore(): WindowStore {
  const store = use(StoreContext);
  if (store === null) throw new Error('useStore outside StoreContext');
  return store;
}

/** `select` must return something that is the same object while nothing changed. */
export function useWindow<T>(select: (state: WindowState) => T): T {
  const store = useStore();
  return useSyncExternalStore(store.subscribe, () => select(store.getState()));
}

/** Only below the screens shown once the application has answered. */
export function useStatus(): AppStatus {
  const status = useWindow((state) => state.status);
  if (status === null) throw new Error('useStatus before the first status');
  return status;
}

export function useSettings(): Settings {
  return useWindow((state) => state.settings);
}

export function useOwnDevices(): readonly Device[] {
  return useWindow((state) => state.ownDevices);
}

export function useContact(id: ContactId | undefined): Contact | undefined {
  return useWindow((state) => (id === undefined ? undefined : state.contacts.get(id)));
}

export function useConversation(id: ConversationId | null): Conversation | undefined {
  return useWindow((state) => (id === null ? undefined : state.conversations.get(id)));
}

export function useTimeline(id: ConversationId): Timeline | undefined {
  return useWindow((state) => state.timelines.get(id));
}
