/** The wire format `eu.siacs.conversations.axolotl` (XEP-0384 0.3.0): the Signal protocol, version 3. */
import { cipherKeys, decryptWith, encryptWith, macOf } from './authenticated-cipher.ts';
import { concat, utf8 } from './bytes.ts';
import { malformed } from './failures.ts';
import { legacyIdentity, toLegacyKey, verifyLegacy } from './legacy-keys.ts';
import { openLegacyPayload, sealLegacyPayload } from './payload-legacy.ts';
import { toEd25519Public } from './primitives/edwards-form.ts';
import { wipe } from './primitives/sodium.ts';
import {
  decodePrekeySignalMessage,
  decodeSignalMessage,
  encodePrekeySignalMessage,
  encodeSignalMessage,
} from './protobuf-legacy.ts';
import type { Wire } from './wire.ts';

const MESSAGE_KEY_INFO = utf8('WhisperMessageKeys');
const MAC_BYTES = 8;

export const wireLegacy: Wire = {
  name: 'omemo-legacy',
  // libsignal takes 64 bytes; the root key is the first 32, the rest a chain that OMEMO never uses.
  keyAgreementInfo: utf8('WhisperText'),
  ratchet: { rootInfo: utf8('WhisperRatchet'), maxSkip: 2000, pastChains: 5 },

  signedPrekeyFits: (identityKey, signedPrekey, signature) =>
    verifyLegacy(identityKey, toLegacyKey(signedPrekey), signature),

  // Sender and receiver of this very message, whoever began the session.
  associatedData({ initiator, responder, sender }) {
    const [first, second] = [legacyIdentity(initiator), legacyIdentity(responder)];
    return sender === 'initiator' ? concat(first, second) : concat(second, first);
  },

  seal(messageKey, associatedData, header, plaintext) {
    const keys = cipherKeys(messageKey, MESSAGE_KEY_INFO);
    const ciphertext = encryptWith(keys, plaintext);
    const message = encodeSignalMessage({ n: header.n, pn: header.pn, dhPublic: header.ratchetKey, ciphertext });
    const mac = macOf(keys, [associatedData, message], MAC_BYTES);
    wipe(keys.material);
    return concat(message, mac);
  },

  read(data) {
    if (data.length <= MAC_BYTES) return malformed('not a SignalMessage');
    const sealed = data.subarray(0, -MAC_BYTES);
    const message = decodeSignalMessage(sealed);
    if (!message.ok) return message;
    const { n, pn, dhPublic, ciphertext } = message.value;
    return {
      ok: true,
      value: { header: { ratchetKey: dhPublic, n, pn }, ciphertext, mac: data.subarray(-MAC_BYTES), sealed },
    };
  },

  open(messageKey, associatedData, { ciphertext, mac, sealed }) {
    const keys = cipherKeys(messageKey, MESSAGE_KEY_INFO);
    const plaintext = decryptWith(keys, ciphertext, [associatedData, sealed], mac, MAC_BYTES);
    wipe(keys.material);
    return plaintext;
  },

  writeKeyExchange: (exchange, deviceId) =>
    encodePrekeySignalMessage({ ...exchange, identityKey: legacyIdentity(exchange.identityKey) }, deviceId),

  readKeyExchange(data) {
    const exchange = decodePrekeySignalMessage(data);
    if (!exchange.ok) return exchange;
    const identityKey = toEd25519Public(exchange.value.identityKey);
    return identityKey === null ? malformed('identity key') : { ok: true, value: { ...exchange.value, identityKey } };
  },

  sealPayload: sealLegacyPayload,
  openPayload: openLegacyPayload,
};
