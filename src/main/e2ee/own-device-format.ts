/** How an own device is stored: a version byte, then fixed-size fields and counted lists. */
import { ByteReader, ByteWriter } from './bytes.ts';
import type { OwnDevice, Prekey, SignedPrekey, UsedPrekey } from './own-device.ts';

const VERSION = 1;
const NEVER = -1;

function writePrekey(out: ByteWriter, prekey: Prekey): void {
  out.u32(prekey.id);
  out.fixed(prekey.privateKey);
  out.fixed(prekey.publicKey);
}

function readPrekey(from: ByteReader): Prekey {
  return { id: from.u32(), privateKey: from.fixed(32), publicKey: from.fixed(32) };
}

/** Grows as it is read: a count that is a lie must not decide how much memory is taken. */
function readList<T>(from: ByteReader, read: () => T): T[] {
  const list: T[] = [];
  for (let left = from.u32(); left > 0; left -= 1) list.push(read());
  return list;
}

/** Holds secrets: for the encrypted database alone. */
export function serializeOwnDevice(own: OwnDevice): Uint8Array {
  const out = new ByteWriter(8192);
  out.u8(VERSION);
  out.u32(own.deviceId);
  out.fixed(own.identitySeed);
  out.fixed(own.identityKey);
  out.u32(own.nextPrekeyId);
  out.u32(own.nextSignedPrekeyId);
  out.u32(own.signedPrekeys.length);
  for (const prekey of own.signedPrekeys) {
    writePrekey(out, prekey);
    out.fixed(prekey.signature);
    out.time(prekey.createdAt);
    out.time(prekey.retiredAt ?? NEVER);
  }
  out.u32(own.prekeys.length);
  for (const prekey of own.prekeys) writePrekey(out, prekey);
  out.u32(own.usedPrekeys.length);
  for (const prekey of own.usedPrekeys) {
    writePrekey(out, prekey);
    out.time(prekey.usedAt);
    out.u32(prekey.usedWith.length);
    for (const ephemeralKey of prekey.usedWith) out.fixed(ephemeralKey);
  }
  return out.finish();
}

/** Throws on corruption and on versions not known. */
export function parseOwnDevice(bytes: Uint8Array): OwnDevice {
  const from = new ByteReader(bytes.slice());
  const version = from.u8();
  if (version !== VERSION) throw new RangeError(`unknown version ${version} of a stored device`);
  const deviceId = from.u32();
  const identitySeed = from.fixed(32);
  const identityKey = from.fixed(32);
  const nextPrekeyId = from.u32();
  const nextSignedPrekeyId = from.u32();
  const signedPrekeys = readList(from, (): SignedPrekey => {
    const prekey = readPrekey(from);
    const signature = from.fixed(64);
    const createdAt = from.time();
    const retiredAt = from.time();
    return { ...prekey, signature, createdAt, retiredAt: retiredAt === NEVER ? null : retiredAt };
  });
  const prekeys = readList(from, () => readPrekey(from));
  const usedPrekeys = readList(
    from,
    (): UsedPrekey => ({
      ...readPrekey(from),
      usedAt: from.time(),
      usedWith: readList(from, () => from.fixed(32)),
    }),
  );
  from.end();
  return {
    version: 1,
    deviceId,
    identitySeed,
    identityKey,
    signedPrekeys,
    prekeys,
    usedPrekeys,
    nextPrekeyId,
    nextSignedPrekeyId,
  };
}
