import { afterAll, beforeAll, beforeEach } from 'vitest';
import { createXmppTransport } from '../../src/main/transports/xmpp/account.ts';
import type { BareJid, Xid } from '../../src/shared/model.ts';
import { type Prosody, prosodyMissing, startProsody } from '../support/prosody.ts';
import { type ContractPeer, transportContract } from './transport.contract.ts';

const missing = prosodyMissing();
let prosody: Prosody;
let accounts = 0;

beforeAll(async () => {
  if (missing === null) prosody = await startProsody();
});

beforeEach((ctx) => {
  if (missing !== null) ctx.skip(missing);
});

afterAll(() => prosody?.stop());

async function peer(): Promise<ContractPeer & { caughtUp: Promise<void> }> {
  const local = `person${++accounts}`;
  await prosody.addUser(local, 'correct horse');
  const jid = `${local}@${prosody.domain}` as BareJid;
  let done: () => void = () => {};
  const caughtUp = new Promise<void>((resolve) => {
    done = resolve;
  });
  const transport = createXmppTransport({
    credentials: { jid, password: 'correct horse', state: '' },
    override: { host: prosody.address, port: prosody.port, ca: prosody.ca },
    events: {
      onRoster: () => {},
      onRosterRemoved: () => {},
      onPresence: () => {},
      onSubscriptionRequest: () => {},
      onCatchUp: (stored) => (stored === null ? done() : undefined),
      archiveCursor: () => null,
      onBounce: () => {},
      onState: () => {},
    },
  });
  return { transport, address: jid, caughtUp };
}

transportContract('xmpp', async () => {
  const [a, b] = [await peer(), await peer()];
  return {
    a,
    b,
    nowhere: `00${'ab'.repeat(32)}@id.internal` as Xid,
    outcome: 'accepted',
    answeredBy: 'server',
    ready: async () => void (await Promise.all([a.caughtUp, b.caughtUp])),
    close: async () => {},
  };
});
