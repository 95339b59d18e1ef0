/** Two real processes on a real ejabberd, which differs from Prosody where it matters: pubsub, archive ids, its shaper. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import xml from '@xmpp/xml';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { BareJid } from '../../src/shared/model.ts';
import { CuttableLink } from '../support/cuttable-link.ts';
import { type Ejabberd, ejabberdMissing, startEjabberd } from '../support/ejabberd.ts';
import { Headless } from '../support/headless.ts';
import { befriendByServer, type Person, type Who } from '../support/headless-pair.ts';
import { TestClient } from '../support/xmpp-client.ts';

const missing = ejabberdMissing();
const pubsub = 'http://jabber.org/protocol/pubsub';
const password = 'correct horse';

describe('on ejabberd', () => {
  let server: Ejabberd;
  let link: CuttableLink;
  let folder: string;
  let anna: Person;
  let ben: Person;
  const others: Headless[] = [];

  beforeAll(async () => {
    if (missing !== null) return;
    folder = mkdtempSync(join(tmpdir(), 'bothy-ejabberd-people-'));
    server = await startEjabberd({ users: { anna: password, ben: password, eve: password } });
    link = await CuttableLink.to(server.port);
    writeFileSync(join(folder, 'ca.pem'), server.ca);
    // One by STARTTLS, through a link that can be cut; the other by direct TLS.
    anna = person('anna', 'anna', ['--xmpp-port', String(link.port)]);
    ben = person('ben', 'ben', ['--xmpp-port', String(server.directTlsPort), '--xmpp-direct-tls']);
    for (const { who, process } of [anna, ben]) await signIn(process, who);
    await befriendByServer(anna, ben);
  }, 120_000);

  beforeEach((ctx) => {
    if (missing !== null) ctx.skip(missing);
  });

  afterAll(async () => {
    await Promise.allSettled([anna?.process.stop(), ben?.process.stop(), ...others.map((other) => other.stop())]);
    await link?.close();
    await server?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  function person(who: Who, name: string, words: readonly string[]): Person {
    const all = ['--nearby', 'off', '--xmpp-host', server.address, '--xmpp-ca', join(folder, 'ca.pem'), ...words];
    const start = () => new Headless({ folder: join(folder, name), arguments: all });
    return { who, start, process: start(), conversation: '' as Person['conversation'] };
  }

  async function signIn(process: Headless, who: Who): Promise<void> {
    await process.get('profile.create', { name: who });
    await process.get('account.signIn', { jid: `${who}@bothy.test`, password });
  }

  async function texts({ process, conversation }: Person): Promise<string[]> {
    return (await process.history(conversation)).filter(({ kind }) => kind === 'text').map(({ body }) => body);
  }

  test('the first message each way is encrypted, arrives and is confirmed', async () => {
    for (const [from, to] of [
      [anna, ben],
      [ben, anna],
    ] as const) {
      const sent = await from.process.send(from.conversation, `hello, says ${from.who}`);
      const shown = await to.process.shown(to.conversation, `hello, says ${from.who}`);
      expect(shown).toMatchObject({ encryption: 'omemo2', route: 'server' });
      await from.process.reaches(sent.id, from.conversation, ['on-device']);
    }
    expect(server.log().join('\n')).toMatch(/Accepted c2s SCRAM-SHA-256 authentication for anna@/);
  });

  test('strangers can fetch the keys of every device, and one device does not push out the other', async () => {
    const second = person('anna', 'anna-2', ['--xmpp-port', String(server.port)]);
    others.push(second.process);
    const appeared = anna.process.when('the other device', (event) =>
      event.type === 'own-devices' && event.devices.length === 2 ? event.devices : null,
    );
    await signIn(second.process, 'anna');
    const ids = (await appeared).map(({ deviceId }) => String(deviceId)).sort();
    const eve = new TestClient({
      ...{ jid: 'eve@bothy.test', password },
      override: { host: server.address, port: server.port, ca: server.ca },
    });
    try {
      await eve.start().ready();
      const itemsOf = async (node: string) => {
        const items = xml('pubsub', { xmlns: pubsub }, xml('items', { node }));
        const answer = await eve.request('anna@bothy.test' as BareJid, xml('iq', { type: 'get' }, items));
        return answer.ok ? (answer.value.getChild('pubsub')?.getChild('items')?.getChildren('item') ?? []) : [];
      };
      // The list in the older version is the last thing a device publishes.
      const old = 'eu.siacs.conversations.axolotl';
      await vi.waitFor(
        async () => {
          const [list] = await itemsOf(`${old}.devicelist`);
          expect(list?.getChildElements()[0]?.getChildren('device')).toHaveLength(2);
        },
        { timeout: 30_000, interval: 250 },
      );
      const bundles = await itemsOf('urn:xmpp:omemo:2:bundles');
      expect(bundles.map((item) => item.attrs['id']).sort()).toEqual(ids);
      for (const id of ids) expect(await itemsOf(`${old}.bundles:${id}`)).toHaveLength(1);
      for (const node of ['urn:xmpp:omemo:2:devices', `${old}.devicelist`]) {
        const [list] = await itemsOf(node);
        const listed = list?.getChildElements()[0]?.getChildren('device') ?? [];
        expect(listed.map((device) => device.attrs['id']).sort()).toEqual(ids);
      }
    } finally {
      await eve.stop();
    }
  });

  test('what came while away is read from the archive, once and in order', async () => {
    const before = await texts(ben);
    await ben.process.stop();
    const bodies = Array.from({ length: 8 }, (_, index) => `while away ${index}`);
    for (const body of bodies) {
      const { id } = await anna.process.send(anna.conversation, body);
      await anna.process.reaches(id, anna.conversation, ['on-server']);
    }
    ben.process = ben.start();
    await ben.process.shown(ben.conversation, 'while away 7');
    expect(await texts(ben)).toEqual([...before, ...bodies]);
  });

  test('a link that breaks is resumed, and nothing is lost or doubled', async () => {
    const resumed = () => server.log().filter((line) => /Resumed session for anna@/.test(line)).length;
    const sessions = resumed();
    const failing = anna.process.when('the break', (event) =>
      event.type === 'status' && event.status.account?.transport.state !== 'online' ? true : null,
    );
    link.cut();
    await failing;
    await ben.process.send(ben.conversation, 'into the break');
    const { id } = await anna.process.send(anna.conversation, 'out of the break');
    link.mend();
    await anna.process.get('account.retry', {});
    await anna.process.shown(anna.conversation, 'into the break');
    await ben.process.shown(ben.conversation, 'out of the break');
    await anna.process.reaches(id, anna.conversation, ['on-device']);
    expect(resumed()).toBe(sessions + 1);
    for (const one of [anna, ben]) {
      const said = await texts(one);
      expect(said.filter((body) => body.endsWith('the break'))).toHaveLength(2);
    }
  });

  test('a server that starts again is found again', async () => {
    const gone = [anna, ben].map(({ process }) =>
      process.when('the server gone', (event) =>
        event.type === 'status' && event.status.account?.transport.state !== 'online' ? true : null,
      ),
    );
    await server.restart();
    await Promise.all(gone);
    for (const { process } of [anna, ben]) await process.get('account.retry', {});
    await anna.process.send(anna.conversation, 'after the restart');
    expect(await ben.process.shown(ben.conversation, 'after the restart')).toMatchObject({ encryption: 'omemo2' });
  });
});
