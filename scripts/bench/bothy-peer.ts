/** A Bothy without a window, driven over its JSON-RPC lines exactly as docs/headless.md describes it. */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Contact, Conversation, Invitation, Message } from '../../src/shared/model.ts';
import { routeConversation } from '../../src/shared/routing.ts';
import { type Line, type LineProcess, startLineProcess } from './line-process.ts';

const host = fileURLToPath(new URL('../../src/main/hosts/stdio/stdio.ts', import.meta.url));
const passphrase = 'a long enough passphrase';

export interface TestServer {
  readonly port: number;
  readonly caFile: string;
}

export interface BothyPeer {
  readonly process: LineProcess;
  /** First start, or unlocking an existing profile. */
  open(name: string): Promise<void>;
  conversation(): Promise<Conversation>;
  /** Sends by the route the policy chooses now, as a window would. */
  send(body: string): Promise<Message>;
  /** Resolves when a message with this text is shown here. */
  shown(body: string, timeoutMs?: number): Promise<Message>;
  /** Resolves when the first conversation for which `test` holds is told of. */
  conversationWhere(test: (conversation: Conversation) => boolean, timeoutMs?: number): Promise<Conversation>;
  stop(): Promise<void>;
}

function event(line: Line): Line | null {
  return line['method'] === 'event' ? (line['params'] as Line) : null;
}

export function startBothy(
  profile: string,
  server: TestServer | null,
  nodeArguments: readonly string[] = [],
): BothyPeer {
  const xmpp =
    server === null ? [] : ['--xmpp-host', '127.0.0.1', '--xmpp-port', String(server.port), '--xmpp-ca', server.caFile];
  const child = startLineProcess(process.execPath, [
    ...nodeArguments,
    host,
    '--profile',
    profile,
    '--nearby',
    'loopback',
    ...xmpp,
  ]);

  // Like a window, it keeps the last value it was told.
  let current: Conversation | null = null;
  child.onLine((line) => {
    const params = event(line);
    if (params?.['type'] === 'conversation') current = params['conversation'] as Conversation;
  });

  async function conversation(): Promise<Conversation> {
    if (current !== null) return current;
    const all = (await child.call('conversations.list', {})) as readonly Conversation[];
    const first = all[0];
    if (first === undefined) throw new Error('no conversation yet');
    return first;
  }

  async function conversationWhere(test: (found: Conversation) => boolean, timeoutMs = 60_000): Promise<Conversation> {
    const told = child.waitFor((line) => {
      const params = event(line);
      return params?.['type'] === 'conversation' && test(params['conversation'] as Conversation);
    }, timeoutMs);
    told.catch(() => undefined);
    const all = (await child.call('conversations.list', {})) as readonly Conversation[];
    const already = all.find(test);
    if (already !== undefined) {
      current = already;
      return already;
    }
    return ((await told)['params'] as Line)['conversation'] as Conversation;
  }

  return {
    process: child,
    conversation,
    conversationWhere,
    async open(name) {
      const status = (await child.call('app.status', {})) as { phase: string };
      if (status.phase === 'first-start') await child.call('profile.create', { name, passphrase });
      else if (status.phase === 'locked') await child.call('profile.unlock', { passphrase });
    },
    async send(body) {
      const { id, routePreference, reach } = await conversation();
      const { direct, server: viaServer } = routeConversation(routePreference, reach);
      return (await child.call('messages.send', {
        conversationId: id,
        id: randomUUID(),
        body,
        route: { preference: routePreference, direct, server: viaServer },
      })) as Message;
    },
    async shown(body, timeoutMs) {
      const line = await child.waitFor((candidate) => {
        const params = event(candidate);
        if (params?.['type'] !== 'message') return false;
        const message = params['message'] as Message;
        return message.direction === 'in' && message.body === body;
      }, timeoutMs);
      return (line['params'] as Line)['message'] as Message;
    },
    async stop() {
      child.kill('SIGTERM');
      await child.exited;
    },
  };
}

/** Makes the two contacts by an invitation and waits until each has a direct link to the other. */
export async function introduceDirectly(one: BothyPeer, other: BothyPeer): Promise<void> {
  const invitation = (await one.process.call('invitations.create', {})) as Invitation;
  (await other.process.call('invitations.accept', { link: invitation.link })) as Contact;
  await Promise.all([one, other].map((peer) => peer.conversationWhere(hasDirectDevice)));
}

export function hasDirectDevice(conversation: Conversation): boolean {
  return conversation.reach.some((device) => device.direct);
}

export function hasServerDevice(conversation: Conversation): boolean {
  return conversation.reach.some((device) => device.server);
}
