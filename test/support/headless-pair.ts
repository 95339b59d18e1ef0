/** Two people as real processes who are contacts: through a Prosody where there is one, else by an invitation. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConversationId } from '../../src/shared/model.ts';
import { freeUdpPort } from './free-udp-port.ts';
import { Headless } from './headless.ts';
import { type Prosody, startProsody } from './prosody.ts';

export type Who = 'anna' | 'ben';

export interface Person {
  readonly who: Who;
  /** Folder of the profile. */
  readonly profile?: string;
  process: Headless;
  conversation: ConversationId;
  start(environment?: Readonly<Record<string, string>>): Headless;
}

export interface Pair {
  readonly anna: Person;
  readonly ben: Person;
  readonly prosody: Prosody | null;
  close(): Promise<void>;
}

export interface PairOptions {
  readonly server: boolean;
  readonly nearby: boolean;
}

export const domain = 'bothy.test';

/** Both have a profile, and an account where there is a server; they do not know each other yet. */
export async function startStrangers(options: PairOptions): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'bothy-pair-'));
  const prosody = options.server ? await startProsody({ users: { anna: 'anna-password', ben: 'ben-password' } }) : null;
  const mdnsPort = await freeUdpPort();
  const words = ['--nearby', options.nearby ? 'loopback' : 'off', '--mdns-port', String(mdnsPort)];
  if (prosody) {
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, prosody.ca);
    words.push('--xmpp-host', prosody.address, '--xmpp-port', String(prosody.port), '--xmpp-ca', ca);
  }
  const person = (who: Who): Person => {
    const start = (environment: Readonly<Record<string, string>> = {}): Headless =>
      new Headless({ folder: join(folder, who), arguments: words, environment });
    return { who, profile: join(folder, who, 'profile'), start, process: start(), conversation: '' as ConversationId };
  };
  const pair: Pair = {
    anna: person('anna'),
    ben: person('ben'),
    prosody,
    async close() {
      await Promise.allSettled([pair.anna.process.stop(), pair.ben.process.stop()]);
      await prosody?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    for (const { who, process } of [pair.anna, pair.ben]) {
      await process.get('profile.create', { name: who === 'anna' ? 'Anna' : 'Ben' });
      if (prosody) await process.get('account.signIn', { jid: `${who}@${domain}`, password: `${who}-password` });
    }
  } catch (error) {
    await pair.close();
    throw error;
  }
  return pair;
}

/** Both are contacts and know each other's devices. */
export async function startPair(options: PairOptions): Promise<Pair> {
  const pair = await startStrangers(options);
  const { anna, ben } = pair;
  try {
    if (options.server) await befriendByServer(anna, ben);
    else await befriendByInvitation(anna, ben);
  } catch (error) {
    await pair.close();
    throw error;
  }
  return pair;
}

export async function befriendByServer(anna: Person, ben: Person): Promise<void> {
  const asked = ben.process.when('the request', (event) =>
    event.type === 'contact' && event.contact.subscription === 'pending-in' ? event.contact : null,
  );
  await anna.process.get('contacts.addByJid', { jid: `ben@${domain}` });
  await ben.process.get('contacts.answerRequest', { contactId: (await asked).id, accept: true });
  for (const { process } of [anna, ben]) {
    await process.conversationWhere('a device', (conversation) => conversation.encryption === 'omemo2');
  }
  await rememberConversations(anna, ben);
}

export async function befriendByInvitation(anna: Person, ben: Person): Promise<void> {
  const { link } = await anna.process.get('invitations.create', {});
  await ben.process.get('invitations.accept', { link });
  for (const { process } of [anna, ben]) await linked(process);
  await rememberConversations(anna, ben);
}

async function rememberConversations(...people: readonly Person[]): Promise<void> {
  for (const person of people) {
    const [conversation] = await person.process.get('conversations.list', {});
    if (!conversation) throw new Error('no conversation');
    person.conversation = conversation.id;
  }
}

export function linked(process: Headless): Promise<unknown> {
  return process.conversationWhere('a direct link', (conversation) =>
    conversation.reach.some((device) => device.direct),
  );
}
