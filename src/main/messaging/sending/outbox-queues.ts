/** The entries of the outbox in memory, in the order in which they were queued. */
import type { ContactId, MessageId } from '../../../shared/model.ts';
import type { OutboxRecord } from '../../storage/records.ts';
import type { MessagingContext } from '../context.ts';
import { entryOf, type OutboxEntry } from './outbox-entry.ts';

export class OutboxQueues {
  readonly #context: MessagingContext;
  readonly #queues = new Map<ContactId, OutboxEntry[]>();

  constructor(context: MessagingContext) {
    this.#context = context;
  }

  contacts(): Iterable<ContactId> {
    return this.#queues.keys();
  }

  of(contactId: ContactId): OutboxEntry[] {
    let queue = this.#queues.get(contactId);
    if (!queue) {
      queue = [];
      this.#queues.set(contactId, queue);
    }
    return queue;
  }

  find(contactId: ContactId, messageId: MessageId): OutboxEntry | undefined {
    return this.#queues.get(contactId)?.find(({ row }) => row.messageId === messageId);
  }

  remove(contactId: ContactId, entries: readonly OutboxEntry[]): void {
    const gone = new Set(entries);
    this.#queues.set(
      contactId,
      this.of(contactId).filter((entry) => !gone.has(entry)),
    );
  }

  forget(contactId: ContactId): void {
    this.#queues.delete(contactId);
  }

  /** As it is on disk now. */
  reload(contactId: ContactId): void {
    const rows = this.#context.store.outbox.pending().filter((row) => row.contactId === contactId);
    this.#queues.set(
      contactId,
      rows.map((row) => this.entryOf(row)),
    );
  }

  /** An entry for a row that an earlier run, or another contact, left. */
  entryOf(row: OutboxRecord): OutboxEntry {
    const { outbox, messages } = this.#context.store;
    const failed = row.kind === 'text' && messages.get(row.messageId)?.state === 'failed';
    const entry = entryOf(row, outbox.targets(row.id), failed);
    // Nobody knows any more whether it was on its way.
    if (entry.targets.some((target) => target.state === 'waiting')) entry.unrefused = 1;
    return entry;
  }
}
