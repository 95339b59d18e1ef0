/** How a session record is stored: a version byte, then sessions as flags, fixed-size keys and one run of skipped keys. */
import { ByteReader, ByteWriter } from './bytes.ts';
import { SKIPPED_ENTRY_BYTES } from './ratchet/skipped-keys.ts';
import type { Chain } from './ratchet/symmetric-ratchet.ts';
import type { Session, SessionRecord } from './session-record.ts';
import type { WireFormat } from './types.ts';

const VERSION = 1;

/** Position is the number stored: add at the end only. */
const WIRES: readonly WireFormat[] = ['omemo2', 'omemo-legacy'];

const FLAG = {
  initiator: 1,
  sendable: 2,
  pending: 4,
  heartbeat: 8,
  own: 16,
  remote: 32,
  sending: 64,
  receiving: 128,
} as const;

function writeChain(out: ByteWriter, chain: Chain | null): void {
  if (chain === null) return;
  out.fixed(chain.key);
  out.u32(chain.next);
}

function readChain(from: ByteReader, present: number): Chain | null {
  return present ? { key: from.fixed(32), next: from.u32() } : null;
}

function writeSession(out: ByteWriter, session: Session): void {
  const { ratchet, pending } = session;
  let flags = 0;
  if (session.initiator) flags |= FLAG.initiator;
  if (session.sendable) flags |= FLAG.sendable;
  if (pending !== null) flags |= FLAG.pending;
  if (ratchet.heartbeat) flags |= FLAG.heartbeat;
  if (ratchet.own !== null) flags |= FLAG.own;
  if (ratchet.remote !== null) flags |= FLAG.remote;
  if (ratchet.sending !== null) flags |= FLAG.sending;
  if (ratchet.receiving !== null) flags |= FLAG.receiving;
  out.u8(WIRES.indexOf(session.wire));
  out.u8(flags);
  out.fixed(session.theirIdentityKey);
  out.fixed(session.ephemeralKey);
  if (pending !== null) {
    out.u32(pending.prekeyId);
    out.u32(pending.signedPrekeyId);
  }
  out.fixed(ratchet.rootKey);
  if (ratchet.own !== null) {
    out.fixed(ratchet.own.privateKey);
    out.fixed(ratchet.own.publicKey);
  }
  if (ratchet.remote !== null) out.fixed(ratchet.remote);
  writeChain(out, ratchet.sending);
  writeChain(out, ratchet.receiving);
  out.u32(ratchet.previousCount);
  out.u32(ratchet.received);
  out.sized(ratchet.pastRemotes);
  out.sized(ratchet.skipped);
  if (session.wire === 'omemo2') return;
  out.u8(ratchet.pastChains.length);
  for (const { remote, chain } of ratchet.pastChains) {
    out.fixed(remote);
    writeChain(out, chain);
  }
}

function readSession(from: ByteReader): Session {
  const wire = WIRES[from.u8()];
  if (wire === undefined) throw new RangeError('unknown wire format in a stored session');
  const flags = from.u8();
  const theirIdentityKey = from.fixed(32);
  const ephemeralKey = from.fixed(32);
  const pending = flags & FLAG.pending ? { prekeyId: from.u32(), signedPrekeyId: from.u32() } : null;
  const rootKey = from.fixed(32);
  const own = flags & FLAG.own ? { privateKey: from.fixed(32), publicKey: from.fixed(32) } : null;
  const remote = flags & FLAG.remote ? from.fixed(32) : null;
  const sending = readChain(from, flags & FLAG.sending);
  const receiving = readChain(from, flags & FLAG.receiving);
  const previousCount = from.u32();
  const received = from.u32();
  const pastRemotes = from.sized();
  const skipped = from.sized();
  if (skipped.length % SKIPPED_ENTRY_BYTES !== 0) throw new RangeError('stored skipped keys have a wrong length');
  const pastChains = Array.from({ length: wire === 'omemo2' ? 0 : from.u8() }, () => ({
    remote: from.fixed(32),
    chain: { key: from.fixed(32), next: from.u32() },
  }));
  return {
    wire,
    initiator: (flags & FLAG.initiator) !== 0,
    sendable: (flags & FLAG.sendable) !== 0,
    theirIdentityKey,
    ephemeralKey,
    pending,
    ratchet: {
      rootKey,
      own,
      remote,
      sending,
      receiving,
      previousCount,
      skipped,
      pastChains,
      received,
      pastRemotes,
      heartbeat: (flags & FLAG.heartbeat) !== 0,
    },
  };
}

/** Holds secrets: for the encrypted database alone. */
export function serializeRecord(record: SessionRecord): Uint8Array {
  const out = new ByteWriter();
  out.u8(VERSION);
  out.u8(record.sessions.length);
  for (const session of record.sessions) writeSession(out, session);
  return out.finish();
}

/** Throws on corruption and on versions not known. */
export function parseRecord(bytes: Uint8Array): SessionRecord {
  const from = new ByteReader(bytes.slice());
  const version = from.u8();
  if (version !== VERSION) throw new RangeError(`unknown version ${version} of a stored session record`);
  const sessions = Array.from({ length: from.u8() }, () => readSession(from));
  from.end();
  return { version: 1, sessions };
}
