/**
 * Encrypting a text again that a device could not decrypt: with a fresh session for that device, under the same id. The
 * devices that have it drop it as a duplicate, so the new bytes simply take the place of the old ones.
 */
import type { DeviceId } from '../../../shared/model.ts';
import { inTransaction, type MessagingContext } from '../context.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import { addressPair } from '../devices/recipients.ts';
import { textContentAgain } from '../envelope/text-content.ts';
import type { OutboxEntry } from './outbox-entry.ts';
import { encryptContent } from './seal.ts';

/** False: not now (no keys to be had). Then the old bytes are as good as before. */
export async function resealFor(
  context: MessagingContext,
  directory: KeyDirectory,
  entry: OutboxEntry,
  devices: readonly DeviceId[],
): Promise<boolean> {
  const { contactId, messageId } = entry.row;
  const contact = context.store.contacts.get(contactId);
  if (!contact) return false;
  const bundles = await Promise.all(devices.map((deviceId) => directory.fetchBundle(contactId, contact, deviceId)));
  if (!bundles.every((bundle) => bundle.ok)) return false;
  return inTransaction(context, (after) => {
    const row = context.store.outbox.get(entry.row.id);
    const message = context.store.messages.get(messageId);
    const current = context.store.contacts.get(contactId);
    const pair = current ? addressPair(context, current) : null;
    if (!row || !message || !current || !pair || !context.mayEncrypt()) return false;
    for (const { value } of bundles) {
      context.cipher.forgetSession(context.cipher.canonicalIdentity(value.identityKey), value.deviceId, 'omemo2');
    }
    const content = textContentAgain(context, message);
    const sealed = encryptContent(context, directory, row, current, pair, content, after);
    if (!sealed) return false;
    const reached = context.store.outbox.targets(row.id).filter((target) => target.state !== 'waiting');
    const targets = sealed.targets.map((target) => {
      const isSame = (other: typeof target): boolean =>
        other.owner === target.owner && other.deviceId === target.deviceId;
      const isFresh = target.owner !== 'self' && devices.includes(target.deviceId);
      return (isFresh ? undefined : reached.find(isSame)) ?? target;
    });
    context.store.outbox.setEncrypted(row.id, sealed.stanza, targets);
    after(() => {
      entry.row = context.store.outbox.get(row.id) ?? entry.row;
      entry.targets = context.store.outbox.targets(row.id);
    });
    return true;
  });
}
