/** Devices of an account: what they are called, taking one away, and who has been silent for how long. */
import { afterEach, describe, expect, test } from 'vitest';
import { deviceCommands } from '../../src/main/app/commands/device-commands.ts';
import type { RunningProfile } from '../../src/main/app/running-profile.ts';
import { Views } from '../../src/main/app/views.ts';
import { cleanLabel } from '../../src/main/messaging/devices/device-labels.ts';
import {
  bundlesNode,
  devicesNode,
  type ListedDevice,
  readDeviceList,
  writeDeviceList,
} from '../../src/main/messaging/devices/key-nodes.ts';
import { legacyBundleNode, legacyDevicesNode } from '../../src/main/messaging/devices/legacy-nodes.ts';
import { countTime } from '../../src/main/messaging/devices/own-device-life.ts';
import { ownDeviceNews, ownDeviceNewsSeen } from '../../src/main/messaging/devices/own-device-news.ts';
import { conversationWith } from '../../src/main/messaging/timeline/conversation-timeline.ts';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import { type BareJid, type ContactId, type Device, type DeviceId, deviceRef } from '../../src/shared/model.ts';
import { addByJid, MemoryServer } from '../support/memory-server.ts';
import { MessagingPerson, makeContacts, until } from '../support/messaging-person.ts';

const annaJid = 'anna@bothy.test' as BareJid;
const benJid = 'ben@bothy.test' as BareJid;
const day = 24 * 60 * 60 * 1000;

const people: MessagingPerson[] = [];
afterEach(() => {
  for (const person of people.splice(0)) person.close();
});
function person(name: string): MessagingPerson {
  const made = new MessagingPerson(name);
  people.push(made);
  return made;
}

async function household() {
  const server = new MemoryServer();
  const [laptop, desktop, ben] = [person('Anna'), person('Anna'), person('Ben')];
  for (const [who, jid] of [
    [laptop, annaJid],
    [desktop, annaJid],
    [ben, benJid],
  ] as const) {
    addByJid(who, jid === annaJid ? benJid : annaJid, jid === annaJid ? 'Ben' : 'Anna');
    await server.signIn(who, jid);
  }
  return { server, laptop, desktop, ben };
}

/** The commands, as the window gives them. */
function commandsOf(who: MessagingPerson) {
  const { store, context, directory, trust } = who;
  const views = viewsOf(who);
  return deviceCommands({ store, context, directory, views, trust } as unknown as RunningProfile);
}

function viewsOf(who: MessagingPerson): Views {
  return new Views(who.context, who.directory, () => 'online');
}

function shown(who: MessagingPerson, deviceId: DeviceId): Device | undefined {
  return viewsOf(who)
    .ownDevices()
    .find((device) => device.deviceId === deviceId);
}

function shownOf(who: MessagingPerson, jid: BareJid, deviceId: DeviceId): Device | undefined {
  const contact = who.store.contacts.byAddress(jid);
  const view = contact ? viewsOf(who).contact(contact.id) : null;
  return view?.devices.find((device) => device.deviceId === deviceId);
}

const self = (who: MessagingPerson) => deviceRef('self', who.deviceId);

function list(server: MemoryServer): readonly ListedDevice[] {
  const text = server.item(annaJid, devicesNode, 'current');
  const element = text === undefined ? undefined : parseElement(text);
  const read = readDeviceList(element?.ok ? element.value : undefined);
  return read.ok ? read.value : [];
}
const idsIn = (server: MemoryServer): DeviceId[] => list(server).map((device) => device.id);
const entryOf = (server: MemoryServer, who: MessagingPerson) => list(server).find(({ id }) => id === who.deviceId);

const arrived = (who: MessagingPerson, body: string): Promise<void> =>
  until(() => who.told.some((message) => message.body === body));

/** Nothing is published any more. */
async function settled(server: MemoryServer): Promise<void> {
  let quiet = 0;
  let before = -1;
  await until(() => {
    quiet = server.published.length === before ? quiet + 1 : 0;
    before = server.published.length;
    return quiet > 50;
  });
}

test('the notice of a new device goes when all devices were judged', async () => {
  const { server, laptop, desktop } = await household();
  const phone = person('Anna');
  addByJid(phone, benJid, 'Ben');
  await server.signIn(phone, annaJid);
  const ownOf = (id: DeviceId) => laptop.store.devices.get('self', id);
  await until(() => [desktop, phone].every(({ deviceId }) => ownOf(deviceId) !== null));
  await laptop.directory.fetchBundle('self', null, desktop.deviceId);
  expect(ownDeviceNews(laptop.store)).not.toBeNull();
  const judge = (id: DeviceId, trust: 'verified' | 'distrusted') =>
    commandsOf(laptop)['devices.setTrust']({ ref: deviceRef('self', id), trust });
  await judge(desktop.deviceId, 'verified');
  expect(ownDeviceNews(laptop.store)).not.toBeNull();
  await judge(phone.deviceId, 'distrusted');
  expect(ownDeviceNews(laptop.store)).toBeNull();
});

test('what is on its way with the server is not sent to own devices once more when the contact confirms it', async () => {
  const { server, laptop, desktop, ben } = await household();
  const { account } = laptop;
  if (!account) throw new Error('not signed in');
  let acknowledge = (): void => {};
  const acknowledged = new Promise<void>((resolve) => {
    acknowledge = resolve;
  });
  laptop.account = {
    ...account,
    send: async (...stanza) => {
      const outcome = await account.send(...stanza);
      await acknowledged;
      return outcome;
    },
  };
  const id = laptop.say(ben, 'once');
  await until(() => laptop.store.messages.get(id)?.state === 'on-device');
  acknowledge();
  await until(() => laptop.store.outbox.pending().length === 0);
  expect(server.carried.filter((stanza) => stanza.includes(`id="${id}"`))).toHaveLength(1);
  await arrived(desktop, 'once');
});

describe('the session with another own device', () => {
  /** Without the answers to Ben, who begins a session with each device too. */
  const toOwn = (server: MemoryServer, who: MessagingPerson): string[] =>
    server.carried.filter((stanza) => stanza.includes(` to="${annaJid}"`) && stanza.includes(`sid="${who.deviceId}"`));

  test('a key exchange is answered, and a long monologue, by an empty message that goes to this device alone', async () => {
    const { server, laptop, desktop, ben } = await household();
    const says = async (text: string): Promise<string> => {
      const id = laptop.say(ben, text);
      await arrived(desktop, text);
      await until(() => laptop.store.messages.get(id)?.state === 'on-device' && !desktop.store.outbox.pending().length);
      return server.carried.find((stanza) => stanza.includes(`id="${id}"`)) ?? '';
    };
    expect(await says('first')).toContain(`<key rid="${desktop.deviceId}" kex="true">`);
    const [answer = '', ...more] = toOwn(server, desktop);
    expect(more).toEqual([]);
    expect(answer.match(/<key [^>]*>/g)).toEqual([`<key rid="${laptop.deviceId}">`]);
    expect(await says('second')).toContain(`<key rid="${desktop.deviceId}">`);
    for (let n = 0; n < 60; n += 1) await says(`${n}`);
    const all = toOwn(server, desktop);
    expect(all).toHaveLength(2);
    expect(all.filter((stanza) => stanza.includes('<payload>'))).toEqual([]);
    expect(laptop.store.conversations.list()).toHaveLength(1);
  });

  test('is renewed when a copy cannot be read, so that the next one is; once a day', async () => {
    const { server, laptop, desktop, ben } = await household();
    laptop.say(ben, 'first');
    await arrived(desktop, 'first');
    await until(() => laptop.store.outbox.pending().length + desktop.store.outbox.pending().length === 0);
    let spoilt = 0;
    const spoil = (stanza: string): string =>
      stanza.replace(new RegExp(`(<key rid="${desktop.deviceId}"[^>]*>[^<]{60})(.)`), (_, before, one) => {
        spoilt += 1;
        return before + (one === 'A' ? 'B' : 'A');
      });
    const exchanges = (): string[] => toOwn(server, desktop).filter((stanza) => stanza.includes('kex="true"'));
    const loses = async (text: string): Promise<void> => {
      server.change = (stanza) => (stanza.includes(`sid="${laptop.deviceId}"`) ? spoil(stanza) : stanza);
      const before = spoilt;
      laptop.say(ben, text);
      await until(() => spoilt > before && ben.told.some(({ body }) => body === text));
      server.change = (stanza) => stanza;
    };
    await loses('not on the desktop');
    await until(() => exchanges().length === 1 && desktop.store.outbox.pending().length === 0);
    laptop.say(ben, 'on the desktop');
    await arrived(desktop, 'on the desktop');
    await loses('not there either');
    laptop.say(ben, 'the last');
    await arrived(desktop, 'the last');
    expect(exchanges()).toHaveLength(1);
    expect(desktop.history(ben).map(({ kind, body }) => `${kind} ${body}`)).toEqual([
      'text first',
      'text on the desktop',
      'text the last',
    ]);
  });
});

describe('what a device is called', () => {
  test('nothing, until its owner chooses something; then others see it, signed', async () => {
    const { server, laptop, desktop, ben } = await household();
    expect(list(server)).toHaveLength(2);
    expect(list(server).every(({ label, labelSignature }) => label === null && labelSignature === null)).toBe(true);
    laptop.say(ben, 'hello');
    await arrived(ben, 'hello');
    const told = desktop.ownDevicesTold;
    await commandsOf(laptop)['devices.rename']({ ref: self(laptop), label: 'Anna’s laptop' });
    expect(shown(laptop, laptop.deviceId)?.label).toBe('Anna’s laptop');
    await until(() => shownOf(ben, annaJid, laptop.deviceId)?.label === 'Anna’s laptop');
    expect(entryOf(server, laptop)?.labelSignature).not.toBeNull();
    expect(entryOf(server, desktop)?.label).toBeNull();
    // The desktop learns its key with the first message, and what it is called with that.
    await until(() => shown(desktop, laptop.deviceId)?.label === 'Anna’s laptop');
    expect(desktop.ownDevicesTold).toBeGreaterThan(told);
    // The other device keeps it when it changes the list.
    await commandsOf(desktop)['devices.rename']({ ref: self(desktop), label: 'Desktop' });
    await until(() => entryOf(server, desktop)?.label === 'Desktop');
    expect(entryOf(server, laptop)?.label).toBe('Anna’s laptop');
    await commandsOf(laptop)['devices.rename']({ ref: self(laptop), label: '' });
    await until(() => shownOf(ben, annaJid, laptop.deviceId)?.label === '');
    expect(entryOf(server, laptop)).toEqual({ id: laptop.deviceId, label: null, labelSignature: null });
  });

  test('a name without its own signature is none', async () => {
    const { server, laptop, desktop, ben } = await household();
    laptop.say(ben, 'hello');
    await arrived(ben, 'hello');
    await commandsOf(laptop)['devices.rename']({ ref: self(laptop), label: 'Laptop' });
    await until(() => shownOf(ben, annaJid, laptop.deviceId)?.label === 'Laptop');
    const [good] = list(server).filter((device) => device.id === laptop.deviceId);
    if (!good) throw new Error('not listed');
    const labelOf = (deviceId: DeviceId) => shownOf(ben, annaJid, deviceId)?.label;
    laptop.account = null;
    desktop.account = null;
    const say = (...devices: ListedDevice[]) =>
      server.publish(annaJid, devicesNode, 'current', writeDeviceList(devices));
    await say({ ...good, label: 'Verified' });
    expect(labelOf(laptop.deviceId)).toBe('');
    await say(good);
    expect(labelOf(laptop.deviceId)).toBe('Laptop');
    await say({ ...good, labelSignature: null });
    expect(labelOf(laptop.deviceId)).toBe('');
    // On another device it is as good as none.
    await ben.directory.fetchBundle(idOf(ben, annaJid), contactOf(ben, annaJid), desktop.deviceId);
    await say(good, { ...good, id: desktop.deviceId });
    expect([labelOf(laptop.deviceId), labelOf(desktop.deviceId)]).toEqual(['Laptop', '']);
  });

  test('is cut to what a line can show', () => {
    expect(cleanLabel('\u202Elaptop\n  of\u0000 Anna ')).toBe('laptop  of Anna');
    expect([...cleanLabel('🏠'.repeat(80))]).toHaveLength(52);
    expect(cleanLabel('\u200b \u2066')).toBe('');
  });

  test('is told over a direct link too', async () => {
    const [anna, ben] = [person('Anna'), person('Ben')];
    makeContacts(anna, ben);
    await commandsOf(anna)['devices.rename']({ ref: self(anna), label: 'Laptop' });
    anna.linkTo(ben);
    ben.linkTo(anna);
    anna.say(ben, 'hello');
    await arrived(ben, 'hello');
    const contact = ben.store.contacts.get(ben.contactOf(anna));
    if (!contact) throw new Error('no contact');
    await ben.directory.fetchLinkedLabel(contact, anna.deviceId);
    expect(ben.store.devices.get(contact.id, anna.deviceId)?.label).toBe('Laptop');
  });

  test('and what the person here calls it comes first, for own and others’ devices, until it has another key', async () => {
    const { laptop, desktop, ben } = await household();
    laptop.say(ben, 'hello');
    await Promise.all([arrived(ben, 'hello'), arrived(desktop, 'hello')]);
    await commandsOf(laptop)['devices.rename']({ ref: self(laptop), label: 'Laptop' });
    await until(() => shownOf(ben, annaJid, laptop.deviceId)?.label === 'Laptop');
    const ref = deviceRef(idOf(ben, annaJid), laptop.deviceId);
    await commandsOf(ben)['devices.rename']({ ref, label: 'The one at her office' });
    expect(shownOf(ben, annaJid, laptop.deviceId)?.label).toBe('The one at her office');
    await commandsOf(desktop)['devices.rename']({ ref: deviceRef('self', laptop.deviceId), label: 'Mine' });
    expect(shown(desktop, laptop.deviceId)?.label).toBe('Mine');
    await commandsOf(ben)['devices.rename']({ ref, label: '' });
    expect(shownOf(ben, annaJid, laptop.deviceId)?.label).toBe('Laptop');
    const unknown = await commandsOf(ben)['devices.rename']({ ref: deviceRef('self', 1), label: 'x' });
    expect(unknown).toMatchObject({ ok: false, error: { code: 'device.unknown' } });

    await commandsOf(ben)['devices.rename']({ ref, label: 'Trusted name' });
    const record = ben.store.devices.get(idOf(ben, annaJid), laptop.deviceId);
    if (!record) throw new Error('no device');
    ben.store.devices.put({ ...record, identityKey: new Uint8Array(32).fill(7) });
    await ben.directory.fetchBundle(idOf(ben, annaJid), contactOf(ben, annaJid), laptop.deviceId);
    expect(ben.store.devices.get(idOf(ben, annaJid), laptop.deviceId)).toMatchObject({
      localName: '',
      label: 'Laptop',
    });
  });

  test('a client that keeps dropping it is corrected, but not for ever', async () => {
    const { server, laptop, desktop, ben } = await household();
    laptop.say(ben, 'hello');
    await arrived(ben, 'hello');
    await commandsOf(laptop)['devices.rename']({ ref: self(laptop), label: 'Laptop' });
    await until(() => entryOf(server, laptop)?.label === 'Laptop');
    server.signOut(desktop);
    const drop = async (): Promise<boolean> => {
      const ids = idsIn(server).map((id): ListedDevice => ({ id, label: null, labelSignature: null }));
      await server.publish(annaJid, devicesNode, 'current', writeDeviceList(ids));
      await settled(server);
      return entryOf(server, laptop)?.label === 'Laptop';
    };
    const corrected: boolean[] = [];
    for (let turn = 0; turn < 7; turn += 1) corrected.push(await drop());
    expect(corrected).toEqual([true, true, true, true, true, false, false]);
    laptop.now += 61 * 60_000;
    expect(await drop()).toBe(true);
  });
});

describe('an own device that is removed', () => {
  test('is off both lists with its keys, gets nothing, and is gone from the list here', async () => {
    const { server, laptop, desktop, ben } = await household();
    laptop.say(ben, 'before');
    await Promise.all([arrived(ben, 'before'), arrived(desktop, 'before')]);
    await settled(server);
    server.signOut(desktop);
    expect(server.item(annaJid, bundlesNode, String(desktop.deviceId))).toBeDefined();
    const told = laptop.ownDevicesTold;
    expect(await commandsOf(laptop)['devices.remove']({ ref: self(desktop) })).toEqual({ ok: true, value: null });
    expect(laptop.ownDevicesTold).toBeGreaterThan(told);
    await until(() => shown(laptop, desktop.deviceId) === undefined);
    await settled(server);
    expect(idsIn(server)).toEqual([laptop.deviceId]);
    expect(server.item(annaJid, legacyDevicesNode, 'current')).not.toContain(`"${desktop.deviceId}"`);
    expect(server.item(annaJid, bundlesNode, String(desktop.deviceId))).toBeUndefined();
    expect(server.item(annaJid, bundlesNode, String(laptop.deviceId))).toBeDefined();
    expect(server.item(annaJid, legacyBundleNode(desktop.deviceId), 'current')).toBeUndefined();
    expect(shownOf(ben, annaJid, desktop.deviceId)).toMatchObject({ active: false, receives: false });
    const before = server.carried.length;
    laptop.say(ben, 'after');
    await arrived(ben, 'after');
    const written = server.carried.slice(before).join();
    expect(written).toContain(`rid="${ben.deviceId}"`);
    expect(written).not.toContain(`rid="${desktop.deviceId}"`);
    // Once is enough: nothing more happens to the list.
    const published = server.published.length;
    await laptop.directory.announce();
    expect(server.published).toHaveLength(published);
    expect(ownDeviceNews(laptop.store, 'back')).toBeNull();
  });

  test('that still runs comes back, is not let in, is told once, and ends no quarrel about the list', async () => {
    const { server, laptop, desktop, ben } = await household();
    laptop.say(ben, 'before');
    await Promise.all([arrived(ben, 'before'), arrived(desktop, 'before')]);
    await settled(server);
    const before = server.published.filter((node) => node === devicesNode).length;
    await commandsOf(laptop)['devices.remove']({ ref: self(desktop) });
    await until(() => ownDeviceNews(laptop.store, 'back') !== null);
    await settled(server);
    expect([...idsIn(server)].sort()).toEqual([laptop.deviceId, desktop.deviceId].sort());
    expect(server.item(annaJid, bundlesNode, String(desktop.deviceId))).toBeDefined();
    // The one removal and the one announcement.
    expect(server.published.filter((node) => node === devicesNode)).toHaveLength(before + 2);
    expect(shown(laptop, desktop.deviceId)).toMatchObject({ trust: 'distrusted', active: true, receives: false });
    ownDeviceNewsSeen(laptop.store, 'back');
    // It is on the older list too, and announces itself at each start: that is not news any more.
    server.signOut(desktop);
    await server.signIn(desktop, annaJid);
    await settled(server);
    await laptop.directory.announce();
    expect(ownDeviceNews(laptop.store, 'back')).toBeNull();
    const carried = server.carried.length;
    laptop.say(ben, 'not for the desktop');
    await arrived(ben, 'not for the desktop');
    const said = server.carried.slice(carried).filter((stanza) => stanza.includes(`sid="${laptop.deviceId}"`));
    expect(said).toHaveLength(1);
    expect(said.join()).not.toContain(`rid="${desktop.deviceId}"`);

    await commandsOf(laptop)['devices.setTrust']({ ref: self(desktop), trust: 'verified' });
    expect(shown(laptop, desktop.deviceId)).toMatchObject({ trust: 'verified', receives: true });
    laptop.say(ben, 'for both again');
    await arrived(desktop, 'for both again');
    // Removed again, it is news again.
    await commandsOf(laptop)['devices.remove']({ ref: self(desktop) });
    await until(() => ownDeviceNews(laptop.store, 'back') !== null);
  });

  test('while offline is taken off at the next sign-in', async () => {
    const { server, laptop, desktop } = await household();
    await settled(server);
    server.signOut(desktop);
    server.signOut(laptop);
    await commandsOf(laptop)['devices.remove']({ ref: self(desktop) });
    // It is still announced: that is what the list here says.
    expect(shown(laptop, desktop.deviceId)).toMatchObject({ trust: 'distrusted', active: true, receives: false });
    expect(idsIn(server)).toHaveLength(2);
    await server.signIn(laptop, annaJid);
    await until(() => shown(laptop, desktop.deviceId) === undefined);
    expect(idsIn(server)).toEqual([laptop.deviceId]);
    expect(ownDeviceNews(laptop.store, 'back')).toBeNull();
  });

  test('is never this one, and never somebody else’s', async () => {
    const { laptop, ben } = await household();
    expect(await commandsOf(laptop)['devices.remove']({ ref: self(laptop) })).toMatchObject({
      ok: false,
      error: { code: 'device.is-this-one' },
    });
    const theirs = deviceRef(idOf(laptop, benJid), ben.deviceId);
    expect(await commandsOf(laptop)['devices.remove']({ ref: theirs })).toMatchObject({
      ok: false,
      error: { code: 'device.unknown' },
    });
    expect(shownOf(laptop, benJid, ben.deviceId)?.trust).toBe('blind');
  });
});

describe('activity', () => {
  test('is a message of its own, not its place on a list, and not in the future', async () => {
    const { laptop, desktop, ben } = await household();
    expect(shown(laptop, desktop.deviceId)?.lastSeenAt).toBeNull();
    desktop.say(ben, 'hello');
    await Promise.all([arrived(ben, 'hello'), arrived(laptop, 'hello')]);
    const seen = shown(laptop, desktop.deviceId)?.lastSeenAt ?? 0;
    expect(Math.abs(seen - laptop.now)).toBeLessThan(60_000);
    expect(shownOf(ben, annaJid, desktop.deviceId)?.lastSeenAt).not.toBeNull();
    // Not each message is a change.
    const told = laptop.ownDevicesTold;
    desktop.say(ben, 'again');
    await arrived(laptop, 'again');
    expect(laptop.ownDevicesTold).toBe(told);
    laptop.now += day;
    desktop.say(ben, 'a day later');
    await arrived(laptop, 'a day later');
    expect(laptop.ownDevicesTold).toBe(told + 1);
    // A clock that was years ahead does not count once it is right.
    const record = laptop.store.devices.get('self', desktop.deviceId);
    if (!record) throw new Error('no device');
    laptop.store.devices.put({ ...record, lastSeenAt: laptop.now + 900 * day });
    desktop.say(ben, 'and now');
    await arrived(laptop, 'and now');
    expect(Math.abs((shown(laptop, desktop.deviceId)?.lastSeenAt ?? 0) - laptop.now)).toBeLessThan(60_000);
  });

  /** The laptop is in use for as many days. */
  function pass(who: MessagingPerson, days: number, step = 1): void {
    for (let passed = 0; passed < days; passed += step) {
      who.now += step * day;
      countTime(who.context);
    }
  }

  test('a device without a sign of life for ninety days is proposed for removal', async () => {
    const { laptop, desktop, ben } = await household();
    const stale = () => shown(laptop, desktop.deviceId)?.stale;
    countTime(laptop.context);
    pass(laptop, 89);
    expect(stale()).toBe(false);
    pass(laptop, 2);
    expect(stale()).toBe(true);
    expect(shown(laptop, laptop.deviceId)?.stale).toBe(false);
    expect(shownOf(laptop, benJid, ben.deviceId)?.stale).toBe(false);
    desktop.now = laptop.now;
    ben.now = laptop.now;
    desktop.say(ben, 'still here');
    await arrived(laptop, 'still here');
    expect(stale()).toBe(false);
    pass(laptop, 89);
    expect(stale()).toBe(false);
    // Looked at now and then is as good.
    pass(laptop, 28, 14);
    expect(stale()).toBe(true);
    const record = laptop.store.devices.get('self', desktop.deviceId);
    if (!record) throw new Error('no device');
    laptop.store.devices.put({ ...record, active: false });
    expect(stale()).toBe(false);
  });

  test('not because the clock is years off, nor because this device was away', async () => {
    const { laptop, desktop } = await household();
    const stale = () => shown(laptop, desktop.deviceId)?.stale;
    countTime(laptop.context);
    laptop.now += 3 * 365 * day;
    countTime(laptop.context);
    expect(stale()).toBe(false);
    pass(laptop, 20);
    expect(stale()).toBe(false);
    laptop.now -= 3 * 365 * day;
    countTime(laptop.context);
    expect(stale()).toBe(false);
    // Years back: what was seen then lies in the future.
    laptop.now -= 30 * 365 * day;
    pass(laptop, 100);
    expect(stale()).toBe(false);
  });
});

describe('who gets what is written now', () => {
  test('says so of each device, and says it when it changes', async () => {
    const { server, laptop, desktop, ben } = await household();
    const receives = () => [
      shownOf(laptop, benJid, ben.deviceId)?.receives,
      shown(laptop, desktop.deviceId)?.receives,
      shown(laptop, laptop.deviceId)?.receives,
    ];
    expect(receives()).toEqual([true, true, false]);
    // Ben gets a second device that has no keys.
    const second = 4711;
    const entries = [ben.deviceId, second].map((id): ListedDevice => ({ id, label: null, labelSignature: null }));
    const contacts: ContactId[] = [];
    const before = laptop.context.events.contact;
    laptop.context.events.contact = (id) => {
      contacts.push(id);
      before(id);
    };
    ben.account = null;
    await server.publish(benJid, devicesNode, 'current', writeDeviceList(entries));
    laptop.say(ben, 'hello');
    await until(() => shownOf(laptop, benJid, second)?.receives === false);
    expect(contacts).toContain(idOf(laptop, benJid));
    expect(shownOf(laptop, benJid, ben.deviceId)).toMatchObject({ receives: true, encryption: 'omemo2' });
    const line = laptop.store.messages
      .page(conversationWith(laptop.context, idOf(laptop, benJid)).id, { limit: 50 })
      .messages.find((message) => message.body.includes('gets no messages for now'));
    await until(
      () => line !== undefined || laptop.told.some((message) => message.body.includes('no messages for now')),
    );
    // Also after a restart, when nothing was asked yet.
    laptop.directory.forgetLists();
    laptop.directory.bundles.forgetFailures(idOf(laptop, benJid));
    expect(shownOf(laptop, benJid, second)?.receives).toBe(false);

    const record = laptop.store.devices.get(idOf(laptop, benJid), ben.deviceId);
    if (!record) throw new Error('no device');
    laptop.trust.judge(record.owner, [{ device: record, trust: 'distrusted' }]);
    expect(shownOf(laptop, benJid, ben.deviceId)?.receives).toBe(false);
    laptop.store.settings.set({ ...laptop.store.settings.get(), blindTrust: false });
    expect(receives()).toEqual([false, false, false]);
  });

  test('without a server: those whose keys are here, or all, if it has to wait for keys anyway', async () => {
    const { laptop, ben } = await household();
    const receives = (deviceId: DeviceId) => shownOf(laptop, benJid, deviceId)?.receives;
    laptop.account = null;
    expect(receives(ben.deviceId)).toBe(true);
    laptop.store.devices.put({
      owner: idOf(laptop, benJid),
      deviceId: 4711,
      wire: 'omemo-legacy',
      label: '',
      localName: '',
      identityKey: null,
      trust: 'blind',
      active: true,
      lastSeenAt: null,
    });
    expect([receives(ben.deviceId), receives(4711)]).toEqual([true, true]);
    await ben.directory.fetchList(idOf(ben, annaJid), annaJid);
    ben.say(laptop, 'hello');
    const withSession = (): boolean => {
      const key = laptop.store.devices.get(idOf(laptop, benJid), ben.deviceId)?.identityKey;
      return Boolean(key && laptop.context.cipher.hasSession(key, ben.deviceId, 'omemo2'));
    };
    await until(withSession);
    expect([receives(ben.deviceId), receives(4711)]).toEqual([true, false]);
    expect(shownOf(laptop, benJid, 4711)?.encryption).toBe('omemo-legacy');
  });
});

function contactOf(who: MessagingPerson, jid: BareJid) {
  const contact = who.store.contacts.byAddress(jid);
  if (!contact) throw new Error('no contact');
  return contact;
}

function idOf(who: MessagingPerson, jid: BareJid): ContactId {
  return contactOf(who, jid).id;
}
