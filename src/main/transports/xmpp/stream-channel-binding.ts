/** Channel bindings: bytes only the two ends of this very TLS connection know (RFC 5056), to be mixed into the sign-in. */
import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

export type BindingType = 'tls-exporter' | 'tls-server-end-point';

export interface ChannelBindings {
  /** Strongest first. */
  readonly available: ReadonlyMap<BindingType, Buffer>;
  /** As XEP-0515 writes it: four lower-case hexadecimal digits, e.g. `0304`. */
  readonly tlsVersion: string;
}

export function channelBindings(tls: TLSSocket): ChannelBindings {
  const available = new Map<BindingType, Buffer>();
  const version = tls.getProtocol();
  const exporter = version === 'TLSv1.3' ? exportedKey(tls) : null;
  if (exporter !== null) available.set('tls-exporter', exporter);
  const certificate = tls.getPeerX509Certificate()?.raw;
  const endPoint = certificate === undefined ? null : serverEndPoint(certificate);
  if (endPoint !== null) available.set('tls-server-end-point', endPoint);
  return { available, tlsVersion: version === 'TLSv1.3' ? '0304' : '0303' };
}

/** RFC 9266 §2: 32 bytes. Only from TLS 1.3 on: before, it needs the extended master secret, which Node cannot show. */
function exportedKey(tls: TLSSocket): Buffer | null {
  try {
    return tls.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
  } catch {
    // A crypto library without it (some builds of Electron): the weaker binding remains.
    return null;
  }
}

/** DER of the object identifiers of certificate signatures, and the hash each implies. */
const signatureHashes: ReadonlyMap<string, string> = new Map([
  ['2a864886f70d010104', 'sha256'], // MD5 with RSA: RFC 5929 §4.1 says SHA-256 instead
  ['2a864886f70d010105', 'sha256'], // SHA-1 with RSA: likewise
  ['2a864886f70d01010e', 'sha224'],
  ['2a864886f70d01010b', 'sha256'],
  ['2a864886f70d01010c', 'sha384'],
  ['2a864886f70d01010d', 'sha512'],
  ['2a8648ce3d0401', 'sha256'], // ECDSA with SHA-1
  ['2a8648ce3d040301', 'sha224'],
  ['2a8648ce3d040302', 'sha256'],
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
]);

/** RFC 5929 §4: hash of the server's certificate (DER); null for signature algorithms it does not define. */
export function serverEndPoint(certificate: Buffer): Buffer | null {
  const outer = derHeader(certificate, 0);
  const toBeSigned = outer === null ? null : derHeader(certificate, outer.content);
  const algorithm = toBeSigned === null ? null : derHeader(certificate, toBeSigned.end);
  const identifier = algorithm === null ? null : derHeader(certificate, algorithm.content);
  if (identifier === null || certificate[identifier.start] !== 0x06) return null;
  const hash = signatureHashes.get(certificate.subarray(identifier.content, identifier.end).toString('hex'));
  return hash === undefined ? null : createHash(hash).update(certificate).digest();
}

/** Where the DER value at `start` has its content and its end. */
function derHeader(
  bytes: Buffer,
  start: number,
): { readonly start: number; readonly content: number; readonly end: number } | null {
  const first = bytes[start + 1];
  if (first === undefined) return null;
  if (first < 0x80) return { start, content: start + 2, end: start + 2 + first };
  const count = first & 0x7f;
  if (count < 1 || count > 4 || start + 2 + count > bytes.length) return null;
  const content = start + 2 + count;
  return { start, content, end: content + bytes.readUIntBE(start + 2, count) };
}
