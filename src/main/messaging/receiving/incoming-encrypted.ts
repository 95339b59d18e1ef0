/** Which encrypted element of a stanza is for this device, and which of its keys may be ours. */
import type { Element } from '@xmpp/xml';
import { ok, type Result } from '../../../shared/errors.ts';
import type { DeviceId } from '../../../shared/model.ts';
import type { EncryptedKey, WireFormat } from '../../e2ee/types.ts';
import type { Arrival } from '../../transports/transport.ts';
import { type MessagingContext, selfOf } from '../context.ts';
import { isOwnAddress } from '../devices/recipients.ts';
import { legacyNamespace, readLegacy } from '../envelope/legacy-stanza.ts';
import { omemoNamespace, readEncrypted } from '../envelope/omemo-stanza.ts';

export interface IncomingEncrypted {
  readonly wire: WireFormat;
  /** Device id of the sender. */
  readonly sid: DeviceId;
  /** Those with our device id. In a legacy message another person's device may have the same. */
  readonly keys: readonly EncryptedKey[];
  /** Those for other devices that begin sessions. */
  readonly exchanges: readonly ForeignExchange[];
  readonly iv: Uint8Array | null;
  readonly payload: Uint8Array | null;
}

export interface ForeignExchange {
  /** Whose device it is for; null: the older format does not say. */
  readonly jid: string | null;
  readonly key: EncryptedKey;
}

/** Null: nothing encrypted. A stanza may carry both formats, each for other devices; ours is preferred in the newer. */
export function encryptedIn(
  context: MessagingContext,
  stanza: Element,
  arrival: Arrival,
): Result<IncomingEncrypted> | null {
  const current = stanza.getChild('encrypted', omemoNamespace);
  // Who has a direct link speaks the newer format.
  const legacy = arrival.transport === 'libp2p' ? undefined : stanza.getChild('encrypted', legacyNamespace);
  const newer = current ? readCurrent(context, current) : null;
  if (!legacy || (newer?.ok && newer.value.keys.length > 0)) return newer;
  const older = readOlder(context, legacy);
  return newer?.ok && !(older.ok && older.value.keys.length > 0) ? newer : older;
}

function readCurrent(context: MessagingContext, element: Element): Result<IncomingEncrypted> {
  const read = readEncrypted(element);
  if (!read.ok) return read;
  const { sid, payload, recipients } = read.value;
  const { deviceId } = selfOf(context);
  const keys = recipients
    .filter((recipient) => isOwnAddress(context, recipient.jid))
    .flatMap((recipient) => recipient.keys)
    .filter((key) => key.deviceId === deviceId);
  const exchanges = recipients
    .flatMap(({ jid, keys: all }) => all.map((key) => ({ jid, key })))
    .filter(({ key }) => key.keyExchange && !keys.includes(key));
  return ok({ wire: 'omemo2', sid, keys, exchanges, iv: null, payload });
}

function readOlder(context: MessagingContext, element: Element): Result<IncomingEncrypted> {
  const read = readLegacy(element);
  if (!read.ok) return read;
  const { sid, payload, iv } = read.value;
  const { deviceId } = selfOf(context);
  return ok({
    wire: 'omemo-legacy',
    sid,
    keys: read.value.keys.filter((key) => key.deviceId === deviceId),
    exchanges: read.value.keys
      .filter((key) => key.keyExchange && key.deviceId !== deviceId)
      .map((key) => ({ jid: null, key })),
    iv,
    payload,
  });
}
