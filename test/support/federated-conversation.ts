/**
 * Run where both domains resolve (`node federated-conversation.ts CA_FILE`): alice@one.test and bob@two.test, found by
 * DNS alone, become contacts, exchange messages, presence, device lists and bounces. Prints one JSON object.
 */
import { readFileSync } from 'node:fs';
import xml from '@xmpp/xml';
import { TestClient } from './xmpp-client.ts';

const PUBSUB = 'http://jabber.org/protocol/pubsub';
const DEVICES = 'urn:xmpp:omemo:2:devices';
const override = { ca: readFileSync(process.argv[2] ?? '', 'utf8') };

const alice = new TestClient({ jid: 'alice@one.test', password: 'correct horse', override });
const bob = new TestClient({ jid: 'bob@two.test', password: 'battery staple', override });
await Promise.all([alice.start().ready(), bob.start().ready()]);

await alice.transport.subscribe(bob.jid);
await bob.until(() => bob.subscriptionRequests.length > 0);
await bob.transport.subscribe(alice.jid);
await alice.until(() => alice.presences.get(bob.jid) === 'online');
await bob.until(() => bob.presences.get(alice.jid) === 'online');

const devices = xml('devices', { xmlns: 'urn:xmpp:omemo:2' }, xml('device', { id: '4711' }));
const published = await alice.request(
  alice.jid,
  xml(
    'iq',
    { type: 'set' },
    xml('pubsub', { xmlns: PUBSUB }, xml('publish', { node: DEVICES }, xml('item', { id: 'current' }, devices))),
  ),
);
const isEvent = ({ stanza }: (typeof bob.received)[number]) =>
  stanza.getChild('event', `${PUBSUB}#event`) !== undefined;
await bob.until(() => bob.received.some(isEvent));
const event = bob.received.find(isEvent);
const fetched = await bob.request(
  alice.jid,
  xml('iq', { type: 'get' }, xml('pubsub', { xmlns: PUBSUB }, xml('items', { node: DEVICES }))),
);

const ids = Array.from({ length: 50 }, (_, index) => `m-${index}`);
const sent = await Promise.all(
  ids.map((id) => alice.send(bob.jid, xml('message', { id, type: 'chat' }, xml('body', {}, 'hello')))),
);
const messages = () => bob.received.filter(({ stanza }) => stanza.getChild('body') !== undefined);
await bob.until(() => messages().length >= ids.length);

await bob.send('nobody@one.test', xml('message', { id: 'bounced', type: 'chat' }, xml('body', {}, 'hello')));
await bob.until(() => bob.bounces.length === 1);
await bob.send('somebody@nowhere.test', xml('message', { id: 'lost', type: 'chat' }, xml('body', {}, 'hello')));
await bob.until(() => bob.bounces.length === 2);

process.stdout.write(
  `${JSON.stringify({
    subscriptions: [alice.roster.get(bob.jid)?.subscription, bob.roster.get(alice.jid)?.subscription],
    published: published.ok,
    event: event?.arrival,
    devices: fetched.ok ? fetched.value.toString().includes('4711') : fetched.error.code,
    sent: sent.filter((result) => result.ok).length,
    received: messages().map(({ stanza }) => stanza.attrs['id']),
    from: messages()[0]?.arrival.from,
    bounces: bob.bounces.map(({ id, from, error }) => [id, from, error.code]),
  })}\n`,
);
await Promise.all([alice.stop(), bob.stop()]);
