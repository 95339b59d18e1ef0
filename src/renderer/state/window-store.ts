/** Holds the window's state, keeps it current from the bridge's events, and pages history in on request. */
import type { Bridge, BridgeEvent, CommandArguments, CommandName, CommandValue } from '../../shared/bridge/contract.ts';
import type { Result } from '../../shared/errors.ts';
import type { ConversationId, Message } from '../../shared/model.ts';
import { cursorOf, emptyTimeline, firstPage, newerPage, olderPage, pagesAround, type Timeline } from './timeline.ts';
import { applyEvent, initialState, type WindowState, withLists, withTimeline } from './window-state.ts';

const pageSize = 60;
const largestPage = 300;

export class WindowStore {
  readonly #bridge: Bridge;
  readonly #listeners = new Set<() => void>();
  readonly #eventListeners = new Set<(event: BridgeEvent) => void>();
  readonly #paging = new Set<string>();
  #state: WindowState = initialState;
  /** Events that came while the lists were being read: applied again on top of them, so that none is lost. */
  #heldBack: BridgeEvent[] | null = null;
  #listsRequested = false;
  #quietUntil: ReturnType<typeof setTimeout> | null = null;
  #changedWhileQuiet = false;

  constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  readonly getState = (): WindowState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Single events, for what is told once (announcements), after they were applied. */
  onEvent(listener: (event: BridgeEvent) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  call<C extends CommandName>(command: C, args: CommandArguments<C>): Promise<Result<CommandValue<C>>> {
    return this.#bridge.call(command, args);
  }

  /** Subscribes first, then asks: nothing between the two is missed. Returns the end of the subscription. */
  start(): () => void {
    const stop = this.#bridge.subscribe((event) => this.#receive(event));
    void this.#bridge.call('app.status', {}).then((result) => {
      if (result.ok) this.apply({ type: 'status', status: result.value });
    });
    void this.#bridge.call('links.waiting', {}).then((result) => {
      if (result.ok) this.apply({ type: 'links', links: result.value });
    });
    return stop;
  }

  #receive(event: BridgeEvent): void {
    this.#heldBack?.push(event);
    this.apply(event);
    for (const listener of this.#eventListeners) listener(event);
  }

  apply(event: BridgeEvent): void {
    this.#set(applyEvent(this.#state, event));
    if (this.#state.status?.phase === 'ready' && !this.#listsRequested) {
      this.#listsRequested = true;
      void this.#loadLists();
    }
  }

  async #loadLists(): Promise<void> {
    this.#heldBack = [];
    const [contacts, conversations, settings, ownDevices] = await Promise.all([
      this.#bridge.call('contacts.list', {}),
      this.#bridge.call('conversations.list', {}),
      this.#bridge.call('settings.get', {}),
      this.#bridge.call('devices.ofSelf', {}),
    ]);
    const events = this.#heldBack;
    this.#heldBack = null;
    if (!contacts.ok || !conversations.ok || !settings.ok || !ownDevices.ok) {
      this.#listsRequested = false;
      return;
    }
    let state = withLists(this.#state, contacts.value, conversations.value, settings.value, ownDevices.value);
    for (const event of events) state = applyEvent(state, event);
    this.#set(state);
  }

  /** Reads the newest page the first time a conversation is opened, far enough back to hold what is unread. */
  async openTimeline(id: ConversationId, unread = 0): Promise<void> {
    if (this.#state.timelines.get(id)?.loaded === true) return;
    await this.#page(id, 'first', async () => {
      if (!this.#state.timelines.has(id)) this.#set(withTimeline(this.#state, id, emptyTimeline));
      const limit = Math.min(unread + pageSize, largestPage);
      const page = await this.#bridge.call('messages.page', { conversationId: id, limit });
      if (page.ok) this.#update(id, (timeline) => firstPage(timeline, page.value));
    });
  }

  async loadOlder(id: ConversationId): Promise<void> {
    const oldest = this.#state.timelines.get(id)?.messages[0];
    if (oldest === undefined) return;
    await this.#page(id, 'older', async () => {
      const before = cursorOf(oldest);
      const page = await this.#bridge.call('messages.page', { conversationId: id, before, limit: pageSize });
      if (page.ok) this.#update(id, (timeline) => olderPage(timeline, page.value));
    });
  }

  async loadNewer(id: ConversationId): Promise<void> {
    const newest = this.#state.timelines.get(id)?.messages.at(-1);
    if (newest === undefined) return;
    await this.#page(id, 'newer', async () => {
      const after = cursorOf(newest);
      const page = await this.#bridge.call('messages.page', { conversationId: id, after, limit: pageSize });
      if (page.ok) this.#update(id, (timeline) => newerPage(timeline, page.value));
    });
  }

  /** Makes sure a message (a search result, the first unread) is part of what is held. */
  async openAround(target: Message): Promise<void> {
    const id = target.conversationId;
    if (this.#state.timelines.get(id)?.messages.some((message) => message.id === target.id)) return;
    const cursor = cursorOf(target);
    const through = { sortAt: cursor.sortAt, sequence: cursor.sequence + 1 };
    const limit = pageSize / 2;
    const [older, newer] = await Promise.all([
      this.#bridge.call('messages.page', { conversationId: id, before: through, limit }),
      this.#bridge.call('messages.page', { conversationId: id, after: cursor, limit }),
    ]);
    if (older.ok && newer.ok) this.#set(withTimeline(this.#state, id, pagesAround(older.value, newer.value)));
  }

  /** Back to the newest page, when an old stretch is held. */
  async openNewest(id: ConversationId): Promise<void> {
    if (this.#state.timelines.get(id)?.hasNewer !== true) return;
    const page = await this.#bridge.call('messages.page', { conversationId: id, limit: pageSize });
    if (page.ok) this.#set(withTimeline(this.#state, id, firstPage(emptyTimeline, page.value)));
  }

  #update(id: ConversationId, change: (timeline: Timeline) => Timeline): void {
    this.#set(withTimeline(this.#state, id, change(this.#state.timelines.get(id) ?? emptyTimeline)));
  }

  async #page(id: ConversationId, which: string, load: () => Promise<void>): Promise<void> {
    const key = `${which} ${id}`;
    if (this.#paging.has(key)) return;
    this.#paging.add(key);
    try {
      await load();
    } finally {
      this.#paging.delete(key);
    }
  }

  #set(state: WindowState): void {
    if (state === this.#state) return;
    this.#state = state;
    if (this.#quietUntil !== null) {
      this.#changedWhileQuiet = true;
      return;
    }
    this.#notify();
  }

  /** At most once a frame: an archive catch-up brings thousands of events, and a person sees none of them singly. */
  #notify(): void {
    this.#changedWhileQuiet = false;
    this.#quietUntil = setTimeout(() => {
      this.#quietUntil = null;
      if (this.#changedWhileQuiet) this.#notify();
    }, 16);
    for (const listener of this.#listeners) listener();
  }
}
