/** A person with a real libp2p transport, recording what happens, for tests. */
import type { Element } from '@xmpp/xml';
import { createRecogniser } from '../../src/main/nearby/recogniser.ts';
import {
  createLibp2pTransport,
  type Libp2pTransport,
  type Libp2pTransportOptions,
} from '../../src/main/transports/libp2p/libp2p-transport.ts';
import type { IncomingStanza, RequestHandler, StanzaHandler } from '../../src/main/transports/transport.ts';
import { fail } from '../../src/shared/errors.ts';
import { crypto, type Person } from './nearby-people.ts';

export const loopback = [{ name: 'lo', address: '127.0.0.1', netmask: '255.0.0.0' }];

export interface DirectPeer {
  readonly person: Person;
  readonly transport: Libp2pTransport;
  readonly received: IncomingStanza[];
  readonly bodies: () => (string | null)[];
  onStanza: StanzaHandler;
  onRequest: RequestHandler;
  /** Resolves once the condition holds, looked at after every event of this peer. */
  until(condition: () => boolean): Promise<void>;
  connectedTo(other: Person): Promise<void>;
}

export function startDirectPeer(person: Person, options: Partial<Libp2pTransportOptions> = {}): DirectPeer {
  const waiting = new Set<() => void>();
  const changed = (): void => {
    for (const check of [...waiting]) check();
  };
  const received: IncomingStanza[] = [];
  const transport = createLibp2pTransport({
    recogniser: createRecogniser({ crypto, book: person.book, now: () => Date.now() }),
    ownAddress: () => person.xid,
    ownIdentityKey: () => person.device.identityKey,
    contactAddresses: person.addressesOf,
    logger: { log: () => {} },
    onChange: changed,
    discovery: false,
    interfaces: () => loopback,
    ...options,
  });
  const peer: DirectPeer = {
    person,
    transport,
    received,
    bodies: () => received.map(({ stanza }) => stanza.getChildText('body')),
    onStanza: async (incoming) => {
      received.push(incoming);
      return 'taken';
    },
    onRequest: async () => fail('stanza.not-found', 'nothing here'),
    until(condition) {
      return new Promise((resolve) => {
        const check = (): void => {
          if (!condition()) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      });
    },
    connectedTo: (other) =>
      peer.until(() => transport.reach(other.xid).devices?.includes(other.device.deviceId) === true),
  };
  transport.start(
    {
      onStatus: changed,
      onReach: changed,
      onStanza: async (incoming) => {
        const taking = await peer.onStanza(incoming);
        changed();
        return taking;
      },
      onRequest: (request: Element, arrival) => peer.onRequest(request, arrival),
    },
    new AbortController().signal,
  );
  return peer;
}

/** Each learns where the other listens, as contacts tell each other inside encrypted messages. */
export async function introduce(one: DirectPeer, other: DirectPeer): Promise<void> {
  await Promise.all([one, other].map((peer) => peer.until(() => peer.transport.listenAddresses().length > 0)));
  const contact = one.person.contacts.find((known) => known.xid === other.person.xid);
  if (contact === undefined) throw new Error('not a contact');
  one.transport.learnAddresses(contact.contactId, other.transport.listenAddresses());
}
