/** What the fake application knows in each window test. */
import { appError } from '../../src/shared/errors.ts';
import type {
  AppStatus,
  BareJid,
  Contact,
  ContactId,
  Conversation,
  ConversationId,
  DeviceRef,
  Message,
  MessageId,
  Xid,
} from '../../src/shared/model.ts';
import type { DeviceReach } from '../../src/shared/routing.ts';
import { type FakeData, fakeDevice } from './fake-bridge.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const now = Date.now();

const online = { state: 'online', error: null, since: now - day, retryAt: null } as const;

const readyStatus: AppStatus = {
  version: '0.1.0',
  phase: 'ready',
  needsPassphrase: false,
  error: null,
  self: {
    name: 'Ada Nilsson',
    xid: `00${'a1'.repeat(32)}@id.internal` as Xid,
    deviceId: 7,
    fingerprint: 'c0'.repeat(32),
  },
  account: { jid: 'ada@example.org' as BareJid, transport: online, catchingUp: null },
  nearby: { enabled: true, transport: online, connectedContacts: ['juliet' as ContactId] },
  notices: [],
};

function contact(id: string, name: string, change: Partial<Contact> = {}): Contact {
  const contactId = id as ContactId;
  return {
    id: contactId,
    name,
    jid: `${id}@example.net` as BareJid,
    xid: null,
    presence: 'online',
    subscription: 'both',
    devices: [fakeDevice(contactId, 11)],
    addedAt: now - 30 * day,
    ...change,
  };
}

function reach(id: string, ...devices: [number, direct: boolean, server: boolean][]): DeviceReach[] {
  return devices.map(([deviceId, direct, server]) => ({ ref: `${id}/${deviceId}` as DeviceRef, direct, server }));
}

let sequence = 0;
function message(
  conversation: string,
  direction: 'in' | 'out',
  at: number,
  body: string,
  change: Partial<Message> = {},
) {
  sequence += 1;
  const made: Message = {
    id: `m${sequence}` as MessageId,
    conversationId: conversation as ConversationId,
    direction,
    kind: 'text',
    body,
    sentAt: at,
    receivedAt: at,
    sortAt: at,
    sequence,
    senderDevice: null,
    encryption: 'omemo2',
    route: 'server',
    state: direction === 'in' ? 'on-device' : 'read',
    failure: null,
    ...change,
  };
  return made;
}

function conversation(id: string, title: string, messages: readonly Message[], change: Partial<Conversation> = {}) {
  const own = messages.filter((candidate) => candidate.conversationId === id);
  const last = own.at(-1) ?? null;
  const made: Conversation = {
    id: id as ConversationId,
    contactId: id as ContactId,
    title,
    routePreference: 'automatic',
    encryption: 'omemo2',
    plainAllowed: false,
    clearSignalsAllowed: false,
    unread: 0,
    firstUnread: null,
    lastMessage: last,
    draft: '',
    updatedAt: last?.sentAt ?? now - 20 * day,
    reach: reach(id, [11, false, true]),
    ...change,
  };
  return made;
}

const longName = 'Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh of the Northern Lighthouse Board';

function main(): FakeData {
  const messages: Message[] = [
    message(
      'juliet',
      'in',
      now - 2 * day,
      'Are you coming up on Friday? The path is clear of snow as far as the burn.',
    ),
    message('juliet', 'out', now - 2 * day + minute, 'Yes! I will bring the stove.'),
    message('juliet', 'out', now - 2 * day + 2 * minute, 'And the good tea.'),
    message(
      'juliet',
      'in',
      now - 2 * day + 9 * minute,
      'Map and the weather: https://example.org/maps/glen?zoom=12 (look at the north side).',
    ),
    message(
      'juliet',
      'in',
      now - 52 * minute,
      'Juliet Capulet uses a new device. It gets no messages until you let it in.',
      { kind: 'new-device', senderDevice: 'juliet/12' as DeviceRef },
    ),
    message(
      'juliet',
      'in',
      now - 48 * minute,
      'I am here. The fire is lit and there is no signal at all, so this must be coming straight across the room.',
      { route: 'direct' },
    ),
    message('juliet', 'out', now - 47 * minute, 'It is! No server in between.', { route: 'direct', state: 'read' }),
    message('juliet', 'in', now - 46 * minute, 'A message before this one has not arrived.', { kind: 'gap' }),
    message('juliet', 'in', now - 45 * minute, '🔥', { route: 'direct' }),
    message('juliet', 'out', now - 8 * minute, 'Walking the last mile now.', { route: 'direct', state: 'on-device' }),
    message('juliet', 'out', now - 7 * minute, 'Can you put the kettle on?', {
      route: null,
      state: 'failed',
      failure: appError(
        'transport.unreachable',
        'No route to Juliet was open for three days.',
        'Try again when she is nearby or you are online.',
        'route attempts: direct 12, server 40',
      ),
    }),
    message('juliet', 'out', now - 2 * minute, 'Nearly there.', { route: null, state: 'queued' }),
    message('romeo', 'in', now - 3 * 60 * minute, 'Did you see the new hut rules?'),
    message('romeo', 'out', now - 3 * 60 * minute + minute, 'Reading them now', { state: 'on-server' }),
    message(
      'long',
      'in',
      now - day,
      `Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz${'x'.repeat(120)} is one word.`,
    ),
    message('maryam', 'in', now - 3 * day, 'مرحبا! هل وصلت الرسالة؟ أنا في المقهى قرب المحطة (القاعة 2).'),
    message('maryam', 'out', now - 3 * day + minute, 'وصلت، شكرا! أراك عند الساعة 6.'),
    message('clinic', 'in', now - 5 * day, 'Your appointment is on Tuesday at 10:20.', { encryption: 'none' }),
  ];
  for (let index = 0; index < 6; index++) {
    messages.push(message('kim', 'in', now - 30 * minute + index * minute, `Unread note ${index + 1}`));
  }
  const unread = messages.find((candidate) => candidate.body === 'Unread note 3')?.id ?? null;
  const juliet = 'juliet' as ContactId;
  return {
    status: readyStatus,
    settings: { theme: 'system', sendReadMarkers: true, notifications: 'name', blindTrust: true },
    ownDevices: [
      fakeDevice('self', 7, { isThisDevice: true, trust: 'verified', label: 'Desk' }),
      fakeDevice('self', 9, { label: 'Laptop', lastSeenAt: now - day }),
    ],
    contacts: [
      contact('juliet', 'Juliet Capulet', {
        xid: `00${'b2'.repeat(32)}@id.internal` as Xid,
        devices: [
          fakeDevice(juliet, 11, { trust: 'verified', label: 'Juliet’s phone', lastSeenAt: now - minute }),
          fakeDevice(juliet, 12, { trust: 'undecided', label: 'Juliet’s laptop', lastSeenAt: now - 50 * minute }),
          fakeDevice(juliet, 13, { trust: 'distrusted', active: false }),
        ],
      }),
      contact('romeo', 'Romeo Montague', { presence: 'away' }),
      contact('kim', 'Kim Tran', { devices: [fakeDevice('kim' as ContactId, 11, { trust: 'verified' })] }),
      contact('long', longName),
      contact('maryam', 'مريم الفاسي'),
      contact('clinic', 'Harbour Clinic', { devices: [], presence: 'offline' }),
      contact('tybalt', 'Tybalt', { subscription: 'pending-in', presence: null, devices: [] }),
      contact('rosaline', 'Rosaline', { subscription: 'pending-out', presence: null, devices: [] }),
    ],
    messages,
    conversations: [
      conversation('juliet', 'Juliet Capulet', messages, {
        reach: reach('juliet', [11, true, true], [12, true, true]),
      }),
      conversation('romeo', 'Romeo Montague', messages),
      conversation('kim', 'Kim Tran', messages, {
        unread: 4,
        firstUnread: unread,
        reach: reach('kim', [11, true, true], [12, false, true]),
      }),
      conversation('long', longName, messages, { draft: 'Half a thought about the lighthouse' }),
      conversation('maryam', 'مريم الفاسي', messages),
      conversation('clinic', 'Harbour Clinic', messages, { encryption: 'none' }),
      conversation('rosaline', 'Rosaline', messages, { encryption: 'pending', reach: [] }),
    ],
  };
}

function empty(): FakeData {
  return {
    ...main(),
    status: { ...readyStatus, account: null, nearby: { ...readyStatus.nearby, connectedContacts: [] } },
    contacts: [],
    conversations: [],
    messages: [],
  };
}

/** Two thousand messages over three weeks, of very different lengths. */
function history(): FakeData {
  const data = main();
  const words =
    'the wind went round to the north and the hut was warm and nobody wanted to leave before the morning'.split(' ');
  const messages: Message[] = [];
  for (let index = 0; index < 2_000; index++) {
    const length = 2 + ((index * 7_919) % 43);
    const body = Array.from({ length }, (_, word) => words[(index + word * 5) % words.length]).join(' ');
    const at = now - (2_000 - index) * 15 * minute;
    messages.push(message('juliet', index % 3 === 0 ? 'out' : 'in', at, `#${index} ${body}`));
  }
  const others = data.messages.filter((candidate) => candidate.conversationId !== 'juliet');
  return {
    ...data,
    messages: [...others, ...messages],
    conversations: data.conversations.map((candidate) =>
      candidate.id === 'juliet' ? { ...candidate, lastMessage: messages.at(-1) ?? null } : candidate,
    ),
  };
}

/** Everything about trust: strict policy, an older app, own devices of all kinds, and lines about what went wrong. */
function trust(): FakeData {
  const data = main();
  const nurse = 'nurse' as ContactId;
  const laurence = 'laurence' as ContactId;
  const benvolio = 'benvolio' as ContactId;
  const messages = [
    ...data.messages,
    message('nurse', 'in', now - 3 * 60 * minute, 'Come down to the kitchen!', { encryption: 'omemo-legacy' }),
    message('nurse', 'out', now - 170 * minute, 'Coming.', { encryption: 'omemo-legacy', state: 'on-server' }),
    message(
      'nurse',
      'in',
      now - 160 * minute,
      'A message could not be decrypted. It was asked for again and will stand here when it comes.',
      { kind: 'undecryptable', senderDevice: 'nurse/11' as DeviceRef },
    ),
    message('nurse', 'in', now - 150 * minute, 'The secure connection with a device of Nurse was renewed.', {
      kind: 'info',
    }),
    message('nurse', 'in', now - 140 * minute, '3 messages are missing here.', { kind: 'gap' }),
    message('nurse', 'in', now - 130 * minute, 'Juliet will be late.', { encryption: 'omemo-legacy' }),
    message('nurse', 'in', now - 120 * minute, 'A device of Nurse has a new key.', {
      kind: 'new-device',
      senderDevice: 'nurse/11' as DeviceRef,
    }),
    message('laurence', 'out', now - 10 * minute, 'Is the chapel open?', { route: null, state: 'queued' }),
  ];
  return {
    ...data,
    settings: { ...data.settings, blindTrust: false },
    status: {
      ...data.status,
      notices: [
        {
          id: 'own',
          level: 'warning',
          error: appError(
            'encryption.new-own-device',
            'Your account is used on a new device.',
            'If that was not you, do not trust it and change your password.',
          ),
          at: now,
        },
      ],
    },
    ownDevices: [
      fakeDevice('self', 7, { isThisDevice: true, trust: 'verified', label: 'Desk' }),
      fakeDevice('self', 9, { label: 'Laptop', lastSeenAt: now - 5 * 60 * minute, trust: 'verified' }),
      fakeDevice('self', 10, {
        label: 'Conversations on the phone',
        lastSeenAt: now - day,
        encryption: 'omemo-legacy',
      }),
      fakeDevice('self', 12, { lastSeenAt: now - 20 * minute, trust: 'undecided' }),
      fakeDevice('self', 14, { label: 'Found on the train', lastSeenAt: now - 9 * day, trust: 'distrusted' }),
      fakeDevice('self', 3, { label: 'Old laptop', lastSeenAt: now - 130 * day, stale: true }),
      fakeDevice('self', 4, { label: 'Tablet', lastSeenAt: now - 400 * day, stale: true }),
    ],
    messages,
    contacts: [
      ...data.contacts,
      contact('nurse', 'Nurse', {
        devices: [
          fakeDevice(nurse, 11, { encryption: 'omemo-legacy', label: 'Gajim', lastSeenAt: now - minute }),
          fakeDevice(nurse, 12, { fingerprint: null, receives: false, label: 'Dino' }),
        ],
      }),
      contact('laurence', 'Friar Laurence', {
        devices: [
          fakeDevice(laurence, 11, { receives: false, label: 'Cell' }),
          fakeDevice(laurence, 12, { receives: false }),
        ],
      }),
      contact('benvolio', 'Benvolio', {
        devices: [
          fakeDevice(benvolio, 11, { trust: 'verified', label: 'Desk' }),
          fakeDevice(benvolio, 12, { trust: 'verified', label: 'Phone' }),
        ],
      }),
    ],
    conversations: [
      ...data.conversations,
      conversation('nurse', 'Nurse', messages, { encryption: 'omemo-legacy' }),
      conversation('laurence', 'Friar Laurence', messages, { encryption: 'pending', reach: [] }),
      conversation('benvolio', 'Benvolio', messages),
    ],
  };
}

function inPhase(change: Partial<AppStatus>): FakeData {
  return { ...empty(), status: { ...empty().status, ...change } };
}

export const scenarios = {
  main,
  empty,
  history,
  trust,
  starting: () => inPhase({ phase: 'starting', self: null }),
  'first-start': () => inPhase({ phase: 'first-start' }),
  'first-start-passphrase': () => inPhase({ phase: 'first-start', needsPassphrase: true }),
  locked: () => inPhase({ phase: 'locked', needsPassphrase: true }),
  refused: () =>
    inPhase({
      phase: 'refused',
      self: null,
      error: appError(
        'profile.newer-version',
        'This profile was last used by a newer Bothy.',
        'Install the newest Bothy and open it again.',
        'schema 9, this version knows 4',
      ),
    }),
  offline: () => ({
    ...main(),
    status: {
      ...readyStatus,
      account: {
        jid: 'ada@example.org' as BareJid,
        catchingUp: null,
        transport: {
          state: 'failing',
          error: appError(
            'account.unreachable',
            'example.org cannot be reached.',
            'Bothy tries again by itself.',
            'ECONNREFUSED',
          ),
          since: now,
          retryAt: now + minute,
        },
      },
      notices: [
        {
          id: 'n1',
          level: 'warning' as const,
          error: appError(
            'profile.unreadable',
            'Part of your history was damaged and has been set aside.',
            'Nothing else is affected.',
          ),
          at: now,
        },
      ],
    } satisfies AppStatus,
  }),
  'wrong-password': () => ({
    ...main(),
    status: {
      ...readyStatus,
      account: {
        jid: 'ada@example.org' as BareJid,
        catchingUp: null,
        transport: {
          state: 'failing',
          error: appError(
            'account.wrong-password',
            'Your server does not accept the password.',
            'Enter the current one.',
          ),
          since: now,
          retryAt: null,
        },
      },
    } satisfies AppStatus,
  }),
} satisfies Record<string, () => FakeData>;

export type ScenarioName = keyof typeof scenarios;

export function isScenario(name: string): name is ScenarioName {
  return Object.hasOwn(scenarios, name);
}
