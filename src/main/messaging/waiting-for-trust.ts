/** A text that waits because the person has let in none of the contact's devices says so, for as long as that is true. */
import { appError } from '../../shared/errors.ts';
import type { ContactRecord, OutboxRecord } from '../storage/records.ts';
import type { AfterCommit, MessagingContext } from './context.ts';

const code = 'encryption.not-let-in';

/** Inside a transaction. `waits`: null when it is encrypted now, or waits for something else. */
export function showWaitingForTrust(
  context: MessagingContext,
  row: OutboxRecord,
  waits: ContactRecord | null,
  after: AfterCommit,
): void {
  if (row.kind !== 'text') return;
  const message = context.store.messages.get(row.messageId);
  if (message?.state !== 'queued' || (message.failure?.code === code) === (waits !== null)) return;
  if (message.failure !== null && message.failure.code !== code) return;
  const failure =
    waits &&
    appError(
      code,
      `This message waits: you have let in none of the devices of ${waits.name}.`,
      'Compare keys with one of them; then it is sent by itself.',
    );
  const changed = context.store.messages.setDelivery(message.id, message.state, message.route, failure);
  if (changed) after(() => context.events.message(changed));
}
