/** A Bothy and a client with nothing but legacy OMEMO (python-oldmemo), over a real Prosody. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Conversation } from '../../src/shared/model.ts';
import { OLDMEMO_MISSING, oldmemoPresent } from '../support/e2ee-oldmemo.ts';
import { Headless } from '../support/headless.ts';
import { LegacyClient } from '../support/legacy-client.ts';
import { type Prosody, prosodyMissing, startProsody } from '../support/prosody.ts';

const anna = 'anna@bothy.test';
const ruth = 'ruth@bothy.test';
const present = oldmemoPresent();
const noProsody = prosodyMissing();

describe('a contact whose client speaks only legacy OMEMO', { timeout: 120_000 }, () => {
  let folder = '';
  let prosody: Prosody | null = null;
  let bothy: Headless | null = null;
  let legacy: LegacyClient | null = null;

  beforeEach(async (context) => {
    if (!present) context.skip(OLDMEMO_MISSING);
    if (noProsody) context.skip(noProsody);
    folder = mkdtempSync(join(tmpdir(), 'bothy-legacy-'));
    prosody = await startProsody({ users: { anna: 'anna-password', ruth: 'ruth-password', tom: 'tom-password' } });
    writeFileSync(join(folder, 'ca.pem'), prosody.ca);
    bothy = await start('anna');
  });

  afterEach(async () => {
    await Promise.allSettled([bothy?.stop(), legacy?.stop()]);
    await prosody?.stop();
    rmSync(folder, { recursive: true, force: true });
    [bothy, legacy, prosody] = [null, null, null];
  });

  function server(): Prosody {
    if (!prosody) throw new Error('not started');
    return prosody;
  }

  function open(name: string): Headless {
    const { address, port } = server();
    const words = ['--nearby', 'off', '--xmpp-host', address, '--xmpp-port', String(port)];
    return new Headless({ folder: join(folder, name), arguments: [...words, '--xmpp-ca', join(folder, 'ca.pem')] });
  }

  async function start(name: string): Promise<Headless> {
    const process = open(name);
    await process.get('profile.create', { name: 'Anna' });
    await process.get('account.signIn', { jid: `${name}@bothy.test`, password: `${name}-password` });
    return process;
  }

  function app(): Headless {
    if (!bothy) throw new Error('not started');
    return bothy;
  }

  async function signInRuth(): Promise<LegacyClient> {
    const { address, port, ca } = server();
    const override = { host: address, port, ca };
    legacy = await LegacyClient.start({ jid: ruth, password: 'ruth-password', override });
    return legacy;
  }

  /** Ruth's client approves by itself; then Anna's knows what Ruth's speaks. */
  async function befriend(process: Headless, other: LegacyClient): Promise<Conversation> {
    const jid = process === app() ? anna : 'tom@bothy.test';
    await process.get('contacts.addByJid', { jid: ruth });
    await other.client.until(() => other.client.subscriptionRequests.some((request) => request.jid === jid));
    await other.client.transport.subscribe(other.client.subscriptionRequests.at(-1)?.jid ?? other.client.jid);
    return process.conversationWhere('a legacy device', (one) => one.encryption === 'omemo-legacy');
  }

  test('the Bothy writes first: both directions, first try, only the text encrypted and nothing said in clear', async () => {
    const other = await signInRuth();
    const conversation = await befriend(app(), other);
    const first = await app().send(conversation.id, 'Hello, Ruth – 你好');
    const heard = await other.hears(({ text }) => text === 'Hello, Ruth – 你好');
    expect(heard.stanza.attrs['id']).toBe(first.id);
    expect(first.encryption).toBe('omemo-legacy');
    const delivered = await app().reaches(first.id, conversation.id, ['on-server', 'on-device', 'read']);
    expect(delivered.state).toBe('on-server');
    // Nothing beside the text: no receipt asked for, no marker, no envelope of the newer version.
    const names = heard.stanza.getChildElements().map((child) => `${child.getName()} ${child.getNS()}`);
    expect(names.filter((name) => !/stanza-id|origin-id|delay/.test(name)).sort()).toEqual([
      'body jabber:client',
      'encrypted eu.siacs.conversations.axolotl',
      'encryption urn:xmpp:eme:0',
      'store urn:xmpp:hints',
    ]);
    expect(heard.stanza.toString()).not.toContain('Hello');

    const [deviceId = 0] = await other.devicesOf(anna);
    const id = await other.say(anna, deviceId, 'Hello, Anna');
    const shown = await app().shown(conversation.id, 'Hello, Anna');
    expect(shown).toMatchObject({ id, encryption: 'omemo-legacy', kind: 'text', route: 'server' });
    await app().get('conversations.markRead', { conversationId: conversation.id, upTo: shown.id });
    for (let turn = 0; turn < 4; turn += 1) {
      await app().send(conversation.id, `ping ${turn}`);
      await other.hears(({ text }) => text === `ping ${turn}`);
      await other.say(anna, deviceId, `pong ${turn}`);
      await app().shown(conversation.id, `pong ${turn}`);
    }
    // Reading was told to nobody: all that ever went out is texts and key-transport messages.
    const clear = other.client.received.filter(({ stanza }) => stanza.getName() === 'message');
    expect(clear.map(({ stanza }) => stanza.toString()).join()).not.toMatch(/chat-markers|receipts|chatstates/);
    expect(other.unreadable).toEqual([]);
  });

  test('the other writes first: read, answered by a key-transport message, and the prekey is replaced', async () => {
    const other = await signInRuth();
    const conversation = await befriend(app(), other);
    const [deviceId = 0] = await other.devicesOf(anna);
    const bundle = await other.bundleOf(anna, deviceId);
    expect(bundle.prekeys).toHaveLength(100);
    await other.say(anna, deviceId, 'me first', bundle);
    expect(await app().shown(conversation.id, 'me first')).toMatchObject({ encryption: 'omemo-legacy' });
    const answer = await other.hears(({ text }) => text === null);
    expect(answer.stanza.getChild('body')).toBeUndefined();
    await app().send(conversation.id, 'and I second');
    await other.hears(({ text }) => text === 'and I second');
    await other.say(anna, deviceId, null);
    await other.say(anna, deviceId, 'after a key-transport message');
    await app().shown(conversation.id, 'after a key-transport message');
    const history = await app().history(conversation.id);
    expect(history.filter((message) => message.kind === 'undecryptable')).toEqual([]);
    const isRenewed = (ids: readonly number[]): boolean =>
      ids.some((id) => !bundle.prekeys.some((old) => old.id === id));
    let ids: number[] = [];
    while (!isRenewed(ids)) ids = (await other.bundleOf(anna, deviceId)).prekeys.map((prekey) => prekey.id);
    expect(ids).toHaveLength(100);
  });

  test('what comes while the Bothy is off is read from the archive, and the session survives its restart', async () => {
    const other = await signInRuth();
    const conversation = await befriend(app(), other);
    await app().send(conversation.id, 'before');
    await other.hears(({ text }) => text === 'before');
    const [deviceId = 0] = await other.devicesOf(anna);
    await app().stop();
    for (const n of [1, 2, 3]) await other.say(anna, deviceId, `while off ${n}`);
    await other.omemo.restart();
    bothy = open('anna');
    for (const n of [1, 2, 3]) await app().shown(conversation.id, `while off ${n}`);
    await app().send(conversation.id, 'back');
    await other.hears(({ text }) => text === 'back');
    const bodies = (await app().history(conversation.id)).filter(({ kind }) => kind === 'text').map(({ body }) => body);
    expect(bodies).toEqual(['before', 'while off 1', 'while off 2', 'while off 3', 'back']);
  });

  test('a session that the other side lost is renewed by itself, and the next message arrives', async () => {
    const other = await signInRuth();
    const conversation = await befriend(app(), other);
    await app().send(conversation.id, 'before');
    await other.hears(({ text }) => text === 'before');
    const [deviceId = 0] = await other.devicesOf(anna);
    await other.omemo.forget();
    const bundle = await other.bundleOf(anna, deviceId);
    await other.say(anna, deviceId, 'from a new session', bundle);
    await app().shown(conversation.id, 'from a new session');
    await app().send(conversation.id, 'on the new session');
    await other.hears(({ text }) => text === 'on the new session');
  });

  test('another device of ours that is a Bothy reads in the newer version what the contact reads in the old', async () => {
    const other = await signInRuth();
    const conversation = await befriend(app(), other);
    const second = open('second');
    try {
      await second.get('profile.create', { name: 'Anna' });
      await second.get('account.signIn', { jid: anna, password: 'anna-password' });
      const copied = second.when('the copy', (event) =>
        event.type === 'message' && event.message.body === 'to both' ? event.message : null,
      );
      // Once it has read the list, the Bothy writes to both.
      while ((await app().get('devices.ofSelf', {})).length < 2);
      await app().send(conversation.id, 'to both');
      const heard = await other.hears(({ text }) => text === 'to both');
      expect(await copied).toMatchObject({ direction: 'out', encryption: 'omemo2' });
      const namespaces = heard.stanza.getChildren('encrypted').map((element) => element.getNS());
      expect(namespaces.sort()).toEqual(['eu.siacs.conversations.axolotl', 'urn:xmpp:omemo:2']);
      const rids = (text: string): string[] => [...text.matchAll(/rid="(\d+)"/g)].map(([, rid = '']) => rid);
      const all = rids(heard.stanza.toString());
      expect(new Set(all).size).toBe(all.length);
    } finally {
      await second.stop();
    }
  });
});
