/** Several devices of one account, and a contact without encryption, over a real Prosody. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import xml from '@xmpp/xml';
import { afterEach, expect, test } from 'vitest';
import type { BareJid, ConversationId } from '../../src/shared/model.ts';
import { longEnough } from '../support/bounded-wait.ts';
import { Headless } from '../support/headless.ts';
import { domain, type Pair, startPair } from '../support/headless-pair.ts';
import { type Prosody, prosodyMissing } from '../support/prosody.ts';
import { TestClient } from '../support/xmpp-client.ts';

const missing = prosodyMissing();
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
}, 60_000);

async function open(): Promise<{ pair: Pair; prosody: Prosody }> {
  const pair = await startPair({ server: true, nearby: false });
  ends.push(() => pair.close());
  if (!pair.prosody) throw new Error('no server');
  return { pair, prosody: pair.prosody };
}

/** Another computer of Anna's, signed in to her account. */
async function secondDevice(prosody: Prosody): Promise<Headless> {
  const folder = mkdtempSync(join(tmpdir(), 'bothy-second-'));
  ends.push(async () => rmSync(folder, { recursive: true, force: true }));
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, prosody.ca);
  const words = [
    '--nearby',
    'off',
    '--xmpp-host',
    prosody.address,
    '--xmpp-port',
    String(prosody.port),
    '--xmpp-ca',
    ca,
  ];
  const process = new Headless({ folder: join(folder, 'profile'), arguments: words });
  ends.push(() => process.stop());
  await process.get('profile.create', { name: 'Anna' });
  await process.get('account.signIn', { jid: `anna@${domain}`, password: 'anna-password' });
  return process;
}

test('two devices of one account keep the same conversation, each encrypted for the other', {
  timeout: longEnough,
}, async (context) => {
  if (missing) context.skip(missing);
  const { pair, prosody } = await open();
  const { anna, ben } = pair;
  await anna.process.send(anna.conversation, 'before the second device');
  await ben.process.shown(ben.conversation, 'before the second device');
  const second = await secondDevice(prosody);
  const known = async (process: Headless, conversation: ConversationId, count: number): Promise<unknown> =>
    process.conversationWhere(`${count} devices`, (one) => one.id === conversation && one.reach.length === count);
  await known(ben.process, ben.conversation, 2);
  const [contact] = await second.get('contacts.list', {});
  if (!contact) throw new Error('the roster brought no contact');
  const there = (await second.get('conversations.openWith', { contactId: contact.id })).id;
  await second.conversationWhere('a device of Ben', (one) => one.id === there && one.encryption === 'omemo2');

  await ben.process.send(ben.conversation, 'to both of you');
  for (const [process, conversation] of [
    [anna.process, anna.conversation],
    [second, there],
  ] as const) {
    expect(await process.has(conversation, 'to both of you')).toMatchObject({
      direction: 'in',
      encryption: 'omemo2',
    });
  }
  await second.send(there, 'from the second');
  expect(await ben.process.has(ben.conversation, 'from the second')).toMatchObject({ direction: 'in' });
  expect(await anna.process.has(anna.conversation, 'from the second')).toMatchObject({
    direction: 'out',
    encryption: 'omemo2',
  });
  await anna.process.send(anna.conversation, 'from the first');
  expect(await second.has(there, 'from the first')).toMatchObject({ direction: 'out', kind: 'text' });
  await ben.process.has(ben.conversation, 'from the first');
  const spoken = (await second.history(there)).filter((message) => message.kind === 'text').map(({ body }) => body);
  expect(spoken).toEqual(['to both of you', 'from the second', 'from the first']);
  const news = (await ben.process.history(ben.conversation)).filter((message) => message.kind === 'new-device');
  expect(news).toHaveLength(1);
});

test('a contact without encryption: shown as such, answered only with consent', {
  timeout: longEnough,
}, async (context) => {
  if (missing) context.skip(missing);
  const { pair, prosody } = await open();
  const { anna } = pair;
  await prosody.addUser('carl', 'carl-password');
  const carl = new TestClient({
    jid: `carl@${domain}`,
    password: 'carl-password',
    override: { host: prosody.address, port: prosody.port, ca: prosody.ca },
  });
  ends.push(() => carl.stop());
  await carl.start().ready();
  const contact = await anna.process.get('contacts.addByJid', { jid: `carl@${domain}` });
  await carl.until(() => carl.subscriptionRequests.length > 0);
  await carl.transport.answerSubscription(`anna@${domain}` as BareJid, true);
  const { id } = await anna.process.get('conversations.openWith', { contactId: contact.id });
  await anna.process.conversationWhere('no encryption', (one) => one.id === id && one.encryption === 'none');

  const stanza = xml(
    'message',
    { type: 'chat', id: 'carl-1', to: `anna@${domain}` },
    xml('body', {}, 'Hello from Carl'),
  );
  await carl.send(`anna@${domain}`, stanza);
  expect(await anna.process.shown(id, 'Hello from Carl')).toMatchObject({ encryption: 'none', route: 'server' });

  const route = { preference: 'automatic', direct: [], server: [] } as const;
  const send = (body: string) =>
    anna.process.call('messages.send', { conversationId: id, id: crypto.randomUUID() as never, body, route });
  expect(await send('not yet')).toMatchObject({ ok: false, error: { code: 'message.plain-not-allowed' } });
  await anna.process.get('conversations.allowPlain', { conversationId: id, allow: true });
  expect(await send('Hello Carl')).toMatchObject({ ok: true, value: { encryption: 'none' } });
  await carl.until(() => carl.received.some(({ stanza: got }) => got.getChildText('body') === 'Hello Carl'));
  expect(carl.received.filter(({ stanza: got }) => got.getChildText('body') === 'not yet')).toEqual([]);
});
