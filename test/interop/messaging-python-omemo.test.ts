/** A Bothy and clients that others wrote (python-omemo, each version), over a real Prosody. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Element } from '@xmpp/xml';
import { describe, expect, test } from 'vitest';
import { parseElement } from '../../src/main/xml/parse-element.ts';
import type { ConversationId } from '../../src/shared/model.ts';
import { longEnough } from '../support/bounded-wait.ts';
import type { Headless } from '../support/headless.ts';
import type { Heard, OmemoClient } from '../support/omemo-client.ts';
import { befriend, omemoStageOfFile, ownDevices } from '../support/omemo-stage.ts';
import { prosodyMissing } from '../support/prosody.ts';
import { LEGACY, OMEMO2, pythonOmemoMissing } from '../support/python-omemo.ts';

const stage = omemoStageOfFile(pythonOmemoMissing() ?? prosodyMissing());

/** What a conversation shows, in order: texts, and what could not be read. */
async function texts(bothy: Headless, conversation: ConversationId): Promise<string[]> {
  const history = await bothy.history(conversation);
  return history.flatMap(({ kind, body }) =>
    kind === 'text' ? [body] : kind === 'undecryptable' ? ['(unreadable)'] : [],
  );
}

/** With one byte of each key turned over. */
function damaged(stanza: Element): Element {
  const text = stanza.toString().replaceAll(/(<(?:\w+:)?key [^>]*>)([^<]+)/g, (_, open: string, data: string) => {
    const bytes = Buffer.from(data, 'base64');
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    return open + bytes.toString('base64');
  });
  const parsed = parseElement(text);
  if (!parsed.ok || text === stanza.toString()) throw new Error('not damaged');
  return parsed.value;
}

async function ownFingerprint(bothy: Headless): Promise<string | null | undefined> {
  return (await bothy.get('devices.ofSelf', {})).find(({ isThisDevice }) => isThisDevice)?.fingerprint;
}

describe.each([
  { version: 'OMEMO 2', namespace: OMEMO2, encryption: 'omemo2' },
  { version: 'legacy OMEMO', namespace: LEGACY, encryption: 'omemo-legacy' },
] as const)('a contact whose client speaks only $version', ({ namespace, encryption }) => {
  let anna = '';
  let ruth = '';
  let bothy: Headless;
  let other: OmemoClient;
  let conversation: ConversationId;

  /** Anna with a Bothy and Ruth with a client, each in the other's list. */
  async function meet(): Promise<void> {
    [anna, ruth] = [await stage().account('anna'), await stage().account('ruth')];
    [bothy, other] = await Promise.all([stage().newBothy(anna), stage().client(ruth, [namespace])]);
    conversation = await befriend(bothy, other, encryption);
  }

  async function fromUs(text: string): Promise<Heard> {
    await bothy.send(conversation, text);
    return other.hears(text);
  }

  async function fromThem(text: string): Promise<void> {
    await other.say(anna, text);
    expect(await bothy.shown(conversation, text)).toMatchObject({ encryption, kind: 'text', route: 'server' });
  }

  async function restartOurs(): Promise<void> {
    await bothy.stop();
    bothy = stage().bothy(anna);
  }

  /** Prekeys that Anna's bundle offers, as the other client sees it. */
  async function prekeyIds(): Promise<string[]> {
    const [device] = await other.omemo.devices(anna);
    const [node, item] =
      namespace === OMEMO2 ? [`${OMEMO2}:bundles`, String(device?.id)] : [`${LEGACY}.bundles:${device?.id}`, null];
    const bundle = (await other.fetch(anna, node, item)) ?? '';
    return [...bundle.matchAll(/<(?:pk id|preKeyPublic preKeyId)="(\d+)"/g)].map(([, id = '']) => id);
  }

  test('the Bothy writes first: both directions, first try, after restarts and absences, nothing readable on the way', {
    timeout: longEnough,
  }, async () => {
    await meet();
    const first = await bothy.send(conversation, 'Hello, Ruth – 你好');
    const heard = await other.hears('Hello, Ruth – 你好');
    expect(heard.stanza.attrs['id']).toBe(first.id);
    expect(heard).toMatchObject({ namespace, from: anna });
    expect(first.encryption).toBe(encryption);
    expect(heard.stanza.toString()).not.toMatch(/Hello|chat-markers|receipts|chatstates/);
    await fromUs('second, before any answer');
    await bothy.reaches(first.id, conversation, ['on-server', 'on-device']);
    await fromThem('Hello, Anna');
    await fromUs('ping');
    await fromThem('pong');
    // Each shows the other the fingerprint that the other shows of itself.
    const ours = await ownFingerprint(bothy);
    const seen = await other.omemo.devices(anna);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ id: heard.deviceId, namespaces: [namespace], fingerprint: ours });
    const [contact] = await bothy.get('contacts.list', {});
    expect(contact?.devices.map(({ fingerprint }) => fingerprint)).toEqual([other.omemo.fingerprint]);

    await bothy.stop();
    const whileOff = ['while you are off 1', 'while you are off 2', 'while you are off 3'];
    for (const text of whileOff) await other.say(anna, text);
    bothy = stage().bothy(anna);
    for (const text of whileOff) await bothy.shown(conversation, text);
    await fromUs('back');
    await fromThem('good');

    await other.leave();
    const whileAway = ['while away 1', 'while away 2', 'while away 3'];
    for (const text of whileAway) {
      const { id } = await bothy.send(conversation, text);
      await bothy.reaches(id, conversation, ['on-server']);
    }
    await other.comeBack();
    for (const text of whileAway) await other.hears(text);
    await fromThem('back too');
    await fromUs('good too');
    expect(other.unreadable).toEqual([]);
    expect(await texts(bothy, conversation)).toEqual([
      ...[
        'Hello, Ruth – 你好',
        'second, before any answer',
        'Hello, Anna',
        'ping',
        'pong',
        ...whileOff,
        'back',
        'good',
      ],
      ...[...whileAway, 'back too', 'good too'],
    ]);
  });

  test('the other writes first: read, answered by an empty message, and the prekey is replaced', {
    timeout: longEnough,
  }, async () => {
    await meet();
    await other.omemo.refresh(anna);
    const before = await prekeyIds();
    expect(before).toHaveLength(100);
    await fromThem('me first');
    const answer = await other.hears(({ text, content }) => text === null && content.length === 0);
    expect(answer.stanza.getChild('body')).toBeUndefined();
    await fromThem('and again');
    await fromUs('and I second');
    await other.omemo.empty(anna, answer.deviceId, namespace);
    await fromThem('after an empty message');
    expect(await texts(bothy, conversation)).toEqual([
      'me first',
      'and again',
      'and I second',
      'after an empty message',
    ]);
    let after: string[] = [];
    while (!after.some((id) => !before.includes(id))) {
      await setTimeout(50);
      after = await prekeyIds();
    }
    expect(after).toHaveLength(100);
    await other.omemo.rotate();
    await fromUs('to a new signed prekey');
    await fromThem('with a new signed prekey');
    expect(other.unreadable).toEqual([]);
  });

  test('both start at once; then messages out of order and lost, over several ratchet keys and restarts', {
    timeout: longEnough,
  }, async () => {
    await meet();
    other.held = [];
    const { id: started } = await bothy.send(conversation, 'ours');
    const theirs = await other.write(anna, 'theirs');
    await bothy.reaches(started, conversation, ['on-server']);
    await other.deliver(theirs);
    await bothy.shown(conversation, 'theirs');
    for (const stanza of await other.release([started])) other.take(stanza);
    await other.hears('ours');
    other.letGo();
    await fromThem('on your session');
    await fromUs('on the same');
    const sent: string[] = ['ours', 'theirs', 'on your session', 'on the same'];
    const stragglers: (() => Promise<void>)[] = [];
    for (let round = 0; round < 3; round += 1) {
      other.held = [];
      const out: string[] = [];
      for (let n = 0; n < 6; n += 1) out.push((await bothy.send(conversation, `out ${round} ${n}`)).id);
      const incoming: Awaited<ReturnType<typeof other.write>>[] = [];
      for (let n = 0; n < 6; n += 1) incoming.push(await other.write(anna, `in ${round} ${n}`));
      const outgoing = await other.release(out);
      // Number 3 never arrives, 5 only when both have gone on to other ratchet keys.
      for (const n of [4, 0, 1, 2]) {
        const [came, goes] = [outgoing[n], incoming[n]];
        if (!came || !goes) throw new Error('missing');
        other.take(came);
        await other.hears(`out ${round} ${n}`);
        await other.deliver(goes);
        await bothy.shown(conversation, `in ${round} ${n}`);
        sent.push(`in ${round} ${n}`);
      }
      sent.push(...out.map((_, n) => `out ${round} ${n}`));
      other.letGo();
      for (const straggler of stragglers.splice(0)) await straggler();
      stragglers.push(async () => {
        const [came, goes] = [outgoing[5], incoming[5]];
        if (!came || !goes) throw new Error('missing');
        other.take(came);
        await other.hears(`out ${round} 5`);
        await other.deliver(goes);
        await bothy.shown(conversation, `in ${round} 5`);
        sent.push(`in ${round} 5`);
      });
      await fromUs(`turn ${round}`);
      await fromThem(`and ${round}`);
      sent.push(`turn ${round}`, `and ${round}`);
      if (round === 0) await restartOurs();
      if (round === 1) await other.restart();
    }
    expect(other.lost()).toEqual([]);
    expect((await texts(bothy, conversation)).sort()).toEqual(sent.sort());
  });

  test('several devices on each side: everyone reads everything, whoever says it', {
    timeout: longEnough,
  }, async () => {
    await meet();
    const [second, tablet] = await Promise.all([
      stage().newBothy(anna, `${anna}-second`),
      stage().client(ruth, [namespace], `${ruth}-tablet`),
    ]);
    const known = async (process: Headless): Promise<ConversationId> =>
      (
        await process.conversationWhere(
          'both their devices',
          ({ reach, encryption: used }) => reach.length === 2 && used === encryption,
        )
      ).id;
    const there = await known(second);
    await known(bothy);
    await ownDevices(bothy, 2);
    const everywhere = async (text: string, says: 'first' | 'second' | 'phone' | 'tablet'): Promise<void> => {
      if (says === 'first') await bothy.send(conversation, text);
      else if (says === 'second') await second.send(there, text);
      else await (says === 'phone' ? other : tablet).say(anna, text);
      const direction = says === 'first' || says === 'second' ? 'out' : 'in';
      for (const [process, where] of [
        [bothy, conversation],
        [second, there],
      ] as const) {
        const own = direction === 'out';
        expect(await process.has(where, text)).toMatchObject({ direction, kind: 'text' });
        if (!own) expect((await process.has(where, text)).encryption).toBe(encryption);
      }
      for (const client of [other, tablet]) {
        if (client !== (says === 'phone' ? other : says === 'tablet' ? tablet : null)) await client.hears(text);
      }
    };
    await everywhere('from the first Bothy', 'first');
    await everywhere('from the phone', 'phone');
    await everywhere('from the second Bothy', 'second');
    await everywhere('from the tablet', 'tablet');
    await everywhere('once more from the first', 'first');
    // A device that was there before is used as before when the account's other one leaves.
    await tablet.leave();
    await everywhereBut(tablet);
    async function everywhereBut(gone: OmemoClient): Promise<void> {
      await bothy.send(conversation, 'while the tablet is off');
      await other.hears('while the tablet is off');
      await gone.comeBack();
      await gone.hears('while the tablet is off');
    }
    expect([other.lost(), tablet.lost()]).toEqual([[], []]);
    const all = ['from the first Bothy', 'from the phone', 'from the second Bothy', 'from the tablet'];
    const shown = [...all, 'once more from the first', 'while the tablet is off'];
    expect(await texts(bothy, conversation)).toEqual(shown);
    await second.has(there, 'while the tablet is off');
    expect(await texts(second, there)).toEqual(shown);
  });

  test('broken sessions: theirs lost, renewed by them, their keys lost, ours lost: the next message heals each', {
    timeout: longEnough,
  }, async () => {
    await meet();
    await fromUs('one');
    await fromThem('two');
    const [device] = await other.omemo.devices(anna);
    if (!device) throw new Error('no device');

    await other.omemo.forget(anna);
    await bothy.send(conversation, 'lost to them');
    expect((await other.cannotRead(1))[0]?.why).toMatch(/NoSession/);
    await other.say(anna, 'on a new session');
    await bothy.shown(conversation, 'on a new session');
    await bothy.send(conversation, 'after their loss');
    await other.hears('after their loss', 1);

    // What is damaged on the way is shown as unreadable, and the session renewed from our side.
    const wordless = (): number => other.heard.filter(({ text }) => text === null).length;
    const before = wordless();
    await other.deliver(damaged(await other.write(anna, 'damaged')));
    await other.hears(() => wordless() > before, 1);
    await fromThem('on your new session');
    await bothy.send(conversation, 'on our new session');
    await other.hears('on our new session', 1);
    expect((await texts(bothy, conversation)).filter((text) => text === '(unreadable)')).toHaveLength(1);

    expect(await other.omemo.replace(anna, device.id)).toEqual([]);
    await bothy.send(conversation, 'after a renewal');
    await other.hears('after a renewal', 1);
    await fromThem('renewed');

    // Another device with the same owner, as after an installation from nothing.
    await other.leave();
    const devices = (await bothy.get('conversations.list', {})).find(({ id }) => id === conversation)?.reach.length;
    const installed = await stage().client(ruth, [namespace], `${ruth}-again`);
    await bothy.conversationWhere('the new device', ({ reach }) => reach.length > (devices ?? 0));
    await bothy.send(conversation, 'to the new one');
    await installed.hears('to the new one');
    await installed.say(anna, 'from the new one');
    await bothy.shown(conversation, 'from the new one');

    // Ours: the profile is gone, the account is not.
    await bothy.stop();
    bothy = await stage().newBothy(anna, `${anna}-again`);
    const { id } = await bothy.conversationWhere('their device', (one) => one.encryption === encryption);
    await installed.knows(anna, await ownFingerprint(bothy));
    await installed.say(anna, 'to your new one');
    await bothy.shown(id, 'to your new one');
    await bothy.send(id, 'from my new one');
    await installed.hears('from my new one');
    expect(installed.unreadable).toEqual([]);
  });

  test('an old copy of our profile put back: nothing is said with used keys, and talking goes on', {
    timeout: longEnough,
  }, async () => {
    await meet();
    await fromUs('one');
    await fromThem('two');
    await bothy.stop();
    const profile = join(stage().folder, anna, 'profile');
    cpSync(profile, `${profile}-copy`, { recursive: true });
    bothy = stage().bothy(anna);
    await fromUs('three');
    await fromThem('four');
    await fromUs('five');
    await fromThem('six');
    await bothy.stop();
    rmSync(profile, { recursive: true });
    cpSync(`${profile}-copy`, profile, { recursive: true });
    bothy = stage().bothy(anna);
    await bothy.conversationWhere('the conversation as it was', ({ id }) => id === conversation);
    await fromUs('seven');
    await fromThem('eight');
    await fromUs('nine');
    expect(other.lost()).toEqual([]);
    expect(other.heard.flatMap(({ text }) => text ?? [])).toEqual(['one', 'three', 'five', 'seven', 'nine']);
  });
});
