/** When contacts' device lists are asked for: a server that tells of nothing must not hide what somebody new publishes. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DeviceLists } from '../../src/main/app/device-lists.ts';
import { KeyDirectory } from '../../src/main/messaging/devices/key-directory.ts';
import { conversationWith } from '../../src/main/messaging/timeline/conversation-timeline.ts';
import type { ContactRecord } from '../../src/main/storage/records.ts';
import { ok } from '../../src/shared/errors.ts';
import type { BareJid } from '../../src/shared/model.ts';
import { addByJid, MemoryServer } from '../support/memory-server.ts';
import { MessagingPerson } from '../support/messaging-person.ts';

const benJid = 'ben@bothy.test' as BareJid;
const life = new AbortController();

let anna: MessagingPerson;
let lists: DeviceLists;
let directory: KeyDirectory;
/** What is known of Ben's devices: null until asked. */
let devices: number | null;
let published: number;
let asked: number;

beforeEach(async () => {
  anna = new MessagingPerson('Anna');
  await new MemoryServer().signIn(anna, 'anna@bothy.test' as BareJid);
  directory = new KeyDirectory(anna.context, life.signal);
  devices = null;
  published = 0;
  asked = 0;
  vi.spyOn(directory, 'listKnown').mockImplementation(() => devices !== null);
  vi.spyOn(directory, 'announcesNothing').mockImplementation(() => devices === 0);
  vi.spyOn(directory, 'fetchList').mockImplementation(async () => {
    asked += 1;
    devices = published;
    return ok();
  });
  lists = new DeviceLists(anna.context, directory, life.signal);
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  anna.close();
});

function ben(subscription: ContactRecord['subscription'], addedAt = anna.now): ContactRecord {
  const id = anna.store.contacts.byAddress(benJid)?.id ?? addByJid(anna, benJid, 'Ben');
  const known = anna.store.contacts.get(id);
  if (!known) throw new Error('no contact');
  const record = { ...known, subscription, addedAt };
  anna.store.contacts.put(record);
  conversationWith(anna.context, id);
  return record;
}

describe('somebody who begins to share presence', () => {
  test('is asked although nothing was known of them, and again while there is nothing', async () => {
    lists.contactChanged(ben('pending-out'));
    devices = 0;
    lists.contactChanged(ben('to'));
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toBe(1);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(asked).toBe(2);
    published = 1;
    await vi.advanceTimersByTimeAsync(31_000);
    expect([asked, devices]).toEqual([3, 1]);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(asked).toBe(3);
  });

  test('and has none for long is left alone; so is somebody who is removed', async () => {
    lists.contactChanged(ben('pending-out'));
    lists.contactChanged(ben('both'));
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(asked).toBe(4);
    const contact = ben('none');
    lists.contactChanged(contact);
    lists.contactChanged(ben('both'));
    lists.forget(contact.id);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(asked).toBe(5);
  });

  test('may do so from the first moment, when both approved beforehand', async () => {
    lists.contactChanged(ben('both'));
    await vi.advanceTimersByTimeAsync(6_000);
    expect(asked).toBe(2);
  });
});

test('somebody known for long is asked once where nothing told, and not for each change', async () => {
  const long = anna.now - 3_600_000;
  lists.contactChanged(ben('both', long));
  await vi.advanceTimersByTimeAsync(3_600_000);
  lists.contactChanged(ben('both', long));
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(asked).toBe(1);
});

test('before something is written, what is known is doubted: soon where it is nothing, later where nobody tells of changes', async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  const server = new MemoryServer();
  const other = new MessagingPerson('Ben');
  try {
    await server.signIn(anna, 'anna@bothy.test' as BareJid);
    const plainJid = 'carl@bothy.test' as BareJid;
    const plain = addByJid(anna, plainJid, 'Carl');
    const { id } = ben('both');
    await server.signIn(other, benJid);
    expect(anna.directory.listDoubtful(plain)).toBe(true);
    await anna.directory.fetchList(plain, plainJid);
    await anna.directory.fetchList(id, benJid);
    expect([anna.directory.listDoubtful(plain), anna.directory.listDoubtful(id)]).toEqual([false, false]);
    anna.now += 21_000;
    expect([anna.directory.listDoubtful(plain), anna.directory.listDoubtful(id)]).toEqual([true, false]);
    anna.now += 3_600_000;
    expect(anna.directory.listDoubtful(id)).toBe(false);
    // Who reads has to show presence, too: one way is not enough.
    for (const oneWay of ['from', 'to'] as const) {
      ben(oneWay);
      expect(anna.directory.listDoubtful(id)).toBe(true);
    }
  } finally {
    other.close();
  }
});
