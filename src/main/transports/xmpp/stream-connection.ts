/**
 * One connection to a server: @xmpp/client-core's Client with its socket, its parser and its way of ending replaced.
 * Knows streams and elements, nothing of signing in. Every end of it is told once, with the reason.
 */
import { Client, jid, xml } from '@xmpp/client-core';
import ConnectionTCP from '@xmpp/connection-tcp';
import type { Element } from '@xmpp/xml';
import type { StreamClock } from './stream-clock.ts';
import {
  done,
  type Fault,
  failed,
  faultOfSocketError,
  faultOfStreamError,
  faults,
  type Step,
} from './stream-faults.ts';
import { NS_CLIENT, NS_STREAM, StreamParser, StreamSyntaxError } from './stream-parser.ts';
import { type SocketSecurity, type SocketTarget, StreamSocket } from './stream-socket.ts';

const NS_STREAM_ERRORS = 'urn:ietf:params:xml:ns:xmpp-streams';
const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls';
/** How long the server may take for one step of connecting or signing in. */
const STEP_TIMEOUT_MS = 20_000;
/** How long the last words may take to be written. */
const LAST_WORDS_MS = 1_000;
/** Elements that came and nobody has asked for yet: while signing in a server says one thing at a time. */
const MAX_WAITING = 16;

/** How @xmpp/client-core learns of a kind of connection: header and footer are its own, socket and parser ours. */
function transportFor(target: SocketTarget, security: SocketSecurity): typeof ConnectionTCP {
  class StreamTransport extends ConnectionTCP {
    override socketParameters(): SocketTarget {
      return target;
    }
  }
  class BoundSocket extends StreamSocket {
    constructor() {
      super(security);
    }
  }
  Object.assign(StreamTransport.prototype, { Socket: BoundSocket, Parser: StreamParser, NS: NS_CLIENT });
  return StreamTransport;
}

export interface ConnectionOptions {
  readonly target: SocketTarget;
  readonly security: SocketSecurity;
  /** Domain of the account as it is written (RFC 6120 §4.7.2). */
  readonly domain: string;
  /** Bare JID for the `from` of the stream header, sent only under TLS. */
  readonly bareJid: string;
  readonly clock: StreamClock;
}

export class StreamConnection extends Client {
  readonly #options: ConnectionOptions;
  readonly #waiting: Element[] = [];
  /** The server knows us: from then on it may send stanzas at any time, and as many as it likes. */
  authenticated = false;
  /** Sign-in has begun: what happens now counts as an attempt with the password. */
  signingIn = false;
  #receiver: ((step: Step<Element>) => void) | null = null;
  #elementHandler: ((element: Element) => void) | null = null;
  #ended: Fault | null = null;
  readonly #endListeners = new Set<(fault: Fault) => void>();
  /** Called with every piece of data: the peer is alive. */
  onActivity: (() => void) | null = null;

  constructor(options: ConnectionOptions) {
    super({ domain: options.domain, service: 'xmpp:', timeout: 2 * STEP_TIMEOUT_MS });
    this.#options = options;
    this.transports.push(transportFor(options.target, options.security));
    this.jid = jid(options.bareJid);
    // Everything that goes wrong ends here; without a listener it would be thrown.
    this.on('error', (error: unknown) => this.#onError(error));
    this.on('disconnect', () => this.end(faults.unreachable('connection closed')));
    this.on('close', () => this.end(faults.unreachable('stream closed')));
  }

  get streamSocket(): StreamSocket | null {
    return this.socket as StreamSocket | null;
  }

  get directTls(): boolean {
    return this.#options.target.directTls;
  }

  get ended(): Fault | null {
    return this.#ended;
  }

  get #streamParser(): StreamParser | null {
    return this.parser as unknown as StreamParser | null;
  }

  /** The listener is called once, when the connection is over (or now, if it is). */
  onEnd(listener: (fault: Fault) => void): void {
    if (this.#ended === null) this.#endListeners.add(listener);
    else listener(this.#ended);
  }

  /** TCP (and TLS with it, where it is direct), then the stream header both ways. */
  async openStream(): Promise<Step<void>> {
    return await this.#within(async () => {
      await this.connect('xmpp:');
      await this.open({ domain: this.#options.domain });
    });
  }

  /** RFC 6120 §4.3.3: a new stream on the same connection. */
  async restartStream(): Promise<Step<void>> {
    this.#waiting.length = 0;
    return await this.#within(async () => {
      await this.restart();
    });
  }

  /** STARTTLS (RFC 6120 §5) and the new stream after it. What came before TLS is forgotten, used or not. */
  async startTls(): Promise<Step<void>> {
    const sent = await this.transmit(xml('starttls', { xmlns: NS_TLS }));
    if (!sent.ok) return sent;
    const answer = await this.receive();
    if (!answer.ok) return answer;
    const socket = this.streamSocket;
    if (!answer.value.is('proceed', NS_TLS) || socket === null) return this.#give(faults.noTls(answer.value.getName()));
    const secured = await this.#within(
      () =>
        new Promise<void>((resolve) => {
          socket.once('secure', resolve);
          socket.upgrade();
        }),
    );
    return secured.ok ? await this.restartStream() : secured;
  }

  async transmit(element: Element): Promise<Step<void>> {
    return await this.#within(() => this.send(element));
  }

  /** Writes what was serialised already; a failure ends the connection. */
  post(text: string): void {
    if (this.#ended === null) this.write(text).catch((error: unknown) => this.#onError(error));
  }

  /** The next element of the server, while signing in. */
  async receive(): Promise<Step<Element>> {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return done(waiting);
    if (this.#ended !== null) return failed(this.#ended);
    return await new Promise<Step<Element>>((resolve) => {
      const cancel = this.#options.clock.after(STEP_TIMEOUT_MS, () => this.end(faults.unreachable('no answer')));
      this.#receiver = (step) => {
        cancel();
        this.#receiver = null;
        resolve(step);
      };
    });
  }

  /** The next element that is asked for; what came before it is kept for `early`. */
  async receiveThe(wanted: (element: Element) => boolean, early: Element[]): Promise<Step<Element>> {
    for (;;) {
      const step = await this.receive();
      if (!step.ok || wanted(step.value)) return step;
      early.push(step.value);
    }
  }

  /** From now on every element goes to the handler; those that already came go first. */
  handOver(handler: (element: Element) => void): void {
    this.#elementHandler = handler;
    for (const element of this.#waiting.splice(0)) handler(element);
  }

  /** Ends it now; `streamError` (RFC 6120 §4.9) and the closing tag are written if they still can be. */
  end(fault: Fault, streamError?: { readonly condition: string; readonly detail?: Element }): void {
    if (this.#ended !== null) return;
    this.#ended = fault;
    this.#streamParser?.halt();
    const socket = this.streamSocket;
    if (socket !== null) {
      const error = streamError === undefined ? '' : streamErrorText(streamError.condition, streamError.detail);
      // The server gets no say in how long this takes: written if possible, then gone.
      const cancel = this.#options.clock.after(LAST_WORDS_MS, () => socket.destroy());
      socket.write(`${error}</stream:stream>`, () => {
        cancel();
        socket.destroy();
      });
    }
    this.#receiver?.(failed(fault));
    for (const listener of this.#endListeners) listener(fault);
    this.#endListeners.clear();
    // Lets go of what the library still waits for; our own listener has nothing left to do.
    this.emit('error', new Error('connection ended'));
  }

  /** Ends it with a stream error of ours and the fault that goes with it. */
  #give(fault: Fault): { readonly ok: false; readonly fault: Fault } {
    this.end(fault);
    return failed(this.#ended ?? fault);
  }

  // --- what @xmpp/connection calls, replaced -------------------------------------------------------------------

  /** Bytes, not text: a character may be cut in two between two packets. */
  _onData(data: Uint8Array): void {
    if (this.#ended !== null) return;
    this.onActivity?.();
    this.#streamParser?.write(data);
  }

  _onElement(element: Element): void {
    if (this.#ended !== null) return;
    const secure = this.isSecure();
    // RFC 6120 §5.4.3.3: whatever a stranger puts behind <proceed/> must not survive into the encrypted stream.
    if (!secure && element.is('proceed', NS_TLS)) this.#streamParser?.halt();
    if (element.is('error', NS_STREAM)) {
      this.end(this.#streamErrorFault(element, secure));
      return;
    }
    this.emit('element', element);
    if (this.#elementHandler !== null) this.#elementHandler(element);
    else if (this.#receiver !== null) this.#receiver(done(element));
    else if (this.authenticated || this.#waiting.length < MAX_WAITING) this.#waiting.push(element);
    else this.end(faults.protocol('said too much at once'), { condition: 'policy-violation' });
  }

  /** Called by @xmpp/connection when the parser gives up; the reason follows as an `error` event. */
  _streamError(): Promise<void> {
    return Promise.resolve();
  }

  override async disconnect(): Promise<void> {
    this.end(faults.stopped());
  }

  #streamErrorFault(element: Element, secure: boolean): Fault {
    const condition = element.getChildElements().find((child) => child.getNS() === NS_STREAM_ERRORS);
    const name = condition?.getName() ?? 'undefined-condition';
    // Without TLS anybody on the way can have said it: worth another attempt, never worth believing.
    if (!secure) return faults.unreachable(`stream error before TLS: ${name}`);
    return faultOfStreamError(
      name,
      name === 'see-other-host' ? (condition?.text() ?? null) : null,
      this.#options.domain,
    );
  }

  #onError(error: unknown): void {
    if (this.#ended !== null) return;
    if (error instanceof StreamSyntaxError) {
      this.end(faults.protocol(`${error.condition}: unreadable XML`), { condition: error.condition });
    } else {
      const known = error instanceof Error ? error : new Error('unknown');
      this.end(faultOfSocketError(known, this.#options.domain, this.streamSocket?.handshaking ?? false));
    }
  }

  /** Runs one step; it fails when the connection ends meanwhile or nothing happens for too long. */
  async #within(step: () => Promise<void>): Promise<Step<void>> {
    if (this.#ended !== null) return failed(this.#ended);
    return await new Promise<Step<void>>((resolve) => {
      const cancel = this.#options.clock.after(STEP_TIMEOUT_MS, () => this.end(faults.unreachable('no answer')));
      const onEnd = (fault: Fault) => {
        cancel();
        resolve(failed(fault));
      };
      this.#endListeners.add(onEnd);
      step().then(
        () => {
          cancel();
          this.#endListeners.delete(onEnd);
          resolve(done());
        },
        (error: unknown) => this.#onError(error),
      );
    });
  }
}

function streamErrorText(condition: string, detail: Element | undefined): string {
  const error = xml('stream:error', {}, xml(condition, { xmlns: NS_STREAM_ERRORS }));
  if (detail !== undefined) error.append(detail);
  return error.toString();
}
