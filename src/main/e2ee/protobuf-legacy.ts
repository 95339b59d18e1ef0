/** SignalMessage and PreKeySignalMessage, version 3, in Protocol Buffers encoding (XEP-0384 0.3.0 §9, libsignal's). */
import type { Result } from '../../shared/errors.ts';
import { malformed } from './failures.ts';
import { fromLegacyKey, LEGACY_KEY_BYTES, toLegacyKey } from './legacy-keys.ts';
import { decodeFields, encodeFields, type KeyExchange, type OmemoMessage, type Schema } from './protobuf.ts';

/** Current version 3, oldest version understood 3. */
const VERSION = Uint8Array.of(0x33);

/** 0x33 ‖ SignalMessage. */
export function encodeSignalMessage(message: OmemoMessage): Uint8Array {
  return encodeFields(
    [
      [1, toLegacyKey(message.dhPublic)],
      [2, message.n],
      [3, message.pn],
      [4, message.ciphertext],
    ],
    VERSION,
  );
}

const SIGNAL_MESSAGE: Schema = {
  1: { type: 'bytes', size: LEGACY_KEY_BYTES },
  2: { type: 'uint32' },
  3: { type: 'uint32' },
  4: { type: 'bytes' },
};

/** `data` is 0x33 ‖ SignalMessage, without the MAC. previousCounter may be missing: it is not looked at. */
export function decodeSignalMessage(data: Uint8Array): Result<OmemoMessage> {
  const fields = data[0] === VERSION[0] ? decodeFields(data.subarray(1), SIGNAL_MESSAGE) : null;
  const ratchetKey = fields?.bytes.get(1);
  const dhPublic = ratchetKey && fromLegacyKey(ratchetKey);
  const n = fields?.numbers.get(2);
  const ciphertext = fields?.bytes.get(4);
  if (!dhPublic || n === undefined || ciphertext === undefined) return malformed('not a SignalMessage');
  return { ok: true, value: { n, pn: fields?.numbers.get(3) ?? 0, dhPublic, ciphertext } };
}

/** `identityKey` 33 bytes, unlike in `KeyExchange`; `message` a whole SignalMessage with its MAC. */
export function encodePrekeySignalMessage(exchange: KeyExchange, registrationId: number): Uint8Array {
  return encodeFields(
    [
      [1, exchange.prekeyId],
      [2, toLegacyKey(exchange.ephemeralKey)],
      [3, exchange.identityKey],
      [4, exchange.message],
      [5, registrationId],
      [6, exchange.signedPrekeyId],
    ],
    VERSION,
  );
}

const PREKEY_SIGNAL_MESSAGE: Schema = {
  1: { type: 'uint32' },
  2: { type: 'bytes', size: LEGACY_KEY_BYTES },
  3: { type: 'bytes', size: LEGACY_KEY_BYTES },
  4: { type: 'bytes' },
  5: { type: 'uint32' },
  6: { type: 'uint32' },
};

/**
 * The keys as X25519, 32 bytes each. A message without preKeyId is refused: libsignal allows it, but then a replay of
 * it would start the same session again.
 */
export function decodePrekeySignalMessage(data: Uint8Array): Result<KeyExchange> {
  const fields = data[0] === VERSION[0] ? decodeFields(data.subarray(1), PREKEY_SIGNAL_MESSAGE) : null;
  const base = fields?.bytes.get(2);
  const identity = fields?.bytes.get(3);
  const ephemeralKey = base && fromLegacyKey(base);
  const identityKey = identity && fromLegacyKey(identity);
  const prekeyId = fields?.numbers.get(1);
  const signedPrekeyId = fields?.numbers.get(6);
  const message = fields?.bytes.get(4);
  if (!ephemeralKey || !identityKey || prekeyId === undefined || signedPrekeyId === undefined || !message) {
    return malformed('not a PreKeySignalMessage');
  }
  return { ok: true, value: { prekeyId, signedPrekeyId, identityKey, ephemeralKey, message } };
}
