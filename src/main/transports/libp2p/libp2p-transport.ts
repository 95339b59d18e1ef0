/** The direct transport: ephemeral nodes, discovery and links behind the Transport interface. */
import type { Connection } from '@libp2p/interface';
import xml, { type Element } from '@xmpp/xml';
import { type AppError, appError, fail, ok, type Result } from '../../../shared/errors.ts';
import type { Address, ContactId, TransportStatus } from '../../../shared/model.ts';
import type { LinkRecogniser, RecognisedPeer } from '../../nearby/types.ts';
import type { Arrival, Reach, SendOutcome, SendTarget, Transport, TransportEvents } from '../transport.ts';
import { Discovery } from './discovery.ts';
import { EphemeralNode } from './ephemeral-node.ts';
import { Handshakes } from './handshake.ts';
import { type NetworkInterface, signatureOf, systemInterfaces } from './interfaces.ts';
import { LearnedAddresses } from './learned-addresses.ts';
import { Doorkeeper } from './limits.ts';
import { Link, withId } from './link.ts';
import { LinkSet } from './link-set.ts';
import { Sightings } from './sightings.ts';
import type { StreamChannel } from './stream-channel.ts';

export interface Libp2pTransportOptions {
  readonly recogniser: LinkRecogniser;
  /** Our XID: `Arrival.to` of everything that comes in. */
  readonly ownAddress: () => Address;
  /** This device's identity key (Ed25519, 32 bytes): decides which of two links to one device stays. */
  readonly ownIdentityKey: () => Uint8Array;
  /** Every address of a contact (of our own for `self`) now; none: not a contact any more, its links are closed. */
  readonly contactAddresses: (contactId: ContactId) => readonly Address[];
  readonly logger: {
    log(
      level: 'debug' | 'info' | 'warn' | 'error',
      event: string,
      fields?: Readonly<Record<string, string | number | boolean | null>>,
    ): void;
  };
  /** Connected contacts or `listenAddresses()` changed. */
  readonly onChange?: () => void;
  /** Announce and look for others on the local network; default true. */
  readonly discovery?: boolean;
  /** Tests: another multicast port than 5353, other interfaces than the system's, another pace of rotation (ms). */
  readonly mdnsPort?: number;
  readonly interfaces?: () => readonly NetworkInterface[];
  readonly rotateEveryMs?: number;
}

export interface Libp2pTransport extends Transport {
  readonly id: 'libp2p';
  readonly route: 'direct';
  /** Contacts with a link in use now; `self` for other devices of one's own. */
  connectedContacts(): ContactId[];
  /** Contacts, their addresses, their XIDs or invitations changed: strangers are asked again, links looked over. */
  contactsChanged(): void;
  /** Addresses (`/ip4/…/tcp/…`) a contact told inside an encrypted message; replaces what they told before. */
  learnAddresses(contactId: ContactId, multiaddrs: readonly string[]): void;
  /** Where this node can be dialled now, to be told to contacts; changes with every rotation (`onChange`). */
  listenAddresses(): string[];
}

/** Milliseconds. */
const timing = { rotate: 15 * 60_000, interfaces: 2_000, dials: 500, retry: 5_000 } as const;

export function createLibp2pTransport(options: Libp2pTransportOptions): Libp2pTransport {
  return new DirectTransport(options);
}

class DirectTransport implements Libp2pTransport {
  readonly id = 'libp2p';
  readonly route = 'direct';
  readonly #options: Libp2pTransportOptions;
  readonly #links: LinkSet;
  readonly #sightings = new Sightings();
  readonly #learned = new LearnedAddresses();
  readonly #doorkeeper = new Doorkeeper();
  readonly #retired = new Set<EphemeralNode>();
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  #status: TransportStatus = { state: 'off', error: null, since: Date.now(), retryAt: null };
  #events: TransportEvents | null = null;
  #life = new AbortController();
  #handshakes: Handshakes | null = null;
  #discovery: Discovery | null = null;
  #node: EphemeralNode | null = null;
  #signature = '';
  #rotatedAt = 0;
  #rotation: Promise<void> | null = null;
  #failedAt: number | null = null;

  constructor(options: Libp2pTransportOptions) {
    this.#options = options;
    this.#links = new LinkSet(options.contactAddresses);
  }

  get status(): TransportStatus {
    return this.#status;
  }

  start(events: TransportEvents, signal: AbortSignal): void {
    if (this.#events !== null || signal.aborted) return;
    this.#events = events;
    this.#life = new AbortController();
    signal.addEventListener('abort', () => void this.stop(), { once: true });
    this.#handshakes = new Handshakes(
      this.#options.recogniser,
      {
        onRecognised: (channel, peer, connection, node) => this.#welcome(channel, peer, connection, node),
        onStranger: (connection) => this.#sightings.stranger(connection.remotePeer.toString(), performance.now()),
      },
      this.#life.signal,
    );
    if (this.#options.discovery !== false) {
      this.#discovery = new Discovery({
        port: this.#options.mdnsPort ?? 5353,
        events: {
          onSeen: (seen) => this.#seen(seen),
          onGone: (peerId, host) => this.#sightings.gone(peerId, host),
          onProblem: (problem) => this.#options.logger.log('warn', 'nearby.multicast', { problem }),
        },
      });
    }
    this.#setStatus('connecting', null, null);
    this.#timers.push(
      setInterval(() => this.#look(), timing.interfaces),
      setInterval(() => this.#dial(), timing.dials),
    );
    this.#rotate();
  }

  async stop(): Promise<void> {
    if (this.#events === null) return;
    this.#life.abort();
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    await this.#rotation;
    await this.#discovery?.stop();
    for (const link of this.#links.all) link.abort();
    const nodes = [...this.#retired, ...(this.#node === null ? [] : [this.#node])];
    this.#retired.clear();
    this.#node = null;
    this.#discovery = null;
    this.#sightings.clear();
    await Promise.all(nodes.map((node) => node.stop().catch(() => {})));
    this.#setStatus('off', null, null);
    this.#events = null;
  }

  nudge(): void {
    if (this.#events === null) return;
    for (const link of this.#links.all) link.probe();
    this.#sightings.hurry(performance.now(), false);
    this.#learned.hurry();
    this.#look();
    this.#discovery?.hurry();
    this.#dial();
  }

  reach(address: Address): Reach {
    const devices = this.#links.to(address, null).map((link) => link.peer.device.deviceId);
    return { reachable: devices.length > 0, devices };
  }

  async send(stanza: Element, target: SendTarget, signal: AbortSignal): Promise<Result<SendOutcome>> {
    const links = this.#linksTo(target);
    if (links.length === 0) return fail('transport.unreachable', 'None of these devices is nearby now.');
    const numbered = stanza.attrs['id'] === undefined ? withId(stanza, crypto.randomUUID()) : stanza;
    const bytes = new TextEncoder().encode(numbered.toString());
    const outcomes = await Promise.all(
      links.map(async (link) => ({ deviceId: link.peer.device.deviceId, result: await link.send(bytes, signal) })),
    );
    const devices = outcomes.filter((one) => one.result.ok).map((one) => one.deviceId);
    const unreadable = outcomes
      .filter(({ result }) => !result.ok && result.error.code === 'encryption.unreadable')
      .map((one) => one.deviceId);
    if (unreadable.length > 0) return ok({ kind: 'acknowledged', devices, unreadable });
    if (devices.length > 0) return ok({ kind: 'acknowledged', devices });
    const failed = outcomes.map((one) => one.result).find((result) => !result.ok);
    return failed ?? fail('transport.unreachable', 'None of these devices is nearby now.');
  }

  async request(iq: Element, target: SendTarget, signal: AbortSignal): Promise<Result<Element>> {
    const link = this.#linksTo(target)[0];
    if (link === undefined) return fail('transport.unreachable', 'None of these devices is nearby now.');
    return await link.request(iq, signal);
  }

  connectedContacts(): ContactId[] {
    return this.#links.contacts();
  }

  contactsChanged(): void {
    for (const link of this.#links.all) {
      if (this.#options.contactAddresses(link.peer.device.contactId).length === 0) link.abort();
    }
    this.#sightings.hurry(performance.now(), true);
    this.#dial();
    this.#changed(null);
  }

  learnAddresses(contactId: ContactId, multiaddrs: readonly string[]): void {
    this.#learned.learn(contactId, multiaddrs);
    this.#dial();
  }

  listenAddresses(): string[] {
    const all = this.#node?.addresses ?? [];
    const outside = all.filter((address) => !address.startsWith('/ip4/127.'));
    return outside.length > 0 ? outside : all;
  }

  /** A new node in place of the old one, which goes on only for the links it has. */
  #rotate(): void {
    if (this.#rotation !== null || this.#life.signal.aborted) return;
    this.#rotation = this.#replaceNode()
      .catch((error: unknown) => {
        this.#failedAt = performance.now();
        this.#options.logger.log('error', 'nearby.node', { error: error instanceof Error ? error.name : 'unknown' });
        const failure = appError('nearby.unavailable', 'Direct connections cannot be used on this network.');
        this.#setStatus('failing', failure, Date.now() + timing.retry);
      })
      .finally(() => {
        this.#rotation = null;
      });
  }

  async #replaceNode(): Promise<void> {
    const interfaces = (this.#options.interfaces ?? systemInterfaces)();
    const handshakes = this.#handshakes;
    this.#signature = signatureOf(interfaces);
    this.#rotatedAt = performance.now();
    this.#failedAt = null;
    const old = this.#node;
    this.#node = null;
    if (old !== null) {
      old.retire();
      this.#retired.add(old);
    }
    if (interfaces.length === 0 || handshakes === null) {
      this.#discovery?.restart([], () => null);
      this.#setStatus('failing', appError('nearby.no-network', 'This computer is on no network.'), null);
      return;
    }
    const node = await EphemeralNode.start(interfaces, this.#doorkeeper, {
      onConnection: (connection) => handshakes.watch(connection),
      onHello: (stream, connection, at) => swallow(handshakes.hello(stream, connection, at)),
      onStanzas: (stream, connection, at) => swallow(handshakes.stanzas(stream, connection, at)),
    });
    this.#node = node;
    this.#discovery?.restart(interfaces, (at) => {
      const port = node.portAt(at);
      return port === null ? null : { name: node.name, port, peerId: node.peerId };
    });
    this.#setStatus('online', null, null);
    this.#sightings.hurry(performance.now(), false);
    this.#options.onChange?.();
    // Retired nodes with nothing left, or kept for longer than one rotation, go.
    for (const one of this.#retired) if (one.connections.length === 0 || one !== old) this.#discard(one);
  }

  #discard(node: EphemeralNode): void {
    if (this.#retired.delete(node)) void node.stop().catch(() => {});
  }

  /** Interfaces are looked at every few seconds: no system event tells of all changes on all systems. */
  #look(): void {
    const now = performance.now();
    const interfaces = (this.#options.interfaces ?? systemInterfaces)();
    const changed = signatureOf(interfaces) !== this.#signature;
    if (changed) for (const link of this.#links.all) link.probe();
    const due = now - this.#rotatedAt > (this.#options.rotateEveryMs ?? timing.rotate);
    const again = this.#failedAt !== null && now - this.#failedAt > timing.retry;
    if (changed || due || again) this.#rotate();
    for (const node of this.#retired) if (node.connections.length === 0) this.#discard(node);
  }

  #seen(seen: { readonly peerId: string; readonly host: string; readonly port: number }): void {
    const node = this.#node;
    const own = [node, ...this.#retired].some((one) => one?.peerId === seen.peerId);
    if (node === null || own) return;
    this.#sightings.see(seen, node.peerId, performance.now());
    this.#dial();
  }

  #dial(): void {
    const node = this.#node;
    if (node === null) return;
    for (const { peerId, host, port } of this.#sightings.due(performance.now(), (id) => this.#links.hasPeer(id))) {
      void this.#dialOne(node, `/ip4/${host}/tcp/${port}/p2p/${peerId}`).catch(() => {
        this.#sightings.failed(peerId, performance.now());
      });
    }
    const connected = new Set(this.#links.contacts());
    for (const address of this.#learned.due(performance.now(), (contactId) => connected.has(contactId))) {
      swallow(this.#dialOne(node, address));
    }
  }

  async #dialOne(node: EphemeralNode, address: string): Promise<void> {
    const connection = await node.dial(address, this.#life.signal);
    try {
      await this.#handshakes?.dialled(connection, node);
    } catch (error) {
      connection.abort(new Error('the handshake failed'));
      throw error;
    }
  }

  #welcome(channel: StreamChannel, peer: RecognisedPeer, connection: Connection, node: EphemeralNode): void {
    const known = this.#options.contactAddresses(peer.device.contactId).length > 0;
    if (this.#life.signal.aborted || !known) {
      connection.abort(new Error('not wanted'));
      return;
    }
    const remotePeerId = connection.remotePeer.toString();
    const link = new Link(channel, peer, remotePeerId, {
      onStanza: async (stanza, from) => {
        const arrival = this.#arrival(stanza, from);
        if (arrival === null || this.#events === null) return 'refused';
        return (await this.#events.onStanza({ stanza, arrival })) ?? 'taken';
      },
      onRequest: (request, from) => this.#answer(request, from),
      onUnusable: (ended) => this.#changed(ended),
      onEnd: (ended) => {
        this.#links.remove(ended);
        if (connection.status === 'open') void connection.close().catch(() => connection.abort(new Error('ended')));
        if (this.#links.replacementFor(ended) !== null && !this.#links.hasPeer(remotePeerId)) {
          this.#sightings.superseded(remotePeerId, performance.now());
        }
        if (node.retired && this.#retired.has(node) && node.connections.length === 0) this.#discard(node);
        if (!this.#life.signal.aborted) this.#discovery?.hurry();
      },
    });
    connection.addEventListener('close', () => link.abort(), { once: true });
    this.#links.add(link, this.#options.ownIdentityKey());
    this.#sightings.linked(remotePeerId);
    link.start();
    this.#changed(link);
  }

  /** Null for a stanza that claims to come from somebody else than the peer. */
  #arrival(stanza: Element, link: Link): Arrival | null {
    const { device } = link.peer;
    const addresses = this.#addressesOf(link);
    const claimed: unknown = stanza.attrs['from'];
    const from = claimed === undefined ? addresses[0] : addresses.find((address) => address === claimed);
    if (from === undefined) return null;
    return {
      transport: 'libp2p',
      route: 'direct',
      to: this.#options.ownAddress(),
      from,
      device,
      kind: 'live',
      archiveId: null,
      delayedSince: null,
    };
  }

  async #answer(request: Element, link: Link): Promise<Element> {
    const arrival = this.#arrival(request, link);
    if (arrival === null || this.#events === null) return errorIq('forbidden', 'auth');
    const answer = await this.#events.onRequest(request, arrival);
    if (!answer.ok) {
      if (answer.error.code === 'stanza.not-found') return errorIq('item-not-found', 'cancel');
      return answer.error.code === 'stanza.forbidden'
        ? errorIq('forbidden', 'auth')
        : errorIq('undefined-condition', 'cancel');
    }
    const result = xml('iq', { type: 'result', from: arrival.to, to: arrival.from });
    const content = answer.value;
    if (content !== null) result.children.push(...(content.name === 'iq' ? content.children : [content]));
    return result;
  }

  /** The link's contact, or everybody (null), may be reachable otherwise than before. */
  #changed(link: Link | null): void {
    if (link === null) this.#events?.onReach(null);
    else for (const address of this.#addressesOf(link)) this.#events?.onReach(address);
    this.#options.onChange?.();
  }

  /** No devices named means all that are there. */
  #linksTo(target: SendTarget): Link[] {
    return this.#links.to(target.address, target.devices.length > 0 ? target.devices : null);
  }

  #addressesOf(link: Link): readonly Address[] {
    return this.#options.contactAddresses(link.peer.device.contactId);
  }

  #setStatus(state: TransportStatus['state'], error: AppError | null, retryAt: number | null): void {
    if (this.#status.state === state && this.#status.error?.code === error?.code) return;
    this.#status = { state, error, since: Date.now(), retryAt };
    this.#events?.onStatus(this.#status);
  }
}

/** RFC 6120 §8.3. */
function errorIq(condition: string, type: string): Element {
  const element = xml(condition, { xmlns: 'urn:ietf:params:xml:ns:xmpp-stanzas' });
  return xml('iq', { type: 'error' }, xml('error', { type }, element));
}

/** Connections break at any moment; what follows from it is told by the link or the sighting. */
function swallow(work: Promise<void>): void {
  work.catch(() => {});
}
