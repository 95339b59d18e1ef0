/** A Bothy and clients that others wrote, some of which speak the newer version of OMEMO, some the older, some both. */
import type { Element } from '@xmpp/xml';
import { describe, expect, test } from 'vitest';
import { longEnough } from '../support/bounded-wait.ts';
import { befriend, omemoStageOfFile, ownDevices } from '../support/omemo-stage.ts';
import { prosodyMissing } from '../support/prosody.ts';
import { LEGACY, OMEMO2, pythonOmemoMissing } from '../support/python-omemo.ts';

const stage = omemoStageOfFile(pythonOmemoMissing() ?? prosodyMissing());

const namespacesIn = (stanza: Element): (string | undefined)[] =>
  stanza
    .getChildren('encrypted')
    .map((one) => one.getNS())
    .sort();

const ridsIn = (stanza: Element): string[] =>
  [...stanza.toString().matchAll(/ rid="(\d+)"/g)].map(([, rid = '']) => rid);

describe('a contact whose clients differ', () => {
  test('one that speaks both versions gets the newer one alone; one beside it that speaks only the older gets that', {
    timeout: longEnough,
  }, async () => {
    const [anna, ruth] = [await stage().account('anna'), await stage().account('ruth')];
    const [bothy, both] = await Promise.all([stage().newBothy(anna), stage().client(ruth, [OMEMO2, LEGACY])]);
    const conversation = await befriend(bothy, both, 'omemo2');
    await bothy.send(conversation, 'to one that speaks both');
    const heard = await both.hears('to one that speaks both');
    expect(heard.namespace).toBe(OMEMO2);
    expect(namespacesIn(heard.stanza)).toEqual([OMEMO2]);
    await both.say(anna, 'from one that speaks both');
    expect(await bothy.shown(conversation, 'from one that speaks both')).toMatchObject({ encryption: 'omemo2' });

    const old = await stage().client(ruth, [LEGACY], `${ruth}-old`);
    const second = await stage().newBothy(anna, `${anna}-second`);
    await bothy.conversationWhere('the older device', ({ reach }) => reach.length === 2);
    await ownDevices(bothy, 2);
    const copied = second.when('the copy', (event) =>
      event.type === 'message' && event.message.body === 'to all of them' ? event.message : null,
    );
    await bothy.send(conversation, 'to all of them');
    const [newer, older] = [await both.hears('to all of them'), await old.hears('to all of them')];
    expect([newer.namespace, older.namespace]).toEqual([OMEMO2, LEGACY]);
    expect(namespacesIn(older.stanza)).toEqual([LEGACY, OMEMO2]);
    expect(new Set(ridsIn(older.stanza)).size).toBe(ridsIn(older.stanza).length);
    expect(await copied).toMatchObject({ direction: 'out', encryption: 'omemo2' });
    await old.say(anna, 'from the older one');
    const shown = await bothy.shown(conversation, 'from the older one');
    expect(shown).toMatchObject({ encryption: 'omemo-legacy' });
    await both.hears('from the older one');
    expect([both.lost(), old.lost()]).toEqual([[], []]);
  });

  test('what says more than text: receipts inside the newer version, nothing beside the older one', {
    timeout: longEnough,
  }, async () => {
    const anna = await stage().account('anna');
    const [ruth, ole] = [await stage().account('ruth'), await stage().account('ole')];
    const [bothy, newer, older] = await Promise.all([
      stage().newBothy(anna),
      stage().client(ruth, [OMEMO2]),
      stage().client(ole, [LEGACY]),
    ]);
    const withNewer = await befriend(bothy, newer, 'omemo2');
    const withOlder = await befriend(bothy, older, 'omemo-legacy');
    const { id } = await bothy.send(withNewer, 'do you have it?');
    const asked = await newer.hears('do you have it?');
    expect(asked.content.map((one) => one.getNS())).toContain('urn:xmpp:receipts');
    await bothy.reaches(id, withNewer, ['on-server']);
    await newer.confirm(anna, id);
    await bothy.reaches(id, withNewer, ['on-device']);
    const said = await newer.deliver(await newer.write(anna, 'and you?', true));
    await bothy.shown(withNewer, 'and you?');
    const receipt = await newer.hears(({ content }) => content.some((one) => one.is('received', 'urn:xmpp:receipts')));
    expect(receipt.content.map((one) => one.attrs['id'])).toContain(said);

    const { id: second } = await bothy.send(withOlder, 'and you, Ole?');
    const heard = await older.hears('and you, Ole?');
    const names = heard.stanza.getChildElements().map((child) => `${child.getName()} ${child.getNS()}`);
    expect(names.filter((name) => !/stanza-id|origin-id|delay/.test(name)).sort()).toEqual([
      'body jabber:client',
      `encrypted ${LEGACY}`,
      'encryption urn:xmpp:eme:0',
      'store urn:xmpp:hints',
    ]);
    await older.say(anna, 'I have it');
    const { id: upTo } = await bothy.shown(withOlder, 'I have it');
    await bothy.get('conversations.markRead', { conversationId: withOlder, upTo });
    await bothy.send(withOlder, 'after reading');
    await older.hears('after reading');
    expect((await bothy.reaches(second, withOlder, ['on-server', 'on-device', 'read'])).state).toBe('on-server');
    // Reading was told to nobody: all that ever went out is texts and key-transport messages.
    const all = older.client.received.map(({ stanza }) => stanza.toString()).join();
    expect(all).not.toMatch(/chat-markers|receipts|chatstates/);
  });
});
