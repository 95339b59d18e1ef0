/** The direct transport: ephemeral nodes, discovery and links behind the Transport interface. */
import type { Connection } from '@libp2p/interface';
import type { Element } from '@xmpp/xml';
import { type AppError, appError, fail, ok, type Result } from '../../../shared/errors.ts';
import type { Address, ContactId, TransportStatus } from '../../../shared/model.ts';
import type { LinkRecogniser, RecognisedPeer } from '../../nearby/types.ts';
import type { Arrival, Reach, SendOutcome, SendTarget, Transport, TransportEvents } from '../transport.ts';
import { Discovery } from './discovery.ts';
import type { EphemeralNode } from './ephemeral-node.ts';
import { Handshakes } from './handshake.ts';
import { type NetworkInterface, systemInterfaces } from './interfaces.ts';
import { LearnedAddresses } from './learned-addresses.ts';
import { Doorkeeper } from './limits.ts';
import { Link } from './link.ts';
import { LinkSet } from './link-set.ts';
import { answerIq, arrivalOver, errorIq, withId } from './link-stanzas.ts';
import { NodeRotation, rotationTiming } from './node-rotation.ts';
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
const timing = { interfaces: 2_000, dials: 500 } as const;

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
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  #status: TransportStatus = { state: 'off', error: null, since: Date.now(), retryAt: null };
  #events: TransportEvents | null = null;
  #life = new AbortController();
  #handshakes: Handshakes | null = null;
  #discovery: Discovery | null = null;
  #nodes: NodeRotation | null = null;

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
    const handshakes = new Handshakes(
      this.#options.recogniser,
      {
        onRecognised: (channel, peer, connection, node) => this.#welcome(channel, peer, connection, node),
        onStranger: (connection) => this.#sightings.stranger(connection.remotePeer.toString(), performance.now()),
      },
      this.#life.signal,
    );
    this.#handshakes = handshakes;
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
    const nodes = new NodeRotation({
      interfaces: this.#options.interfaces ?? systemInterfaces,
      everyMs: this.#options.rotateEveryMs ?? rotationTiming.rotate,
      doorkeeper: this.#doorkeeper,
      events: {
        onConnection: (connection) => handshakes.watch(connection),
        onHello: (stream, connection, at) => swallow(handshakes.hello(stream, connection, at)),
        onStanzas: (stream, connection, at) => swallow(handshakes.stanzas(stream, connection, at)),
      },
      onNode: (node, interfaces) => this.#announce(node, interfaces),
      onFailed: (error) => this.#unavailable(error),
      onNetworkChange: () => this.#probe(),
    });
    this.#nodes = nodes;
    this.#timers.push(
      setInterval(() => nodes.look(), timing.interfaces),
      setInterval(() => this.#dial(), timing.dials),
    );
    nodes.rotate();
  }

  async stop(): Promise<void> {
    if (this.#events === null) return;
    this.#life.abort();
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    const discovery = this.#discovery;
    this.#discovery = null;
    await discovery?.stop();
    for (const link of this.#links.all) link.abort();
    await this.#nodes?.stop();
    this.#nodes = null;
    this.#sightings.clear();
    this.#setStatus('off', null, null);
    this.#events = null;
  }

  nudge(): void {
    if (this.#events === null) return;
    this.#probe();
    this.#sightings.hurry(performance.now(), false);
    this.#learned.hurry();
    this.#nodes?.look();
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
    const all = this.#nodes?.node?.addresses ?? [];
    const outside = all.filter((address) => !address.startsWith('/ip4/127.'));
    return outside.length > 0 ? outside : all;
  }

  #announce(node: EphemeralNode | null, interfaces: readonly NetworkInterface[]): void {
    this.#discovery?.restart(interfaces, (at) => {
      const port = node?.portAt(at) ?? null;
      return node === null || port === null ? null : { name: node.name, port, peerId: node.peerId };
    });
    if (node === null) {
      this.#setStatus('failing', appError('nearby.no-network', 'This computer is on no network.'), null);
      return;
    }
    this.#setStatus('online', null, null);
    this.#sightings.hurry(performance.now(), false);
    this.#options.onChange?.();
  }

  #unavailable(error: unknown): void {
    this.#options.logger.log('error', 'nearby.node', { error: error instanceof Error ? error.name : 'unknown' });
    const failure = appError('nearby.unavailable', 'Direct connections cannot be used on this network.');
    this.#setStatus('failing', failure, Date.now() + rotationTiming.retry);
  }

  #probe(): void {
    for (const link of this.#links.all) link.probe();
  }

  #seen(seen: { readonly peerId: string; readonly host: string; readonly port: number }): void {
    const node = this.#nodes?.node;
    if (!node || this.#nodes?.isOwn(seen.peerId)) return;
    this.#sightings.see(seen, node.peerId, performance.now());
    this.#dial();
  }

  #dial(): void {
    const node = this.#nodes?.node;
    if (!node) return;
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
        if (node.retired) this.#nodes?.release(node);
        if (!this.#life.signal.aborted) this.#discovery?.hurry();
      },
    });
    connection.addEventListener('close', () => link.abort(), { once: true });
    this.#links.add(link, this.#options.ownIdentityKey());
    this.#sightings.linked(remotePeerId);
    link.start();
    this.#changed(link);
  }

  #arrival(stanza: Element, link: Link): Arrival | null {
    return arrivalOver(link.peer, stanza, this.#addressesOf(link), this.#options.ownAddress());
  }

  async #answer(request: Element, link: Link): Promise<Element> {
    const arrival = this.#arrival(request, link);
    if (arrival === null || this.#events === null) return errorIq('forbidden', 'auth');
    return answerIq(await this.#events.onRequest(request, arrival), arrival);
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

/** Connections break at any moment; what follows from it is told by the link or the sighting. */
function swallow(work: Promise<void>): void {
  work.catch(() => {});
}
