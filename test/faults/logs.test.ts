/**
 * A whole story, told by real processes with the most talkative log there is: signing in, a wrong password, an
 * invitation, messages over a server and over direct links in both versions of OMEMO, comparing keys, names, garbage,
 * kill -9 and a wrong passphrase. Afterwards nothing of it is in any log, nor in any file but inside the encrypted
 * database.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import xml from '@xmpp/xml';
import { afterEach, expect, test } from 'vitest';
import { createStorageCrypto } from '../../src/main/app/storage-crypto.ts';
import { ready } from '../../src/main/e2ee/primitives/sodium.ts';
import { keyFileVault, noVault } from '../../src/main/hosts/stdio/key-file-vault.ts';
import { hasKeyFile, readKeyFile } from '../../src/main/storage/key-file.ts';
import { openProfile } from '../../src/main/storage/open-profile.ts';
import { unprotectKey } from '../../src/main/storage/profile-key.ts';
import type { AppStatus, BareJid, ConversationId, MessageId } from '../../src/shared/model.ts';
import { freeUdpPort } from '../support/free-udp-port.ts';
import { Headless } from '../support/headless.ts';
import { OmemoClient } from '../support/omemo-client.ts';
import { prosodyMissing, startProsody } from '../support/prosody.ts';
import { LEGACY, PythonProcess, pythonOmemoMissing } from '../support/python-omemo.ts';
import { Secrets } from '../support/secret-search.ts';

const domain = 'domainmark.example';
const passphrase = 'passphrasemark staple battery';
const wrongPassphrase = 'wrongphrasemark staple battery';
const marks = {
  text: 'textmark-7f3a',
  name: 'Namemark',
  password: 'passwordmark',
  label: 'Labelmark',
  draft: 'draftmark-51c2',
  garbage: 'garbagemark-93d0',
} as const;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
}, 120_000);

test('what is looked for is found, however it is written down', () => {
  const secrets = new Secrets();
  const key = Uint8Array.from({ length: 32 }, (_, index) => (index * 37 + 11) & 255);
  secrets.key('a key', key);
  secrets.word('a word', marks.text);
  const lines = [
    Buffer.from(key).toString('hex'),
    Buffer.from(key).toString('base64'),
    Buffer.from(key).toString('base64url'),
    JSON.stringify({ key: [...key] }),
    `{"reason":"cannot read ${marks.text}…"}`,
    Buffer.from(marks.text).toString('base64'),
    Buffer.concat([Buffer.from('SQLite'), Buffer.from(key), Buffer.from('…')]),
    Buffer.from(`"${marks.text}"`, 'utf16le'),
  ];
  for (const line of lines) expect(secrets.findIn(Buffer.from(line)).length).toBeGreaterThan(0);
  expect(secrets.findIn(Buffer.from('{"level":"info","event":"undecryptable","code":"encryption.forged"}'))).toEqual(
    [],
  );
});

test('no log and no open file holds anything of what was said, by whom, or with which keys', {
  timeout: 300_000,
}, async (context) => {
  const missing = prosodyMissing() ?? pythonOmemoMissing();
  if (missing) context.skip(missing);
  await ready();
  const folder = mkdtempSync(join(tmpdir(), 'bothy-logs-'));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  const passwordOf = (who: string): string => `${marks.password}-${who}`;
  const names = ['annamark', 'benmark', 'ruthmark'] as const;
  const users = Object.fromEntries(names.map((name) => [name, passwordOf(name)]));
  const prosody = await startProsody({ domain, users });
  ends.push(() => prosody.stop());
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, prosody.ca);

  const mdnsPort = await freeUdpPort();
  const logs: Headless[] = [];
  const start = (who: string, keyFile: boolean): Headless => {
    const process = new Headless({
      folder: join(folder, who),
      keyFile,
      arguments: [
        ...['--log-level', 'debug', '--nearby', 'loopback', '--mdns-port', String(mdnsPort)],
        ...['--xmpp-host', prosody.address, '--xmpp-port', String(prosody.port), '--xmpp-ca', ca],
      ],
    });
    logs.push(process);
    ends.push(() => process.stop());
    return process;
  };
  const secrets = new Secrets();
  const remember = async (who: string): Promise<void> => {
    const profile = await copyOf(join(folder, who, 'profile'), folder);
    await learn(secrets, who, profile, join(folder, who, 'key'));
  };
  const jidOf = (who: string): string => `${who}@${domain}`;

  // First start, signing in, with a wrong password first.
  let anna = start('anna', false);
  const ben = start('ben', true);
  await anna.get('profile.create', { name: `${marks.name} Anna`, passphrase });
  await ben.get('profile.create', { name: `${marks.name} Ben` });
  const refused = await anna.call('account.signIn', { jid: jidOf('annamark'), password: passwordOf('wrong') });
  expect(refused).toMatchObject({ ok: false });
  await anna.get('account.signIn', { jid: jidOf('annamark'), password: passwordOf('annamark') });
  await ben.get('account.signIn', { jid: jidOf('benmark'), password: passwordOf('benmark') });

  // Contacts by the server, who find each other directly afterwards.
  const asked = ben.when('the request', (event) =>
    event.type === 'contact' && event.contact.subscription === 'pending-in' ? event.contact : null,
  );
  await anna.get('contacts.addByJid', { jid: jidOf('benmark'), name: `${marks.name} of Ben` });
  await ben.get('contacts.answerRequest', { contactId: (await asked).id, accept: true });
  const withBen = await anna.conversationWhere('Ben', (one) => one.encryption === 'omemo2');
  const withAnna = await ben.conversationWhere('Anna', (one) => one.encryption === 'omemo2');
  const say = async (from: Headless, there: ConversationId, to: Headless, here: ConversationId, body: string) => {
    const sent = await from.send(there, body);
    await to.shown(here, body);
    return sent;
  };
  await anna.get('devices.rename', { ref: await ownRef(anna), label: `${marks.label} Anna` });
  for (let turn = 0; turn < 4; turn += 1) {
    await say(anna, withBen.id, ben, withAnna.id, `${marks.text} there ${turn}`);
    await say(ben, withAnna.id, anna, withBen.id, `${marks.text} back ${turn}`);
  }
  await remember('anna');
  await remember('ben');
  await anna.conversationWhere(
    'a direct link',
    (one) => one.id === withBen.id && one.reach.some(({ direct }) => direct),
  );
  const direct = await say(anna, withBen.id, ben, withAnna.id, `${marks.text} directly`);
  await anna.reaches(direct.id, withBen.id, ['on-device', 'read']);

  // Comparing keys, names, drafts, searching.
  const { uri } = await ben.get('trust.ownUri', {});
  await anna.call('trust.checkUri', { uri });
  await anna.call('trust.checkUri', { uri: `xmpp:${jidOf('nobodymark')}?omemo-sid-1=${'ab'.repeat(32)}` });
  const [contact] = await anna.get('contacts.list', {});
  if (!contact) throw new Error('no contact');
  for (const device of contact.devices) await anna.get('devices.setTrust', { ref: device.ref, trust: 'verified' });
  await anna.get('contacts.rename', { contactId: contact.id, name: `${marks.name} renamed` });
  await anna.get('conversations.setDraft', { conversationId: withBen.id, draft: marks.draft });
  await anna.get('messages.search', { text: marks.text, limit: 10 });
  await ben.get('conversations.markRead', { conversationId: withAnna.id, upTo: direct.id });
  await anna.reaches(direct.id, withBen.id, ['read']);

  // An invitation, used by somebody without an account.
  const carla = start('carla', true);
  await carla.get('profile.create', { name: `${marks.name} Carla` });
  const { link } = await anna.get('invitations.create', {});
  secrets.word('the invitation', link);
  await remember('anna');
  await carla.get('invitations.accept', { link });
  const withCarla = await carla.conversationWhere('Anna', (one) => one.reach.some((device) => device.direct));
  await carla.send(withCarla.id, `${marks.text} from Carla`);
  await anna.when('what Carla says', (event) =>
    event.type === 'message' && event.message.body === `${marks.text} from Carla` ? true : null,
  );
  await carla.call('invitations.accept', { link });
  await carla.call('invitations.accept', { link: `${link}${marks.garbage}` });

  // The older OMEMO, and garbage of every kind in it.
  const python = new PythonProcess();
  ends.push(() => python.stop());
  const ruth = await OmemoClient.start({
    jid: jidOf('ruthmark'),
    password: passwordOf('ruthmark'),
    override: { host: prosody.address, port: prosody.port, ca: prosody.ca },
    folder,
    name: 'ruth',
    namespaces: [LEGACY],
    python,
  });
  ends.push(() => ruth.stop());
  await anna.get('contacts.addByJid', { jid: jidOf('ruthmark') });
  await ruth.client.until(() => ruth.client.subscriptionRequests.length > 0);
  await ruth.client.transport.answerSubscription(jidOf('annamark') as BareJid, true);
  await ruth.client.transport.subscribe(jidOf('annamark') as BareJid);
  const withRuth = await anna.conversationWhere('Ruth', (one) => one.encryption === 'omemo-legacy');
  await anna.get('conversations.allowClearSignals', { conversationId: withRuth.id, allow: true });
  const older = await anna.send(withRuth.id, `${marks.text} in the older one`);
  await ruth.hears(`${marks.text} in the older one`);
  await anna.reaches(older.id, withRuth.id, ['on-server', 'on-device']);
  await ruth.say(jidOf('annamark'), `${marks.text} from Ruth`);
  await anna.shown(withRuth.id, `${marks.text} from Ruth`);
  for (const stanza of garbage(jidOf('annamark'), (await anna.get('app.status', {})).self?.deviceId ?? 0)) {
    await ruth.client.send(jidOf('annamark'), stanza);
  }
  await ruth.client.send(
    jidOf('annamark'),
    xml('message', { type: 'chat', id: 'plain', to: jidOf('annamark') }, xml('body', {}, `${marks.text} in plain`)),
  );
  await anna.shown(withRuth.id, `${marks.text} in plain`);
  const history = await anna.history(withRuth.id);
  expect(history.some((message) => message.kind === 'undecryptable')).toBe(true);

  // Commands that cannot be carried out.
  const bare = (id: number, line: string) => anna.raw(id, line);
  await bare(900_001, `{"jsonrpc":"2.0","id":900001,"method":"messages.send","params":{"body":"${marks.garbage}"}}`);
  await bare(900_002, `{"jsonrpc":"2.0","id":900002,"method":"${marks.garbage}"}`);
  const route = { preference: 'automatic', direct: [], server: [] } as const;
  const nowhere = { conversationId: marks.garbage as ConversationId, id: crypto.randomUUID() as MessageId };
  await anna.call('messages.send', { ...nowhere, body: marks.text, route });
  await anna.call('account.signIn', { jid: `${marks.garbage}@@`, password: marks.password });

  // The end of everything, in the middle of a sentence; then the passphrase, wrong and right.
  await anna.send(withBen.id, `${marks.text} while dying`);
  await anna.kill();
  await remember('anna');
  anna = start('anna', false);
  expect(await anna.call('profile.unlock', { passphrase: wrongPassphrase })).toMatchObject({ ok: false });
  await anna.get('profile.unlock', { passphrase });
  await ben.shown(withAnna.id, `${marks.text} while dying`);
  await isOnline(anna);
  await prosody.restart();
  await Promise.all([isOnline(anna), isOnline(ben)]);
  await say(ben, withAnna.id, anna, withBen.id, `${marks.text} after all`);
  await remember('anna');
  await remember('ben');
  await remember('carla');
  for (const process of [anna, ben, carla]) expect(await process.stop()).toBe(0);

  for (const [what, mark] of Object.entries(marks)) secrets.word(what, mark);
  for (const name of [...names, 'nobodymark']) secrets.word(`the address of ${name}`, name);
  secrets.word('the domain', domain);
  secrets.word('the passphrase', passphrase);
  secrets.word('a wrong passphrase', wrongPassphrase);
  secrets.word('where somebody is', prosody.address);
  // What makes the search worth anything: each own device, what its sessions were at several times, the databases' keys.
  for (const who of ['anna', 'ben', 'carla']) {
    expect(secrets.count(new RegExp(`^${who}: device.prekeys`))).toBeGreaterThan(1_000);
    expect(secrets.count(new RegExp(`^${who}: session`))).toBeGreaterThan(30);
    expect(secrets.count(new RegExp(`^${who}: (XID seed|key of the database)`))).toBeGreaterThan(10);
  }

  const found: string[] = [];
  for (const process of logs) {
    const text = process.log.join('\n');
    expect(process.log.length).toBeLessThan(5_000);
    for (const line of process.log) expect(() => JSON.parse(line)).not.toThrow();
    for (const { what, as } of secrets.findIn(Buffer.from(text))) found.push(`log: ${what} as ${as}`);
  }
  // Something was logged, at the level that was asked for.
  expect(logs.map((process) => process.log.join('\n')).join('\n')).toMatch(
    /"level":"debug"[\s\S]*"event":"undecryptable"/,
  );
  for (const who of ['anna', 'ben', 'carla']) {
    for (const part of ['profile', 'state']) {
      for (const [name, bytes] of filesUnder(join(folder, who, part))) {
        for (const { what, as } of secrets.findIn(bytes)) found.push(`${who}/${part}/${name}: ${what} as ${as}`);
      }
    }
  }
  expect([...new Set(found)]).toEqual([]);
});

async function isOnline(process: Headless): Promise<void> {
  const online = (status: AppStatus): true | null => (status.account?.transport.state === 'online' ? true : null);
  const later = process.when('online', (event) => (event.type === 'status' ? online(event.status) : null), 120_000);
  later.catch(() => {});
  if (!online(await process.get('app.status', {}))) await later;
}

async function ownRef(process: Headless) {
  const [own] = (await process.get('devices.ofSelf', {})).filter((device) => device.isThisDevice);
  if (!own) throw new Error('no device');
  return own.ref;
}

/** Encrypted messages that are none, with words in every place that may hold some. */
function garbage(to: string, deviceId: number) {
  const { garbage: mark } = marks;
  const base64 = Buffer.from(`${mark} `.repeat(8)).toString('base64');
  const rid = String(deviceId);
  const legacy = xml(
    'encrypted',
    { xmlns: LEGACY },
    xml('header', { sid: '4711' }, xml('key', { rid, prekey: 'true' }, base64), xml('iv', {}, base64.slice(0, 16))),
    xml('payload', {}, base64),
  );
  const current = xml(
    'encrypted',
    { xmlns: 'urn:xmpp:omemo:2' },
    xml('header', { sid: '4711' }, xml('keys', { jid: to }, xml('key', { rid, kex: 'true' }, base64))),
    xml('payload', {}, base64),
  );
  const torn = xml('encrypted', { xmlns: 'urn:xmpp:omemo:2' }, xml('header', { sid: mark }), mark);
  const lists = xml(
    'event',
    { xmlns: 'http://jabber.org/protocol/pubsub#event' },
    xml('items', { node: 'urn:xmpp:omemo:2:devices' }, xml('item', { id: mark }, xml(mark))),
  );
  return [legacy, current, torn, lists].map((element, index) =>
    xml('message', { type: 'chat', id: `${mark}-${index}`, to }, element, xml('body', {}, mark)),
  );
}

/** The files as they are at this moment, to be opened while the process goes on. */
async function copyOf(profile: string, folder: string): Promise<string> {
  const to = mkdtempSync(join(folder, 'copy-'));
  mkdirSync(to, { recursive: true });
  // What must be there first: a checkpoint between two copies would lose what the log held.
  const files = readdirSync(profile).filter((name) => !name.endsWith('.lock') && !name.endsWith('-shm'));
  for (const name of files.sort().reverse()) copyFileSync(join(profile, name), join(to, name));
  return to;
}

async function learn(secrets: Secrets, who: string, directory: string, keyFile: string): Promise<void> {
  const crypto = await createStorageCrypto();
  if (!hasKeyFile(directory)) throw new Error('no key file');
  const vault = who === 'anna' ? noVault : keyFileVault(keyFile);
  const given = who === 'anna' ? passphrase : null;
  const file = readKeyFile(directory, crypto.checksum);
  const key = file.ok ? await unprotectKey(file.value, vault, given, crypto) : file;
  if (!key.ok) throw new Error(key.error.code);
  secrets.key(`${who}: key of the database`, key.value);
  if (who !== 'anna') secrets.key(`${who}: key file`, Buffer.from(readFileSync(keyFile, 'utf8').trim(), 'hex'));
  const opened = await openProfile({ directory, vault, passphrase: given, crypto });
  if (!opened.ok) throw new Error(opened.error.code);
  secrets.profile(who, opened.value.store);
  opened.value.store.close();
}

function filesUnder(directory: string): [string, Buffer][] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name))]);
}
