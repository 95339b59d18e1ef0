/** From a fresh connection to an authenticated link: recognition on a stream of its own, then the stanza stream. */
import type { Connection, Stream } from '@libp2p/interface';
import type { LinkRecogniser, RecognisedPeer } from '../../nearby/types.ts';
import type { EphemeralNode } from './ephemeral-node.ts';
import { HELLO_PROTOCOL, STANZA_PROTOCOL } from './frame.ts';
import { limits } from './limits.ts';
import { StreamChannel } from './stream-channel.ts';

export interface HandshakeEvents {
  readonly onRecognised: (
    channel: StreamChannel,
    peer: RecognisedPeer,
    connection: Connection,
    node: EphemeralNode,
  ) => void;
  /** A stranger; the connection is being closed. */
  readonly onStranger: (connection: Connection) => void;
}

export class Handshakes {
  readonly #recogniser: LinkRecogniser;
  readonly #events: HandshakeEvents;
  readonly #signal: AbortSignal;
  /** What recognition on an incoming connection will have said. */
  readonly #incoming = new WeakMap<Connection, Promise<RecognisedPeer | null>>();
  readonly #recognised = new WeakSet<Connection>();

  constructor(recogniser: LinkRecogniser, events: HandshakeEvents, signal: AbortSignal) {
    this.#recogniser = recogniser;
    this.#events = events;
    this.#signal = signal;
  }

  /** Whoever connects and is not recognised in time is closed, having sent a hello or not. */
  watch(connection: Connection): void {
    const timer = setTimeout(() => {
      if (!this.#recognised.has(connection)) connection.abort(new Error('not recognised in time'));
    }, limits.recognitionMs);
    connection.addEventListener('close', () => clearTimeout(timer), { once: true });
  }

  /** Our side of an outgoing connection; resolves when the outcome was told. Rejects when the connection broke. */
  async dialled(connection: Connection, node: EphemeralNode): Promise<void> {
    // Two dials of ours may have been joined into one connection.
    if (this.#recognised.has(connection)) return;
    const stream = await connection.newStream(HELLO_PROTOCOL, { signal: AbortSignal.timeout(5_000) });
    const peer = await this.#recognise(stream, connection, node, 'dialer');
    if (peer === null) return this.#dismiss(connection);
    const stanzas = await connection.newStream(STANZA_PROTOCOL, { signal: AbortSignal.timeout(5_000) });
    this.#events.onRecognised(new StreamChannel(stanzas), peer, connection, node);
  }

  async hello(stream: Stream, connection: Connection, node: EphemeralNode): Promise<void> {
    if (this.#incoming.has(connection)) return connection.abort(new Error('one hello is enough'));
    const recognition = this.#recognise(stream, connection, node, 'listener');
    this.#incoming.set(connection, recognition);
    if ((await recognition) === null) this.#dismiss(connection);
  }

  async stanzas(stream: Stream, connection: Connection, node: EphemeralNode): Promise<void> {
    const peer = await (this.#incoming.get(connection) ?? null);
    // A second stanza stream on one connection is no link of its own.
    this.#incoming.set(connection, Promise.resolve(null));
    if (peer === null) return connection.abort(new Error('not recognised'));
    this.#events.onRecognised(new StreamChannel(stream), peer, connection, node);
  }

  async #recognise(
    stream: Stream,
    connection: Connection,
    node: EphemeralNode,
    role: 'dialer' | 'listener',
  ): Promise<RecognisedPeer | null> {
    const channel = new StreamChannel(stream);
    const closed = new AbortController();
    connection.addEventListener('close', () => closed.abort(), { once: true });
    const peer = await this.#recogniser.recognise(
      {
        role,
        localPeerId: node.peerIdBytes,
        remotePeerId: connection.remotePeer.toMultihash().bytes,
        read: (length, signal) => channel.read(length, signal),
        write: (bytes) => channel.write(bytes),
      },
      AbortSignal.any([this.#signal, closed.signal]),
    );
    if (peer !== null) {
      this.#recognised.add(connection);
      void channel.close().catch(() => channel.abort());
    }
    return peer;
  }

  #dismiss(connection: Connection): void {
    this.#events.onStranger(connection);
    connection.abort(new Error('a stranger'));
  }
}
