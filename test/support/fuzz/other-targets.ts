/** Frames and announcements of strangers nearby, invitations, addresses, and what windows and scripts ask for. */
import { answerLine } from '../../../src/main/hosts/stdio/json-rpc.ts';
import { formatInvitation, parseInvitation } from '../../../src/main/nearby/invitation.ts';
import { xidOfPublicKey } from '../../../src/main/nearby/xid.ts';
import {
  announcementRecords,
  asksForService,
  readAnnouncements,
} from '../../../src/main/transports/libp2p/announcement.ts';
import { encodeFrame, readFrame } from '../../../src/main/transports/libp2p/frame.ts';
import { MAX_STANZA_BYTES } from '../../../src/main/xml/parse-element.ts';
import type { Bridge, CommandArguments, CommandName } from '../../../src/shared/bridge/contract.ts';
import { checkArguments, commandNames, isCommandName } from '../../../src/shared/bridge/schemas.ts';
import { parseJid, parseUserJid } from '../../../src/shared/jid.ts';
import type { ContactId, ConversationId, DeviceRef, MessageId } from '../../../src/shared/model.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { mutateText } from './mutate-text.ts';
import { mutateValue } from './mutate-value.ts';
import { promise, promiseEqual, refused } from './property.ts';
import { FuzzRandom } from './random.ts';
import type { FuzzTarget } from './run-target.ts';

class Ended extends Error {}

const frameTarget: FuzzTarget = {
  name: 'frame',
  count: 8_000,
  expected: ['ended', 'refused', 'read'],
  async prepare() {
    const text = new TextEncoder().encode('<message to="a@example.org"><body>b</body></message>');
    const samples = [encodeFrame(1, 7, text), encodeFrame(2, 4_294_967_295, Uint8Array.of(0)), encodeFrame(4, 0)];
    return (random) => {
      const input = mutateBytes(new Uint8Array(Buffer.concat(samples.slice(random.below(3)))), random, samples);
      return {
        input,
        async run() {
          let at = 0;
          const read = async (length: number) => {
            promise(length <= MAX_STANZA_BYTES + 5, `asked for ${length} bytes`);
            if (at + length > input.length) throw new Ended();
            at += length;
            return input.slice(at - length, at);
          };
          try {
            for (;;) {
              const from = at;
              const frame = await readFrame(read);
              if (frame === null) return 'refused';
              const again = encodeFrame(frame.type, frame.number, frame.payload);
              promiseEqual(again, new Uint8Array(input.slice(from, at)), 'written differently');
              if (at === input.length) return 'read';
            }
          } catch (error) {
            if (error instanceof Ended) return 'ended';
            throw error;
          }
        },
      };
    };
  },
};

const announcementTarget: FuzzTarget = {
  name: 'announcement',
  count: 1_000,
  expected: ['read', 'nothing'],
  async prepare() {
    const announcement = {
      name: 'abcdefghij012345',
      port: 4001,
      peerId: '12D3KooWGC6TvWhfapngX6wvJHHh2f5yyvAZUqTbFcfYh9Yk3Xpo',
    };
    const answers = announcementRecords(announcement, false);
    const raw = answers.map((record) =>
      record.type === 'TXT' ? { ...record, data: [Buffer.from(`p=${announcement.peerId}`)] } : record,
    );
    const packet = { questions: [{ name: '_bothy._tcp.local', type: 'PTR' }], answers: raw, additionals: answers };
    return (random) => {
      const changed = mutateValue(packet, random);
      const input = typeof changed === 'object' && changed !== null ? changed : { answers: changed };
      return {
        input,
        run() {
          asksForService(input);
          const found = readAnnouncements(input);
          promise(found.length <= 4, 'more announcements than bounded');
          for (const { goodbye, ...one } of found) {
            const again = readAnnouncements({ answers: announcementRecords(one, goodbye) });
            promiseEqual(again, [{ ...one, goodbye }], 'read differently the second time');
          }
          return found.length > 0 ? 'read' : 'nothing';
        },
      };
    };
  },
};

const now = 1_700_000_000_000;

const invitationTarget: FuzzTarget = {
  name: 'invitation',
  count: 8_000,
  expected: ['read', 'invitation.malformed', 'invitation.own', 'invitation.expired'],
  async prepare() {
    const random = new FuzzRandom(1);
    const [own, other] = [xidOfPublicKey(random.bytes(32)), xidOfPublicKey(random.bytes(32))];
    const link = (inviter: typeof own, expiresAt: number) =>
      formatInvitation({ inviter, secret: random.bytes(32), expiresAt });
    const samples = [link(other, now + 86_400_000), link(own, now + 1000), link(other, now - 1000)];
    return (random) => {
      const input = mutateText(samples[random.below(samples.length)] ?? '', random, samples);
      return {
        input,
        run() {
          const result = parseInvitation(input, own, now);
          if (!result.ok) {
            return refused(result.error, ['invitation.malformed', 'invitation.own', 'invitation.expired']);
          }
          promiseEqual(formatInvitation(result.value), input.trim(), 'written differently');
          return 'read';
        },
      };
    };
  },
};

const jidTarget: FuzzTarget = {
  name: 'jid',
  count: 3_000,
  expected: ['read', 'account.bad-jid'],
  async prepare() {
    const samples = [
      'alice@example.org',
      'Jos\u00e9@b\u00fccher.example/H\u00e4nd\u0079',
      '\u05d0\u05dc\u05d9\u05e1@\u05d3\u05d5\u05d2\u05de\u05d4.example',
      'xmpp:bob@xn--bcher-kva.example/\u{1f4bb} desk',
      '\uff22\uff4f\uff42@[2001:db8::1]/x',
      'l\u00b7l\u0915\u094d\u200d\u0937@192.0.2.1',
      'pubsub.example.org.',
    ];
    return (random) => {
      const input = mutateText(samples[random.below(samples.length)] ?? '', random, samples);
      return {
        input,
        run() {
          const user = parseUserJid(input);
          if (!user.ok) refused(user.error, ['account.bad-jid']);
          const result = parseJid(input);
          if (!result.ok) return refused(result.error, ['account.bad-jid']);
          const { local, domain, resource, bare, full } = result.value;
          for (const part of [local, domain, resource]) {
            promise(part === null || (part !== '' && Buffer.byteLength(part) <= 1023), 'a part of a wrong length');
          }
          promiseEqual(parseJid(full), result, 'another address the second time');
          const again = parseJid(bare);
          promise(again.ok && again.value.full === bare, 'the bare address is another one');
          return 'read';
        },
      };
    };
  },
};

const uuid = 'b1f4e6a0-0000-4000-8000-000000000001';
const contactId = uuid as ContactId;
const conversationId = uuid as ConversationId;
const messageId = uuid as MessageId;
const refs = ['self/5', `${uuid}/7`] as DeviceRef[];

/** Valid arguments of the commands that take any. */
const samples: { readonly [C in CommandName]?: CommandArguments<C> } = {
  'account.signIn': { jid: 'a@example.org', password: 'b' },
  'profile.create': { name: 'a', passphrase: 'b' },
  'contacts.addByJid': { jid: 'a@example.org', name: 'b' },
  'contacts.answerRequest': { contactId, accept: true },
  'invitations.accept': { link: 'xmpp:a' },
  'conversations.setRoute': { conversationId, preference: 'direct' },
  'conversations.markRead': { conversationId, upTo: messageId },
  'conversations.setDraft': { conversationId, draft: 'a' },
  'messages.page': { conversationId, before: { sortAt: 1.5, sequence: 2 }, limit: 50 },
  'messages.send': {
    conversationId,
    id: messageId,
    body: 'a',
    route: { preference: 'automatic', direct: refs, server: refs },
  },
  'messages.search': { text: 'a', limit: 5 },
  'devices.setTrust': { ref: 'self/5' as DeviceRef, trust: 'verified' },
  'settings.set': { settings: { theme: 'dark', sendReadMarkers: false } },
  'links.open': { url: 'https://example.org' },
};

const bridgeTarget: FuzzTarget = {
  name: 'bridge',
  count: 1_500,
  expected: ['taken', 'request.malformed'],
  async prepare() {
    const known = commandNames.filter((name) => samples[name] !== undefined);
    return (random) => {
      const command = known[random.below(known.length)] ?? 'app.status';
      const input = mutateValue(samples[command] ?? {}, random);
      return {
        input: { command, input },
        run() {
          const result = checkArguments(command, input);
          if (!result.ok) return refused(result.error, ['request.malformed']);
          promiseEqual(checkArguments(command, result.value), result, 'taken differently the second time');
          // It is plain data: nothing rides along.
          promiseEqual(JSON.parse(JSON.stringify(result.value)), result.value, 'not plain data');
          return 'taken';
        },
      };
    };
  },
};

const lineTarget: FuzzTarget = {
  name: 'json-rpc',
  count: 2_000,
  expected: ['called', 'notified', '-32700', '-32600', '-32601', '-32602'],
  async prepare() {
    const lines = Object.entries(samples).map(([method, params], index) =>
      JSON.stringify({ jsonrpc: '2.0', id: index, method, params }),
    );
    const words = [...lines, '{"jsonrpc":"2.0","method":"contacts.list"}', '[{}]', '{"__proto__":{"id":1}}'];
    return (random) => {
      const input = mutateText(words[random.below(words.length)] ?? '', random, words);
      return {
        input,
        async run() {
          let called = false;
          const bridge: Bridge = {
            async call(command) {
              promise(isCommandName(command), 'a command that is none');
              called = true;
              return { ok: false, error: { code: 'profile.not-ready', what: 'Not now.', action: '' } };
            },
            subscribe: () => () => undefined,
          };
          const line = await answerLine(bridge, input);
          if (line === null) return 'notified';
          promise(!line.includes('\n'), 'an answer of two lines');
          const { jsonrpc, error } = JSON.parse(line) as { jsonrpc?: unknown; error?: { code?: unknown } };
          promise(jsonrpc === '2.0', 'not an answer');
          return called ? 'called' : String(error?.code);
        },
      };
    };
  },
};

export const otherTargets: readonly FuzzTarget[] = [
  frameTarget,
  announcementTarget,
  invitationTarget,
  jidTarget,
  bridgeTarget,
  lineTarget,
];
