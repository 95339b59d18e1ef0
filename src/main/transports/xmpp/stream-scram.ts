/**
 * SCRAM (RFC 5802, RFC 7677), the client's side, without I/O: the password never leaves, and the server must prove that
 * it knows it too. Downgrade protection of XEP-0474 (attribute `h`) and XEP-0515 (`t`).
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import saslprep from '@mongodb-js/saslprep';
import { done, failed, faults, type Step } from './stream-faults.ts';

export type ScramHash = 'sha1' | 'sha256' | 'sha512';

const hashBytes: Readonly<Record<ScramHash, number>> = { sha1: 20, sha256: 32, sha512: 64 };

/** RFC 7677 §4: no fewer than 4096; more than this would only be an attempt to keep our processor busy. */
const MIN_ITERATIONS = 4_096;
const MAX_ITERATIONS = 5_000_000;

export interface ScramOptions {
  readonly hash: ScramHash;
  readonly username: string;
  readonly password: string;
  /** `n`: no binding possible; `y`: possible, but the server claims it is not for it; or the binding itself. */
  readonly binding: 'n' | 'y' | { readonly type: string; readonly data: Buffer };
  /** What a server that follows XEP-0474 must have sent as `h`: base64. */
  readonly downgradeHash: string;
  /** XEP-0474 §5: no binding was possible though both sides have some; go on only if the server sends `h`. */
  readonly needsDowngradeHash: boolean;
  /** XEP-0515, e.g. `0304`. */
  readonly tlsVersion: string;
  /** For known answers only. */
  readonly nonce?: string;
}

const deriveKey = promisify(pbkdf2);

export class ScramClient {
  readonly #options: ScramOptions;
  readonly #gs2Header: string;
  readonly #firstBare: string;
  readonly #nonce: string;
  #serverSignature: Buffer | null = null;
  /** The server proved that it knows the password. */
  verified = false;

  constructor(options: ScramOptions) {
    this.#options = options;
    this.#nonce = options.nonce ?? randomBytes(24).toString('base64');
    const { binding } = options;
    this.#gs2Header = typeof binding === 'string' ? `${binding},,` : `p=${binding.type},,`;
    const name = prepared(options.username).replace(/=/g, '=3D').replace(/,/g, '=2C');
    this.#firstBare = `n=${name},r=${this.#nonce}`;
  }

  first(): string {
    return this.#gs2Header + this.#firstBare;
  }

  /** client-final-message for the server-first-message. */
  async final(serverFirst: string): Promise<Step<string>> {
    const attributes = parseAttributes(serverFirst);
    const nonce = attributes?.get('r');
    const salt = decodeBase64(attributes?.get('s'));
    const iterations = attributes?.get('i') ?? '';
    // RFC 5802 §5.1: an extension we must understand (m) and do not ends it.
    if (attributes === null || nonce === undefined || salt === null || attributes.has('m') || salt.length === 0) {
      return failed(faults.serverUntrusted('malformed SCRAM challenge'));
    }
    if (!nonce.startsWith(this.#nonce) || nonce.length <= this.#nonce.length) {
      return failed(faults.serverUntrusted('SCRAM nonce is not ours'));
    }
    const count = /^[1-9]\d{0,9}$/.test(iterations) ? Number(iterations) : 0;
    if (count < MIN_ITERATIONS || count > MAX_ITERATIONS) {
      return failed(faults.serverUntrusted('SCRAM iteration count out of bounds'));
    }
    const downgraded = this.#downgradeIn(attributes);
    if (downgraded !== null) return failed(faults.serverUntrusted(downgraded));

    const { hash, password, binding } = this.#options;
    const salted = await deriveKey(prepared(password), salt, count, hashBytes[hash], hash);
    const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest();
    const bindingData = typeof binding === 'string' ? Buffer.alloc(0) : binding.data;
    const channel = Buffer.concat([Buffer.from(this.#gs2Header), bindingData]).toString('base64');
    const withoutProof = `c=${channel},r=${nonce}`;
    const authMessage = `${this.#firstBare},${serverFirst},${withoutProof}`;
    const clientKey = hmac(salted, 'Client Key');
    const storedKey = createHash(hash).update(clientKey).digest();
    const proof = xor(clientKey, hmac(storedKey, authMessage));
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), authMessage);
    salted.fill(0);
    clientKey.fill(0);
    return done(`${withoutProof},p=${proof.toString('base64')}`);
  }

  /** Checks the server-final-message; without this the server has proved nothing. */
  verify(serverFinal: string): Step<void> {
    const attributes = parseAttributes(serverFinal);
    if (attributes?.has('e')) return failed(faults.wrongPassword('SCRAM error'));
    const signature = decodeBase64(attributes?.get('v'));
    const expected = this.#serverSignature;
    const good =
      expected !== null &&
      signature !== null &&
      signature.length === expected.length &&
      timingSafeEqual(signature, expected);
    if (!good) return failed(faults.serverUntrusted('SCRAM server signature is wrong'));
    this.verified = true;
    return done();
  }

  /** XEP-0474 §4.2, XEP-0515 §4.2: if the server says what it offered, it must be what we saw. */
  #downgradeIn(attributes: ReadonlyMap<string, string>): string | null {
    const hash = attributes.get('h');
    if (hash === undefined && this.#options.needsDowngradeHash) return 'channel bindings were tampered with';
    if (hash !== undefined && hash !== this.#options.downgradeHash) return 'sign-in methods were tampered with';
    const version = attributes.get('t');
    if (version !== undefined && version !== this.#options.tlsVersion) return 'the TLS version was tampered with';
    return null;
  }
}

/**
 * XEP-0474 §4.1: what was advertised, hashed.
 *
 * @param bindings null where the server announces none by XEP-0440
 */
export function downgradeHash(
  hash: ScramHash,
  mechanisms: readonly string[],
  bindings: readonly string[] | null,
): string {
  const sorted = (list: readonly string[]) => [...list].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const text = sorted(mechanisms).join('\x1e') + (bindings === null ? '' : `\x1f${sorted(bindings).join('\x1e')}`);
  return createHash(hash).update(text).digest('base64');
}

/** SASLprep (RFC 4013); a string it forbids is used as it is, which then simply does not match. */
function prepared(text: string): string {
  try {
    return saslprep(text, { allowUnassigned: true });
  } catch {
    return text;
  }
}

/** `k=value` separated by commas, each key once (RFC 5802 §5.1); null if it is not that. */
function parseAttributes(message: string): ReadonlyMap<string, string> | null {
  const attributes = new Map<string, string>();
  for (const part of message.split(',')) {
    const key = part[0];
    if (key === undefined || !/[a-z]/i.test(key) || part[1] !== '=' || attributes.has(key)) return null;
    attributes.set(key, part.slice(2));
  }
  return attributes;
}

function decodeBase64(text: string | undefined): Buffer | null {
  return text !== undefined && /^[A-Za-z0-9+/]*={0,2}$/.test(text) ? Buffer.from(text, 'base64') : null;
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}
