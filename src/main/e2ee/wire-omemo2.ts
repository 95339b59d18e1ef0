/** The wire format `urn:xmpp:omemo:2` (XEP-0384 §4). */
import { cipherKeys, decryptWith, encryptWith, macOf } from './authenticated-cipher.ts';
import { concat, utf8 } from './bytes.ts';
import { openPayload, sealPayload } from './payload.ts';
import { verify } from './primitives/ed25519.ts';
import { wipe } from './primitives/sodium.ts';
import {
  decodeAuthenticated,
  decodeKeyExchange,
  decodeMessage,
  encodeAuthenticated,
  encodeKeyExchange,
  encodeMessage,
} from './protobuf.ts';
import { MAX_SKIP } from './ratchet/skipped-keys.ts';
import type { Wire } from './wire.ts';

const MESSAGE_KEY_INFO = utf8('OMEMO Message Key Material');

export const wireOmemo2: Wire = {
  name: 'omemo2',
  keyAgreementInfo: utf8('OMEMO X3DH'),
  ratchet: { rootInfo: utf8('OMEMO Root Chain'), maxSkip: MAX_SKIP, pastChains: 0 },

  signedPrekeyFits: verify,

  // §4.2: who sends this message does not matter.
  associatedData: ({ initiator, responder }) => concat(initiator, responder),

  seal(messageKey, associatedData, header, plaintext) {
    const keys = cipherKeys(messageKey, MESSAGE_KEY_INFO);
    const ciphertext = encryptWith(keys, plaintext);
    // §4.3 ENCRYPT 6: serialised once; these very bytes are sealed and sent.
    const message = encodeMessage({ n: header.n, pn: header.pn, dhPublic: header.ratchetKey, ciphertext });
    const mac = macOf(keys, [associatedData, message]);
    wipe(keys.material);
    return encodeAuthenticated({ mac, message });
  },

  read(data) {
    const outer = decodeAuthenticated(data);
    if (!outer.ok) return outer;
    const inner = decodeMessage(outer.value.message);
    if (!inner.ok) return inner;
    const { n, pn, dhPublic, ciphertext } = inner.value;
    const header = { ratchetKey: dhPublic, n, pn };
    return { ok: true, value: { header, ciphertext, mac: outer.value.mac, sealed: outer.value.message } };
  },

  open(messageKey, associatedData, { ciphertext, mac, sealed }) {
    const keys = cipherKeys(messageKey, MESSAGE_KEY_INFO);
    const plaintext = decryptWith(keys, ciphertext, [associatedData, sealed], mac);
    wipe(keys.material);
    return plaintext;
  },

  writeKeyExchange: encodeKeyExchange,
  readKeyExchange: decodeKeyExchange,
  sealPayload,
  openPayload,
};
