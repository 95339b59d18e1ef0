/**
 * Reads the frame headers of a write-ahead log. It tells a damaged log from one that merely ends in an unfinished
 * transaction: SQLite ends its recovery at the first bad frame without a word, which would silently drop committed
 * transactions behind it. And it finds the newest first page, without opening the database.
 * Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
import { closeSync, existsSync, openSync, readSync } from 'node:fs';

export interface WalState {
  /** Frames of later transactions follow a frame that fails its checksum, or the header itself fails. */
  readonly damaged: boolean;
  /** Byte offset in the log of the newest committed first page; null: it is in the database file. */
  readonly firstPageAt: number | null;
  /** Size of the database in pages after the last transaction of the log; 0 without one. */
  readonly pages: number;
}

const headerLength = 32;
const frameHeaderLength = 24;
const pageSize = 4096;
const empty: WalState = { damaged: false, firstPageAt: null, pages: 0 };

/** Throws the file system's error. */
export function inspectWal(path: string): WalState {
  if (!existsSync(path)) return empty;
  const handle = openSync(path, 'r');
  try {
    return scan((buffer, position) => readSync(handle, buffer, 0, buffer.length, position) === buffer.length);
  } finally {
    closeSync(handle);
  }
}

/** `read` fills the buffer from a position, or hands back false where the file ends before. */
function scan(read: (buffer: Uint8Array, position: number) => boolean): WalState {
  const header = new Uint8Array(headerLength);
  const frame = new Uint8Array(frameHeaderLength + pageSize);
  if (!read(header, 0)) return empty;
  const headerView = new DataView(header.buffer);
  const magic = headerView.getUint32(0);
  const littleEndian = magic === 0x377f0682;
  let [a, b] = checksum(header, 0, 24, littleEndian, 0, 0);
  if (
    (!littleEndian && magic !== 0x377f0683) ||
    headerView.getUint32(8) !== pageSize ||
    a !== headerView.getUint32(24) ||
    b !== headerView.getUint32(28)
  )
    return { ...empty, damaged: read(frame, headerLength) && frame.some((byte) => byte !== 0) };

  const frameView = new DataView(frame.buffer);
  let intact = true;
  let firstPageAt: number | null = null;
  let firstPageOfTransaction: number | null = null;
  let pages = 0;
  let commitsAfterBreak = 0;
  let framesAfterLastCommit = 0;
  for (let position = headerLength; read(frame, position); position += frame.length) {
    // Frames of an earlier round, not overwritten yet, carry other salts.
    const current =
      frameView.getUint32(8) === headerView.getUint32(16) && frameView.getUint32(12) === headerView.getUint32(20);
    if (intact) {
      [a, b] = checksum(frame, 0, 8, littleEndian, a, b);
      [a, b] = checksum(frame, frameHeaderLength, frame.length, littleEndian, a, b);
      intact = current && a === frameView.getUint32(16) && b === frameView.getUint32(20);
    }
    const pagesAtCommit = frameView.getUint32(4);
    if (intact) {
      if (frameView.getUint32(0) === 1) firstPageOfTransaction = position + frameHeaderLength;
      if (pagesAtCommit !== 0) {
        firstPageAt = firstPageOfTransaction;
        pages = pagesAtCommit;
      }
    } else if (current) {
      if (pagesAtCommit !== 0) {
        commitsAfterBreak += 1;
        framesAfterLastCommit = 0;
      } else framesAfterLastCommit += 1;
    }
  }
  // A power cut may have kept the end of the last transaction and lost its middle: one commit, at the very end.
  const damaged = commitsAfterBreak > 1 || (commitsAfterBreak === 1 && framesAfterLastCommit > 0);
  return { damaged, firstPageAt, pages };
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
