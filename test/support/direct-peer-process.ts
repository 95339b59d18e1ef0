/**
 * A person with a real libp2p transport in a process of its own (so in a network namespace, or in Electron's Node):
 * JSON, one object a line. In: {send, body}, {rotate}, {invite}. Out: events and answers.
 */
import { createInterface } from 'node:readline';
import xml from '@xmpp/xml';
import { fromHex } from '../../src/main/nearby/bytes.ts';
import { createRecogniser } from '../../src/main/nearby/recogniser.ts';
import { createLibp2pTransport } from '../../src/main/transports/libp2p/libp2p-transport.ts';
import { fail, ok } from '../../src/shared/errors.ts';
import type { Xid } from '../../src/shared/model.ts';
import { crypto, knows, person } from './nearby-people.ts';

interface Setup {
  readonly name: string;
  readonly seed: string;
  /** Names and XID seeds of the contacts. */
  readonly contacts: readonly { readonly name: string; readonly seed: string }[];
  readonly loopbackOnly?: boolean;
  readonly mdnsPort?: number;
}

const setup = JSON.parse(process.argv[2] ?? '') as Setup;
const self = person(setup.name, bytes(setup.seed));
for (const contact of setup.contacts) knows(self, person(contact.name, bytes(contact.seed)));

function bytes(hex: string): Uint8Array {
  const value = fromHex(hex);
  if (value === null) throw new Error('not hex');
  return value;
}

function say(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const transport = createLibp2pTransport({
  recogniser: createRecogniser({ crypto, book: self.book, now: () => Date.now() }),
  ownAddress: () => self.xid,
  ownIdentityKey: () => self.device.identityKey,
  contactAddresses: self.addressesOf,
  logger: { log: (level, event, fields) => say({ event: 'log', level, name: event, ...fields }) },
  onChange: () => say({ event: 'connected', contacts: transport.connectedContacts() }),
  ...(setup.mdnsPort === undefined ? {} : { mdnsPort: setup.mdnsPort }),
  ...(setup.loopbackOnly === true
    ? { interfaces: () => [{ name: 'lo', address: '127.0.0.1', netmask: '255.0.0.0' }] }
    : {}),
});
const life = new AbortController();
transport.start(
  {
    onStatus: (status) => say({ event: 'status', state: status.state, code: status.error?.code ?? null }),
    onReach: () => {},
    onStanza: async ({ stanza, arrival }) => {
      say({ event: 'stanza', body: stanza.getChildText('body'), from: arrival.device?.contactId ?? null });
      return 'taken';
    },
    onRequest: async (request) =>
      request.getChild('time') === undefined ? fail('stanza.not-found', 'no') : ok(xml('time', {}, 'now')),
  },
  life.signal,
);

createInterface({ input: process.stdin })
  .on('line', (line) => void obey(JSON.parse(line) as { send?: string; body?: string; nudge?: boolean }))
  .on('close', () => void transport.stop().then(() => process.exit(0)));

async function obey(order: { send?: string; body?: string; nudge?: boolean }): Promise<void> {
  if (order.nudge === true) transport.nudge();
  if (order.send === undefined) return;
  const contact = self.contacts.find((one) => one.contactId === order.send);
  const address: Xid = contact?.xid ?? self.xid;
  const stanza = xml('message', {}, xml('body', {}, order.body ?? ''));
  const sent = await transport.send(stanza, { address, devices: [] }, life.signal);
  say({ event: 'sent', body: order.body, ok: sent.ok, code: sent.ok ? null : sent.error.code });
}
