/**
 * Frames on a `/bothy/stanza/1.0.0` stream: length (4 bytes, big endian) ‖ type (1) ‖ number (4, big endian) ‖ payload.
 * The length counts what follows it. Payloads are UTF-8 XML, or one status byte in an acknowledgement.
 */
import { MAX_STANZA_BYTES } from '../../xml/parse-element.ts';

export const STANZA_PROTOCOL = '/bothy/stanza/1.0.0';
export const HELLO_PROTOCOL = '/bothy/hello/1.0.0';

export const frameType = {
  /** A message or presence, numbered by the sender; answered by `ack`. */
  stanza: 1,
  /** The status of the stanza with that number. */
  ack: 2,
  /** An iq of any type; answers are matched by their id, not by number. */
  iq: 3,
  ping: 4,
  pong: 5,
  /** Another link took over: finish what is under way on this one. */
  drain: 6,
  /** Nothing more will be sent; when both have said so, the link closes. */
  bye: 7,
} as const;

export const ackStatus = {
  /** Durably taken. */
  taken: 0,
  /** Will never be taken: malformed, or from an address that is not the peer's. */
  refused: 1,
  /** Not taken this time. */
  later: 2,
  /** Could not be decrypted; encrypted again it may be. */
  unreadable: 3,
} as const;

export interface Frame {
  readonly type: number;
  readonly number: number;
  readonly payload: Uint8Array;
}

const headerBytes = 5;
const maxFrameBytes = MAX_STANZA_BYTES + headerBytes;
const nothing = new Uint8Array(0);

/** Payloads hold at most MAX_STANZA_BYTES. */
export function encodeFrame(type: number, number: number, payload: Uint8Array = nothing): Uint8Array {
  const bytes = new Uint8Array(4 + headerBytes + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, headerBytes + payload.length);
  view.setUint8(4, type);
  view.setUint32(5, number);
  bytes.set(payload, 9);
  return bytes;
}

/** The next frame from a source of exact reads; null when the sender breaks the format. */
export async function readFrame(read: (length: number) => Promise<Uint8Array>): Promise<Frame | null> {
  const prefix = await read(4);
  const length = new DataView(prefix.buffer).getUint32(0);
  if (length < headerBytes || length > maxFrameBytes) return null;
  const bytes = await read(length);
  const view = new DataView(bytes.buffer);
  return { type: view.getUint8(0), number: view.getUint32(1), payload: bytes.subarray(headerBytes) };
}
