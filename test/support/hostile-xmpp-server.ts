/**
 * An XMPP server that does exactly what a test's script says, right or wrong, on a loopback port. The script sees bytes
 * and text, never parsed stanzas, so that it can send what no library would.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { createTestAuthority } from './prosody-certificates.ts';

export const DOMAIN = 'hostile.test';
export const USER = 'romeo';
export const PASSWORD = 'pencil';
export const JID = `${USER}@${DOMAIN}`;

export const STREAM_HEADER =
  `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' ` +
  `from='${DOMAIN}' id='s1' version='1.0'>`;
export const STARTTLS_FEATURES =
  "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
export const BIND_FEATURES =
  "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>";

export interface Certificate {
  readonly key: string;
  readonly certificate: string;
}

export interface Certificates {
  readonly ca: string;
  readonly good: Certificate;
  readonly wrongName: Certificate;
  readonly expired: Certificate;
  /** Signed by an authority nobody trusts. */
  readonly stranger: Certificate;
}

export async function makeCertificates(): Promise<Certificates> {
  const folders = await Promise.all([0, 1].map(() => mkdtemp(join(tmpdir(), 'bothy-hostile-'))));
  try {
    const [ours, theirs] = await Promise.all(folders.map((folder) => createTestAuthority(folder)));
    if (ours === undefined || theirs === undefined) throw new Error('no authority');
    const read = async (issued: { keyPath: string; certificatePath: string }): Promise<Certificate> => ({
      key: await readFile(issued.keyPath, 'utf8'),
      certificate: await readFile(issued.certificatePath, 'utf8'),
    });
    // one after the other: they share a serial number file
    const good = await read(await ours.issue([DOMAIN]));
    const wrongName = await read(await ours.issue(['elsewhere.test', 'localhost']));
    const expired = await read(await ours.issue([DOMAIN], 0));
    const stranger = await read(await theirs.issue([DOMAIN]));
    return { ca: ours.ca, good, wrongName, expired, stranger };
  } finally {
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
  }
}

export interface HostileOptions {
  readonly certificate: Certificate;
  readonly directTls?: boolean;
  /** Runs for each connection; `index` counts them from 0. When it throws, `close()` of the server throws it too. */
  readonly script: (connection: HostileConnection, index: number) => Promise<void>;
}

export class HostileServer {
  readonly port: number;
  readonly connections: HostileConnection[] = [];
  readonly #close: () => Promise<void>;

  constructor(port: number, close: () => Promise<void>) {
    this.port = port;
    this.#close = close;
  }

  async close(): Promise<void> {
    await this.#close();
  }
}

export async function startHostileServer(options: HostileOptions): Promise<HostileServer> {
  const failures: unknown[] = [];
  const server = createServer((socket) => {
    const connection = new HostileConnection(socket, options.certificate);
    const index = hostile.connections.push(connection) - 1;
    if (options.directTls) connection.beginTls();
    options.script(connection, index).catch((error: unknown) => {
      // A client that hangs up is what most of these tests want.
      if (!(error instanceof HungUp)) failures.push(error);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const hostile = new HostileServer((server.address() as AddressInfo).port, async () => {
    for (const connection of hostile.connections) connection.destroy();
    await new Promise((resolve) => server.close(resolve));
    if (failures.length > 0) throw failures[0];
  });
  return hostile;
}

/** The client closed the connection while the script waited for it. */
export class HungUp extends Error {}

export class HostileConnection {
  readonly #certificate: Certificate;
  readonly #raw: Socket;
  #socket: Socket;
  #text = '';
  #position = 0;
  #closed = false;
  readonly #watchers = new Set<() => void>();

  constructor(socket: Socket, certificate: Certificate) {
    this.#certificate = certificate;
    this.#raw = socket;
    this.#socket = socket;
    this.#follow(socket);
  }

  /** Everything the client ever said. */
  get text(): string {
    return this.#text;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get tls(): TLSSocket | null {
    return this.#socket instanceof TLSSocket ? this.#socket : null;
  }

  write(data: string | Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(data);
  }

  destroy(): void {
    this.#raw.destroy();
  }

  /** The next place in what the client says, behind the last one found, that fits. */
  expect(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#eventually(() => {
      const found = pattern.exec(this.#text.slice(this.#position));
      if (found !== null) this.#position += found.index + found[0].length;
      return found;
    });
  }

  async untilClosed(): Promise<void> {
    await this.#eventually(() => this.#closed || null, true);
  }

  /** Turns this end into a TLS server. */
  beginTls(): void {
    const secure = new TLSSocket(this.#raw, {
      isServer: true,
      key: this.#certificate.key,
      cert: this.#certificate.certificate,
      ALPNProtocols: ['xmpp-client'],
    });
    this.#raw.removeAllListeners('data');
    this.#socket = secure;
    this.#follow(secure);
  }

  #follow(socket: Socket): void {
    socket.on('data', (data: Buffer) => {
      this.#text += data.toString('utf8');
      this.#notify();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#notify();
    });
  }

  #notify(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #eventually<T>(look: () => T | null, evenClosed = false): Promise<T> {
    return new Promise((resolve, reject) => {
      const watcher = () => {
        const found = look();
        if (found === null && (!this.#closed || evenClosed)) return;
        this.#watchers.delete(watcher);
        if (found === null) reject(new HungUp());
        else resolve(found);
      };
      this.#watchers.add(watcher);
      watcher();
    });
  }
}

// --- what a well-behaved server does, step by step; a script replaces the step it wants to get wrong -----------------

export async function answerHeader(connection: HostileConnection, features: string): Promise<void> {
  await connection.expect(/<stream:stream[^>]*>/);
  connection.write(STREAM_HEADER + features);
}

/** STARTTLS; `injected` goes out in clear, in one piece with `<proceed/>`. */
export async function upgrade(connection: HostileConnection, injected = ''): Promise<void> {
  await answerHeader(connection, STARTTLS_FEATURES);
  await connection.expect(/<starttls[^>]*>/);
  connection.write(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>${injected}`);
  connection.beginTls();
}

export function saslFeatures(mechanisms: readonly string[], bindings: readonly string[] | null = null): string {
  const list = mechanisms.map((name) => `<mechanism>${name}</mechanism>`).join('');
  const types = bindings?.map((type) => `<channel-binding type='${type}'/>`).join('') ?? null;
  const announced =
    types === null ? '' : `<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>${types}</sasl-channel-binding>`;
  return `<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${list}</mechanisms>${announced}</stream:features>`;
}

export interface ScramServerOptions {
  readonly hash?: 'sha1' | 'sha256';
  readonly password?: string;
  readonly iterations?: number;
  /** Appended to the first message, e.g. `,h=…`. */
  readonly extra?: string;
  /** Replaces the client's nonce in ours. */
  readonly nonce?: string;
  /** What the server claims as its signature (base64), given the right one. */
  readonly signature?: (right: string) => string;
  /** Channel binding the server sees, by type; without it the client must not bind. */
  readonly binding?: (type: string) => Buffer;
}

/** The server's side of SCRAM (RFC 5802), written for the tests alone. Answers null for a client that is not right. */
export class ScramServer {
  readonly #options: ScramServerOptions;
  readonly #salt = randomBytes(16);
  #clientFirst = '';
  #serverFirst = '';

  constructor(options: ScramServerOptions = {}) {
    this.#options = options;
  }

  first(clientFirst: string): string {
    this.#clientFirst = clientFirst;
    const clientNonce = /r=([^,]*)/.exec(clientFirst)?.[1] ?? '';
    const { nonce, iterations = 4096, extra = '' } = this.#options;
    this.#serverFirst =
      `r=${nonce ?? clientNonce + randomBytes(12).toString('base64')},` +
      `s=${this.#salt.toString('base64')},i=${iterations}${extra}`;
    return this.#serverFirst;
  }

  final(clientFinal: string): string | null {
    const { hash = 'sha256', password = PASSWORD, iterations = 4096, signature = (right) => right } = this.#options;
    const [withoutProof = '', proof = ''] = clientFinal.split(/,p=/);
    const header = /^(?:n|y|p=[^,]*),,/.exec(this.#clientFirst)?.[0] ?? '';
    const type = /^p=([^,]*)/.exec(header)?.[1];
    const data = type === undefined ? Buffer.alloc(0) : (this.#options.binding?.(type) ?? Buffer.from('none'));
    const expected = Buffer.concat([Buffer.from(header), data]).toString('base64');
    if (/c=([^,]*)/.exec(withoutProof)?.[1] !== expected) return null;
    const message = `${this.#clientFirst.slice(header.length)},${this.#serverFirst},${withoutProof}`;
    const salted = pbkdf2Sync(password, this.#salt, iterations, hash === 'sha1' ? 20 : 32, hash);
    const mac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest();
    const stored = createHash(hash).update(mac(salted, 'Client Key')).digest();
    const clientKey = Buffer.from(proof, 'base64').map((byte, i) => byte ^ (mac(stored, message)[i] ?? 0));
    if (!createHash(hash).update(clientKey).digest().equals(stored)) return null;
    return `v=${signature(mac(mac(salted, 'Server Key'), message).toString('base64'))}`;
  }
}

const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';

/** SASL1 with SCRAM; false after a failure. */
export async function serveScram(connection: HostileConnection, options: ScramServerOptions = {}): Promise<boolean> {
  const scram = new ScramServer(options);
  const auth = await connection.expect(/<auth [^>]*>([^<]*)<\/auth>/);
  connection.write(`<challenge xmlns='${NS_SASL}'>${encode(scram.first(decode(auth[1])))}</challenge>`);
  const response = await connection.expect(/<response[^>]*>([^<]*)<\/response>/);
  const final = scram.final(decode(response[1]));
  connection.write(
    final === null
      ? `<failure xmlns='${NS_SASL}'><not-authorized/></failure>`
      : `<success xmlns='${NS_SASL}'>${encode(final)}</success>`,
  );
  return final !== null;
}

/** Binding and stream management after SASL1; answers the id of the bind request. */
export async function serveBinding(connection: HostileConnection, options: { readonly management?: boolean } = {}) {
  const management = options.management ?? true;
  await answerHeader(
    connection,
    management ? BIND_FEATURES : "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
  );
  await answerBind(connection);
  if (!management) return;
  await connection.expect(/<enable [^>]*>/);
  connection.write("<enabled xmlns='urn:xmpp:sm:3' id='session-1' resume='true' max='300'/>");
}

export async function answerBind(connection: HostileConnection): Promise<void> {
  const bind = await connection.expect(
    /<iq [^>]*id="([^"]*)"[^>]*><bind.*?<resource>([^<]*)<\/resource><\/bind><\/iq>/,
  );
  connection.write(
    `<iq type='result' id='${bind[1]}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>` +
      `<jid>${JID}/${bind[2]}</jid></bind></iq>`,
  );
}

/** Everything up to a bound session with stream management, done right. */
export async function serveSignIn(
  connection: HostileConnection,
  options: { readonly management?: boolean; readonly directTls?: boolean } = {},
): Promise<void> {
  if (!options.directTls) await upgrade(connection);
  await answerHeader(connection, saslFeatures(['SCRAM-SHA-256', 'PLAIN']));
  await serveScram(connection);
  await serveBinding(connection, options);
}

export function encode(text: string | Buffer): string {
  return Buffer.from(text).toString('base64');
}

export function decode(text: string | undefined): string {
  return Buffer.from(text ?? '', 'base64').toString('utf8');
}
