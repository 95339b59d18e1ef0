/** Names and removal of own devices, and receipts in clear, over a real Prosody with clients that others wrote. */
import { spawnSync } from 'node:child_process';
import type { Element } from '@xmpp/xml';
import xml from '@xmpp/xml';
import { expect, test } from 'vitest';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import type { Contact, Device, DeviceRef } from '../../src/shared/model.ts';
import { askUntil, longEnough } from '../support/bounded-wait.ts';
import type { Headless } from '../support/headless.ts';
import { startPair } from '../support/headless-pair.ts';
import { befriend, omemoStageOfFile, ownDevices } from '../support/omemo-stage.ts';
import { prosodyMissing } from '../support/prosody.ts';
import { LEGACY, OMEMO2, pythonOmemoMissing } from '../support/python-omemo.ts';

const stage = omemoStageOfFile(pythonOmemoMissing() ?? prosodyMissing());

async function own(process: Headless): Promise<Device> {
  const found = (await process.get('devices.ofSelf', {})).find((device) => device.isThisDevice);
  if (!found) throw new Error('no device');
  return found;
}

/** Own devices as they are when `test` holds, now or later. */
async function devicesWhere(process: Headless, what: string, test: (devices: readonly Device[]) => boolean) {
  const later = process.when(what, (event) =>
    event.type === 'own-devices' && test(event.devices) ? event.devices : null,
  );
  later.catch(() => {});
  const now = await process.get('devices.ofSelf', {});
  return test(now) ? now : later;
}

/** A device of the one contact as it is when `test` holds, now or later. */
async function deviceOfContact(process: Headless, deviceId: number, test: (device: Device) => boolean) {
  const find = (contact: Contact | undefined): Device | undefined =>
    contact?.devices.find((device) => device.deviceId === deviceId && test(device));
  const later = process.when('the device', (event) => (event.type === 'contact' ? find(event.contact) : null));
  later.catch(() => {});
  return find((await process.get('contacts.list', {}))[0]) ?? later;
}

const other = (devices: readonly Device[], ref: DeviceRef): Device | undefined =>
  devices.find((device) => device.ref === ref);

async function noticeOf(process: Headless, code: string): Promise<string> {
  const later = process.when(code, (event) =>
    event.type === 'status' ? event.status.notices.find(({ error }) => error.code === code)?.id : null,
  );
  later.catch(() => {});
  return (await process.get('app.status', {})).notices.find(({ error }) => error.code === code)?.id ?? later;
}

/** The signature as another implementation of Ed25519 sees it (Debian: python3-xeddsa). */
function isSigned(identityKey: string, label: string, signature: string): boolean {
  const script = [
    'import base64, sys, xeddsa',
    'key, label, signature = sys.argv[1:]',
    'ok = xeddsa.ed25519_verify(base64.b64decode(signature), base64.b64decode(key), label.encode())',
    'sys.exit(0 if ok else 7)',
  ];
  const { status, stderr } = spawnSync('/usr/bin/python3', ['-c', script.join('\n'), identityKey, label, signature]);
  if (status !== 0 && status !== 7) throw new Error(String(stderr));
  return status === 0;
}

test('a name is announced with a signature that others verify; none is announced unasked', {
  timeout: longEnough,
}, async () => {
  const [anna, ruth] = [await stage().account('anna'), await stage().account('ruth')];
  const [bothy, client] = await Promise.all([stage().newBothy(anna), stage().client(ruth, [OMEMO2])]);
  const conversation = await befriend(bothy, client, 'omemo2');
  await bothy.send(conversation, 'hello');
  await client.hears('hello');
  const device = await own(bothy);
  expect(device.label).toBe('');
  const list = async (): Promise<Element | undefined> => {
    const text = await client.fetch(anna, 'urn:xmpp:omemo:2:devices', null);
    const parsed = text === null ? null : parseElement(text);
    return parsed?.ok ? parsed.value.getChild('device') : undefined;
  };
  expect(Object.keys((await list())?.attrs ?? {})).toEqual(['id']);
  const name = 'Anna’s laptop – 书房';
  await bothy.get('devices.rename', { ref: device.ref, label: name });
  await devicesWhere(bothy, 'the name', (devices) => other(devices, device.ref)?.label === name);
  const named = await askUntil('the name on the list', list, (entry) => entry?.attrs['label'] === name);
  const bundle = parseElement((await client.fetch(anna, 'urn:xmpp:omemo:2:bundles', String(device.deviceId))) ?? '');
  const identityKey = (bundle.ok && bundle.value.getChildText('ik')) || '';
  const signature = String(named?.attrs['labelsig']);
  expect(isSigned(identityKey, name, signature)).toBe(true);
  expect(isSigned(identityKey, `${name}!`, signature)).toBe(false);
  // Taken back, the list is what it was, for clients that know no signatures either.
  await bothy.get('devices.rename', { ref: device.ref, label: '' });
  const unnamed = await askUntil('no name on the list', list, (entry) => entry?.attrs['label'] === undefined);
  expect(Object.keys(unnamed?.attrs ?? {})).toEqual(['id']);
  await client.say(anna, 'read again');
  await bothy.shown(conversation, 'read again');
});

test('a removed device is off the account; if it still runs it comes back, is not let in, and can be let in again', {
  timeout: longEnough,
}, async () => {
  const [anna, ben] = [await stage().account('anna'), await stage().account('ben')];
  const [first, contact] = await Promise.all([stage().newBothy(anna), stage().newBothy(ben)]);
  const second = await stage().newBothy(anna, `${anna}-second`);
  await Promise.all([ownDevices(first, 2), ownDevices(second, 2)]);
  const removed = await own(second);
  await second.get('devices.rename', { ref: removed.ref, label: 'Old phone' });

  const asked = contact.when('the request', (event) =>
    event.type === 'contact' && event.contact.subscription === 'pending-in' ? event.contact : null,
  );
  await first.get('contacts.addByJid', { jid: ben });
  await contact.get('contacts.answerRequest', { contactId: (await asked).id, accept: true });
  const withBen = (await first.conversationWhere('Ben', (one) => one.encryption === 'omemo2')).id;
  const withAnna = (await contact.conversationWhere('two devices', (one) => one.reach.length === 2)).id;
  await contact.send(withAnna, 'to both devices');
  await first.shown(withBen, 'to both devices');
  const [there] = await second.get('conversations.list', {});
  const { id: onSecond } = there ?? (await second.conversationWhere('Ben', () => true));
  await second.shown(onSecond, 'to both devices');
  await devicesWhere(first, 'the name', (devices) => other(devices, removed.ref)?.label === 'Old phone');

  // It is switched off, and then removed.
  await second.stop();
  await first.get('devices.remove', { ref: removed.ref });
  await devicesWhere(first, 'no such device', (devices) => other(devices, removed.ref) === undefined);
  const gone = await deviceOfContact(contact, removed.deviceId, (device) => !device.active);
  expect(gone).toMatchObject({ receives: false, label: 'Old phone' });
  const client = await stage().client(await stage().account('ruth'), [OMEMO2, LEGACY]);
  // Where there is no node, a stranger learns only that they may not look.
  const bundle = (node: string, item: string | null): Promise<string | null> =>
    client.fetch(anna, node, item).catch((error: Error) => {
      if (error.message.endsWith('stanza.forbidden')) return null;
      throw error;
    });
  const id = String(removed.deviceId);
  expect(await bundle('urn:xmpp:omemo:2:bundles', id)).toBeNull();
  expect(await bundle(`${LEGACY}.bundles:${id}`, null)).toBeNull();
  expect(await bundle('urn:xmpp:omemo:2:devices', null)).not.toContain(`"${id}"`);
  expect(await bundle(`${LEGACY}.devicelist`, null)).not.toContain(`"${id}"`);
  const kept = String((await own(first)).deviceId);
  expect(await bundle('urn:xmpp:omemo:2:bundles', kept)).not.toBeNull();

  // Switched on again, it announces itself again.
  const again = stage().bothy(`${anna}-second`);
  const notice = await noticeOf(first, 'encryption.removed-device-back');
  await first.get('app.dismissNotice', { id: notice });
  const back = other(
    await devicesWhere(first, 'it is back', (devices) => other(devices, removed.ref) !== undefined),
    removed.ref,
  );
  expect(back).toMatchObject({ trust: 'distrusted', receives: false });
  await first.send(withBen, 'not for the removed one');
  await contact.shown(withAnna, 'not for the removed one');
  await askUntil(
    'its keys',
    () => bundle('urn:xmpp:omemo:2:bundles', id),
    (keys) => keys !== null,
  );
  await first.get('devices.setTrust', { ref: removed.ref, trust: 'verified' });
  await first.send(withBen, 'for all again');
  await again.has(onSecond, 'for all again');
  const shown = (await again.history(onSecond)).map(({ body }) => body);
  expect(shown).not.toContain('not for the removed one');
  expect((await first.get('app.status', {})).notices.map(({ error }) => error.code)).not.toContain(
    'encryption.removed-device-back',
  );
});

test('receipts and read markers in clear with a client of the older OMEMO, only while they are allowed', {
  timeout: longEnough,
}, async () => {
  const [anna, ruth] = [await stage().account('anna'), await stage().account('ruth')];
  const [bothy, client] = await Promise.all([stage().newBothy(anna), stage().client(ruth, [LEGACY])]);
  const conversation = await befriend(bothy, client, 'omemo-legacy');
  const receipts = 'urn:xmpp:receipts';
  const markers = 'urn:xmpp:chat-markers:0';
  const clear = (stanza: Element): string[] =>
    stanza
      .getChildElements()
      .filter((child) => [receipts, markers].includes(child.getNS() ?? ''))
      .map((child) => child.getName())
      .sort();
  const signal = (namespace: string, name: string, id: string) =>
    client.client.send(anna, xml('message', { type: 'chat', to: anna }, xml(name, { xmlns: namespace, id })));
  const received = (): string[] => client.client.received.flatMap(({ stanza }) => clear(stanza));

  await bothy.send(conversation, 'not asking');
  expect(clear((await client.hears('not asking')).stanza)).toEqual([]);

  expect(
    await bothy.get('conversations.allowClearSignals', { conversationId: conversation, allow: true }),
  ).toMatchObject({
    clearSignalsAllowed: true,
  });
  const asking = await bothy.send(conversation, 'asking');
  expect(clear((await client.hears('asking')).stanza)).toEqual(['markable', 'request']);
  await signal(receipts, 'received', asking.id);
  expect(await bothy.reaches(asking.id, conversation, ['on-device'])).toMatchObject({ encryption: 'omemo-legacy' });
  await signal(markers, 'displayed', asking.id);
  await bothy.reaches(asking.id, conversation, ['read']);

  const stanza = await client.write(anna, 'do you read this?');
  stanza.append(xml('request', { xmlns: receipts }));
  stanza.append(xml('markable', { xmlns: markers }));
  const id = await client.deliver(stanza);
  const shown = await bothy.shown(conversation, 'do you read this?');
  const answers = (name: string) =>
    client.client.until(() =>
      client.client.received.some(({ stanza: got }) =>
        got.getChildElements().some((child) => child.is(name) && child.attrs['id'] === id),
      ),
    );
  await answers('received');
  // Read markers turned off altogether win.
  await bothy.get('settings.set', { settings: { sendReadMarkers: false } });
  const mine = await bothy.send(conversation, 'my own, after it');
  await bothy.get('conversations.markRead', { conversationId: conversation, upTo: shown.id });
  await bothy.get('settings.set', { settings: { sendReadMarkers: true } });
  const next = await client.write(anna, 'and this?');
  next.append(xml('markable', { xmlns: markers }));
  await client.deliver(next);
  await bothy.shown(conversation, 'and this?');
  expect(received()).not.toContain('displayed');
  const own = await bothy.send(conversation, 'my own again');
  await bothy.get('conversations.markRead', { conversationId: conversation, upTo: own.id });
  await client.client.until(() => received().includes('displayed'));
  await client.hears('my own again');

  const before = received().length;
  await bothy.get('conversations.allowClearSignals', { conversationId: conversation, allow: false });
  const last = await client.write(anna, 'unanswered');
  last.append(xml('request', { xmlns: receipts }));
  last.append(xml('markable', { xmlns: markers }));
  await client.deliver(last);
  const unread = await bothy.shown(conversation, 'unanswered');
  await bothy.get('conversations.markRead', { conversationId: conversation, upTo: unread.id });
  const silent = await bothy.send(conversation, 'asks nothing');
  expect(clear((await client.hears('asks nothing')).stanza)).toEqual([]);
  await signal(receipts, 'received', silent.id);
  await signal(markers, 'displayed', silent.id);
  await client.say(anna, 'after the signals');
  await bothy.shown(conversation, 'after the signals');
  expect((await bothy.history(conversation)).find((message) => message.id === silent.id)?.state).toBe('on-server');
  expect((await bothy.history(conversation)).find((message) => message.id === mine.id)?.state).toBe('on-server');
  expect(received()).toHaveLength(before);
});

test('without any server a name is learned from the device itself, when the direct link comes up', {
  timeout: longEnough,
}, async () => {
  const pair = await startPair({ server: false, nearby: true });
  stage().atEnd(() => pair.close());
  const { anna, ben } = pair;
  await ben.process.stop();
  const device = await own(anna.process);
  await anna.process.get('devices.rename', { ref: device.ref, label: 'By the fire' });
  ben.process = ben.start();
  const seen = await deviceOfContact(ben.process, device.deviceId, ({ label }) => label === 'By the fire');
  expect(seen).toMatchObject({ active: true, receives: true, encryption: 'omemo2' });
  expect(seen.lastSeenAt).not.toBeNull();
});
