/** From an envelope to content. Every step works on new state, which exists for the caller only when all succeeded. */
import type { ErrorCode, Result } from '../../shared/errors.ts';
import type { DeviceId } from '../../shared/model.ts';
import { same } from './bytes.ts';
import { forged, malformed, mismatch, noSession, unknownPrekey } from './failures.ts';
import { consumePrekey, findPrekey, type OwnDevice } from './own-device.ts';
import { toCurve25519Public } from './primitives/ed25519.ts';
import { wipe } from './primitives/sodium.ts';
import { isCanonical } from './primitives/x25519.ts';
import type { KeyExchange } from './protobuf.ts';
import { ratchetReceive, respondRatchet } from './ratchet/double-ratchet.ts';
import { type Session, type SessionRecord, withSessionInFront, withSessionInPlace } from './session-record.ts';
import type { WireFormat } from './types.ts';
import type { SealedMessage, Wire } from './wire.ts';
import { wireOf } from './wires.ts';
import { agreeAsResponder } from './x3dh.ts';

export interface IncomingEnvelope {
  /** `omemo2` if it is not given. */
  readonly wire?: WireFormat;
  readonly senderDeviceId: DeviceId;
  /** The `kex` (`prekey`) attribute of our `<key/>`; see `isKeyExchange`. */
  readonly keyExchange: boolean;
  /** Our `<key/>`, decoded. */
  readonly data: Uint8Array;
  /** The `<payload/>`, decoded; null when the message has none. */
  readonly payload: Uint8Array | null;
  /** The legacy `<iv/>`, decoded. */
  readonly iv?: Uint8Array | null;
}

/** The parts of an envelope that are encrypted once for all devices. */
type Payload = Pick<IncomingEnvelope, 'payload' | 'iv'>;

export interface Decrypted {
  /** The SCE envelope (the UTF-8 text, of a legacy message); null: an empty message. */
  readonly content: Uint8Array | null;
  /** To be stored in the same transaction as the message. */
  readonly record: SessionRecord;
  /** Not null: a prekey was used. Store it, then call `maintainOwnDevice` and publish the bundle again. */
  readonly own: OwnDevice | null;
  /** A key exchange made a new session: answer with an empty message (XEP-0384 §6). */
  readonly newSession: boolean;
  /** Answer with an empty message, so that the ratchet moves on (XEP-0384 §6). */
  readonly heartbeatDue: boolean;
  /** The sender's identity key as received, 32 bytes (in Ed25519 form with sign bit 0, of a legacy message). */
  readonly identityKey: Uint8Array;
}

interface Opened {
  readonly session: Session;
  readonly content: Uint8Array | null;
  readonly late: boolean;
  readonly heartbeatDue: boolean;
}

function openOn(
  own: OwnDevice,
  wire: Wire,
  session: Session,
  message: SealedMessage,
  { payload, iv = null }: Payload,
): Result<Opened> {
  const { initiator, theirIdentityKey } = session;
  const associatedData = wire.associatedData({
    initiator: initiator ? own.identityKey : theirIdentityKey,
    responder: initiator ? theirIdentityKey : own.identityKey,
    sender: initiator ? 'responder' : 'initiator',
  });
  const received = ratchetReceive(session.ratchet, message.header, wire.ratchet, (messageKey) =>
    wire.open(messageKey, associatedData, message),
  );
  if (!received.ok) return received;
  const { state, opened, late, heartbeatDue } = received.value;
  const content = wire.openPayload(opened, payload, iv);
  wipe(opened);
  if (!content.ok) return content;
  // They have answered, so the key exchange need not be repeated (§4.3).
  return {
    ok: true,
    value: { session: { ...session, pending: null, ratchet: state }, content: content.value, late, heartbeatDue },
  };
}

/** Of the reasons why several sessions refused a message, the one that says most. */
const TELLING: readonly ErrorCode[] = ['encryption.replayed', 'encryption.malformed', 'encryption.too-far-ahead'];

function decryptOnSessions(
  own: OwnDevice,
  record: SessionRecord | null,
  candidates: readonly Session[],
  wire: Wire,
  data: Uint8Array,
  payload: Payload,
): Result<Decrypted> {
  if (record === null || candidates.length === 0) return noSession();
  const message = wire.read(data);
  if (!message.ok) return message;
  let failure = forged('no session fits');
  for (const session of candidates) {
    const opened = openOn(own, wire, session, message.value, payload);
    if (opened.ok) {
      const { session: next, content, late, heartbeatDue } = opened.value;
      return {
        ok: true,
        value: {
          content,
          // What the other side sends on now is what it will understand: that session becomes the current one.
          record: late ? withSessionInPlace(record, next, session) : withSessionInFront(record, next, session),
          own: null,
          newSession: false,
          heartbeatDue,
          identityKey: session.theirIdentityKey,
        },
      };
    }
    if (opened.error.code === 'encryption.replayed') return opened;
    if (TELLING.includes(opened.error.code) || failure.error.code === 'encryption.forged') failure = opened;
  }
  return failure;
}

/** Do two wire forms of an identity key (which may differ in the sign bit) stand for the same key? */
function sameIdentity(a: Uint8Array, b: Uint8Array): boolean {
  if (same(a, b)) return true;
  const [first, second] = [toCurve25519Public(a), toCurve25519Public(b)];
  return first !== null && second !== null && same(first, second);
}

function acceptKeyExchange(
  own: OwnDevice,
  record: SessionRecord | null,
  exchange: KeyExchange,
  wire: Wire,
  payload: Payload,
  now: number,
): Result<Decrypted> {
  const message = wire.read(exchange.message);
  if (!message.ok) return message;
  const signedPrekey = own.signedPrekeys.find(({ id }) => id === exchange.signedPrekeyId);
  const prekey = findPrekey(own, exchange.prekeyId, exchange.ephemeralKey);
  if (signedPrekey === undefined || prekey === null) return unknownPrekey();
  const { identityKey, ephemeralKey } = exchange;
  const secret = agreeAsResponder(
    own.identitySeed,
    signedPrekey,
    prekey,
    identityKey,
    ephemeralKey,
    wire.keyAgreementInfo,
  );
  if (!secret.ok) return secret;
  const session: Session = {
    wire: wire.name,
    initiator: false,
    sendable: true,
    theirIdentityKey: identityKey.slice(),
    ephemeralKey: ephemeralKey.slice(),
    pending: null,
    // A copy: the session's secrets are wiped when they are replaced, the prekey stays.
    ratchet: respondRatchet(secret.value, {
      privateKey: signedPrekey.privateKey.slice(),
      publicKey: signedPrekey.publicKey,
    }),
  };
  const opened = openOn(own, wire, session, message.value, payload);
  wipe(secret.value);
  if (!opened.ok) return opened;
  return {
    ok: true,
    value: {
      content: opened.value.content,
      // §5.6: the new session replaces the old one, which stays readable.
      record: withSessionInFront(record, opened.value.session, null),
      own: consumePrekey(own, exchange.prekeyId, ephemeralKey, now),
      newSession: true,
      heartbeatDue: opened.value.heartbeatDue,
      identityKey: session.theirIdentityKey,
    },
  };
}

/**
 * Whether our `<key/>` is a key exchange. QXmpp repeats its own until an answer arrives, as §4.3 has it, but marks only the
 * first with `kex`; Pidgin's plugin (lurch 0.7.0) marks none with `prekey`, which came to the older format late. In neither
 * format can the two messages be taken for each other, since their first fields are of different kinds; and the mark is
 * not sealed, so it is nothing to rely on.
 */
export function isKeyExchange({
  keyExchange,
  data,
  wire = 'omemo2',
}: Pick<IncomingEnvelope, 'keyExchange' | 'data' | 'wire'>): boolean {
  return keyExchange || wireOf(wire).readKeyExchange(data).ok;
}

/** The identity key, 32 bytes, in a key exchange: which device's record `decrypt` needs. Not authenticated yet. */
export function identityOf(data: Uint8Array, format: WireFormat = 'omemo2'): Result<Uint8Array> {
  const exchange = wireOf(format).readKeyExchange(data);
  return exchange.ok ? { ok: true, value: exchange.value.identityKey.slice() } : exchange;
}

/** Which prekey a key exchange takes of the device that it is for; null: it is none. Not authenticated. */
export function prekeyTakenBy(
  { keyExchange, data }: Pick<IncomingEnvelope, 'keyExchange' | 'data'>,
  format: WireFormat,
): number | null {
  if (!keyExchange) return null;
  const exchange = wireOf(format).readKeyExchange(data);
  return exchange.ok ? exchange.value.prekeyId : null;
}

/**
 * Decrypts one message. `record` is that of the sending device: for a key exchange the one of `identityOf(data)` (null
 * when there is none), else of the identity known for the device id. Nothing given is changed; on failure nothing is to
 * be stored. `now` in Unix milliseconds.
 *
 * Errors: `malformed`, `forged`, `replayed` (to be ignored silently, XEP-0384 §6), `too-far-ahead`, `unknown-prekey`,
 * `no-session`, `mismatch` (the key exchange is by another identity than the record), all `encryption.…`.
 */
export function decrypt(
  own: OwnDevice,
  record: SessionRecord | null,
  envelope: IncomingEnvelope,
  now: number,
): Result<Decrypted> {
  const wire = wireOf(envelope.wire ?? 'omemo2');
  const { data } = envelope;
  const sessions = record?.sessions.filter((session) => session.wire === wire.name) ?? [];
  if (!isKeyExchange(envelope)) return decryptOnSessions(own, record, sessions, wire, data, envelope);

  const exchange = wire.readKeyExchange(data);
  if (!exchange.ok) return exchange;
  const { identityKey, ephemeralKey, message } = exchange.value;
  if (sameIdentity(identityKey, own.identityKey)) return malformed('a key exchange with ourselves');
  // The ephemeral key is not sealed itself: another spelling of it would make a replay look like a new session.
  if (!isCanonical(ephemeralKey)) return malformed('the ephemeral key is not canonical');
  const [known] = record?.sessions ?? [];
  if (known !== undefined && !sameIdentity(known.theirIdentityKey, identityKey)) return mismatch();
  // §4.3: the same ephemeral key again means that only the inner message is new.
  const repeated = sessions.filter((session) => !session.initiator && same(session.ephemeralKey, ephemeralKey));
  if (repeated.length > 0) return decryptOnSessions(own, record, repeated, wire, message, envelope);
  return acceptKeyExchange(own, record, exchange.value, wire, envelope, now);
}
