/** An XMPP stream with a small server behind it, in memory: answers what a session asks and keeps an archive. */
import xml, { type Element } from '@xmpp/xml';
import type { XmppStream, XmppStreamEvents } from '../../src/main/transports/xmpp/types.ts';
import { appError, fail, ok, type Result } from '../../src/shared/errors.ts';
import type { TransportStatus } from '../../src/shared/model.ts';

export const OWN = 'alice@fake.test';
const PAGE = 50;

export class FakeXmppServer {
  /** Archive ids are `a<index>`; the message's own id is the text. */
  readonly archive: string[] = [];
  /** Everything the client sent, in order. */
  readonly sent: Element[] = [];
  roster: Element[] = [];
  features: string[] = ['urn:xmpp:mam:2'];
  streamFeatures: Element[] = [];
  /** Answers archive queries with this error instead. */
  archiveFault: 'stanza.error' | 'stanza.forbidden' | null = null;
  stream: FakeXmppStream | null = null;
  passwords: string[] = [];

  /** A message for the account arrives: archived, and delivered if a session is available. */
  message(id: string, options: { archived?: boolean } = {}): void {
    const archived = options.archived ?? true;
    if (archived) this.archive.push(id);
    const stanza = chat(id);
    if (archived)
      stanza.append(xml('stanza-id', { xmlns: 'urn:xmpp:sid:0', by: OWN, id: `a${this.archive.length - 1}` }));
    this.stream?.live(stanza);
  }

  connect(password: string): FakeXmppStream {
    this.passwords.push(password);
    return new FakeXmppStream(this);
  }
}

export function chat(id: string, from = 'bob@fake.test/phone'): Element {
  return xml('message', { xmlns: 'jabber:client', id, type: 'chat', from, to: OWN }, xml('body', {}, id));
}

export class FakeXmppStream implements XmppStream {
  status: TransportStatus = { state: 'off', error: null, since: 0, retryAt: null };
  fullJid: string | null = null;
  readonly #server: FakeXmppServer;
  #events: XmppStreamEvents | null = null;
  #available = false;
  #pending = new Set<(result: Result<Element>) => void>();
  nudges = 0;

  constructor(server: FakeXmppServer) {
    this.#server = server;
  }

  get features(): Element {
    return xml('features', {}, ...this.#server.streamFeatures);
  }

  start(events: XmppStreamEvents): void {
    this.#events = events;
    this.#server.stream = this;
    this.setStatus('connecting');
  }

  async stop(): Promise<void> {
    this.disconnect('off');
  }

  nudge(): void {
    this.nudges++;
  }

  setStatus(
    state: TransportStatus['state'],
    error = null as TransportStatus['error'],
    retryAt: number | null = null,
  ): void {
    this.status = { state, error, since: 0, retryAt };
    this.#events?.onStatus(this.status);
  }

  bind(resumed = false): void {
    this.fullJid = `${OWN}/desk`;
    if (!resumed) this.#available = false;
    this.setStatus('online');
    this.#events?.onBound({ resumed });
  }

  /** The connection is gone and with it every request under way. */
  disconnect(state: 'failing' | 'off' = 'failing'): void {
    if (this.status.state === 'off') return;
    this.#available = false;
    this.setStatus(state, state === 'off' ? null : appError('account.unreachable', 'gone'), 1);
    for (const settle of [...this.#pending]) settle(fail('transport.unreachable', 'gone'));
  }

  /** Hands a stanza to the client as it came off the wire; what the client does with it decides `h`. */
  incoming(stanza: Element): Promise<void> {
    return this.#events?.onStanza(stanza) ?? Promise.resolve();
  }

  /** To the available resource, if there is one. A rejection would end the connection. */
  live(stanza: Element): void {
    if (this.#available) this.incoming(stanza).catch(() => this.disconnect());
  }

  async send(stanza: Element): Promise<Result<void>> {
    if (this.status.state !== 'online') return fail('transport.unreachable', 'not connected');
    this.#server.sent.push(stanza);
    // what the server reads later than a request before it
    if (stanza.name === 'presence' && stanza.attrs['type'] === undefined) {
      setImmediate(() => {
        this.#available = this.status.state === 'online';
      });
    }
    return ok();
  }

  request(iq: Element, signal: AbortSignal): Promise<Result<Element>> {
    return new Promise((resolve) => {
      const settle = (result: Result<Element>) => {
        this.#pending.delete(settle);
        resolve(result);
      };
      if (this.status.state !== 'online' || signal.aborted)
        return settle(fail('transport.unreachable', 'not connected'));
      this.#pending.add(settle);
      signal.addEventListener('abort', () => settle(fail('transport.stopped', 'given up')), { once: true });
      this.#server.sent.push(iq);
      // the server answers from what it knows when it reads the request, and the answer takes its time
      const answer = this.#answer(iq);
      setImmediate(() => {
        if (!this.#pending.has(settle)) return;
        for (const result of answer.results) void this.incoming(result);
        settle(answer.iq);
      });
    });
  }

  #answer(iq: Element): { results: Element[]; iq: Result<Element> } {
    const plain = (...payload: Element[]) => ({ results: [], iq: ok(xml('iq', { type: 'result' }, ...payload)) });
    if (iq.getChild('query', 'http://jabber.org/protocol/disco#info')) {
      const features = this.#server.features.map((feature) => xml('feature', { var: feature }));
      return plain(xml('query', { xmlns: 'http://jabber.org/protocol/disco#info' }, ...features));
    }
    if (iq.getChild('query', 'jabber:iq:roster')) {
      return plain(xml('query', { xmlns: 'jabber:iq:roster', ver: '1' }, ...this.#server.roster));
    }
    const query = iq.getChild('query', 'urn:xmpp:mam:2');
    return query === undefined ? plain() : this.#page(query);
  }

  #page(query: Element): { results: Element[]; iq: Result<Element> } {
    const { archive, archiveFault } = this.#server;
    if (archiveFault !== null) return { results: [], iq: fail(archiveFault, 'no archive today') };
    const set = query.getChild('set');
    const after = set?.getChildText('after') ?? null;
    const newest = set?.getChild('before') !== undefined;
    const start = after !== null ? Number(after.slice(1)) + 1 : newest ? Math.max(archive.length - PAGE, 0) : 0;
    if (after !== null && !(start > 0 && start <= archive.length)) {
      return { results: [], iq: fail('stanza.not-found', 'no such id') };
    }
    const ids = archive.slice(start, start + PAGE);
    const results = ids.map((id, index) => {
      const delay = xml('delay', {
        xmlns: 'urn:xmpp:delay',
        stamp: new Date(1e12 + (start + index) * 1000).toISOString(),
      });
      const forwarded = xml('forwarded', { xmlns: 'urn:xmpp:forward:0' }, delay, chat(id));
      const attributes = { xmlns: 'urn:xmpp:mam:2', queryid: String(query.attrs['queryid']), id: `a${start + index}` };
      return xml('message', { from: OWN }, xml('result', attributes, forwarded));
    });
    const complete = start + ids.length >= archive.length;
    const last = ids.length === 0 ? [] : [xml('last', {}, `a${start + ids.length - 1}`)];
    const rsm = xml('set', { xmlns: 'http://jabber.org/protocol/rsm' }, ...last);
    const fin = xml('fin', { xmlns: 'urn:xmpp:mam:2', ...(complete ? { complete: 'true' } : {}) }, rsm);
    return { results, iq: ok(xml('iq', { type: 'result' }, fin)) };
  }
}
