/** Being nearby: the direct transport while it is turned on. */
import { fail } from '../../shared/errors.ts';
import type { Address, ContactId, NearbyStatus } from '../../shared/model.ts';
import { type MessagingContext, selfOf } from '../messaging/context.ts';
import type { KeyDirectory } from '../messaging/devices/key-directory.ts';
import { type NearbyBook, SELF_CONTACT } from '../nearby/book.ts';
import type { NearbyCrypto } from '../nearby/crypto.ts';
import { createRecogniser } from '../nearby/recogniser.ts';
import {
  createLibp2pTransport,
  type Libp2pTransport,
  type Libp2pTransportOptions,
} from '../transports/libp2p/libp2p-transport.ts';
import type { StanzaHandler } from '../transports/transport.ts';
import { nearbyOff } from './nearby-off.ts';
import { addressesOf } from './store-book.ts';

/** Tests: other multicast port, interfaces and pace; see the transport. */
export type NearbyOptions = Pick<Libp2pTransportOptions, 'discovery' | 'mdnsPort' | 'interfaces' | 'rotateEveryMs'>;

export interface NearbyCallbacks {
  readonly onStatus: () => void;
  /** What is reachable directly changed for one contact, or (null) for all. */
  readonly onReach: (contactId: ContactId | null) => void;
  readonly onAddresses: () => void;
  readonly onStanza: StanzaHandler;
}

export class Nearby {
  readonly #context: MessagingContext;
  readonly #directory: KeyDirectory;
  readonly #book: NearbyBook;
  readonly #crypto: NearbyCrypto;
  readonly #callbacks: NearbyCallbacks;
  readonly #options: NearbyOptions;
  #transport: Libp2pTransport | null = null;
  #life = new AbortController();

  constructor(
    context: MessagingContext,
    directory: KeyDirectory,
    book: NearbyBook,
    crypto: NearbyCrypto,
    callbacks: NearbyCallbacks,
    options: NearbyOptions,
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#book = book;
    this.#crypto = crypto;
    this.#callbacks = callbacks;
    this.#options = options;
  }

  get transport(): Libp2pTransport | null {
    return this.#transport;
  }

  status(): NearbyStatus {
    const transport = this.#transport;
    if (!transport) return nearbyOff;
    return {
      enabled: true,
      transport: transport.status,
      connectedContacts: transport.connectedContacts().filter((id) => id !== SELF_CONTACT),
    };
  }

  start(): void {
    if (this.#transport) return;
    const { store } = this.#context;
    let listening = '';
    const transport = createLibp2pTransport({
      ...this.#options,
      recogniser: createRecogniser({ crypto: this.#crypto, book: this.#book, now: this.#context.now }),
      ownAddress: () => selfOf(this.#context).xid,
      ownIdentityKey: () => selfOf(this.#context).identityKey,
      contactAddresses: (contactId) => {
        if (contactId === SELF_CONTACT) return this.#book.self().addresses;
        const contact = store.contacts.get(contactId);
        return contact ? addressesOf(contact) : [];
      },
      logger: { log: (level, event, fields) => this.#context.log(level, event, fields) },
      onChange: () => {
        this.#callbacks.onStatus();
        const now = transport.listenAddresses().join(' ');
        if (now === listening) return;
        listening = now;
        this.#callbacks.onAddresses();
      },
    });
    this.#transport = transport;
    transport.start(
      {
        onStatus: () => this.#callbacks.onStatus(),
        onReach: (address) => this.#callbacks.onReach(this.#contactOf(address)),
        onStanza: (incoming) => this.#callbacks.onStanza(incoming),
        onRequest: async (request) =>
          this.#directory.answer(request) ?? fail('stanza.not-found', 'There is nothing to answer.'),
      },
      this.#life.signal,
    );
    this.#callbacks.onStatus();
  }

  #contactOf(address: Address | null): ContactId | null {
    return address === null ? null : (this.#context.store.contacts.byAddress(address)?.id ?? null);
  }

  async stop(): Promise<void> {
    const transport = this.#transport;
    this.#transport = null;
    await transport?.stop();
    this.#life.abort();
    this.#life = new AbortController();
    this.#callbacks.onStatus();
  }
}
