/** A Bothy and the profanity client, as a person uses it in a terminal, over a real Prosody. */
import { describe, expect, test } from 'vitest';
import type { Conversation, ConversationId } from '../../src/shared/model.ts';
import { longEnough } from '../support/bounded-wait.ts';
import type { Headless } from '../support/headless.ts';
import { omemoStageOfFile, ownDevices } from '../support/omemo-stage.ts';
import { type Profanity, profanityMissing } from '../support/profanity.ts';
import { prosodyMissing } from '../support/prosody.ts';

const stage = omemoStageOfFile(profanityMissing() ?? prosodyMissing());

describe('profanity', () => {
  let anna = '';
  let ruth = '';
  let bothy: Headless;
  let profanity: Profanity;
  let conversation: ConversationId;

  /** Anna with a Bothy and Ruth with profanity, each in the other's list. */
  async function meet(encryption: Conversation['encryption'], trustMode = 'blind'): Promise<void> {
    [anna, ruth] = [await stage().account('anna'), await stage().account('ruth')];
    [bothy, profanity] = await Promise.all([stage().newBothy(anna), stage().profanity(ruth)]);
    if (encryption !== 'none') {
      await profanity.type(`/omemo trustmode ${trustMode}`);
      await profanity.generateKeys();
    }
    await bothy.get('contacts.addByJid', { jid: ruth });
    await profanity.accept(anna);
    conversation = (await bothy.conversationWhere('what they speak', (one) => one.encryption === encryption)).id;
  }

  async function fromUs(text: string): Promise<void> {
    await bothy.send(conversation, text);
    await profanity.reads(anna, text);
  }

  async function fromThem(text: string): Promise<void> {
    await profanity.type(text);
    expect(await bothy.shown(conversation, text)).toMatchObject({ encryption: 'omemo-legacy', kind: 'text' });
  }

  function devicesKnown(process: Headless, count: number): Promise<Conversation> {
    return process.conversationWhere(`${count} devices`, ({ reach }) => reach.length === count);
  }

  test('first message each way, several, after restarts of both, and what was said while one was away', {
    timeout: longEnough,
  }, async () => {
    await meet('omemo-legacy');
    await fromUs('Hello, Ruth – 你好');
    await profanity.startOmemo(anna);
    await profanity.sees(/Hello, Ruth – 你好/);
    await fromThem('Hello, Anna – 再见');
    for (const turn of [1, 2, 3]) {
      await fromUs(`ping ${turn}`);
      await fromUs(`and ping ${turn}`);
      await fromThem(`pong ${turn}`);
      await fromThem(`and pong ${turn}`);
    }

    await profanity.quit();
    for (const turn of [1, 2, 3]) {
      const { id } = await bothy.send(conversation, `while Ruth is away ${turn}`);
      await bothy.reaches(id, conversation, ['on-server']);
    }
    await profanity.start();
    for (const turn of [1, 2, 3]) await profanity.reads(anna, `while Ruth is away ${turn}`);
    await profanity.startOmemo(anna);
    await fromThem('back again');
    await fromUs('welcome back');

    await bothy.stop();
    for (const turn of [1, 2, 3]) {
      await profanity.type(`while Anna is away ${turn}`);
      await profanity.reads(anna, `while Anna is away ${turn}`, 'me');
    }
    bothy = stage().bothy(anna);
    for (const turn of [1, 2, 3]) await bothy.shown(conversation, `while Anna is away ${turn}`);
    await fromUs('back as well');
    await fromThem('welcome back, Anna');

    const history = await bothy.history(conversation);
    expect(history.filter(({ kind }) => kind !== 'text')).toEqual([]);
    const lines = history.map(({ direction, body }) => `${direction === 'in' ? 'me' : anna}: ${body}`);
    expect(profanity.chat(anna)).toEqual(lines);
    expect(history.every(({ encryption }) => encryption === 'omemo-legacy')).toBe(true);
    for (const { body } of history) {
      expect(profanity.stanzas()).not.toContain(body);
      expect(stage().kept(body)).toBe(false);
    }
    // The other way round: what is looked through is what was sent.
    expect(profanity.stanzas()).toContain('eu.siacs.conversations.axolotl');
    expect(stage().kept('eu.siacs.conversations.axolotl')).toBe(true);
  });

  test('two profanities of one account and two Bothys of another: everyone reads everything', {
    timeout: longEnough,
  }, async () => {
    await meet('omemo-legacy');
    const laptop = await stage().profanity(ruth, `${ruth}-laptop`);
    await laptop.type('/omemo trustmode blind');
    const laptopId = await laptop.generateKeys(false);
    await profanity.logs(new RegExp(`create session with ${ruth} device ${laptopId}`));
    await devicesKnown(bothy, 2);
    const second = await stage().newBothy(anna, `${anna}-second`);
    const there = (await devicesKnown(second, 2)).id;
    await ownDevices(bothy, 2);
    for (const each of [profanity, laptop]) {
      await each.knowsDevices(anna, 2);
      await each.startOmemo(anna, 2);
    }

    await fromUs('from the first Bothy');
    await laptop.reads(anna, 'from the first Bothy');
    await second.has(there, 'from the first Bothy');

    await fromThem('from the first profanity');
    await laptop.reads(anna, 'from the first profanity', 'me');
    expect(await second.shown(there, 'from the first profanity')).toMatchObject({ encryption: 'omemo-legacy' });

    await second.send(there, 'from the second Bothy');
    for (const each of [profanity, laptop]) await each.reads(anna, 'from the second Bothy');
    await bothy.has(conversation, 'from the second Bothy');

    await laptop.type('from the second profanity');
    await profanity.reads(anna, 'from the second profanity', 'me');
    for (const [process, where] of [
      [bothy, conversation],
      [second, there],
    ] as const) {
      expect(await process.shown(where, 'from the second profanity')).toMatchObject({ encryption: 'omemo-legacy' });
    }
    const kinds = (await bothy.history(conversation)).map(({ kind }) => kind);
    expect(kinds).not.toContain('undecryptable');
  });

  test('broken: its sessions lost, then all its keys, then ours: talking goes on', {
    timeout: longEnough,
  }, async () => {
    await meet('omemo-legacy');
    await fromUs('before');
    await profanity.startOmemo(anna);
    await fromThem('before, too');

    await profanity.quit();
    profanity.lose('sessions');
    await profanity.start();
    const from = profanity.wire().length;
    await bothy.send(conversation, 'lost with the sessions');
    await profanity.logs(/cannot decrypt message key/, from);
    await profanity.startOmemo(anna);
    await fromThem('on new sessions');
    await fromUs('good');

    await profanity.quit();
    profanity.lose('keys');
    await profanity.start();
    await profanity.generateKeys(false);
    await devicesKnown(bothy, 2);
    await fromUs('to your new keys');
    await profanity.startOmemo(anna);
    await fromThem('from my new keys');
    await fromUs('good again');

    await bothy.stop();
    bothy = await stage().newBothy(anna, `${anna}-again`);
    conversation = (await devicesKnown(bothy, 2)).id;
    await fromUs('from a new Bothy');
    await profanity.knowsDevices(anna, 2);
    await profanity.endOmemo(anna);
    await profanity.startOmemo(anna, 2);
    await fromThem('to your new Bothy');
    await fromUs('good once more');
  });

  test('its trust modes: by hand with the fingerprint that Bothy shows, and on first use', {
    timeout: longEnough,
  }, async () => {
    await meet('omemo-legacy', 'manual');
    const own = await bothy.get('devices.ofSelf', {});
    const fingerprint = own[0]?.fingerprint?.replaceAll(/(.{8})(?=.)/g, '$1-') ?? '';
    expect(fingerprint).toHaveLength(71);
    await profanity.type(`/omemo start ${anna}`);
    await profanity.sees(/\[OMEMO\]/);
    await profanity.logs(new RegExp(`Trust ${anna}.*: 0`));
    await profanity.type('not trusted yet');
    await profanity.sees(/This message cannot be decrypted for any recipient/);
    await profanity.type(`/omemo fingerprint ${anna}`);
    await profanity.sees(new RegExp(`${fingerprint}$`, 'm'));
    await profanity.type(`/omemo trust ${anna} ${fingerprint}`);
    await profanity.sees(new RegExp(`${fingerprint} \\(trusted\\)|[Tt]rust.*${fingerprint}`, 'm'));
    await profanity.endOmemo(anna);
    await profanity.startOmemo(anna);
    await fromThem('trusted by hand');
    await fromUs('thank you');
    const texts = (await bothy.history(conversation)).map(({ body }) => body);
    expect(texts).not.toContain('not trusted yet');

    // Another computer of Anna's is not trusted with the first.
    await profanity.type('/omemo trustmode firstusage');
    const second = await stage().newBothy(anna, `${anna}-second`);
    const there = (await devicesKnown(second, 1)).id;
    await fromThem('for the first alone');
    await second.send(there, 'from the second');
    await profanity.reads(anna, 'from the second');
    expect((await second.history(there)).map(({ body }) => body)).not.toContain('for the first alone');
  });

  test('without OMEMO: plain text after consent, marked; encrypted from the moment it has keys', {
    timeout: longEnough,
  }, async () => {
    await meet('none');
    await profanity.type(`/msg ${anna} Hello in plain text`);
    expect(await bothy.shown(conversation, 'Hello in plain text')).toMatchObject({ encryption: 'none' });
    const route = { preference: 'automatic', direct: [], server: [] } as const;
    const send = (body: string) =>
      bothy.call('messages.send', { conversationId: conversation, id: crypto.randomUUID() as never, body, route });
    expect(await send('without consent')).toMatchObject({ ok: false, error: { code: 'message.plain-not-allowed' } });
    await bothy.get('conversations.allowPlain', { conversationId: conversation, allow: true });
    expect(await send('with consent')).toMatchObject({ ok: true, value: { encryption: 'none' } });
    await profanity.reads(anna, 'with consent');
    expect(profanity.stanzas()).toContain('with consent');
    expect(profanity.stanzas()).not.toContain('without consent');

    await profanity.type('/omemo trustmode blind');
    await profanity.generateKeys();
    await bothy.conversationWhere('its keys', ({ encryption }) => encryption === 'omemo-legacy');
    await fromUs('now encrypted');
    await profanity.startOmemo(anna);
    await fromThem('here too');
    expect(profanity.stanzas()).not.toMatch(/now encrypted|here too/);
  });
});
