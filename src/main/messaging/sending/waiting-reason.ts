/** A text that waits although its way is open says what for, as long as that is true. */
import { type AppError, appError, type ErrorCode } from '../../../shared/errors.ts';
import type { Message } from '../../../shared/model.ts';
import type { ContactRecord, OutboxRecord } from '../../storage/records.ts';
import type { AfterCommit, MessagingContext } from '../context.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import {
  contactDevices,
  hasHadEncryption,
  linkedDevices,
  serverReaches,
  waitsForTrust,
} from '../devices/recipients.ts';

const codes: readonly ErrorCode[] = [
  'encryption.not-let-in',
  'encryption.no-devices',
  'encryption.no-usable-device',
  'message.plain-not-allowed',
];

/** Inside a transaction. `contact`: null when it is encrypted now, or is given up. */
export function explainWaiting(
  context: MessagingContext,
  directory: KeyDirectory,
  row: OutboxRecord,
  contact: ContactRecord | null,
  after: AfterCommit,
): void {
  if (row.kind !== 'text') return;
  const message = context.store.messages.get(row.messageId);
  if (message?.state !== 'queued') return;
  // Another reason (the server gave it back) is not ours to take away.
  if (message.failure !== null && !codes.includes(message.failure.code)) return;
  const reason = contact && reasonFor(context, directory, contact, message);
  if (reason?.code === message.failure?.code) return;
  const changed = context.store.messages.setDelivery(message.id, message.state, message.route, reason);
  if (changed) after(() => context.events.message(changed));
}

function reasonFor(
  context: MessagingContext,
  directory: KeyDirectory,
  contact: ContactRecord,
  message: Message,
): AppError | null {
  const { name } = contact;
  if (waitsForTrust(context, contact)) {
    return appError(
      'encryption.not-let-in',
      `This message waits: you have let in none of the devices of ${name}.`,
      'Compare keys with one of them; then it is sent by itself.',
    );
  }
  const devices = contactDevices(context, contact);
  const reachable = serverReaches(context, contact.jid) || linkedDevices(context, contact).size > 0;
  if (devices.length === 0) {
    if (!directory.announcesNothing(contact.id)) return null;
    const wasPromised = message.encryption !== 'none' && message.encryption !== 'pending';
    if (!wasPromised && !hasHadEncryption(context, contact)) {
      return appError(
        'message.plain-not-allowed',
        `This message waits: ${name} uses an app without encryption.`,
        'It is sent when you allow messages without encryption in this conversation.',
      );
    }
    return appError(
      'encryption.no-devices',
      `This message waits: ${name} has no device that can read it any more.`,
      'It is sent by itself when one appears. It never goes out without encryption.',
    );
  }
  const tried = devices.every((device) => directory.bundles.recentlyFailed(contact.id, device.deviceId));
  if (!reachable || !tried) return null;
  return appError(
    'encryption.no-usable-device',
    `This message waits: the keys of the devices of ${name} could not be fetched.`,
    `It is tried again by itself. If it stays, ask ${name} to open their app.`,
  );
}
