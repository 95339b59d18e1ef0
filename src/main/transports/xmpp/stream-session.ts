/**
 * One session with the server: sending, acknowledging and asking. It outlives its connection and goes on over the next
 * one when the server takes it up again (XEP-0198 §5).
 */
import { randomUUID } from 'node:crypto';
import { xml } from '@xmpp/client';
import type { Element } from '@xmpp/xml';
import { fail, ok, type Result } from '../../../shared/errors.ts';
import type { StreamClock } from './stream-clock.ts';
import type { StreamConnection } from './stream-connection.ts';
import { faults } from './stream-faults.ts';
import { IncomingCount, OutgoingQueue } from './stream-management.ts';
import { MAX_STANZA_BYTES, NS_CLIENT, NS_STREAM } from './stream-parser.ts';
import { PendingRequests } from './stream-requests.ts';
import { NS_SM, type SignedIn } from './stream-sign-in.ts';

/** Silence after which the server is asked whether it is still there. */
const IDLE_MS = 60_000;
/** Silence after such a question that means it is not. */
const ANSWER_MS = 20_000;
/** The same when something happened to the network. */
export const NUDGE_ANSWER_MS = 5_000;
/** An acknowledgement that acknowledged nothing new: no need to ask again at once. */
const PATIENCE_MS = 1_000;
/** A stanza that could not be taken so often ends the session, so that it comes from the archive instead. */
const MAX_REJECTIONS = 3;
const NS_PING = 'urn:xmpp:ping';
/**
 * The server is asked once sending has paused for so long, or after so many stanzas. Asked at once, its answer would
 * be a packet of its own, unanswered by us, and a server that uses Nagle's algorithm (RFC 1122 §4.2.3.4; Prosody does)
 * holds the next message back until our system's delayed acknowledgement of it: 40 ms for everyone in a conversation.
 */
const ASK_AFTER_MS = 60;
const ASK_AFTER_STANZAS = 16;
/** Characters XML 1.0 cannot carry (§2.2); a server ends the stream for one of them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_XML = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|\p{Cs}/u;

export interface SessionEvents {
  readonly onStanza: (stanza: Element) => Promise<void>;
  readonly onFeatures: (features: Element) => void;
}

export class StreamSession {
  readonly fullJid: string;
  readonly #clock: StreamClock;
  readonly #events: SessionEvents;
  readonly #requests: PendingRequests;
  readonly #outgoing = new OutgoingQueue();
  readonly #incoming = new IncomingCount();
  readonly #management: SignedIn['management'];
  #connection: StreamConnection | null = null;
  /** Called when everything sent has been acknowledged. */
  onDrained: (() => void) | null = null;
  #lostAt = 0;
  #rejections = 0;
  /** The server asked for a count and got one that did not include everything. */
  #owesCount = false;
  #asking = false;
  #cancelAsk: (() => void) | null = null;
  #largest = MAX_STANZA_BYTES;
  #cancelDeadline: (() => void) | null = null;
  #cancelIdle: (() => void) | null = null;
  #cancelPatience: (() => void) | null = null;

  constructor(signedIn: SignedIn, clock: StreamClock, events: SessionEvents) {
    this.fullJid = signedIn.fullJid;
    this.#management = signedIn.management;
    this.#clock = clock;
    this.#events = events;
    this.#requests = new PendingRequests(clock);
  }

  /** What a new connection needs to take this session up; null when that is not possible (any more). */
  get resumption(): { readonly id: string; readonly handled: number; readonly fullJid: string } | null {
    const id = this.#management?.id ?? null;
    if (id === null || this.#rejections >= MAX_REJECTIONS) return null;
    const max = this.#management?.maxSeconds ?? null;
    if (this.#connection === null && max !== null && this.#clock.now() - this.#lostAt > max * 1_000) return null;
    return { id, handled: this.#incoming.handled, fullJid: this.fullJid };
  }

  /** Everything sent has been acknowledged. */
  get drained(): boolean {
    return this.#outgoing.size === 0;
  }

  /**
   * Goes on over this connection. With `handled` (the `h` of a resumption) what the server lacks is sent again.
   * False: the count was nonsense, and the connection has been ended.
   */
  attach(connection: StreamConnection, features: Element, handled: string | null): boolean {
    this.#connection = connection;
    this.takeFeatures(features);
    if (handled !== null && !this.#acknowledge(handled)) return false;
    connection.onActivity = () => this.#onActivity();
    for (const text of this.#outgoing.forResending()) connection.post(text);
    if (!this.drained) this.#ask();
    this.#onActivity();
    return true;
  }

  /** Lets in what the server has sent and sends; `early` are stanzas from before counting began. */
  receive(early: readonly Element[]): void {
    for (const stanza of early) this.#dispatch(stanza, false);
    this.#connection?.handOver((element) => this.#dispatch(element, true));
  }

  /** The connection is gone; the session waits for another. */
  detach(): void {
    this.#connection = null;
    this.#lostAt = this.#clock.now();
    this.#incoming.forget();
    this.#asking = false;
    this.#owesCount = false;
    this.#stopTimers();
  }

  /** The `h` of a refused resumption (XEP-0198 §5): what it covers arrived, the fate of the rest is unknown. */
  close(handled: string | null, result: Result<never>): void {
    if (handled !== null) this.#outgoing.acknowledge(handled);
    this.#outgoing.giveUp();
    this.#requests.failAll(result);
    this.#stopTimers();
  }

  /** Nobody should wait longer: a way back was tried and failed. The session may still be taken up later. */
  giveUpWaiting(result: Result<never>): void {
    this.#outgoing.giveUp();
    this.#requests.failAll(result);
  }

  send(stanza: Element, signal: AbortSignal): Promise<Result<void>> {
    const text = stanza.toString();
    if (NOT_XML.test(text)) {
      return Promise.resolve(fail('transport.malformed', 'This contains characters that cannot be sent.'));
    }
    if (Buffer.byteLength(text) > this.#largest) {
      return Promise.resolve(fail('transport.too-large', 'This is too large to be sent in one piece.', 'Shorten it.'));
    }
    const connection = this.#connection;
    if (signal.aborted) return Promise.resolve(stopped());
    if (connection === null || connection.ended !== null) return Promise.resolve(unreachable('not connected'));
    return new Promise((resolve) => {
      const onAbort = () => settle(stopped());
      const settle = (result: Result<void>) => {
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      };
      signal.addEventListener('abort', onAbort);
      this.#outgoing.push({
        text,
        settle: (outcome) => settle(outcome === 'accepted' ? ok() : unreachable('connection lost before the answer')),
      });
      connection.post(text);
      this.#askSoon();
    });
  }

  async request(iq: Element, signal: AbortSignal): Promise<Result<Element>> {
    const id = typeof iq.attrs['id'] === 'string' && iq.attrs['id'] !== '' ? iq.attrs['id'] : randomUUID();
    iq.attrs['id'] = id;
    const answer = this.#requests.expect(iq, this.fullJid, signal);
    this.send(iq, signal).then((sent) => {
      if (!sent.ok) this.#requests.fail(id, sent);
    });
    return await answer;
  }

  /** Asks the server for a sign of life; without one in `within` milliseconds the connection is over. */
  probe(within: number): void {
    this.#cancelIdle?.();
    this.#ask();
    this.#setDeadline(within);
  }

  takeFeatures(features: Element): void {
    // XEP-0478: the server says what it takes at most.
    const limit = features.getChild('limits', 'urn:xmpp:stream-limits:0')?.getChildText('max-bytes') ?? '';
    if (/^\d{4,9}$/.test(limit)) this.#largest = Math.min(MAX_STANZA_BYTES, Number(limit));
    if (features.is('features', NS_STREAM)) this.#events.onFeatures(features);
  }

  #dispatch(element: Element, counted: boolean): void {
    const connection = this.#connection;
    if (connection === null || connection.ended !== null) return;
    if (element.getNS() === NS_SM) this.#manage(element, connection);
    else if (element.is('features', NS_STREAM)) this.takeFeatures(element);
    else if (element.getNS() === NS_CLIENT && ['message', 'presence', 'iq'].includes(element.name)) {
      const handled = counted ? this.#incoming.received() : () => {};
      this.#deliver(element, connection, handled);
    }
  }

  #deliver(stanza: Element, connection: StreamConnection, handled: () => void): void {
    const type: unknown = stanza.attrs['type'];
    if (stanza.name === 'iq' && (type === 'result' || type === 'error')) {
      // An answer nobody asked for, or from somebody else than was asked, is handled by ignoring it.
      this.#requests.settle(stanza);
      handled();
      this.#afterHandling(connection);
      return;
    }
    // Called in the order of arrival without waiting for earlier ones: one of them may be waiting for an answer that
    // comes after it on this very stream.
    this.#events.onStanza(stanza).then(
      () => {
        handled();
        this.#rejections = 0;
        this.#afterHandling(connection);
      },
      () => {
        // Not taken: not counted, and the server sends it again on the next connection.
        this.#rejections += 1;
        connection.end(faults.unreachable('a stanza could not be taken'));
      },
    );
  }

  #afterHandling(connection: StreamConnection): void {
    if (!this.#owesCount || !this.#incoming.idle || connection !== this.#connection) return;
    this.#owesCount = false;
    connection.post(countElement(this.#incoming.handled));
  }

  #manage(element: Element, connection: StreamConnection): void {
    if (element.is('r')) {
      this.#owesCount = !this.#incoming.idle;
      connection.post(countElement(this.#incoming.handled));
    } else if (element.is('a')) {
      const before = this.#outgoing.size;
      if (this.#acknowledge(element.attrs['h'])) this.#answered(this.#outgoing.size < before);
    }
  }

  /** False, and the end of the connection and of the session, when the count is nonsense (XEP-0198 §4, §6). */
  #acknowledge(handled: unknown): boolean {
    const sent = this.#outgoing.sent;
    const verdict = this.#outgoing.acknowledge(handled);
    if (verdict === 'ok') return true;
    this.#rejections = MAX_REJECTIONS;
    const tooHigh = { xmlns: NS_SM, h: String(handled), 'send-count': String(sent) };
    this.#connection?.end(
      faults.protocol(`${verdict} acknowledgement`),
      verdict === 'malformed'
        ? { condition: 'bad-format' }
        : { condition: 'undefined-condition', detail: xml('handled-count-too-high', tooHigh) },
    );
    return false;
  }

  #answered(progress: boolean): void {
    this.#asking = false;
    this.#clearDeadline();
    if (this.drained) {
      this.onDrained?.();
      return;
    }
    if (progress) this.#askSoon();
    else {
      this.#cancelPatience?.();
      this.#cancelPatience = this.#clock.after(PATIENCE_MS, () => this.#ask());
    }
  }

  /** One question for all stanzas sent shortly after each other. */
  #askSoon(): void {
    if (this.#asking) return;
    this.#cancelAsk?.();
    this.#cancelAsk = null;
    if (this.#outgoing.size >= ASK_AFTER_STANZAS) this.#ask();
    else this.#cancelAsk = this.#clock.after(ASK_AFTER_MS, () => this.#ask());
  }

  #ask(): void {
    this.#cancelAsk?.();
    this.#cancelAsk = null;
    const connection = this.#connection;
    if (connection === null || connection.ended !== null) return;
    if (!this.#asking) {
      this.#asking = true;
      if (this.#management === null) this.#askByPing(connection);
      else connection.post(xml('r', { xmlns: NS_SM }).toString());
    }
    this.#setDeadline(ANSWER_MS);
  }

  /**
   * Without stream management: a server handles what one client sends in order (RFC 6120 §10.1), so the answer to a
   * ping (XEP-0199), even a refusal, says that it has everything sent before.
   */
  #askByPing(connection: StreamConnection): void {
    const sent = this.#outgoing.sent;
    const ping = xml('iq', { type: 'get', id: randomUUID(), to: this.fullJid.replace(/^[^@]*@|\/.*$/g, '') });
    ping.append(xml('ping', { xmlns: NS_PING }));
    this.#requests.expect(ping, this.fullJid, new AbortController().signal).then((answer) => {
      const answered = answer.ok || answer.error.code.startsWith('stanza.');
      if (!answered || connection !== this.#connection) return;
      this.#outgoing.acknowledge(String(sent));
      this.#answered(true);
    });
    connection.post(ping.toString());
  }

  /** Any byte shows that the server is there. */
  #onActivity(): void {
    if (this.#asking) this.#setDeadline(ANSWER_MS);
    this.#cancelIdle?.();
    this.#cancelIdle = this.#clock.after(IDLE_MS, () => this.#ask());
  }

  #setDeadline(within: number): void {
    this.#clearDeadline();
    const connection = this.#connection;
    this.#cancelDeadline = this.#clock.after(within, () => connection?.end(faults.unreachable('no sign of life')));
  }

  #clearDeadline(): void {
    this.#cancelDeadline?.();
    this.#cancelDeadline = null;
  }

  #stopTimers(): void {
    this.#clearDeadline();
    this.#cancelAsk?.();
    this.#cancelIdle?.();
    this.#cancelPatience?.();
  }
}

function countElement(handled: number): string {
  return xml('a', { xmlns: NS_SM, h: String(handled) }).toString();
}

export function unreachable(detail: string): Result<never> {
  return fail(
    'transport.unreachable',
    'The server of your account cannot be reached.',
    'Bothy sends it again when it can.',
    detail,
  );
}

export function stopped(): Result<never> {
  return fail('transport.stopped', 'The connection was closed.');
}
