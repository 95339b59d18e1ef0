/** The contract of a transport, kept by two libp2p nodes that find each other by multicast on the loopback interface. */
import { createRecogniser } from '../../src/main/nearby/recogniser.ts';
import { createLibp2pTransport, type Libp2pTransport } from '../../src/main/transports/libp2p/libp2p-transport.ts';
import { loopback } from '../support/direct-peer.ts';
import { freeUdpPort } from '../support/free-udp-port.ts';
import { befriend, crypto, type Person, person } from '../support/nearby-people.ts';
import { transportContract } from './transport.contract.ts';

function transportOf(who: Person, mdnsPort: number): Libp2pTransport {
  return createLibp2pTransport({
    recogniser: createRecogniser({ crypto, book: who.book, now: () => Date.now() }),
    ownAddress: () => who.xid,
    ownIdentityKey: () => who.device.identityKey,
    contactAddresses: who.addressesOf,
    logger: { log: () => {} },
    interfaces: () => loopback,
    mdnsPort,
  });
}

transportContract('libp2p', async () => {
  const [ada, ben] = [person('ada'), person('ben')];
  befriend(ada, ben);
  const port = await freeUdpPort();
  return {
    a: { transport: transportOf(ada, port), address: ada.xid },
    b: { transport: transportOf(ben, port), address: ben.xid },
    nowhere: person('nobody').xid,
    outcome: 'acknowledged',
    answeredBy: 'peer',
    close: async () => {},
  };
});
