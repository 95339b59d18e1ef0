/**
 * One libp2p node with a key of its own that is never stored (docs/decisions/0020-ephemeral-identity.md): TCP, Noise,
 * Yamux and our two protocols, and nothing else: no identify, no relay, no DHT, no pubsub, no port mapping.
 */
import { noise } from '@chainsafe/libp2p-noise';
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Connection, Libp2p, MultiaddrConnection, Stream } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import type { Multiaddr } from '@multiformats/multiaddr';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { HELLO_PROTOCOL, STANZA_PROTOCOL } from './frame.ts';
import type { NetworkInterface } from './interfaces.ts';
import { type Doorkeeper, limits } from './limits.ts';

export interface EphemeralNodeEvents {
  readonly onConnection: (connection: Connection, node: EphemeralNode) => void;
  readonly onHello: (stream: Stream, connection: Connection, node: EphemeralNode) => void;
  readonly onStanzas: (stream: Stream, connection: Connection, node: EphemeralNode) => void;
}

export class EphemeralNode {
  readonly #libp2p: Libp2p;
  readonly #state: { retired: boolean };
  /** 16 random characters: the name it is announced under. */
  readonly name: string;

  private constructor(libp2p: Libp2p, state: { retired: boolean }) {
    this.#libp2p = libp2p;
    this.#state = state;
    this.name = randomName();
  }

  /** Listens on a free port of each interface; rejects when not even one address can be listened on. */
  static async start(
    interfaces: readonly NetworkInterface[],
    doorkeeper: Doorkeeper,
    events: EphemeralNodeEvents,
  ): Promise<EphemeralNode> {
    const state = { retired: false };
    const libp2p = await createLibp2p({
      privateKey: await generateKeyPair('Ed25519'),
      addresses: { listen: interfaces.map(({ address }) => `/ip4/${address}/tcp/0`) },
      transports: [tcp({ listenOpts: { noDelay: true }, dialOpts: { noDelay: true }, backlog: 64 })],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ enableKeepAlive: false, maxInboundStreams: 8, maxOutboundStreams: 8 })],
      connectionMonitor: { enabled: false },
      connectionManager: {
        maxConnections: 1_000,
        inboundConnectionThreshold: limits.connectionBurst,
        maxIncomingPendingConnections: limits.handshakes,
        inboundUpgradeTimeout: 5_000,
        inboundStreamProtocolNegotiationTimeout: 5_000,
        outboundStreamProtocolNegotiationTimeout: 5_000,
        dialTimeout: 5_000,
        addressDialTimeout: 4_000,
        reconnectRetries: 0,
      },
      connectionGater: {
        denyInboundConnection: (connection) => state.retired || !admit(connection, doorkeeper),
      },
      // Nothing asks for it (there is no identify), but what is not said cannot leak.
      nodeInfo: { name: 'libp2p', version: '0', userAgent: 'libp2p' },
      start: false,
    });
    const node = new EphemeralNode(libp2p, state);
    libp2p.addEventListener('connection:open', (event) => events.onConnection(event.detail, node));
    const once = { maxInboundStreams: 1, maxOutboundStreams: 1 };
    await libp2p.handle(HELLO_PROTOCOL, (stream, connection) => events.onHello(stream, connection, node), once);
    await libp2p.handle(STANZA_PROTOCOL, (stream, connection) => events.onStanzas(stream, connection, node), once);
    await libp2p.start();
    return node;
  }

  get peerId(): string {
    return this.#libp2p.peerId.toString();
  }

  /** As in recognition tags: the PeerId's multihash. */
  get peerIdBytes(): Uint8Array {
    return this.#libp2p.peerId.toMultihash().bytes;
  }

  get retired(): boolean {
    return this.#state.retired;
  }

  get connections(): readonly Connection[] {
    return this.#libp2p.getConnections();
  }

  /** `/ip4/…/tcp/…`, without the PeerId, which will not last. */
  get addresses(): string[] {
    return this.#libp2p.getMultiaddrs().map((address) => address.toString().replace(/\/p2p\/.*$/, ''));
  }

  /** The port listened on at this interface. */
  portAt(at: NetworkInterface): number | null {
    const prefix = `/ip4/${at.address}/tcp/`;
    const address = this.addresses.find((one) => one.startsWith(prefix));
    return address === undefined ? null : Number(address.slice(prefix.length));
  }

  dial(address: string, signal: AbortSignal): Promise<Connection> {
    const target: Multiaddr = multiaddr(address);
    return this.#libp2p.dial(target, { signal, force: true });
  }

  /** Takes no new connections; those it has go on. */
  retire(): void {
    this.#state.retired = true;
  }

  async stop(): Promise<void> {
    this.#state.retired = true;
    for (const connection of this.connections) connection.abort(new Error('the node stops'));
    await this.#libp2p.stop();
  }
}

/** Counts the connection for its remote address until it closes. */
function admit(connection: MultiaddrConnection, doorkeeper: Doorkeeper): boolean {
  const address = hostOf(connection.remoteAddr);
  if (!doorkeeper.enter(address, performance.now())) return false;
  connection.addEventListener('close', () => doorkeeper.leave(address), { once: true });
  return true;
}

/** The IP address in a multiaddr, or ''. */
export function hostOf(address: Multiaddr): string {
  return address.getComponents().find(({ name }) => name === 'ip4' || name === 'ip6')?.value ?? '';
}

function randomName(): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => alphabet[byte % 32]).join('');
}
