/** Our own `<iq/>` requests waiting for their answer, which counts only with the right id from the right address. */
import type { Element } from '@xmpp/xml';
import { appError, fail, ok, type Result } from '../../../shared/errors.ts';
import { parseJid } from '../../../shared/jid.ts';
import type { StreamClock } from './stream-clock.ts';

/** How long an answer may take. */
const REQUEST_TIMEOUT_MS = 30_000;

interface Pending {
  readonly answers: (from: string | undefined) => boolean;
  readonly settle: (result: Result<Element>) => void;
}

export class PendingRequests {
  readonly #pending = new Map<string, Pending>();
  readonly #clock: StreamClock;

  constructor(clock: StreamClock) {
    this.#clock = clock;
  }

  /** Waits for the answer to `iq`, which has its id and `to`; `fullJid` is our own address. */
  expect(iq: Element, fullJid: string, signal: AbortSignal): Promise<Result<Element>> {
    const id = String(iq.attrs['id']);
    return new Promise((resolve) => {
      const settle = (result: Result<Element>) => {
        cancel();
        signal.removeEventListener('abort', onAbort);
        this.#pending.delete(id);
        resolve(result);
      };
      const onAbort = () => settle(fail('transport.stopped', 'The request was given up.'));
      const cancel = this.#clock.after(REQUEST_TIMEOUT_MS, () =>
        settle(fail('transport.timeout', 'The answer took too long.', 'Try again later.')),
      );
      signal.addEventListener('abort', onAbort);
      this.#pending.set(id, { answers: answersFrom(iq.attrs['to'], fullJid), settle });
      if (signal.aborted) onAbort();
    });
  }

  /** True if the stanza answered a request of ours. */
  settle(stanza: Element): boolean {
    const pending = this.#pending.get(String(stanza.attrs['id']));
    const from: unknown = stanza.attrs['from'];
    if (!pending?.answers(typeof from === 'string' ? from : undefined)) return false;
    pending.settle(stanza.attrs['type'] === 'result' ? ok(stanza) : { ok: false, error: stanzaError(stanza) });
    return true;
  }

  fail(id: string, result: Result<never>): void {
    this.#pending.get(id)?.settle(result);
  }

  failAll(result: Result<never>): void {
    for (const pending of [...this.#pending.values()]) pending.settle(result);
  }
}

/**
 * Who may answer (RFC 6120 §8.1.2.1, §10.3.3): exactly who was asked. Our own server answers for our account, under our
 * bare JID or no address at all; what we asked nobody in particular it may also answer as itself or to our full JID.
 */
function answersFrom(to: unknown, fullJid: string): (from: string | undefined) => boolean {
  const own = parseJid(fullJid);
  if (!own.ok) return () => false;
  const { bare, domain, full } = own.value;
  const asked = typeof to === 'string' && to !== '' ? parseJid(to) : null;
  if (asked !== null && !asked.ok) return () => false;
  const expected = asked === null ? [bare, full, domain] : [asked.value.full];
  const fromServer = asked === null || asked.value.full === bare || asked.value.full === domain;
  return (from) => {
    if (from === undefined) return fromServer;
    const sender = parseJid(from);
    return sender.ok && expected.includes(sender.value.full);
  };
}

const NS_STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const FORBIDDEN = ['forbidden', 'not-allowed', 'not-authorized', 'registration-required', 'subscription-required'];

/** What a stanza of type `error` says (RFC 6120 §8.3). Its text is not repeated: it may be anybody's. */
function stanzaError(stanza: Element): ReturnType<typeof appError> {
  const condition = stanza
    .getChild('error')
    ?.getChildElements()
    .find((child) => child.getNS() === NS_STANZAS && child.getName() !== 'text')
    ?.getName();
  const detail = condition !== undefined && /^[a-z-]{1,40}$/.test(condition) ? condition : 'undefined-condition';
  if (detail === 'item-not-found' || detail === 'recipient-unavailable' || detail === 'remote-server-not-found') {
    return appError('stanza.not-found', 'What was asked for does not exist.', '', detail);
  }
  if (FORBIDDEN.includes(detail)) {
    return appError('stanza.forbidden', 'The server does not allow this.', '', detail);
  }
  return appError('stanza.error', 'The server could not do this.', 'Try again later.', detail);
}
