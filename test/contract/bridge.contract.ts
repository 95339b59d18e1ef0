/** What every host's Bridge keeps, whatever carries it: one suite, applied to stdio here and to each window host. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Bridge, BridgeEvent, CommandName } from '../../src/shared/bridge/contract.ts';
import { commandNames } from '../../src/shared/bridge/schemas.ts';

export interface BridgeUnderTest {
  /** Over a fresh profile that does not exist yet. */
  readonly bridge: Bridge;
  /** As a careless or hostile caller would: any command, any arguments. */
  callAnything(command: string, args: unknown): ReturnType<Bridge['call']>;
  close(): Promise<void>;
}

const passphrase = 'correct horse battery staple';

/** `open` gives a sentence where the host cannot run here: why its tests are skipped. */
export function bridgeContract(host: string, open: () => Promise<BridgeUnderTest | string>): void {
  describe(`the Bridge of ${host}`, () => {
    let subject: BridgeUnderTest;
    const events: BridgeEvent[] = [];
    const looking = new Set<() => void>();

    let missing: string | null = null;

    beforeAll(async () => {
      const opened = await open();
      if (typeof opened === 'string') {
        missing = opened;
        return;
      }
      subject = opened;
      subject.bridge.subscribe((event) => {
        events.push(event);
        for (const look of [...looking]) look();
      });
    });
    beforeEach((context) => {
      if (missing !== null) context.skip(missing);
    });
    afterAll(async () => {
      if (missing === null) await subject.close();
    });

    async function value<T>(
      result: Promise<{ ok: true; value: T } | { ok: false; error: { code: string } }>,
    ): Promise<T> {
      const settled = await result;
      if (!settled.ok) throw new Error(settled.error.code);
      return settled.value;
    }
    async function code(result: Promise<{ ok: boolean; error?: { code: string } }>): Promise<string | undefined> {
      return (await result).error?.code;
    }
    /** An event that came or will come: it may be under way already when somebody begins to wait for it. */
    function told(test: (event: BridgeEvent) => boolean): Promise<BridgeEvent> {
      return new Promise((resolve) => {
        const look = (): void => {
          const event = events.find(test);
          if (!event) return;
          looking.delete(look);
          resolve(event);
        };
        looking.add(look);
        look();
      });
    }

    test('a fresh profile asks to be made, and nothing else works before', async () => {
      const status = await value(subject.bridge.call('app.status', {}));
      expect(status.phase).toBe('first-start');
      expect(status.self).toBeNull();
      expect(await code(subject.bridge.call('contacts.list', {}))).toBe('profile.not-ready');
      expect(await code(subject.bridge.call('profile.unlock', { passphrase }))).toBe('profile.not-ready');
    });

    test('an xmpp: link waits, before there is a profile, too, and does nothing', async () => {
      const url = 'xmpp:Juliet@Example.org?message;body=Hi';
      expect(await value(subject.bridge.call('links.waiting', {}))).toEqual([]);
      expect(await value(subject.bridge.call('links.open', { url }))).toBeNull();
      await told((event) => event.type === 'links' && event.links.length === 1);
      const [link] = await value(subject.bridge.call('links.waiting', {}));
      expect(link).toMatchObject({
        from: 'outside',
        target: { kind: 'person', address: 'juliet@example.org', body: 'Hi' },
      });
      await value(subject.bridge.call('links.taken', { id: link?.id ?? '' }));
      expect(await value(subject.bridge.call('links.waiting', {}))).toEqual([]);
      // Nothing that is only tried out stands in the system's register.
      expect(await value(subject.bridge.call('links.handler', {}))).toBe('unknown');
      expect(await code(subject.bridge.call('links.claim', {}))).toBe('link.not-claimed');
    });

    test('makes a profile once, and tells that it is ready', async () => {
      const { needsPassphrase } = await value(subject.bridge.call('app.status', {}));
      if (needsPassphrase) {
        expect(await code(subject.bridge.call('profile.create', { name: 'Ada' }))).toBe('profile.passphrase-needed');
        expect(await code(subject.bridge.call('profile.create', { name: 'Ada', passphrase: 'short' }))).toBe(
          'profile.passphrase-too-short',
        );
      }
      const secret = needsPassphrase ? { passphrase } : {};
      expect(await value(subject.bridge.call('profile.create', { name: '  Ada\n', ...secret }))).toBeNull();
      await told((event) => event.type === 'status' && event.status.phase === 'ready');
      const { self } = await value(subject.bridge.call('app.status', {}));
      expect(self?.name).toBe('Ada');
      expect(self?.xid).toMatch(/^00[0-9a-f]{64}@id\.internal$/);
      expect(self?.fingerprint).toMatch(/^[0-9a-f]{64}$/);
      expect(await code(subject.bridge.call('profile.create', { name: 'Eve', ...secret }))).toBe('profile.exists');
    });

    test('refuses what it does not know and what is malformed, with a code', async () => {
      expect(await code(subject.callAnything('profile.explode', {}))).toBe('request.unknown-command');
      expect(await code(subject.callAnything('constructor', {}))).toBe('request.unknown-command');
      expect(await code(subject.callAnything('contacts.rename', { contactId: 'x', name: 'y' }))).toBe(
        'request.malformed',
      );
      expect(await code(subject.callAnything('app.status', { more: 1 }))).toBe('request.malformed');
      expect(await code(subject.callAnything('settings.set', { settings: { theme: 'pink' } }))).toBe(
        'request.malformed',
      );
      const needing: readonly CommandName[] = commandNames.filter(
        (name) =>
          ![
            'app.status',
            'account.signOut',
            'account.retry',
            'contacts.list',
            'invitations.create',
            'conversations.list',
            'devices.ofSelf',
            'trust.ownUri',
            'settings.get',
            'links.waiting',
            'links.handler',
            'links.claim',
          ].includes(name),
      );
      for (const name of needing)
        expect([name, await code(subject.callAnything(name, {}))]).toEqual([name, 'request.malformed']);
    });

    test('expected failures are data', async () => {
      const nobody = crypto.randomUUID() as never;
      expect(await code(subject.bridge.call('contacts.rename', { contactId: nobody, name: 'X' }))).toBe(
        'contact.unknown',
      );
      expect(await code(subject.bridge.call('conversations.openWith', { contactId: nobody }))).toBe('contact.unknown');
      expect(await code(subject.bridge.call('messages.page', { conversationId: nobody, limit: 10 }))).toBe(
        'conversation.unknown',
      );
      const answers = [
        subject.bridge.call('contacts.remove', { contactId: nobody }),
        subject.bridge.call('contacts.answerRequest', { contactId: nobody, accept: true }),
        subject.bridge.call('conversations.setRoute', { conversationId: nobody, preference: 'server' }),
        subject.bridge.call('conversations.allowPlain', { conversationId: nobody, allow: true }),
        subject.bridge.call('conversations.markRead', { conversationId: nobody, upTo: nobody }),
        subject.bridge.call('conversations.setDraft', { conversationId: nobody, draft: 'x' }),
        subject.bridge.call('messages.send', {
          conversationId: nobody,
          id: crypto.randomUUID() as never,
          body: 'x',
          route: { preference: 'automatic', direct: [], server: [] },
        }),
        subject.bridge.call('messages.retry', { messageId: nobody }),
        subject.bridge.call('messages.discard', { messageId: nobody }),
      ];
      expect(await Promise.all(answers.map(code))).toEqual([
        'contact.unknown',
        'contact.unknown',
        ...Array(5).fill('conversation.unknown'),
        'message.unknown',
        'message.unknown',
      ]);
      expect(
        await code(subject.callAnything('devices.setTrust', { ref: `${String(nobody)}/7`, trust: 'verified' })),
      ).toBe('device.unknown');
      expect(await code(subject.callAnything('devices.rename', { ref: 'self/7', label: 'x' }))).toBe('device.unknown');
      expect(await code(subject.callAnything('devices.remove', { ref: 'self/7' }))).toBe('device.unknown');
      expect(await code(subject.bridge.call('account.signIn', { jid: 'not an address', password: 'x' }))).toBe(
        'account.bad-jid',
      );
      expect(await code(subject.bridge.call('contacts.addByJid', { jid: 'ben@example.org' }))).toBe('account.none');
      expect(await code(subject.bridge.call('invitations.accept', { link: 'https://example.org' }))).toBe(
        'invitation.malformed',
      );
      expect(await code(subject.bridge.call('links.open', { url: 'file:///etc/passwd' }))).toBe('link.not-allowed');
      expect(await code(subject.bridge.call('links.open', { url: 'javascript:alert(1)' }))).toBe('link.not-allowed');
    });

    test('an invitation of its own is its own', async () => {
      const { link, expiresAt } = await value(subject.bridge.call('invitations.create', {}));
      expect(expiresAt).toBeGreaterThan(Date.now());
      expect(await code(subject.bridge.call('invitations.accept', { link }))).toBe('invitation.own');
    });

    test('settings are kept and told', async () => {
      const settings = await value(subject.bridge.call('settings.set', { settings: { theme: 'dark' } }));
      expect(settings.theme).toBe('dark');
      await told((event) => event.type === 'settings' && event.settings.theme === 'dark');
      expect(await value(subject.bridge.call('settings.get', {}))).toEqual(settings);
    });

    test('writing to somebody not met yet is durable, idempotent and honest about waiting', async () => {
      const hex = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
      const expires = Math.floor(Date.now() / 1000) + 3600;
      const secret = `${'A'.repeat(42)}E`;
      const link = `xmpp:00${hex}@id.internal?bothy-invite;secret=${secret};expires=${expires}`;
      const contact = await value(subject.bridge.call('invitations.accept', { link }));
      const conversation = await value(subject.bridge.call('conversations.openWith', { contactId: contact.id }));
      expect(conversation.reach).toEqual([]);
      expect(conversation.encryption).toBe('pending');
      const id = crypto.randomUUID() as never;
      const send = (body: string) =>
        subject.bridge.call('messages.send', {
          conversationId: conversation.id,
          id,
          body,
          route: { preference: 'automatic', direct: [], server: [] },
        });
      expect(await code(send(' \n '))).toBe('message.empty');
      expect(await code(send('\u0000\u0007\u001b'))).toBe('message.empty');
      expect(await code(send('ü'.repeat(40_000)))).toBe('message.too-long');
      expect(await code(send('x'.repeat(500_000)))).toBe('message.too-long');
      const message = await value(send('Are you there?'));
      expect(message).toMatchObject({ state: 'queued', route: null, direction: 'out', kind: 'text' });
      expect(await value(send('Something else'))).toMatchObject({ id, body: 'Are you there?' });
      const page = await value(subject.bridge.call('messages.page', { conversationId: conversation.id, limit: 10 }));
      expect(page.messages.map((shown) => shown.body)).toEqual(['Are you there?']);
      expect(await value(subject.bridge.call('messages.search', { text: 'there', limit: 5 }))).toHaveLength(1);
      await told((event) => event.type === 'message' && event.message.id === id);
      expect(await value(subject.bridge.call('messages.discard', { messageId: id }))).toBeNull();
      await told((event) => event.type === 'message-removed' && event.messageId === id);
      const without = await value(subject.bridge.call('messages.page', { conversationId: conversation.id, limit: 10 }));
      expect(without.messages).toEqual([]);
      expect(await value(subject.bridge.call('messages.search', { text: 'there', limit: 5 }))).toEqual([]);
      expect(await code(subject.bridge.call('messages.discard', { messageId: id }))).toBe('message.unknown');
      await value(subject.bridge.call('conversations.setDraft', { conversationId: conversation.id, draft: 'more' }));
      const [listed] = await value(subject.bridge.call('conversations.list', {}));
      expect(listed?.draft).toBe('more');
      await value(subject.bridge.call('contacts.remove', { contactId: contact.id }));
      await told((event) => event.type === 'contact-removed' && event.contactId === contact.id);
      expect(await value(subject.bridge.call('conversations.list', {}))).toEqual([]);
    });

    test('an ended subscription is told nothing more', async () => {
      const heard: BridgeEvent[] = [];
      const end = subject.bridge.subscribe((event) => heard.push(event));
      end();
      await value(subject.bridge.call('settings.set', { settings: { theme: 'light' } }));
      await told((event) => event.type === 'settings' && event.settings.theme === 'light');
      // Whatever was on its way has arrived by the next answer.
      await value(subject.bridge.call('app.status', {}));
      expect(heard).toEqual([]);
    });
  });
}
