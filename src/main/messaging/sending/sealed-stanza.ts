/** The stanza around what was encrypted in one or both formats: each device finds its key in exactly one of them. */
import type { Element } from '@xmpp/xml';
import type { ContactId, DeviceId, MessageId } from '../../../shared/model.ts';
import type { AddressPair } from '../devices/recipients.ts';
import { writeLegacy } from '../envelope/legacy-stanza.ts';
import { writeEncryptedMessage } from '../envelope/omemo-stanza.ts';
import { bodyIn } from '../envelope/text-body.ts';
import type { SealedKeys } from './encrypt-for.ts';

/** All that the legacy format encrypts: the text, in UTF-8. Null where there is none. */
export function legacyBodyOf(content: readonly Element[]): Uint8Array | null {
  const body = bodyIn(content);
  return body === null ? null : new TextEncoder().encode(body);
}

/** `sid`: our device id. */
export function writeSealed(
  sid: DeviceId,
  id: MessageId,
  pair: AddressPair,
  contactId: ContactId,
  current: SealedKeys | null,
  legacy: SealedKeys | null,
): Element {
  const isUsed = (sealed: SealedKeys | null): sealed is SealedKeys => sealed !== null && sealed.targets.length > 0;
  return writeEncryptedMessage({
    id,
    ...pair,
    encrypted: isUsed(current)
      ? {
          sid,
          payload: current.payload,
          recipients: [
            { jid: pair.to, keys: current.keysOf(contactId) },
            // To our own devices both ends are the same.
            { jid: pair.from, keys: pair.from === pair.to ? [] : current.keysOf('self') },
          ],
        }
      : null,
    legacy: isUsed(legacy)
      ? writeLegacy({
          sid,
          keys: [...legacy.keysOf(contactId), ...legacy.keysOf('self')],
          iv: legacy.iv,
          payload: legacy.payload,
        })
      : null,
  });
}
