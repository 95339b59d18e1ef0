/**
 * Whoever writes to several devices for the first time takes a prekey of each, and all of them see which. One of them that
 * answers at once takes its own from the bundles as they were before, and two that took the same one lose messages: some
 * clients (Converse) can read the first alone (XEP-0384 §6).
 */
import type { Address } from '../../../shared/model.ts';
import type { MessagingContext } from '../context.ts';
import type { Owner } from '../devices/device-records.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import { bareAddress, isOwnAddress } from '../devices/recipients.ts';
import type { ForeignExchange, IncomingEncrypted } from './incoming-encrypted.ts';
import type { Sender } from './sender.ts';

/** Nothing of it is proved, so it only steers which prekey is taken next. */
export function notePrekeysTaken(
  context: MessagingContext,
  directory: KeyDirectory,
  sender: Sender,
  { exchanges, wire }: IncomingEncrypted,
): void {
  for (const { jid, key } of exchanges) {
    for (const owner of ownersOf(context, sender, jid)) {
      const device = context.store.devices.get(owner, key.deviceId);
      // With a session there is no bundle to take anything from.
      if (!device || (device.identityKey && context.cipher.hasSession(device.identityKey, key.deviceId, wire)))
        continue;
      const prekeyId = context.cipher.prekeyTakenBy(key, wire);
      if (prekeyId !== null) directory.bundles.prekeyTaken(owner, key.deviceId, prekeyId);
    }
  }
}

function ownersOf(context: MessagingContext, sender: Sender, jid: ForeignExchange['jid']): Owner[] {
  if (jid === null) return sender.contact ? ['self', sender.contact.id] : ['self'];
  if (isOwnAddress(context, jid)) return ['self'];
  const contact = context.store.contacts.byAddress(bareAddress(jid) as Address);
  return contact ? [contact.id] : [];
}
