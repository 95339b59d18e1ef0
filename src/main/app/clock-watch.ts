/**
 * Notices a computer's clock that is plainly wrong. Messages flow all the same; but certificates seem to have expired or
 * not to have begun, people nearby are not recognised (docs/decisions/0022), and the times shown are wrong.
 */
import xml, { type Element } from '@xmpp/xml';
import { appError, type Result } from '../../shared/errors.ts';
import type { Address, Notice } from '../../shared/model.ts';
import { accountOf, type MessagingContext } from '../messaging/context.ts';

export const clockNotice = 'clock';
/** No computer that runs this can be before it. */
const releasedAt = Date.UTC(2026, 10, 1);
const day = 24 * 60 * 60 * 1000;
const lookEvery = 60_000;
/** More than this between the clock and the time that really passed: it was set, or the computer slept. */
const jump = 60 * 60 * 1000;
const requestTimeout = 15_000;
const timeNamespace = 'urn:xmpp:time';

export class ClockWatch {
  readonly #context: MessagingContext;
  readonly #onChange: () => void;
  readonly #signal: AbortSignal;
  #wrongSince: number | null = null;
  #dismissed = false;
  #last: { readonly wall: number; readonly passed: number };

  /** `onChange`: the notice came or went, or the clock was set. */
  constructor(context: MessagingContext, onChange: () => void, signal: AbortSignal) {
    this.#context = context;
    this.#onChange = onChange;
    this.#signal = signal;
    this.#last = { wall: context.now(), passed: performance.now() };
    const timer = setInterval(() => this.look(), lookEvery);
    timer.unref();
    signal.addEventListener('abort', () => clearInterval(timer));
  }

  /** Compares with what is certain, and after a jump with the server. */
  look(): void {
    const now = { wall: this.#context.now(), passed: performance.now() };
    const jumped = Math.abs(now.wall - this.#last.wall - (now.passed - this.#last.passed)) > jump;
    this.#last = now;
    if (now.wall < releasedAt) this.#judge(true);
    else if (jumped || this.#wrongSince !== null) {
      this.#judge(false);
      this.online();
    }
    if (jumped) this.#onChange();
  }

  /** The server can be asked (XEP-0202). */
  online(): void {
    this.#ask().catch(() => this.#context.log('warn', 'time-not-asked'));
  }

  async #ask(): Promise<void> {
    const transport = this.#context.xmpp();
    const jid = accountOf(this.#context)?.jid;
    if (!transport || !jid || transport.status.state !== 'online') return;
    const domain = jid.slice(jid.indexOf('@') + 1) as Address;
    const id = Buffer.from(this.#context.random(8)).toString('hex');
    const question = xml('iq', { type: 'get', id, to: domain }, xml('time', { xmlns: timeNamespace }));
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(requestTimeout)]);
    const answer = await transport.request(question, { address: domain, devices: [] }, signal);
    const there = timeIn(answer);
    if (there !== null) this.#judge(Math.abs(there - this.#context.now()) > day);
  }

  #judge(wrong: boolean): void {
    if (wrong === (this.#wrongSince !== null)) return;
    this.#wrongSince = wrong ? this.#context.now() : null;
    if (!wrong) this.#dismissed = false;
    this.#onChange();
  }

  notices(): Notice[] {
    if (this.#wrongSince === null || this.#dismissed) return [];
    const error = appError(
      'clock.wrong',
      `The clock of this computer is wrong: it says ${new Date(this.#context.now()).toISOString().slice(0, 10)}.`,
      'Set it in the settings of your system. Until then signing in may fail, people nearby may not be found, and times are shown wrongly.',
    );
    return [{ id: clockNotice, level: 'warning', error, at: this.#wrongSince }];
  }

  dismiss(): void {
    this.#dismissed = true;
    this.#onChange();
  }
}

function timeIn(answer: Result<Element>): number | null {
  const time = answer.ok ? answer.value.getChild('time', timeNamespace) : undefined;
  const at = Date.parse(time?.getChildText('utc', timeNamespace) ?? '');
  return Number.isFinite(at) ? at : null;
}
