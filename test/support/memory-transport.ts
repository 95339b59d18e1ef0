/**
 * Transports joined by a network in memory that loses, delays, duplicates and reorders what it carries, the same way
 * every time for the same seed. Time on it is virtual: nothing waits for a clock.
 */
import xml, { Element, Parser } from '@xmpp/xml';
import type {
  Arrival,
  Reach,
  SendOutcome,
  SendTarget,
  Transport,
  TransportEvents,
} from '../../src/main/transports/transport.ts';
import { fail, ok, type Result } from '../../src/shared/errors.ts';
import type { Address, TransportStatus } from '../../src/shared/model.ts';

export interface MemoryNetworkOptions {
  readonly seed?: number;
  /** Probabilities, 0…1, for each crossing. */
  readonly loss?: number;
  readonly duplication?: number;
  /** The acknowledgement is lost although the stanza was taken: the sender does not know. */
  readonly acknowledgementLoss?: number;
  /** Each crossing takes between these many virtual milliseconds; a spread reorders. Default [1, 1]: in order. */
  readonly delay?: readonly [number, number];
}

interface Crossing {
  readonly at: number;
  readonly sequence: number;
  readonly arrive: () => Promise<void>;
}

export class MemoryNetwork {
  readonly #options: MemoryNetworkOptions;
  readonly #random: () => number;
  readonly #members = new Map<Address, MemoryTransport>();
  readonly #cut = new Set<Address>();
  readonly #crossings: Crossing[] = [];
  #now = 0;
  #sequence = 0;
  #running = false;
  #idle: (() => void)[] = [];

  constructor(options: MemoryNetworkOptions = {}) {
    this.#options = options;
    this.#random = randomFrom(options.seed ?? 1);
  }

  transport(address: Address): MemoryTransport {
    return new MemoryTransport(this, address);
  }

  /** Takes an address off the network, and puts it back. */
  cut(address: Address): void {
    this.#cut.add(address);
    this.#tellAll();
  }

  mend(address: Address): void {
    this.#cut.delete(address);
    this.#tellAll();
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    if (this.#running || this.#crossings.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  join(member: MemoryTransport): void {
    this.#members.set(member.address, member);
    this.#tellAll();
  }

  leave(member: MemoryTransport): void {
    if (this.#members.get(member.address) !== member) return;
    this.#members.delete(member.address);
    this.#tellAll();
  }

  find(from: Address, to: Address): MemoryTransport | null {
    if (this.#cut.has(from) || this.#cut.has(to)) return null;
    return this.#members.get(to) ?? null;
  }

  /** Brings bytes over; resolves true when they arrived and were taken and the sender learned so. */
  carry(from: Address, to: Address, arrive: (receiver: MemoryTransport) => Promise<void>): Promise<boolean> {
    const { loss = 0, duplication = 0, acknowledgementLoss = 0 } = this.#options;
    // drawn in the order of sending, so that a seed means one schedule
    const lost = this.#random() < loss;
    const copies = this.#random() < duplication ? 2 : 1;
    const unacknowledged = this.#random() < acknowledgementLoss;
    const delays = Array.from({ length: copies }, () => this.#delay());
    return new Promise((resolve) => {
      let left = copies;
      let taken = false;
      for (const delay of delays) {
        this.#schedule(delay, async () => {
          const receiver = lost ? null : this.find(from, to);
          try {
            if (receiver !== null) {
              await arrive(receiver);
              taken = true;
            }
          } catch {
            // not taken by the receiver's application: it may come again
          }
          left--;
          if (left === 0) resolve(taken && !unacknowledged);
        });
      }
    });
  }

  #delay(): number {
    const [least, most] = this.#options.delay ?? [1, 1];
    return least + this.#random() * (most - least);
  }

  #schedule(delay: number, arrive: () => Promise<void>): void {
    this.#crossings.push({ at: this.#now + delay, sequence: this.#sequence++, arrive });
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    // a turn of the event loop first, so that what is sent together is scheduled together
    await new Promise((resolve) => setImmediate(resolve));
    for (;;) {
      this.#crossings.sort((a, b) => a.at - b.at || a.sequence - b.sequence);
      const next = this.#crossings.shift();
      if (next === undefined) break;
      this.#now = next.at;
      await next.arrive();
    }
    this.#running = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #tellAll(): void {
    for (const member of this.#members.values()) member.reachChanged();
  }
}

export class MemoryTransport implements Transport {
  readonly id = 'memory';
  readonly route = 'direct';
  readonly address: Address;
  readonly #network: MemoryNetwork;
  #events: TransportEvents | null = null;
  #status: TransportStatus = { state: 'off', error: null, since: 0, retryAt: null };

  constructor(network: MemoryNetwork, address: Address) {
    this.#network = network;
    this.address = address;
  }

  get status(): TransportStatus {
    return this.#status;
  }

  start(events: TransportEvents, signal: AbortSignal): void {
    this.#events = events;
    this.#setStatus('connecting');
    signal.addEventListener('abort', () => void this.stop(), { once: true });
    setImmediate(() => {
      if (this.#status.state !== 'connecting') return;
      this.#setStatus('online');
      this.#network.join(this);
    });
  }

  async stop(): Promise<void> {
    if (this.#status.state === 'off') return;
    this.#network.leave(this);
    this.#setStatus('off');
  }

  nudge(): void {}

  reach(address: Address): Reach {
    const online = this.#status.state === 'online';
    return { reachable: online && this.#network.find(this.address, address) !== null, devices: null };
  }

  reachChanged(): void {
    this.#events?.onReach(null);
  }

  async send(stanza: Element, target: SendTarget, signal: AbortSignal): Promise<Result<SendOutcome>> {
    if (signal.aborted || this.#status.state !== 'online') return fail('transport.stopped', 'Not connected.');
    if (!this.reach(target.address).reachable) return fail('transport.unreachable', 'Nobody is at this address.');
    const text = addressed(stanza, target.address, this.address).toString();
    const arrived = await this.#network.carry(this.address, target.address, (receiver) =>
      receiver.#receive(text, this.address),
    );
    return arrived
      ? ok({ kind: 'acknowledged', devices: target.devices })
      : fail('transport.timeout', 'No acknowledgement came.');
  }

  async request(iq: Element, target: SendTarget, signal: AbortSignal): Promise<Result<Element>> {
    if (signal.aborted || this.#status.state !== 'online') return fail('transport.stopped', 'Not connected.');
    if (!this.reach(target.address).reachable) return fail('transport.unreachable', 'Nobody is at this address.');
    const text = addressed(iq, target.address, this.address).toString();
    const answers: Result<Element>[] = [];
    const arrived = await this.#network.carry(this.address, target.address, async (receiver) => {
      answers.push(await receiver.#answer(text, this.address));
    });
    const [answer] = answers;
    return arrived && answer !== undefined ? answer : fail('transport.timeout', 'No answer came.');
  }

  #setStatus(state: TransportStatus['state']): void {
    this.#status = { state, error: null, since: Date.now(), retryAt: null };
    this.#events?.onStatus(this.#status);
  }

  async #receive(text: string, from: Address): Promise<void> {
    await this.#events?.onStanza({ stanza: parse(text), arrival: this.#arrival(from) });
  }

  async #answer(text: string, from: Address): Promise<Result<Element>> {
    const request = parse(text);
    const answer = await this.#events?.onRequest(request, this.#arrival(from));
    if (answer === undefined) return fail('transport.stopped', 'Not connected.');
    if (!answer.ok)
      return fail(answer.error.code === 'stanza.not-found' ? 'stanza.not-found' : 'stanza.error', 'Refused.');
    const result = xml('iq', { type: 'result', id: String(request.attrs['id']), from: this.address, to: from });
    const content = answer.value;
    if (content !== null) result.append(...(content.name === 'iq' ? content.getChildElements() : [content]));
    return ok(result);
  }

  #arrival(from: Address): Arrival {
    return {
      transport: 'memory',
      route: 'direct',
      to: this.address,
      from,
      device: null,
      kind: 'live',
      archiveId: null,
      delayedSince: null,
    };
  }
}

function addressed(stanza: Element, to: Address, from: Address): Element {
  const copy = new Element(stanza.name, { ...stanza.attrs, id: stanza.attrs['id'] ?? crypto.randomUUID(), to, from });
  copy.children = stanza.children;
  return copy;
}

/** Through text, as over a wire: nothing is shared between the two sides. */
function parse(text: string): Element {
  const parser = new Parser();
  const parsed: Element[] = [];
  parser.on('element', (element: Element) => parsed.push(element));
  parser.write(`<stream xmlns="jabber:client">${text}</stream>`);
  const [stanza] = parsed;
  if (stanza === undefined) throw new Error('not one stanza');
  return stanza;
}

/** mulberry32: small, fast, and enough for schedules. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
