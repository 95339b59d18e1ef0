/**
 * One authenticated link to one device: numbered stanzas with acknowledgements, requests matched by id, pings that find
 * a dead link within seconds, and an orderly end when another link takes over.
 */
import xml, { type Element } from '@xmpp/xml';
import { type AppError, appError, ok, type Result } from '../../../shared/errors.ts';
import type { RecognisedPeer } from '../../nearby/types.ts';
import { MAX_STANZA_BYTES, parseElementBytes } from '../../xml/parse-element.ts';
import { ackStatus, encodeFrame, type Frame, frameType, readFrame } from './frame.ts';
import { limits, TokenBucket } from './limits.ts';
import { acknowledged, late, lost, stanzaError, stopped, tooLarge } from './link-errors.ts';
import { withId } from './link-stanzas.ts';
import type { StreamChannel } from './stream-channel.ts';

/** Milliseconds. */
const timing = {
  tick: 500,
  /** Silence before a ping: with nothing under way, and with something unanswered. */
  idle: 15_000,
  unanswered: 1_000,
  /** A ping without any sign of life for so long means: dead. */
  pong: 3_000,
  /** An acknowledgement that does not come although the link lives. */
  acknowledgement: 10_000,
  request: 15_000,
  drain: 10_000,
} as const;

export interface LinkHandlers {
  /** Resolves to `taken` once durably taken. */
  readonly onStanza: (stanza: Element, link: Link) => Promise<keyof typeof ackStatus>;
  /** The answer to an `<iq type="get|set"/>`: a result or error iq. */
  readonly onRequest: (request: Element, link: Link) => Promise<Element>;
  /** Sending over this link is no longer possible: it is draining or has ended. Called once. */
  readonly onUnusable: (link: Link) => void;
  /** The link is over. Called once. */
  readonly onEnd: (link: Link) => void;
}

interface Pending<T> {
  readonly settle: (result: Result<T>) => void;
  readonly since: number;
}

export class Link {
  readonly peer: RecognisedPeer;
  /** The other node's PeerId, as text. */
  readonly remotePeerId: string;
  readonly #channel: StreamChannel;
  readonly #handlers: LinkHandlers;
  readonly #stanzas = new Map<number, Pending<void>>();
  readonly #requests = new Map<string, Pending<Element>>();
  readonly #rate = new TokenBucket(limits.stanzaBurst, limits.stanzasPerSecond, performance.now());
  readonly #timer: ReturnType<typeof setInterval>;
  #queue: Promise<void> = Promise.resolve();
  #queued = 0;
  #queuedBytes = 0;
  #answering = 0;
  #number = 0;
  #heardAt = performance.now();
  #pingedAt: number | null = null;
  #tickedAt = performance.now();
  #state: 'open' | 'draining' | 'ended' = 'open';
  #drainingSince = 0;
  #saidBye = false;
  #heardBye = false;
  #room: (() => void) | null = null;

  constructor(channel: StreamChannel, peer: RecognisedPeer, remotePeerId: string, handlers: LinkHandlers) {
    this.#channel = channel;
    this.peer = peer;
    this.remotePeerId = remotePeerId;
    this.#handlers = handlers;
    this.#timer = setInterval(() => this.#tick(), timing.tick);
  }

  /** Begins to read; to be called once, after the link is known to everybody who handles what comes in. */
  start(): void {
    void this.#read().then(
      (error) => this.#end(error),
      () => this.#end(lost()),
    );
  }

  get usable(): boolean {
    return this.#state === 'open';
  }

  /** One message or presence; resolves when the device has taken it, or with `transport.*`. */
  send(stanza: Uint8Array, signal: AbortSignal): Promise<Result<void>> {
    if (stanza.length > MAX_STANZA_BYTES) return Promise.resolve(tooLarge());
    this.#number = (this.#number + 1) >>> 0;
    const number = this.#number;
    return this.#ask(this.#stanzas, number, () => encodeFrame(frameType.stanza, number, stanza), signal);
  }

  /** One iq and its answer; fails with `transport.*`, or with `stanza.*` for an error iq. The iq is not changed. */
  async request(iq: Element, signal: AbortSignal): Promise<Result<Element>> {
    const id = crypto.randomUUID();
    const asked = new TextEncoder().encode(withId(iq, id).toString());
    if (asked.length > MAX_STANZA_BYTES) return tooLarge();
    const answer = await this.#ask(this.#requests, id, () => encodeFrame(frameType.iq, 0, asked), signal);
    if (!answer.ok) return answer;
    if (answer.value.attrs['type'] === 'error') return { ok: false, error: stanzaError(answer.value) };
    if (iq.attrs['id'] !== undefined) answer.value.attrs['id'] = iq.attrs['id'];
    return answer;
  }

  /** Asks for a sign of life now. */
  probe(): void {
    if (this.#state === 'ended' || this.#pingedAt !== null) return;
    this.#pingedAt = performance.now();
    this.#write(encodeFrame(frameType.ping, 0));
  }

  /** Another link took over: both sides finish what is under way, then the link closes. */
  drain(): void {
    if (this.#state !== 'open') return;
    this.#write(encodeFrame(frameType.drain, 0));
    this.#beginDrain();
  }

  abort(): void {
    this.#end(lost());
  }

  /** `key` is what the answer is matched by. */
  #ask<K, T>(pending: Map<K, Pending<T>>, key: K, frame: () => Uint8Array, signal: AbortSignal): Promise<Result<T>> {
    if (this.#state !== 'open') return Promise.resolve({ ok: false, error: lost() });
    if (signal.aborted) return Promise.resolve({ ok: false, error: stopped() });
    return new Promise((resolve) => {
      const onAbort = (): void => settle({ ok: false, error: stopped() });
      const settle = (result: Result<T>): void => {
        if (!pending.delete(key)) return;
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      };
      pending.set(key, { settle, since: performance.now() });
      signal.addEventListener('abort', onAbort);
      this.#write(frame());
    });
  }

  #write(bytes: Uint8Array): void {
    if (this.#state === 'ended') return;
    this.#channel.write(bytes).catch(() => this.#end(lost()));
  }

  /** Reads until the link ends; resolves with the reason. */
  async #read(): Promise<AppError> {
    for (;;) {
      const frame = await readFrame((length) => this.#channel.read(length));
      if (frame === null) return appError('transport.malformed', 'The other device broke the protocol.');
      this.#heardAt = performance.now();
      this.#pingedAt = null;
      if (frame.type === frameType.stanza || frame.type === frameType.iq) {
        while (!this.#rate.take(performance.now())) await sleep(this.#rate.wait());
      }
      this.#take(frame);
      while (this.#full && this.#state !== 'ended') {
        await new Promise<void>((resolve) => {
          this.#room = resolve;
        });
      }
      if (this.#finishDrain()) return lost();
    }
  }

  get #full(): boolean {
    return (
      this.#queued >= limits.queuedStanzas ||
      this.#queuedBytes >= limits.queuedBytes ||
      this.#answering >= limits.requests
    );
  }

  #take(frame: Frame): void {
    switch (frame.type) {
      case frameType.stanza:
        this.#takeStanza(frame);
        break;
      case frameType.ack:
        this.#stanzas.get(frame.number)?.settle(acknowledged(frame.payload[0]));
        break;
      case frameType.iq:
        this.#takeIq(frame);
        break;
      case frameType.ping:
        this.#write(encodeFrame(frameType.pong, frame.number));
        break;
      case frameType.drain:
        this.#beginDrain();
        break;
      case frameType.bye:
        this.#heardBye = true;
        this.#beginDrain();
        break;
      default:
        // Frames of a later version are skipped; `pong` has done its work by arriving.
        break;
    }
  }

  /** Stanzas are taken one after the other, in the order they came, and acknowledged in that order. */
  #takeStanza(frame: Frame): void {
    this.#queued += 1;
    this.#queuedBytes += frame.payload.length;
    this.#queue = this.#queue.then(async () => {
      const status = await this.#handleStanza(frame.payload);
      this.#queued -= 1;
      this.#queuedBytes -= frame.payload.length;
      this.#write(encodeFrame(frameType.ack, frame.number, Uint8Array.of(ackStatus[status])));
      this.#room?.();
      this.#settleDrain();
    });
  }

  async #handleStanza(payload: Uint8Array): Promise<keyof typeof ackStatus> {
    const parsed = parseElementBytes(payload);
    if (!parsed.ok || (parsed.value.name !== 'message' && parsed.value.name !== 'presence')) return 'refused';
    try {
      return await this.#handlers.onStanza(parsed.value, this);
    } catch {
      return 'later';
    }
  }

  #takeIq(frame: Frame): void {
    const parsed = parseElementBytes(frame.payload);
    if (!parsed.ok || parsed.value.name !== 'iq') return;
    const iq = parsed.value;
    const id = String(iq.attrs['id'] ?? '');
    const type = String(iq.attrs['type']);
    if (type === 'result' || type === 'error') {
      this.#requests.get(id)?.settle(ok(iq));
      return;
    }
    if ((type !== 'get' && type !== 'set') || id === '') return;
    this.#answering += 1;
    void this.#handlers
      .onRequest(iq, this)
      .catch(() => xml('iq', { type: 'error' }, xml('error', { type: 'wait' })))
      .then((answer) => {
        this.#answering -= 1;
        const bytes = new TextEncoder().encode(withId(answer, id).toString());
        if (bytes.length <= MAX_STANZA_BYTES) this.#write(encodeFrame(frameType.iq, 0, bytes));
        this.#room?.();
        this.#settleDrain();
      });
  }

  #tick(): void {
    const now = performance.now();
    // A process that was suspended or starved has not listened: no judgement on the other side.
    const starved = now - this.#tickedAt > 4 * timing.tick;
    this.#tickedAt = now;
    if (starved) {
      if (this.#pingedAt !== null) this.#pingedAt = now;
      return;
    }
    for (const pending of this.#stanzas.values()) {
      if (now - pending.since > timing.acknowledgement) pending.settle({ ok: false, error: late() });
    }
    for (const pending of this.#requests.values()) {
      if (now - pending.since > timing.request) pending.settle({ ok: false, error: late() });
    }
    const dead = this.#pingedAt !== null && now - this.#pingedAt > timing.pong;
    const stuck = this.#state === 'draining' && now - this.#drainingSince > timing.drain;
    if (dead || stuck) {
      this.#end(late());
      return;
    }
    this.#settleDrain();
    const waiting = this.#stanzas.size + this.#requests.size > 0;
    if (now - this.#heardAt > (waiting ? timing.unanswered : timing.idle)) this.probe();
  }

  #beginDrain(): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    this.#drainingSince = performance.now();
    this.#handlers.onUnusable(this);
    this.#settleDrain();
  }

  #settleDrain(): void {
    if (this.#state !== 'draining') return;
    const busy = this.#stanzas.size + this.#requests.size + this.#queued + this.#answering > 0;
    if (!busy && !this.#saidBye) {
      this.#saidBye = true;
      this.#write(encodeFrame(frameType.bye, 0));
    }
    if (this.#finishDrain()) this.#end(lost());
  }

  #finishDrain(): boolean {
    return this.#state === 'draining' && this.#saidBye && this.#heardBye;
  }

  #end(error: AppError): void {
    if (this.#state === 'ended') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'ended';
    clearInterval(this.#timer);
    if (wasOpen) this.#handlers.onUnusable(this);
    for (const pending of this.#stanzas.values()) pending.settle({ ok: false, error });
    for (const pending of this.#requests.values()) pending.settle({ ok: false, error });
    this.#room?.();
    if (this.#finishedCleanly) void this.#channel.close().catch(() => this.#channel.abort());
    else this.#channel.abort();
    this.#handlers.onEnd(this);
  }

  get #finishedCleanly(): boolean {
    return this.#saidBye && this.#heardBye;
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
