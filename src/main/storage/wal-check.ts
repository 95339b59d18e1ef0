/**
 * Tells a damaged write-ahead log from one that merely ends in an unfinished transaction. SQLite ends its recovery at
 * the first bad frame without a word, which would silently drop committed transactions behind it.
 * Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
import { closeSync, existsSync, openSync, readSync } from 'node:fs';

const headerLength = 32;
const frameHeaderLength = 24;

/** True when frames that belong to later transactions follow a frame that fails its checksum, or the header fails. */
export function isWalDamaged(path: string): boolean {
  if (!existsSync(path)) return false;
  const handle = openSync(path, 'r');
  try {
    return scan((buffer, position) => readSync(handle, buffer, 0, buffer.length, position));
  } finally {
    closeSync(handle);
  }
}

function scan(read: (buffer: Uint8Array, position: number) => number): boolean {
  const header = new Uint8Array(headerLength);
  if (read(header, 0) < headerLength) return false;
  const view = new DataView(header.buffer);
  const magic = view.getUint32(0);
  const pageSize = view.getUint32(8);
  const headerSum = checksum(header, 0, 24, magic === 0x377f0682, 0, 0);
  if (
    (magic !== 0x377f0682 && magic !== 0x377f0683) ||
    pageSize !== 4096 ||
    headerSum[0] !== view.getUint32(24) ||
    headerSum[1] !== view.getUint32(28)
  ) {
    const frame = new Uint8Array(frameHeaderLength + 4096);
    return read(frame, headerLength) === frame.length && frame.some((byte) => byte !== 0);
  }
  const littleEndian = magic === 0x377f0682;
  const frame = new Uint8Array(frameHeaderLength + pageSize);
  const frameView = new DataView(frame.buffer);
  let [a, b] = headerSum;
  let intact = true;
  let commitsAfterBreak = 0;
  let framesAfterLastCommit = 0;
  for (let position = headerLength; read(frame, position) === frame.length; position += frame.length) {
    const current = frameView.getUint32(8) === view.getUint32(16) && frameView.getUint32(12) === view.getUint32(20);
    if (intact) {
      [a, b] = checksum(frame, 0, 8, littleEndian, a, b);
      [a, b] = checksum(frame, frameHeaderLength, frame.length, littleEndian, a, b);
      intact = current && a === frameView.getUint32(16) && b === frameView.getUint32(20);
    }
    if (intact || !current) continue;
    // A power cut may have kept the end of the last transaction and lost its middle: one commit at the very end.
    if (frameView.getUint32(4) !== 0) {
      commitsAfterBreak += 1;
      framesAfterLastCommit = 0;
    } else framesAfterLastCommit += 1;
  }
  return commitsAfterBreak > 1 || (commitsAfterBreak === 1 && framesAfterLastCommit > 0);
}

/** Two running sums over 32-bit words, in the byte order the magic number names. */
function checksum(
  bytes: Uint8Array,
  from: number,
  to: number,
  littleEndian: boolean,
  first: number,
  second: number,
): [number, number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let a = first;
  let b = second;
  for (let offset = from; offset < to; offset += 8) {
    a = (a + view.getUint32(offset, littleEndian) + b) >>> 0;
    b = (b + view.getUint32(offset + 4, littleEndian) + a) >>> 0;
  }
  return [a, b];
}
