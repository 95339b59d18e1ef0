/** Base64 as it stands in stanzas (RFC 4648 §4): white space is allowed around and within, nothing else is forgiven. */

const shape = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Null when it is not base64, or not of exactly `length` bytes where a length is asked for. */
export function decodeBase64(text: string, length?: number): Uint8Array | null {
  const compact = text.replace(/[ \t\r\n]+/g, '');
  if (!shape.test(compact)) return null;
  const bytes = new Uint8Array(Buffer.from(compact, 'base64'));
  return length === undefined || bytes.length === length ? bytes : null;
}
