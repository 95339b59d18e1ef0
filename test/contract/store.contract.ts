/** What every store has to do, whatever it keeps its rows in. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../../src/main/storage/records.ts';
import { appError } from '../../src/shared/errors.ts';
import type { Address, ContactId } from '../../src/shared/model.ts';
import {
  bytes,
  contact,
  contactId,
  conversation,
  conversationId,
  device,
  jid,
  message,
  messageId,
  outboxRow,
  outgoing,
  self,
  xid,
} from '../support/store-samples.ts';

/** `open` hands out an empty store; `reopen` the same one again after closing it. */
export function storeContract(name: string, open: () => { store: Store; reopen: () => Store }): void {
  describe(`store: ${name}`, () => {
    let store: Store;
    let reopen: () => Store;

    beforeEach(() => {
      ({ store, reopen } = open());
    });

    const withConversation = (name: string) => {
      store.contacts.put(contact(name));
      store.conversations.put(conversation(name));
    };

    describe('self', () => {
      test('is nobody at first, then exactly what was put', () => {
        expect(store.self.get()).toBeNull();
        store.self.put(self);
        expect(store.self.get()).toEqual(self);
        store.self.rename('Juliet');
        store.self.putDevice(bytes(9, 9));
        expect(store.self.get()).toEqual({ ...self, name: 'Juliet', device: bytes(9, 9) });
      });

      test('keeps bytes that are a view of a larger buffer', () => {
        const larger = Uint8Array.from({ length: 96 }, (_, index) => index);
        store.self.put({ ...self, xidSeed: larger.subarray(32, 64) });
        expect(store.self.get()?.xidSeed).toEqual(larger.slice(32, 64));
      });

      test('is one person only', () => {
        store.self.put(self);
        store.self.put({ ...self, name: 'Benvolio' });
        expect(store.self.get()?.name).toBe('Benvolio');
      });

      test('survives reopening', () => {
        store.self.put(self);
        store = reopen();
        expect(store.self.get()).toEqual(self);
      });
    });

    describe('accounts', () => {
      const account = { jid: jid('romeo'), password: 'pässword', state: '{}', archiveCursor: null };

      test('are put, changed in part, and removed', () => {
        expect(store.accounts.get()).toBeNull();
        store.accounts.put(account);
        expect(store.accounts.get()).toEqual(account);
        store.accounts.putState('{"a":1}');
        store.accounts.putArchiveCursor('cursor-1');
        expect(store.accounts.get()).toEqual({ ...account, state: '{"a":1}', archiveCursor: 'cursor-1' });
        store.accounts.remove();
        expect(store.accounts.get()).toBeNull();
      });
    });

    describe('contacts', () => {
      test('are found by id and by either address', () => {
        const tybalt = contact('tybalt', { xid: xid('b'), subscription: 'pending-in', xidShared: true });
        store.contacts.put(tybalt);
        store.contacts.put(contact('nurse', { jid: null, xid: xid('c') }));
        expect(store.contacts.get(contactId('tybalt'))).toEqual(tybalt);
        expect(store.contacts.byAddress(jid('tybalt'))).toEqual(tybalt);
        expect(store.contacts.byAddress(xid('b'))).toEqual(tybalt);
        expect(store.contacts.byAddress('nobody@example.org' as Address)).toBeNull();
        expect(store.contacts.get(contactId('nobody'))).toBeNull();
        expect(store.contacts.list().map(({ id }) => id)).toEqual([contactId('nurse'), contactId('tybalt')]);
      });

      test('are changed without losing what belongs to them', () => {
        withConversation('tybalt');
        store.messages.insert(message('tybalt', 1));
        store.contacts.put(contact('tybalt', { name: 'Prince of Cats' }));
        expect(store.contacts.get(contactId('tybalt'))?.name).toBe('Prince of Cats');
        expect(store.messages.count()).toBe(1);
      });

      test('take their conversation, messages, devices, outbox rows and invitations with them', () => {
        for (const name of ['tybalt', 'nurse']) {
          withConversation(name);
          store.devices.put(device(contactId(name), 1));
          store.invitations.put({
            secret: bytes(32, name.length),
            expiresAt: 1,
            direction: 'in',
            xid: null,
            contactId: contactId(name),
          });
        }
        store.devices.put(device('self', 1));
        store.messages.insert(message('tybalt', 1, { body: 'gone' }));
        store.messages.insert(message('nurse', 2, { body: 'stays' }));
        const removed = store.outbox.add(outboxRow('tybalt', 1));
        store.outbox.setEncrypted(removed.id, '<message/>', [
          { owner: contactId('tybalt'), deviceId: 1, state: 'waiting', route: null },
        ]);
        const kept = store.outbox.add(outboxRow('nurse', 2));

        store.contacts.remove(contactId('tybalt'));

        expect(store.contacts.list().map(({ name }) => name)).toEqual(['nurse']);
        expect(store.conversations.list().map(({ id }) => id)).toEqual([conversationId('nurse')]);
        expect(store.messages.count()).toBe(1);
        expect(store.messages.search('gone', 10)).toEqual([]);
        expect(store.messages.search('stays', 10)).toHaveLength(1);
        expect(store.devices.of(contactId('tybalt'))).toEqual([]);
        expect(store.devices.of(contactId('nurse'))).toHaveLength(1);
        expect(store.devices.of('self')).toHaveLength(1);
        expect(store.outbox.pending()).toEqual([kept]);
        expect(store.outbox.targets(removed.id)).toEqual([]);
        expect(store.invitations.list().map(({ contactId }) => contactId)).toEqual([contactId('nurse')]);
      });
    });

    describe('devices', () => {
      test('are kept by owner and id, and found by identity', () => {
        const known = device(contactId('tybalt'), 5, {
          wire: 'omemo-legacy',
          label: 'Laptop',
          trust: 'verified',
          active: false,
          lastSeenAt: 99,
        });
        const unknown = device('self', 6, { identityKey: null, trust: 'undecided' });
        store.devices.put(known);
        store.devices.put(unknown);
        expect(store.devices.get(contactId('tybalt'), 5)).toEqual(known);
        expect(store.devices.get('self', 6)).toEqual(unknown);
        expect(store.devices.get('self', 5)).toBeNull();
        expect(store.devices.byIdentity(bytes(32, 5), 5)).toEqual(known);
        expect(store.devices.byIdentity(bytes(32, 5), 6)).toBeNull();
        store.devices.put({ ...known, trust: 'distrusted' });
        expect(store.devices.of(contactId('tybalt'))).toEqual([{ ...known, trust: 'distrusted' }]);
      });
    });

    describe('sessions', () => {
      test('belong to identity key and device id together', () => {
        const row = { identityKey: bytes(32, 1), deviceId: 1, state: bytes(3_000, 4) };
        store.sessions.put(row);
        store.sessions.put({ ...row, deviceId: 2 });
        store.sessions.put({ ...row, state: bytes(10, 5) });
        expect(store.sessions.get(bytes(32, 1), 1)).toEqual({ ...row, state: bytes(10, 5) });
        expect(store.sessions.get(bytes(32, 2), 1)).toBeNull();
        store.sessions.remove(bytes(32, 1), 1);
        expect(store.sessions.get(bytes(32, 1), 1)).toBeNull();
        expect(store.sessions.get(bytes(32, 1), 2)).not.toBeNull();
        store.sessions.clear();
        expect(store.sessions.get(bytes(32, 1), 2)).toBeNull();
      });
    });

    describe('all sessions', () => {
      test('can be gone through', () => {
        expect(store.sessions.isEmpty()).toBe(true);
        const rows = [1, 2].map((deviceId) => ({ identityKey: bytes(32, 4), deviceId, state: bytes(9, deviceId) }));
        for (const row of rows) store.sessions.put(row);
        expect(store.sessions.isEmpty()).toBe(false);
        expect(store.sessions.list()).toEqual(rows);
      });
    });

    describe('conversations', () => {
      test('are put, changed and listed, the latest first', () => {
        withConversation('tybalt');
        withConversation('nurse');
        const changed = conversation('tybalt', {
          routePreference: 'direct',
          plainAllowed: true,
          clearSignalsAllowed: true,
          draft: 'Have at thee',
          updatedAt: 9_000,
        });
        store.conversations.put(changed);
        expect(store.conversations.get(conversationId('tybalt'))).toEqual(changed);
        expect(store.conversations.byContact(contactId('tybalt'))).toEqual(changed);
        expect(store.conversations.byContact(contactId('nobody'))).toBeNull();
        expect(store.conversations.list()).toEqual([changed, conversation('nurse')]);
      });

      test('count as unread what others said, not what we or the program said', () => {
        withConversation('tybalt');
        const summary = () => store.conversations.summary(conversationId('tybalt'));
        expect(summary()).toEqual({ unread: 0, firstUnread: null, lastMessage: null });
        store.messages.insert(outgoing('tybalt', 1));
        store.messages.insert(message('tybalt', 2, { kind: 'new-device', senderOwner: null, senderDeviceId: null }));
        store.messages.insert(message('tybalt', 4));
        store.messages.insert(message('tybalt', 3, { kind: 'undecryptable' }));
        expect(summary()).toMatchObject({ unread: 2, firstUnread: messageId(3), lastMessage: { id: messageId(4) } });
        expect(store.conversations.markRead(conversationId('tybalt'), messageId(3))).toBe(1);
        expect(store.conversations.markRead(conversationId('tybalt'), messageId(3))).toBe(0);
        expect(summary()).toMatchObject({ unread: 1, firstUnread: messageId(4) });
        expect(store.conversations.markRead(conversationId('nurse'), messageId(4))).toBe(0);
        expect(store.conversations.markRead(conversationId('tybalt'), messageId(4))).toBe(1);
        expect(summary()).toMatchObject({ unread: 0, firstUnread: null });
      });

      test('know the newest encrypted text that nobody has read', () => {
        withConversation('tybalt');
        const newest = (upTo: number) =>
          store.conversations.newestUnreadEncrypted(conversationId('tybalt'), messageId(upTo));
        store.messages.insert(message('tybalt', 1));
        store.messages.insert(message('tybalt', 2));
        store.messages.insert(message('tybalt', 3, { encryption: 'none' }));
        store.messages.insert(message('tybalt', 4, { kind: 'undecryptable' }));
        store.messages.insert(outgoing('tybalt', 5));
        expect(newest(1)).toBe(messageId(1));
        expect(newest(5)).toBe(messageId(2));
        expect(newest(9)).toBeNull();
        store.conversations.markRead(conversationId('tybalt'), messageId(5));
        expect(newest(5)).toBeNull();
      });

      test('count their own order up from 1, also after reopening', () => {
        withConversation('tybalt');
        withConversation('nurse');
        expect(store.conversations.nextOrderCounter(conversationId('tybalt'))).toBe(1);
        expect(store.conversations.nextOrderCounter(conversationId('tybalt'))).toBe(2);
        store.conversations.put(conversation('tybalt', { draft: 'x' }));
        store = reopen();
        expect(store.conversations.nextOrderCounter(conversationId('tybalt'))).toBe(3);
        expect(store.conversations.nextOrderCounter(conversationId('nurse'))).toBe(1);
      });

      test('take the newest number back, and no earlier one', () => {
        withConversation('tybalt');
        const { nextOrderCounter, giveBackOrderCounter } = store.conversations;
        const id = conversationId('tybalt');
        expect([nextOrderCounter(id), nextOrderCounter(id)]).toEqual([1, 2]);
        expect(giveBackOrderCounter(id, 1)).toBe(false);
        expect(giveBackOrderCounter(id, 2)).toBe(true);
        expect(giveBackOrderCounter(id, 2)).toBe(false);
        expect(nextOrderCounter(id)).toBe(2);
      });

      test('tell each gap in the order of a device once', () => {
        withConversation('tybalt');
        const see = (counter: number, deviceId = 1) =>
          store.conversations.seeOrderCounter(conversationId('tybalt'), bytes(32, 1), deviceId, counter);
        expect(see(5)).toEqual([]);
        expect(see(6)).toEqual([]);
        expect(see(9)).toEqual([7, 8]);
        expect(see(9)).toBeNull();
        expect(see(7)).toBeNull();
        expect(see(10)).toEqual([]);
        expect(see(2, 2)).toEqual([]);
        const far = see(1_000_000);
        expect(far).toHaveLength(100);
        expect(far?.at(-1)).toBe(999_999);
      });
    });

    describe('order counters', () => {
      test('say of which devices one was ever seen', () => {
        withConversation('tybalt');
        const id = conversationId('tybalt');
        expect(store.conversations.hasSeenOrder(id, bytes(32, 1), 7)).toBe(false);
        store.conversations.seeOrderCounter(id, bytes(32, 1), 7, 3);
        expect(store.conversations.hasSeenOrder(id, bytes(32, 1), 7)).toBe(true);
        expect(store.conversations.hasSeenOrder(id, bytes(32, 2), 7)).toBe(false);
        expect(store.conversations.hasSeenOrder(id, bytes(32, 1), 8)).toBe(false);
      });
    });

    describe('messages', () => {
      beforeEach(() => {
        withConversation('tybalt');
        withConversation('nurse');
      });

      test('come back as they went in', () => {
        const inserted = store.messages.insert(message('tybalt', 1, { body: 'Ünïcødé 👋🏽\n\u0000 ends' }));
        expect(inserted).toEqual({
          id: messageId(1),
          conversationId: conversationId('tybalt'),
          direction: 'in',
          kind: 'text',
          body: 'Ünïcødé 👋🏽\n\u0000 ends',
          sentAt: 10_001,
          receivedAt: 20_001,
          sortAt: 10_001,
          sequence: expect.any(Number),
          senderDevice: `${contactId('tybalt')}/7`,
          encryption: 'omemo2',
          route: 'direct',
          state: 'on-device',
          failure: null,
        });
        expect(store.messages.get(messageId(1))).toEqual(inserted);
        expect(store.messages.get(messageId(2))).toBeNull();
      });

      test('are taken once: the same id again changes nothing', () => {
        const first = store.messages.insert(message('tybalt', 1));
        expect(store.messages.insert(message('nurse', 1, { body: 'other' }))).toBeNull();
        expect(store.messages.get(messageId(1))).toEqual(first);
        expect(store.messages.search('other', 10)).toEqual([]);
      });

      test('have a delivery state, with the reason of a failure', () => {
        store.messages.insert(outgoing('tybalt', 1));
        const failure = appError('transport.timeout', 'No answer.', 'Try again.', 'detail');
        expect(store.messages.setDelivery(messageId(1), 'failed', null, failure)).toMatchObject({
          state: 'failed',
          failure,
        });
        expect(store.messages.setDelivery(messageId(1), 'on-device', 'both', null)).toMatchObject({
          state: 'on-device',
          route: 'both',
          failure: null,
        });
        expect(store.messages.setDelivery(messageId(2), 'read', null, null)).toBeNull();
      });

      test('are paged in both directions, oldest first in each page, ties by sequence', () => {
        for (let number = 1; number <= 10; number += 1)
          store.messages.insert(message('tybalt', number, { sortAt: Math.ceil(number / 3) }));
        store.messages.insert(message('nurse', 99));
        const page = (at: Parameters<Store['messages']['page']>[1]) => {
          const { messages, hasOlder, hasNewer } = store.messages.page(conversationId('tybalt'), at);
          return {
            messages,
            summary: [messages.map(({ id }) => id.replace('message-', '')).join(), hasOlder, hasNewer],
          };
        };
        const newest = page({ limit: 4 });
        expect(newest.summary).toEqual(['7,8,9,10', true, false]);
        const before = newest.messages[0];
        if (before === undefined) throw new Error('no message');
        const middle = page({ before, limit: 4 });
        expect(middle.summary).toEqual(['3,4,5,6', true, true]);
        expect(page({ ...(middle.messages[0] && { before: middle.messages[0] }), limit: 4 }).summary).toEqual([
          '1,2',
          false,
          true,
        ]);
        expect(page({ ...(middle.messages[3] && { after: middle.messages[3] }), limit: 3 }).summary).toEqual([
          '7,8,9',
          true,
          true,
        ]);
        expect(page({ ...(middle.messages[3] && { after: middle.messages[3] }), limit: 4 }).summary).toEqual([
          '7,8,9,10',
          true,
          false,
        ]);
        expect(page({ limit: 10 }).summary).toEqual(['1,2,3,4,5,6,7,8,9,10', false, false]);
        expect(store.messages.page(conversationId('nobody'), { limit: 5 })).toEqual({
          messages: [],
          hasOlder: false,
          hasNewer: false,
        });
      });

      test('a late arrival sorts where it was said', () => {
        store.messages.insert(message('tybalt', 1, { sortAt: 100 }));
        store.messages.insert(message('tybalt', 2, { sortAt: 300 }));
        store.messages.insert(message('tybalt', 3, { sortAt: 200 }));
        const { messages } = store.messages.page(conversationId('tybalt'), { limit: 10 });
        expect(messages.map(({ id }) => id)).toEqual([messageId(1), messageId(3), messageId(2)]);
      });

      test('are found by the beginnings of words, without regard to case and accents, newest first', () => {
        store.messages.insert(message('tybalt', 1, { body: 'Wherefore art thou Roméo?' }));
        store.messages.insert(message('nurse', 2, { body: 'ROMEO, come forth' }));
        store.messages.insert(message('tybalt', 3, { body: 'romeo', kind: 'info' }));
        store.messages.insert(message('tybalt', 4, { body: '私は学生です' }));
        const search = (text: string, limit = 10) => store.messages.search(text, limit).map(({ id }) => id);
        expect(search('rome')).toEqual([messageId(2), messageId(1)]);
        expect(search('rome', 1)).toEqual([messageId(2)]);
        expect(search('romeo thou')).toEqual([messageId(1)]);
        expect(search('meo')).toEqual([]);
        expect(search('学生')).toEqual([messageId(4)]);
        expect(search('生学')).toEqual([]);
      });

      test('a search takes any text as words, never as a query', () => {
        store.messages.insert(message('tybalt', 1, { body: 'a "quoted" OR near word*' }));
        for (const text of ['', '  ', '"', '*', 'AND', 'body:quoted', 'NEAR(a b)', '-', '()', '\u0000', '"quoted'])
          expect(() => store.messages.search(text, 5), text).not.toThrow();
        expect(store.messages.search('', 5)).toEqual([]);
        expect(store.messages.search('"quoted"', 5)).toHaveLength(1);
      });

      test('one marker covers all that had left this computer before it', () => {
        for (let number = 1; number <= 6; number += 1) store.messages.insert(outgoing('tybalt', number));
        store.messages.setDelivery(messageId(1), 'read', 'direct', null);
        store.messages.setDelivery(messageId(2), 'on-device', 'direct', null);
        store.messages.setDelivery(messageId(3), 'on-server', 'server', null);
        store.messages.setDelivery(messageId(5), 'sending', 'direct', null);
        store.messages.setDelivery(messageId(6), 'on-device', 'direct', null);
        store.messages.insert(message('tybalt', 7, { sortAt: 1 }));
        const upTo = (number: number) => store.messages.unreadOutgoingUpTo(messageId(number)).map(({ id }) => id);
        expect(upTo(5)).toEqual([messageId(2), messageId(3), messageId(5)]);
        expect(upTo(1)).toEqual([]);
        expect(upTo(9)).toEqual([]);
      });

      test('are counted', () => {
        expect(store.messages.count()).toBe(0);
        store.messages.insert(message('tybalt', 1));
        store.messages.insert(message('nurse', 2));
        expect(store.messages.count()).toBe(2);
      });
    });

    describe('a line for a message that could not be read', () => {
      const line = (number: number) => message('tybalt', number, { kind: 'undecryptable', body: 'unreadable' });
      beforeEach(() => withConversation('tybalt'));

      test('is changed in its words, and unread only while somebody may have said something', () => {
        const before = store.messages.insert(line(1));
        expect(store.conversations.summary(conversationId('tybalt')).unread).toBe(1);
        const lost = store.messages.setLine(messageId(1), 'undecryptable', 'lost');
        expect(lost).toEqual({ ...before, body: 'lost' });
        expect(store.conversations.summary(conversationId('tybalt')).unread).toBe(1);
        expect(store.messages.setLine(messageId(1), 'info', 'nothing')).toMatchObject({
          kind: 'info',
          body: 'nothing',
        });
        expect(store.conversations.summary(conversationId('tybalt')).unread).toBe(0);
      });

      test('gives its place to the text itself, which is new and can be found', () => {
        store.messages.insert(message('tybalt', 1));
        const before = store.messages.insert(line(2));
        store.messages.insert(message('tybalt', 3));
        store.conversations.markRead(conversationId('tybalt'), messageId(3));
        const { id, sortAt, ...text } = message('tybalt', 4, { body: 'the words themselves' });
        const put = store.messages.putInPlace(messageId(2), text);
        expect(put).toMatchObject({ id: messageId(2), kind: 'text', body: 'the words themselves' });
        expect([put?.sortAt, put?.sequence]).toEqual([before?.sortAt, before?.sequence]);
        expect(put?.sortAt).not.toBe(sortAt);
        expect(store.messages.get(id)).toBeNull();
        const summary = store.conversations.summary(conversationId('tybalt'));
        expect([summary.unread, summary.firstUnread]).toEqual([1, messageId(2)]);
        expect(store.messages.search('themselves', 5)).toEqual([put]);
        expect(store.messages.count()).toBe(3);
      });

      test('and what a person said is never touched by either', () => {
        const said = store.messages.insert(message('tybalt', 1));
        const { id: _, sortAt: __, ...text } = message('tybalt', 2, { body: 'other' });
        expect(store.messages.setLine(messageId(1), 'info', 'other')).toBeNull();
        expect(store.messages.putInPlace(messageId(1), text)).toBeNull();
        expect(store.messages.putInPlace(messageId(9), text)).toBeNull();
        expect(store.messages.get(messageId(1))).toEqual(said);
      });
    });

    test('the place of the last message is known, of each conversation', () => {
      for (const name of ['tybalt', 'nurse']) withConversation(name);
      expect(store.messages.newestAt(conversationId('tybalt'))).toBeNull();
      for (const number of [2, 9, 5]) store.messages.insert(message('tybalt', number));
      store.messages.insert(message('nurse', 20));
      expect(store.messages.newestAt(conversationId('tybalt'))).toBe(message('tybalt', 9).sortAt);
    });

    describe('whom a text was encrypted for', () => {
      const anna = { deviceId: 7, identityKey: bytes(32, 1) };
      const taken = { deviceId: 7, identityKey: bytes(32, 2) };
      const second = { deviceId: 0x7fffffff, identityKey: bytes(32, 1) };
      beforeEach(() => {
        withConversation('tybalt');
        store.messages.insert(outgoing('tybalt', 1));
      });

      test('is known by device and key, and taken once', () => {
        store.messages.addSealedFor(messageId(1), [anna, second]);
        store.messages.addSealedFor(messageId(1), [anna]);
        expect(store.messages.takeSealedFor(messageId(1), taken)).toBe(false);
        expect(store.messages.takeSealedFor(messageId(1), anna)).toBe(true);
        expect(store.messages.takeSealedFor(messageId(1), anna)).toBe(false);
        store = reopen();
        expect(store.messages.takeSealedFor(messageId(1), second)).toBe(true);
        expect(store.messages.takeSealedFor(messageId(1), second)).toBe(false);
      });

      test('is nobody for a message that does not exist', () => {
        store.messages.addSealedFor(messageId(2), [anna]);
        expect(store.messages.takeSealedFor(messageId(2), anna)).toBe(false);
      });
    });

    describe('seen', () => {
      test('remembers sender and id together', () => {
        store.seen.add(bytes(32, 1), messageId(1), 5);
        store.seen.add(bytes(32, 1), messageId(1), 6);
        expect(store.seen.has(bytes(32, 1), messageId(1))).toBe(true);
        expect(store.seen.has(bytes(32, 2), messageId(1))).toBe(false);
        expect(store.seen.has(bytes(32, 1), messageId(2))).toBe(false);
      });
    });

    describe('statements about keys', () => {
      const said = { about: jid('tybalt'), keyId: bytes(32, 1), trust: 'verified', saidAt: 5 } as const;

      test('are one of each speaker about each key, found by either', () => {
        const here = { ...said, saidBy: null };
        const phone = { ...said, saidBy: bytes(32, 9), saidAt: 4 };
        const own = { ...phone, about: 'self', trust: 'distrusted' } as const;
        for (const one of [here, phone, own]) store.statements.put(one);
        store.statements.put({ ...here, trust: 'undecided', saidAt: 6 });
        store = reopen();
        expect(store.statements.about(jid('tybalt'))).toEqual([phone, { ...here, trust: 'undecided', saidAt: 6 }]);
        expect(store.statements.by(bytes(32, 9))).toEqual([phone, own]);
        expect(store.statements.about(jid('nurse'))).toEqual([]);
        expect(store.statements.countBy(bytes(32, 9))).toBe(2);
        expect(store.statements.get(own)).toEqual(own);
        expect(store.statements.get({ ...own, about: jid('tybalt'), keyId: bytes(32, 2) })).toBeNull();
        store.statements.remove(phone);
        expect(store.statements.by(bytes(32, 9))).toEqual([own]);
        store.statements.removeAbout(jid('tybalt'));
        expect(store.statements.by(null)).toEqual([]);
        expect(store.statements.about('self')).toEqual([own]);
      });
    });

    describe('outbox', () => {
      beforeEach(() => withConversation('tybalt'));

      test('keeps rows in order and never gives an id twice', () => {
        const first = store.outbox.add(outboxRow('tybalt', 1, { createdAt: 9 }));
        const second = store.outbox.add(
          outboxRow('tybalt', 2, { kind: 'control', preference: 'server', createdAt: 8 }),
        );
        expect(store.outbox.pending()).toEqual([first, second]);
        expect(store.outbox.get(second.id)).toEqual(second);
        expect(store.outbox.byMessage(messageId(2))).toEqual(second);
        store.outbox.remove(second.id);
        expect(store.outbox.get(second.id)).toBeNull();
        expect(store.outbox.byMessage(messageId(2))).toBeNull();
        store = reopen();
        expect(store.outbox.add(outboxRow('tybalt', 3)).id).toBeGreaterThan(second.id);
      });

      test('keeps what is for our own devices when a contact is removed', () => {
        store.outbox.add(outboxRow('tybalt', 1));
        const own = store.outbox.add(outboxRow('tybalt', 2, { contactId: 'self' as ContactId, kind: 'trust' }));
        const target = { owner: 'self', deviceId: 2, state: 'waiting', route: null } as const;
        store.outbox.setEncrypted(own.id, '<message/>', [target]);
        store.contacts.remove(contactId('tybalt'));
        expect(store.outbox.pending()).toEqual([{ ...own, stage: 'encrypted', stanza: '<message/>' }]);
        expect(store.outbox.targets(own.id)).toEqual([{ ...target, outboxId: own.id }]);
      });

      test('goes from plaintext to the final stanza with its targets', () => {
        const row = store.outbox.add(outboxRow('tybalt', 1));
        const target = { owner: contactId('tybalt'), deviceId: 1, state: 'waiting', route: null } as const;
        store.outbox.setEncrypted(row.id, '<message/>', [target, { ...target, owner: 'self', deviceId: 2 }]);
        store.outbox.countAttempt(row.id);
        store.outbox.setPreference(row.id, 'direct');
        expect(store.outbox.get(row.id)).toEqual({
          ...row,
          stage: 'encrypted',
          stanza: '<message/>',
          attempts: 1,
          preference: 'direct',
        });
        store.outbox.setTarget({ ...target, outboxId: row.id, state: 'done', route: 'direct' });
        expect(store.outbox.targets(row.id)).toEqual([
          { ...target, outboxId: row.id, state: 'done', route: 'direct' },
          { ...target, outboxId: row.id, owner: 'self', deviceId: 2 },
        ]);
        store.outbox.setEncrypted(row.id, '<message n="2"/>', [target]);
        expect(store.outbox.targets(row.id)).toEqual([{ ...target, outboxId: row.id }]);
        store.outbox.remove(row.id);
        expect(store.outbox.targets(row.id)).toEqual([]);
      });
    });

    describe('invitations', () => {
      test('are put, changed and removed by their secret', () => {
        const invitation = {
          secret: bytes(32, 1),
          expiresAt: 50,
          direction: 'out',
          xid: null,
          contactId: null,
        } as const;
        store.invitations.put(invitation);
        store.invitations.put({ ...invitation, secret: bytes(32, 2), direction: 'in', xid: xid('d'), expiresAt: 40 });
        store.invitations.put({ ...invitation, expiresAt: 60 });
        expect(store.invitations.list()).toEqual([
          { ...invitation, secret: bytes(32, 2), direction: 'in', xid: xid('d'), expiresAt: 40 },
          { ...invitation, expiresAt: 60 },
        ]);
        store.invitations.remove(bytes(32, 1));
        expect(store.invitations.list()).toHaveLength(1);
      });
    });

    describe('settings', () => {
      test('have defaults and are kept', () => {
        expect(store.settings.get()).toEqual({
          theme: 'system',
          sendReadMarkers: true,
          notifications: 'full',
          blindTrust: true,
        });
        store.settings.set({ theme: 'dark', sendReadMarkers: false, notifications: 'none', blindTrust: false });
        store = reopen();
        expect(store.settings.get()).toEqual({
          theme: 'dark',
          sendReadMarkers: false,
          notifications: 'none',
          blindTrust: false,
        });
      });

      test('keep values of the application apart from the settings', () => {
        expect(store.settings.getValue('settings')).toBeNull();
        store.settings.setValue('settings', '[]');
        store.settings.setValue('settings', '[1]');
        expect(store.settings.getValue('settings')).toBe('[1]');
        expect(store.settings.get().theme).toBe('system');
      });
    });

    describe('transactions', () => {
      test('hand back what the work does, and keep it', () => {
        const result = store.transaction(() => {
          store.contacts.put(contact('nurse'));
          return 42;
        });
        expect(result).toBe(42);
        store = reopen();
        expect(store.contacts.list()).toHaveLength(1);
      });

      test('leave nothing of work that throws', () => {
        expect(() =>
          store.transaction(() => {
            store.self.put(self);
            withConversation('tybalt');
            store.messages.insert(message('tybalt', 1));
            throw new Error('changed my mind');
          }),
        ).toThrow('changed my mind');
        expect(store.self.get()).toBeNull();
        expect(store.contacts.list()).toEqual([]);
        expect(store.messages.search('message', 5)).toEqual([]);
        store.transaction(() => store.self.put(self));
        expect(store.self.get()).toEqual(self);
      });

      test('join when nested: the outer one decides', () => {
        expect(() =>
          store.transaction(() => {
            store.transaction(() => store.contacts.put(contact('tybalt')));
            throw new Error('outer');
          }),
        ).toThrow('outer');
        expect(store.contacts.list()).toEqual([]);
      });

      test('take back only the nested work when that alone fails', () => {
        store.transaction(() => {
          store.contacts.put(contact('tybalt'));
          expect(() =>
            store.transaction(() => {
              store.contacts.put(contact('nurse'));
              throw new Error('inner');
            }),
          ).toThrow('inner');
        });
        expect(store.contacts.list().map(({ name }) => name)).toEqual(['tybalt']);
      });

      test('refuse work that is still going on when it returns', () => {
        expect(() => store.transaction(async () => store.contacts.put(contact('tybalt')))).toThrow(TypeError);
        expect(store.contacts.list()).toEqual([]);
      });
    });
  });
}
