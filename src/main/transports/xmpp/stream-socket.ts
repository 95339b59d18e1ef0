/**
 * The socket below an XMPP stream: TCP first or TLS at once, in the shape @xmpp/connection expects. Certificates are
 * checked against the domain of the account, which is also the name sent (SNI), wherever DNS led us (RFC 6125, XEP-0368).
 */
import { EventEmitter } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type TLSSocket } from 'node:tls';

export interface SocketTarget {
  readonly host: string;
  readonly port: number;
  readonly directTls: boolean;
}

export interface SocketSecurity {
  /** Domain of the account in its ASCII form. */
  readonly domain: string;
  /** PEM; instead of the built-in authorities. */
  readonly ca?: string | undefined;
}

/** Emits `connect` (ready for the stream header), `data`, `error`, and `close` exactly once. */
export class StreamSocket extends EventEmitter {
  readonly #security: SocketSecurity;
  #tcp: Socket | null = null;
  #tls: TLSSocket | null = null;
  #closed = false;
  /** A TLS handshake has begun: errors from here on are TLS errors. */
  handshaking = false;

  constructor(security: SocketSecurity) {
    super();
    this.#security = security;
  }

  /** Encrypted and verified. */
  get secure(): boolean {
    return this.#tls?.authorized === true;
  }

  get tls(): TLSSocket | null {
    return this.#tls;
  }

  connect(target: SocketTarget): void {
    const tcp = connectTcp({ host: target.host, port: target.port, autoSelectFamily: true, noDelay: true });
    this.#tcp = tcp;
    tcp.on('error', this.#onError);
    tcp.on('close', this.#onClose);
    tcp.once('connect', () => {
      if (target.directTls) this.#secure(['xmpp-client']);
      else {
        tcp.on('data', this.#onData);
        this.emit('connect');
      }
    });
  }

  /** STARTTLS (RFC 6120 §5.4.3.3): emits `secure`, or `error`. */
  upgrade(): void {
    this.#secure(undefined);
  }

  #secure(alpn: string[] | undefined): void {
    const tcp = this.#tcp;
    if (tcp === null || this.#closed) return;
    tcp.off('data', this.#onData);
    this.handshaking = true;
    const { domain, ca } = this.#security;
    const tls = connectTls({
      socket: tcp,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      checkServerIdentity: (_host, certificate) => checkServerIdentity(domain.replace(/^\[|\]$/g, ''), certificate),
      ...(isIP(domain.replace(/^\[|\]$/g, '')) === 0 ? { servername: domain } : {}),
      ...(alpn === undefined ? {} : { ALPNProtocols: alpn }),
      ...(ca === undefined ? {} : { ca: [ca] }),
    });
    tls.on('error', this.#onError);
    tls.on('data', this.#onData);
    tls.once('close', this.#onClose);
    tls.once('secureConnect', () => {
      this.#tls = tls;
      this.handshaking = false;
      this.emit(alpn === undefined ? 'secure' : 'connect');
    });
  }

  write(text: string, callback: (error?: Error | null) => void): void {
    const socket = this.#tls ?? this.#tcp;
    if (socket === null || this.#closed || this.handshaking || socket.destroyed)
      callback(new Error('socket is closed'));
    else socket.write(text, callback);
  }

  end(): void {
    (this.#tls ?? this.#tcp)?.end();
  }

  /** Closes at once, without waiting for anybody. */
  destroy(): void {
    this.#tls?.destroy();
    this.#tcp?.destroy();
    this.#onClose();
  }

  readonly #onData = (data: Buffer): void => {
    this.emit('data', data);
  };

  readonly #onError = (error: Error): void => {
    if (!this.#closed) this.emit('error', error);
  };

  readonly #onClose = (): void => {
    if (this.#closed) return;
    this.#closed = true;
    this.emit('close');
  };
}
