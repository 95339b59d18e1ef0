/** Where a message stands that came while we were away: a server stamps it by the second. */
import { afterEach, expect, test } from 'vitest';
import { bodyElement } from '../../src/main/messaging/envelope/text-body.ts';
import { conversationWith } from '../../src/main/messaging/timeline/conversation-timeline.ts';
import type { BareJid } from '../../src/shared/model.ts';
import { addByJid, MemoryServer } from '../support/memory-server.ts';
import { MessagingPerson } from '../support/messaging-person.ts';

const annaJid = 'anna@bothy.test' as BareJid;
const carlJid = 'carl@bothy.test' as BareJid;

const people: MessagingPerson[] = [];
afterEach(() => {
  for (const person of people.splice(0)) person.close();
});

test('what was archived in the same second stands after what was there', async () => {
  const server = new MemoryServer();
  server.plainClients.set(carlJid, []);
  const anna = new MessagingPerson('Anna');
  people.push(anna);
  addByJid(anna, carlJid, 'Carl');
  await server.signIn(anna, annaJid);
  anna.now = Math.ceil(anna.now / 1000) * 1000 + 300;
  await server.sayPlain(carlJid, annaJid, bodyElement('before'));
  server.signOut(anna);
  await server.sayPlain(carlJid, annaJid, bodyElement('while away'));
  await server.signIn(anna, annaJid);
  const contact = anna.store.contacts.byAddress(carlJid);
  if (!contact) throw new Error('no contact');
  const { id } = conversationWith(anna.context, contact.id);
  const { messages } = anna.store.messages.page(id, { limit: 10 });
  expect(messages.filter(({ kind }) => kind === 'text').map(({ body }) => body)).toEqual(['before', 'while away']);
});
