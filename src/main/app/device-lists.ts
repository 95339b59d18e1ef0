/** When contacts' device lists are asked for, beside what their servers tell by themselves (XEP-0163 §4.3). */
import type { ContactId } from '../../shared/model.ts';
import type { MessagingContext } from '../messaging/context.ts';
import type { KeyDirectory } from '../messaging/devices/key-directory.ts';
import type { ContactRecord } from '../storage/records.ts';

/**
 * Somebody new may be publishing their first keys just now, and not every server tells of what was published before they
 * let us see their presence: ejabberd does not until one of both signs in again.
 */
const lookAgainAfter = [5_000, 30_000, 300_000];

const newFor = 60_000;

export class DeviceLists {
  readonly #context: MessagingContext;
  readonly #directory: KeyDirectory;
  readonly #signal: AbortSignal;
  /** Contacts being asked for. */
  readonly #asking = new Map<ContactId, { again: boolean }>();
  /** As last seen: from whom presence, and with it device lists, begin to come. */
  readonly #subscriptions = new Map<ContactId, string>();
  readonly #later = new Map<ContactId, ReturnType<typeof setTimeout>>();

  constructor(context: MessagingContext, directory: KeyDirectory, signal: AbortSignal) {
    this.#context = context;
    this.#directory = directory;
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      for (const timer of this.#later.values()) clearTimeout(timer);
    });
  }

  contactChanged(contact: ContactRecord): void {
    const before = this.#subscriptions.get(contact.id);
    this.#subscriptions.set(contact.id, contact.subscription);
    if (!showsPresence(contact.subscription)) return;
    const isNew = this.#context.now() - contact.addedAt < newFor;
    const begins = before === undefined ? isNew : !showsPresence(before);
    this.#ask(contact.id, begins);
    if (begins) this.#lookAgain(contact.id, 0);
  }

  forget(id: ContactId): void {
    this.#subscriptions.delete(id);
    clearTimeout(this.#later.get(id));
    this.#later.delete(id);
  }

  /** Those whose devices nothing told, one after the other, first those with whom we spoke last. */
  async askAll(): Promise<void> {
    for (const { contactId } of this.#context.store.conversations.list()) {
      const contact = this.#context.store.contacts.get(contactId);
      if (!contact?.jid || contact.subscription === 'pending-in' || this.#directory.listKnown(contactId)) continue;
      if (!this.#online()) return;
      await this.#directory.fetchList(contactId, contact.jid);
    }
  }

  /**
   * Whoever shows us their presence also shows us their devices; before that their server may have refused. `again`:
   * they begin to. What they published before is not told to us, and what was known of them may be nothing.
   */
  #ask(id: ContactId, again: boolean): void {
    const jid = this.#context.store.contacts.get(id)?.jid;
    if (!jid || !this.#online() || (!again && this.#directory.listKnown(id))) return;
    if (!this.#context.store.conversations.byContact(id)) return;
    const asking = this.#asking.get(id);
    if (asking) {
      asking.again ||= again;
      return;
    }
    const asked = { again: false };
    this.#asking.set(id, asked);
    this.#directory
      .fetchList(id, jid)
      .catch(() => this.#context.log('warn', 'list-not-fetched'))
      .finally(() => {
        this.#asking.delete(id);
        if (asked.again) this.#ask(id, true);
      });
  }

  /** Until there is something, or the last time has passed. */
  #lookAgain(id: ContactId, times: number): void {
    const after = lookAgainAfter[times];
    if (after === undefined || this.#signal.aborted) return;
    clearTimeout(this.#later.get(id));
    const timer = setTimeout(() => {
      this.#later.delete(id);
      if (this.#directory.listKnown(id) && !this.#directory.announcesNothing(id)) return;
      this.#ask(id, true);
      this.#lookAgain(id, times + 1);
    }, after);
    timer.unref();
    this.#later.set(id, timer);
  }

  #online(): boolean {
    return this.#context.xmpp()?.status.state === 'online';
  }
}

function showsPresence(subscription: string): boolean {
  return subscription === 'both' || subscription === 'to';
}
