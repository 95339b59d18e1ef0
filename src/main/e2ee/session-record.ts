/** All sessions with one device (identity key and device id), of both wire formats: which is used, which are kept. */
import { wipe } from './primitives/sodium.ts';
import type { RatchetState } from './ratchet/double-ratchet.ts';
import { countSkipped, MAX_SKIP, newestSkipped } from './ratchet/skipped-keys.ts';
import type { WireFormat } from './types.ts';

/** One Double Ratchet session. Plain data; never changed in place. */
export interface Session {
  readonly wire: WireFormat;
  /** We started it (XEP-0384 §4.2: "Alice"). Decides the order of the identity keys in the associated data. */
  readonly initiator: boolean;
  /** False after `archiveSessions`: kept for receiving only. */
  readonly sendable: boolean;
  /** Their identity key exactly as it was received, 32 bytes; opaque, since some set its sign bit and some do not. */
  readonly theirIdentityKey: Uint8Array;
  /** The public ephemeral key of the key exchange, 32 bytes: says which session a repeated key exchange belongs to. */
  readonly ephemeralKey: Uint8Array;
  /** Set until the first answer arrives: every message repeats the key exchange (§4.3). */
  readonly pending: { readonly prekeyId: number; readonly signedPrekeyId: number } | null;
  readonly ratchet: RatchetState;
}

export interface SessionRecord {
  readonly version: 1;
  /** The one used last first. */
  readonly sessions: readonly Session[];
}

/** The current session and 40 archived ones: what survives both sides starting at once, again and again. */
export const MAX_SESSIONS = 41;
/** Skipped keys in a whole record; the least recent sessions give theirs up first. */
export const MAX_SKIPPED_IN_RECORD = 2 * MAX_SKIP;

function bounded(sessions: readonly Session[]): SessionRecord {
  const kept: Session[] = [];
  let skippedLeft = MAX_SKIPPED_IN_RECORD;
  for (const session of sessions.slice(0, MAX_SESSIONS)) {
    const skipped = newestSkipped(session.ratchet.skipped, skippedLeft);
    skippedLeft -= countSkipped(skipped);
    kept.push(skipped === session.ratchet.skipped ? session : { ...session, ratchet: { ...session.ratchet, skipped } });
  }
  return { version: 1, sessions: kept };
}

/** Loops rather than chains of arrays: this runs for every device of every message. */
function secretsOf(record: SessionRecord): Uint8Array[] {
  const secrets: Uint8Array[] = [];
  for (const { ratchet } of record.sessions) {
    const { rootKey, own, sending, receiving, skipped, pastChains } = ratchet;
    secrets.push(rootKey, skipped);
    if (own !== null) secrets.push(own.privateKey);
    if (sending !== null) secrets.push(sending.key);
    if (receiving !== null) secrets.push(receiving.key);
    for (const { chain } of pastChains) secrets.push(chain.key);
  }
  return secrets;
}

/**
 * Overwrites the secrets of `previous` that `next` no longer has: to be called by whoever keeps records, once `next` is
 * stored and nobody will read `previous` again.
 */
export function wipeReplaced(previous: SessionRecord, next: SessionRecord): void {
  const kept = secretsOf(next);
  for (const secret of secretsOf(previous)) if (!kept.includes(secret)) wipe(secret);
}

/** The record with `session` in front, in place of `previous` (null: it is new). `record` null: its first session. */
export function withSessionInFront(
  record: SessionRecord | null,
  session: Session,
  previous: Session | null,
): SessionRecord {
  return bounded([session, ...(record?.sessions.filter((candidate) => candidate !== previous) ?? [])]);
}

/** The record with `session` where `previous` was. */
export function withSessionInPlace(record: SessionRecord, session: Session, previous: Session): SessionRecord {
  return bounded(record.sessions.map((candidate) => (candidate === previous ? session : candidate)));
}

/** The session that sends: the one used last. */
export function currentSession(record: SessionRecord | null, wire: WireFormat): Session | null {
  return record?.sessions.find((session) => session.wire === wire && session.sendable) ?? null;
}

/** Can a message be sent without a bundle? */
export function hasSession(record: SessionRecord | null, wire: WireFormat = 'omemo2'): boolean {
  return currentSession(record, wire) !== null;
}

/**
 * Gives a broken session of one wire format up: the next message starts a new one from the bundle, while what the other side still sends
 * on the old ones can be read.
 */
export function archiveSessions(record: SessionRecord, wire: WireFormat = 'omemo2'): SessionRecord {
  const archive = (session: Session) => (session.wire === wire ? { ...session, sendable: false } : session);
  return { version: 1, sessions: record.sessions.map(archive) };
}
