import { describe, expect, it } from 'vitest';
import { SELF_CONTACT } from '../../src/main/nearby/book.ts';
import { createRecogniser, RECOGNITION_MS } from '../../src/main/nearby/recogniser.ts';
import type { LinkChannel, RecognisedPeer } from '../../src/main/nearby/types.ts';
import { type ChannelEnd, channelPair } from '../support/nearby-channel.ts';
import { befriend, crypto, knows, type Person, person } from '../support/nearby-people.ts';

const day = 86_400_000;
const noon = Date.UTC(2026, 10, 23, 12);

/** A clock for the deadline that the test lets run out. */
function deadline() {
  let over = (): void => {};
  const asked: number[] = [];
  const passed = new Promise<void>((resolve) => {
    over = resolve;
  });
  const wait = (ms: number, signal: AbortSignal): Promise<void> => {
    asked.push(ms);
    return new Promise((resolve) => {
      void passed.then(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  };
  return { wait, asked, pass: () => over() };
}

function recognise(
  who: Person,
  channel: LinkChannel,
  now = noon,
  wait = deadline().wait,
): Promise<RecognisedPeer | null> {
  const recogniser = createRecogniser({ crypto, book: who.book, now: () => now, wait });
  return recogniser.recognise(channel, new AbortController().signal);
}

/** Both recognise; the deadline passes once both have said all they will say. */
async function meet(dialer: Person, listener: Person, clocks = { dialer: noon, listener: noon }) {
  const link = channelPair();
  const limit = deadline();
  const both = Promise.all([
    recognise(dialer, link.dialer, clocks.dialer, limit.wait),
    recognise(listener, link.listener, clocks.listener, limit.wait),
  ]);
  await said(link.dialer, 2);
  await said(link.listener, 2);
  // Proofs are in memory by now or will never come: many turns of the loop later the deadline may pass.
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  limit.pass();
  const [fromDialer, fromListener] = await both;
  return { dialer: fromDialer, listener: fromListener, link };
}

async function said(end: ChannelEnd, writes: number): Promise<void> {
  while (end.written.length < writes) await new Promise((resolve) => setImmediate(resolve));
}

function invite(inviter: Person, accepters: readonly Person[], expiresAt = noon + day): Uint8Array {
  const secret = crypto.randomBytes(32);
  inviter.invitations.push({ secret, expiresAt, direction: 'out', inviter: inviter.xid });
  for (const one of accepters) one.invitations.push({ secret, expiresAt, direction: 'in', inviter: inviter.xid });
  return secret;
}

describe('recognition of contacts', () => {
  it('tells each side the device and addresses of the other', async () => {
    const [ada, ben] = [person('ada'), person('ben')];
    befriend(ada, ben);
    const met = await meet(ada, ben);
    expect(met.dialer).toEqual({ device: { contactId: 'ben', ...ben.device }, addresses: [ben.xid, ben.jid] });
    expect(met.listener).toEqual({ device: { contactId: 'ada', ...ada.device }, addresses: [ada.xid, ada.jid] });
  });

  it('finds the right one among many', async () => {
    const [ada, ben] = [person('ada'), person('ben')];
    for (let index = 0; index < 40; index += 1) befriend(ada, person(`other${index}`));
    befriend(ada, ben);
    const met = await meet(ben, ada);
    expect(met.listener?.device.contactId).toBe('ben');
    expect(met.dialer?.device.contactId).toBe('ada');
  });

  it('gives everybody a turn when there are more contacts than tags', async () => {
    const [ada, ben] = [person('ada'), person('ben')];
    for (let index = 0; index < 300; index += 1) knows(ada, person(`other${index}`));
    befriend(ada, ben);
    const limits = [deadline(), deadline()];
    let attempt = 0;
    const wait = (ms: number, signal: AbortSignal): Promise<void> =>
      limits[attempt]?.wait(ms, signal) ?? Promise.resolve();
    const hers = createRecogniser({ crypto, book: ada.book, now: () => noon, wait });
    const outcomes: (string | undefined)[] = [];
    for (; attempt < 2; attempt += 1) {
      const link = channelPair();
      const signal = new AbortController().signal;
      const both = Promise.all([hers.recognise(link.dialer, signal), recognise(ben, link.listener, noon, wait)]);
      await said(link.listener, 2);
      for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      limits[attempt]?.pass();
      outcomes.push((await both)[0]?.device.contactId);
    }
    expect(outcomes).toEqual([undefined, 'ben']);
  });

  it('knows other devices of oneself, and never takes a device for another of its own', async () => {
    const phone = person('ada');
    const laptop = person('ada', phone.xidSeed);
    const met = await meet(phone, laptop);
    expect(met.dialer?.device).toEqual({ contactId: SELF_CONTACT, ...laptop.device });
    const mirror = await meet(phone, phone);
    expect(mirror.dialer).toBeNull();
    expect(mirror.listener).toBeNull();
  });

  it.each([-1, 0, 1])('works when clocks differ by %i days', async (days) => {
    const [ada, ben] = [person('ada'), person('ben')];
    befriend(ada, ben);
    const met = await meet(ada, ben, { dialer: noon, listener: noon + days * day });
    expect(met.dialer?.device.contactId).toBe('ben');
    expect(met.listener?.device.contactId).toBe('ada');
  });

  it.each([-2, 2])('does not work when clocks differ by %i days', async (days) => {
    const [ada, ben] = [person('ada'), person('ben')];
    befriend(ada, ben);
    const met = await meet(ada, ben, { dialer: noon, listener: noon + days * day });
    expect([met.dialer, met.listener]).toEqual([null, null]);
  });

  it('needs both sides to know each other', async () => {
    const [ada, ben] = [person('ada'), person('ben')];
    knows(ada, ben);
    for (const met of [await meet(ada, ben), await meet(ben, ada)]) {
      expect([met.dialer, met.listener]).toEqual([null, null]);
      expect(met.link.dialer.written.map((one) => one.length)).toEqual([32, 4096]);
      expect(met.link.listener.written.map((one) => one.length)).toEqual([32, 4096]);
    }
  });
});

describe('a stranger', () => {
  it.each(['dialer', 'listener'] as const)('sees the same as %s whatever the number of contacts', async (role) => {
    const seen: { sizes: number[]; waited: number[] }[] = [];
    for (const count of [0, 1, 100]) {
      const ada = person('ada');
      for (let index = 0; index < count; index += 1) befriend(ada, person(`contact${index}`));
      const stranger = person('stranger');
      const limit = deadline();
      const link = channelPair();
      const [hers, theirs] = role === 'dialer' ? [link.listener, link.dialer] : [link.dialer, link.listener];
      let outcome: RecognisedPeer | null | 'open' = 'open';
      const recognition = recognise(ada, hers, noon, limit.wait).then((peer) => {
        outcome = peer;
      });
      const probing = recognise(stranger, theirs, noon, limit.wait);
      await said(hers, 2);
      for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(outcome).toBe('open');
      limit.pass();
      await Promise.all([recognition, probing]);
      expect(outcome).toBeNull();
      seen.push({ sizes: hers.written.map((one) => one.length), waited: limit.asked });
    }
    expect(seen).toEqual([seen[0], seen[0], seen[0]]);
    expect(seen[0]).toEqual({ sizes: [32, 4096], waited: [RECOGNITION_MS, RECOGNITION_MS] });
  });

  it.each([0, 1, 31, 32, 4000])('who sends %i bytes and stops learns no more, and is kept as long', async (length) => {
    const ada = person('ada');
    befriend(ada, person('ben'));
    const limit = deadline();
    const link = channelPair();
    let over = false;
    const recognition = recognise(ada, link.listener, noon, limit.wait).finally(() => {
      over = true;
    });
    await link.dialer.write(crypto.randomBytes(length));
    link.dialer.close();
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(over).toBe(false);
    limit.pass();
    expect(await recognition).toBeNull();
    expect(link.listener.written.map((one) => one.length)).toEqual([32]);
  });

  it('who relays between two contacts gets neither to recognise the other', async () => {
    const [ada, ben] = [person('ada'), person('ben')];
    befriend(ada, ben);
    const mallory = Uint8Array.from({ length: 38 }, () => 9);
    const left = channelPair({ listenerPeerId: mallory });
    const right = channelPair({ dialerPeerId: mallory });
    const limit = deadline();
    const ends = [recognise(ada, left.dialer, noon, limit.wait), recognise(ben, right.listener, noon, limit.wait)];
    const signal = new AbortController().signal;
    for (const length of [32, 4096]) {
      await right.dialer.write(await left.listener.read(length, signal));
      await left.listener.write(await right.dialer.read(length, signal));
    }
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    limit.pass();
    expect(await Promise.all(ends)).toEqual([null, null]);
    expect(left.dialer.written.map((one) => one.length)).toEqual([32, 4096]);
  });

  it('who replays what a contact said is not recognised', async () => {
    const [ada, ben] = [person('ada'), person('ben')];
    befriend(ada, ben);
    const met = await meet(ada, ben);
    expect(met.listener).not.toBeNull();
    const limit = deadline();
    const again = channelPair();
    const recognition = recognise(ben, again.listener, noon, limit.wait);
    for (const bytes of met.link.dialer.written) await again.dialer.write(bytes);
    await said(again.listener, 2);
    limit.pass();
    expect(await recognition).toBeNull();
    expect(again.listener.written.map((one) => one.length)).toEqual([32, 4096]);
  });

  it('who reflects our own tags is not recognised', async () => {
    const ada = person('ada');
    befriend(ada, person('ben'));
    const limit = deadline();
    const link = channelPair();
    const signal = new AbortController().signal;
    const recognition = recognise(ada, link.dialer, noon, limit.wait);
    for (const length of [32, 4096]) await link.listener.write(await link.listener.read(length, signal));
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    limit.pass();
    expect(await recognition).toBeNull();
  });
});

describe('a changed proof', () => {
  it.each([0, 3, 20, 300, 511])('(byte %i) is refused', async (index) => {
    const [ada, ben] = [person('ada'), person('ben')];
    befriend(ada, ben);
    const link = channelPair();
    const limit = deadline();
    let writes = 0;
    const tampering: LinkChannel = {
      ...link.dialer,
      async write(bytes) {
        writes += 1;
        const copy = bytes.slice();
        if (writes === 3) copy[index] = (copy[index] ?? 0) ^ 1;
        await link.dialer.write(copy);
      },
    };
    const ends = [recognise(ada, tampering, noon, limit.wait), recognise(ben, link.listener, noon, limit.wait)];
    await said(link.dialer, 3);
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    limit.pass();
    expect((await Promise.all(ends))[1]).toBeNull();
  });
});

describe('first contact by invitation', () => {
  it.each(['inviter', 'accepter'] as const)('makes both contacts, whoever dials (%s)', async (dials) => {
    const [ada, ben] = [person('Ada'), person('Ben')];
    const secret = invite(ada, [ben]);
    const met = dials === 'inviter' ? await meet(ada, ben) : await meet(ben, ada);
    expect(met.dialer).not.toBeNull();
    expect(met.listener).not.toBeNull();
    expect(ada.introductions).toEqual([{ xid: ben.xid, name: 'Ben', device: ben.device, invitationSecret: secret }]);
    expect(ben.introductions).toEqual([{ xid: ada.xid, name: 'Ada', device: ada.device, invitationSecret: secret }]);
    expect([ada.invitations, ben.invitations]).toEqual([[], []]);
    const again = await meet(ada, ben);
    expect(again.dialer?.device.identityKey).toEqual(ben.device.identityKey);
  });

  it('works once: a second person with the same link stays a stranger', async () => {
    const [ada, ben, eve] = [person('Ada'), person('Ben'), person('Eve')];
    invite(ada, [ben, eve]);
    await meet(ben, ada);
    const second = await meet(eve, ada);
    expect([second.dialer, second.listener]).toEqual([null, null]);
    expect(ada.introductions).toHaveLength(1);
  });

  it('does not introduce two people who hold the same link to each other', async () => {
    const [ada, ben, eve] = [person('Ada'), person('Ben'), person('Eve')];
    invite(ada, [ben, eve]);
    const met = await meet(ben, eve);
    expect([met.dialer, met.listener]).toEqual([null, null]);
    expect(met.link.dialer.written.map((one) => one.length)).toEqual([32, 4096]);
  });

  it('does not work when expired on either side', async () => {
    const [ada, ben] = [person('Ada'), person('Ben')];
    invite(ada, [ben], noon);
    const met = await meet(ben, ada);
    expect([met.dialer, met.listener]).toEqual([null, null]);
  });

  it('recovers when the inviter kept the contact and the link broke before the accepter heard', async () => {
    const [ada, ben] = [person('Ada'), person('Ben')];
    invite(ada, [ben]);
    // Ben made the contact when he accepted the link; Ada made it in the introduction that broke off.
    knows(ben, ada);
    knows(ada, ben);
    ada.invitations.length = 0;
    const met = await meet(ben, ada);
    expect(met.dialer?.device.contactId).toBe('Ada');
    expect(met.listener?.device.contactId).toBe('Ben');
  });

  it('keeps names in bounds and free of control characters', async () => {
    const ada = person(`${'a'.repeat(100)}`);
    const ben = person('B\u202een\n \u0000jamin');
    invite(ada, [ben]);
    await meet(ben, ada);
    expect(ada.introductions[0]?.name).toBe('Ben jamin');
    expect(ben.introductions[0]?.name).toBe('a'.repeat(64));
  });
});
