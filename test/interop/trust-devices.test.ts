/** Verifying one device of a person: real processes with several devices each, over a real Prosody and a direct link. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { BridgeEvent } from '../../src/shared/bridge/contract.ts';
import type { Device, TrustState } from '../../src/shared/model.ts';
import { longEnough } from '../support/bounded-wait.ts';
import { Headless } from '../support/headless.ts';
import { domain, linked, type Pair, type PairOptions, startPair, type Who } from '../support/headless-pair.ts';
import { prosodyMissing } from '../support/prosody.ts';

const missing = prosodyMissing();
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
}, 60_000);

async function open(options: PairOptions): Promise<Pair> {
  const pair = await startPair(options);
  ends.push(() => pair.close());
  return pair;
}

/** Another computer of Anna's or Ben's, signed in to their account. */
async function secondDevice({ prosody }: Pair, who: Who): Promise<Headless> {
  if (!prosody) throw new Error('no server');
  const folder = mkdtempSync(join(tmpdir(), 'bothy-second-'));
  ends.push(async () => rmSync(folder, { recursive: true, force: true }));
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, prosody.ca);
  const server = ['--xmpp-host', prosody.address, '--xmpp-port', String(prosody.port), '--xmpp-ca', ca];
  const process = new Headless({ folder: join(folder, 'profile'), arguments: ['--nearby', 'off', ...server] });
  ends.push(() => process.stop());
  await process.get('profile.create', { name: who === 'anna' ? 'Anna' : 'Ben' });
  const listed = process.when('the roster', (event) => (event.type === 'contact' ? event.contact : null));
  await process.get('account.signIn', { jid: `${who}@${domain}`, password: `${who}-password` });
  await process.get('conversations.openWith', { contactId: (await listed).id });
  return process;
}

const ownId = async (process: Headless): Promise<number> => {
  const id = (await process.get('app.status', {})).self?.deviceId;
  if (id === undefined) throw new Error('no profile');
  return id;
};
const codeOf = async (process: Headless): Promise<string> => (await process.get('trust.ownUri', {})).uri;

async function compare(one: Headless, other: Headless): Promise<void> {
  const [first, second] = [await codeOf(one), await codeOf(other)];
  await one.get('trust.checkUri', { uri: second });
  await other.get('trust.checkUri', { uri: first });
}

/** Resolves when the process holds the device, its own person's or a contact's, to be this. */
async function holds(process: Headless, deviceId: number, trust: TrustState): Promise<void> {
  const isIt = (device: Device): boolean => device.deviceId === deviceId && device.trust === trust;
  const devicesIn = (event: BridgeEvent): readonly Device[] =>
    event.type === 'contact' ? event.contact.devices : event.type === 'own-devices' ? event.devices : [];
  const later = process.when(`device ${deviceId} ${trust}`, (event) => devicesIn(event).some(isIt) || null);
  later.catch(() => {});
  const contacts = await process.get('contacts.list', {});
  const known = [...contacts.flatMap(({ devices }) => devices), ...(await process.get('devices.ofSelf', {}))];
  if (!known.some(isIt)) await later;
}

test('people who verified their own devices compare once, and everybody is verified; a crash loses none of it', {
  timeout: longEnough,
}, async (context) => {
  if (missing) context.skip(missing);
  const pair = await open({ server: true, nearby: false });
  const [laptop, phone] = [await secondDevice(pair, 'anna'), await secondDevice(pair, 'ben')];
  const { anna, ben } = pair;
  const codes = [await codeOf(anna.process), await codeOf(ben.process)] as const;
  await compare(anna.process, laptop);
  await compare(ben.process, phone);
  // Each names one device only: the others are for the devices to tell.
  expect(codes.map((code) => code.match(/omemo-sid-/g)?.length)).toEqual([1, 1]);
  await ben.process.get('trust.checkUri', { uri: codes[0] });
  const checked = await anna.process.get('trust.checkUri', { uri: codes[1] });
  expect(checked).toMatchObject({ mismatched: [], expected: 0 });
  expect(checked.verified).toHaveLength(1);
  await anna.process.kill();
  anna.process = anna.start();
  const all = [anna.process, laptop, ben.process, phone];
  for (const process of all) {
    for (const other of all) if (other !== process) await holds(process, await ownId(other), 'verified');
  }
  const lines = async (process: Headless): Promise<string[]> => {
    const [conversation] = await process.get('conversations.list', {});
    const history = conversation ? await process.history(conversation.id) : [];
    expect(history.filter(({ kind }) => kind === 'text')).toEqual([]);
    return history.filter(({ kind }) => kind === 'info').map(({ body }) => body);
  };
  expect(await lines(laptop)).toContainEqual(expect.stringMatching(/is verified: .*your device/));
  expect(await lines(anna.process)).toContainEqual(expect.stringMatching(/is verified: .* of ben says so\.$/));
  // The code now names all of them, and a stranger's would not do.
  expect((await codeOf(ben.process)).match(/omemo-sid-/g)).toHaveLength(2);

  // One is lost: revoked on one computer, trusted by nobody.
  const lost = await ownId(phone);
  await ben.process.get('devices.setTrust', { ref: `self/${lost}` as Device['ref'], trust: 'distrusted' });
  for (const process of [anna.process, laptop]) await holds(process, lost, 'distrusted');
});

test('over a direct link alone: strict trust waits for the comparison, and a contact tells of their other device', {
  timeout: longEnough,
}, async (context) => {
  if (missing) context.skip(missing);
  const pair = await open({ server: true, nearby: true });
  const { anna, ben } = pair;
  // They introduce themselves inside the encryption, and meet.
  await anna.process.send(anna.conversation, 'Hello');
  await ben.process.shown(ben.conversation, 'Hello');
  await ben.process.send(ben.conversation, 'Hi');
  for (const { process, conversation } of [anna, ben]) {
    await linked(process);
    await process.get('conversations.setRoute', { conversationId: conversation, preference: 'direct' });
  }
  await anna.process.get('settings.set', { settings: { blindTrust: false } });
  const id = crypto.randomUUID();
  const waiting = anna.process.when('the reason', (event) =>
    event.type === 'message' && event.message.id === id && event.message.failure ? event.message : null,
  );
  await anna.process.send(anna.conversation, 'for you alone', id);
  expect(await waiting).toMatchObject({ state: 'queued', failure: { code: 'encryption.not-let-in' } });
  const [before] = await anna.process.get('contacts.list', {});
  expect(before?.devices.map(({ receives, trust }) => [receives, trust])).toEqual([[false, 'blind']]);
  const phone = await secondDevice(pair, 'ben');
  await compare(ben.process, phone);
  await ben.process.get('trust.checkUri', { uri: await codeOf(anna.process) });
  const code = (await codeOf(ben.process)).replace(/(omemo-sid-[^;]*);.*$/, '$1');
  await anna.process.get('trust.checkUri', { uri: code });
  expect(await ben.process.shown(ben.conversation, 'for you alone')).toMatchObject({ route: 'direct' });
  await holds(anna.process, await ownId(phone), 'verified');
});
