/** The XMPP stream of an account: connects, keeps a session alive over lost connections, and knows when to leave it be. */
import type { Element } from '@xmpp/xml';
import { appError, type Result } from '../../../shared/errors.ts';
import { asciiDomain, type Jid, parseJid } from '../../../shared/jid.ts';
import type { TransportStatus } from '../../../shared/model.ts';
import { backoffDelay } from './stream-backoff.ts';
import { type StreamClock, systemClock } from './stream-clock.ts';
import { StreamConnection } from './stream-connection.ts';
import { done, type Fault, faults, type Step } from './stream-faults.ts';
import { type ResolveSrv, resolveTargets, systemSrv } from './stream-resolve.ts';
import { NUDGE_ANSWER_MS, StreamSession, stopped, unreachable } from './stream-session.ts';
import { type SignedIn, signIn } from './stream-sign-in.ts';
import type { SocketTarget } from './stream-socket.ts';
import { readState, type StreamState, writeState } from './stream-state.ts';
import type { XmppCredentials, XmppStream, XmppStreamEvents, XmppTransportOptions } from './types.ts';

/** A connection that lasted this long was a good one: the next wait starts small again. */
const GOOD_CONNECTION_MS = 60_000;
/** `retry: 'later'` waits as if so many attempts had failed. */
const PATIENT_FAILURES = 5;
/** Times a server may send us elsewhere in a row. */
const MAX_REDIRECTIONS = 3;
/** What was sent last may still be acknowledged for so long while stopping. */
const STOP_MS = 1_000;

export interface XmppStreamOptions {
  readonly credentials: XmppCredentials;
  readonly override?: XmppTransportOptions['override'];
  /** Technical events, without addresses, secrets or content. */
  readonly log?: (event: string, fields: Readonly<Record<string, string | number | boolean | null>>) => void;
  readonly clock?: StreamClock;
  readonly resolveSrv?: ResolveSrv;
}

/**
 * Made from @xmpp/client, with its unsafe parts replaced. Nothing happens before `start`; after a failure that only the
 * person can mend (status `failing`, `retryAt` null) nothing happens until `start` is called again.
 */
export function createXmppStream(options: XmppStreamOptions): XmppStream {
  return new ReconnectingStream(options);
}

class ReconnectingStream implements XmppStream {
  readonly #options: XmppStreamOptions;
  readonly #clock: StreamClock;
  readonly #resolveSrv: ResolveSrv;
  #state: StreamState;
  #status: TransportStatus;
  #features: Element | null = null;
  #events: XmppStreamEvents | null = null;
  #running: Promise<void> | null = null;
  #stopping = false;
  #connection: StreamConnection | null = null;
  #session: StreamSession | null = null;
  #online = false;
  #failures = 0;
  #wake: (() => void) | null = null;
  #nudged = false;

  constructor(options: XmppStreamOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#resolveSrv = options.resolveSrv ?? systemSrv;
    this.#state = readState(options.credentials.state);
    this.#status = { state: 'off', error: null, since: this.#clock.now(), retryAt: null };
  }

  get status(): TransportStatus {
    return this.#status;
  }

  get fullJid(): string | null {
    return this.#online ? (this.#session?.fullJid ?? null) : null;
  }

  get features(): Element | null {
    return this.#features;
  }

  start(events: XmppStreamEvents, signal: AbortSignal): void {
    if (this.#running !== null || signal.aborted) return;
    this.#events = events;
    this.#stopping = false;
    this.#failures = 0;
    const onAbort = () => void this.stop();
    signal.addEventListener('abort', onAbort);
    this.#running = this.#run().finally(() => {
      signal.removeEventListener('abort', onAbort);
      this.#running = null;
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#online) await this.#drain();
    this.#connection?.end(faults.stopped());
    this.#wake?.();
    await this.#running;
    this.#session?.close(null, stopped());
    this.#session = null;
    this.#setStatus('off', null, null);
  }

  nudge(): void {
    if (this.#online) this.#session?.probe(NUDGE_ANSWER_MS);
    else if (this.#wake !== null) this.#wake();
    else if (this.#connection !== null && !this.#connection.signingIn) {
      // Perhaps stuck on a network that is gone; no password was used yet, so trying anew costs nothing.
      this.#nudged = true;
      this.#connection.end(faults.unreachable('the network changed'));
    }
  }

  async send(stanza: Element, signal: AbortSignal): Promise<Result<void>> {
    return this.#online && this.#session !== null
      ? await this.#session.send(stanza, signal)
      : unreachable('not connected');
  }

  async request(iq: Element, signal: AbortSignal): Promise<Result<Element>> {
    return this.#online && this.#session !== null
      ? await this.#session.request(iq, signal)
      : unreachable('not connected');
  }

  async #run(): Promise<void> {
    let redirections = 0;
    let seeOther: SocketTarget | null = null;
    while (!this.#stopping) {
      this.#setStatus('connecting', null, null);
      const fault = await this.#connectOnce(seeOther);
      if (this.#stopping) return;
      this.#options.log?.('xmpp.connection-ended', {
        code: fault.error.code,
        detail: fault.error.detail ?? null,
        retry: fault.retry,
      });
      seeOther = redirectionOf(fault, this.#connection);
      if (seeOther !== null && redirections < MAX_REDIRECTIONS) {
        redirections += 1;
        continue;
      }
      seeOther = null;
      redirections = 0;
      if (fault.retry === 'never') {
        this.#session?.close(null, unreachable(fault.error.code));
        this.#session = null;
        this.#setStatus('failing', fault, null);
        return;
      }
      if (this.#nudged) this.#nudged = false;
      else await this.#wait(fault);
    }
  }

  async #wait(fault: Fault): Promise<void> {
    const patience = fault.retry === 'later' ? Math.max(this.#failures, PATIENT_FAILURES) : this.#failures;
    const delay = backoffDelay(patience, this.#clock.random());
    this.#failures += 1;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(delay, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
      this.#setStatus('failing', fault, this.#clock.now() + delay);
    });
    this.#wake = null;
  }

  /** From looking up the server to the end of the connection; answers why it ended. */
  async #connectOnce(seeOther: SocketTarget | null): Promise<Fault> {
    const jid = parseJid(this.#options.credentials.jid);
    const domain = jid.ok ? asciiDomain(jid.value.domain) : null;
    if (!jid.ok || domain === null || jid.value.local === null) {
      return {
        retry: 'never',
        error: jid.ok ? appError('account.bad-jid', 'This address has no name in it.') : jid.error,
      };
    }
    const targets = seeOther === null ? await this.#targets(domain) : done([seeOther]);
    if (!targets.ok) return targets.fault;
    let first: Fault | null = null;
    for (const target of targets.value) {
      if (this.#stopping) return faults.stopped();
      const connection = this.#newConnection(target, jid.value, domain);
      const signedIn = await signIn(connection, {
        jid: jid.value,
        password: this.#options.credentials.password,
        state: this.#state,
        resume: this.#session?.resumption ?? null,
        now: this.#clock.now(),
        onState: (state) => this.#saveState(state),
      });
      if (signedIn.ok) return await this.#stayOnline(connection, signedIn.value);
      connection.end(signedIn.fault);
      // One attempt with the password is enough for one round, wherever it failed.
      const { retry, seeOther: elsewhere } = signedIn.fault;
      const final = connection.signingIn || retry === 'never' || elsewhere !== undefined || this.#nudged;
      first = final ? signedIn.fault : moreTelling(first, signedIn.fault);
      if (final) break;
    }
    const fault = first ?? faults.unreachable('no address');
    // A way back was tried and there was none: nobody should wait for acknowledgements any longer. One that was broken
    // off to begin anew at once says nothing.
    if (!this.#nudged) this.#session?.giveUpWaiting(unreachable(fault.error.code));
    return fault;
  }

  async #targets(domain: string): Promise<Step<readonly SocketTarget[]>> {
    const { override } = this.#options;
    if (override?.host !== undefined || override?.port !== undefined) {
      const directTls = override.directTls ?? false;
      return done([{ host: override.host ?? domain, port: override.port ?? (directTls ? 5223 : 5222), directTls }]);
    }
    return await resolveTargets(domain, this.#resolveSrv, this.#clock);
  }

  #newConnection(target: SocketTarget, jid: Jid, domain: string): StreamConnection {
    const connection = new StreamConnection({
      target,
      security: { domain, ca: this.#options.override?.ca },
      domain: jid.domain,
      bareJid: jid.bare,
      clock: this.#clock,
    });
    this.#connection = connection;
    return connection;
  }

  async #stayOnline(connection: StreamConnection, signedIn: SignedIn): Promise<Fault> {
    const ended = new Promise<Fault>((resolve) => connection.onEnd(resolve));
    if (!signedIn.resumed || this.#session === null) {
      this.#session?.close(signedIn.oldHandled, unreachable('the session is gone'));
      this.#session = new StreamSession(signedIn, this.#clock, {
        onStanza: async (stanza) => await this.#events?.onStanza(stanza),
        onFeatures: (features) => {
          this.#features = features;
        },
      });
    }
    const session = this.#session;
    const since = this.#clock.now();
    const handled = signedIn.resumed ? signedIn.oldHandled : null;
    if (this.#stopping) connection.end(faults.stopped());
    else if (connection.ended === null && session.attach(connection, signedIn.features, handled)) {
      this.#online = true;
      this.#setStatus('online', null, null);
      this.#events?.onBound({ resumed: signedIn.resumed });
      session.receive(signedIn.early);
    }
    const fault = await ended;
    this.#online = false;
    session.detach();
    if (this.#clock.now() - since >= GOOD_CONNECTION_MS) this.#failures = 0;
    return fault;
  }

  async #drain(): Promise<void> {
    const session = this.#session;
    if (session === null || session.drained) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(STOP_MS, resolve);
      const end = () => {
        cancel();
        resolve();
      };
      this.#connection?.onEnd(end);
      session.onDrained = end;
      session.probe(STOP_MS);
    });
  }

  #saveState(state: StreamState): void {
    const changed = writeState(state) !== writeState(this.#state);
    this.#state = state;
    if (changed) this.#events?.onState(writeState(state));
  }

  #setStatus(state: TransportStatus['state'], fault: Fault | null, retryAt: number | null): void {
    if (this.#status.state === state && state === 'off') return;
    this.#status = { state, error: fault?.error ?? null, since: this.#clock.now(), retryAt };
    this.#events?.onStatus(this.#status);
  }
}

/** Of several addresses that failed: a server that answered and could not prove itself says more than one that is gone. */
function moreTelling(first: Fault | null, next: Fault): Fault {
  if (first === null) return next;
  return first.error.code === 'account.unreachable' && next.error.code !== 'account.unreachable' ? next : first;
}

/** RFC 6120 §4.9.3.19: `host`, `host:port` or `[v6]:port`; certificate and name stay those of the account's domain. */
function redirectionOf(fault: Fault, connection: StreamConnection | null): SocketTarget | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]+))(?::(\d{1,5}))?$/i.exec(fault.seeOther?.trim() ?? '');
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) return null;
  const directTls = connection?.directTls ?? false;
  return { host, port: Number(match?.[3] ?? (directTls ? 5223 : 5222)), directTls };
}
