import type { DeliveryState } from '../../shared/delivery.ts';
import type { Message } from '../../shared/model.ts';
import { formatNumber, plural } from './plural.ts';

const devices = (count: number) => `${formatNumber(count)} ${plural(count, { one: 'device', other: 'devices' })}`;

const stateWords: Record<DeliveryState, string> = {
  queued: 'Queued on this computer',
  sending: 'Sending',
  'on-server': 'On the server',
  'on-device': 'On their device',
  read: 'Read',
  failed: 'Not sent',
};

const eventWords: Record<Exclude<Message['kind'], 'text'>, string> = {
  undecryptable: 'A message arrived that this device cannot open.',
  gap: 'A message before this one has not arrived.',
  'new-device': 'They use a new device.',
  'route-change': 'The route has changed.',
  info: 'Note',
};

export const chat = {
  conversationWith: (name: string) => `Conversation with ${name}`,
  showPerson: (name: string) => `About ${name}`,
  backToList: 'Back to conversations',
  messages: 'Messages',
  youSaid: 'You:',
  notEncrypted: 'Not encrypted',
  theySaid: (name: string) => `${name}:`,
  announce: (name: string, text: string) => `${name}: ${text}`,
  announceEvent: (name: string, text: string) => `In the conversation with ${name}: ${text}`,
  unreadLine: 'New messages',
  jumpToLatest: 'Jump to latest',
  jumpToLatestUnread: (count: number) =>
    `${formatNumber(count)} ${plural(count, { one: 'new message', other: 'new messages' })}`,
  start: (name: string) => `This is the beginning of what you and ${name} have said here.`,
  nothingYet: (name: string) => `Nothing has been said here yet. Write ${name} the first message.`,
  stateWords,
  eventWords,
  retry: 'Try again',
  discard: 'Do not send',
  discarded: 'The message is taken back.',
  discardedToBox: 'The message is taken back. Its text is in the box below.',
  route: {
    chipLabel: (words: string) => `Route: ${words}. Show who can see what now`,
    direct: 'Direct · same network',
    server: (server: string) => `Through ${server}`,
    both: (server: string) => `Direct and through ${server}`,
    waiting: 'Waiting',
    yourServer: 'your server',
    travelledDirect: 'Travelled directly',
    travelledServer: 'Travelled through the server',
    travelledBoth: 'Travelled directly and through the server',
    popoverTitle: 'Who can see what now',
    next: 'Your next message',
    nextDirect: (count: number) => `goes directly to ${devices(count)}.`,
    nextServer: (count: number, server: string) => `goes through ${server} to ${devices(count)}.`,
    nextBoth: (direct: number, server: number, name: string) =>
      `goes directly to ${devices(direct)} and through ${name} to ${devices(server)}.`,
    nextWaiting: 'waits on this computer.',
    waitingDevices: (count: number) =>
      `${devices(count)} cannot be reached now and ${plural(count, { one: 'gets', other: 'get' })} it later.`,
    contentEncrypted: (name: string) => `What you write: only you and ${name} can read it.`,
    contentPlain: 'What you write: not encrypted. Every server on the way can read it.',
    contentPending: 'What you write: waits until it can be encrypted.',
    seenByServer: (server: string) => `${server} sees whom you message and when.`,
    seenByNetwork: 'The local network sees that Bothy runs here and how much it sends.',
    seenByNobody: 'Nothing leaves this computer.',
    serverSeesNothing: 'No server learns of your next message.',
    pinTitle: 'Route for this conversation',
    automatic: 'Automatic',
    automaticHint: 'Directly where possible, through the server for the rest.',
    onlyDirect: 'Only direct',
    onlyDirectHint: 'Waits until they are nearby. No server is involved.',
    onlyServer: 'Only the server',
    onlyServerHint: 'Never uses the local network.',
  },
  lock: {
    verified: 'Verified',
    encrypted: 'Encrypted',
    unverified: 'Unverified',
    none: 'Unencrypted',
    pending: 'Pending',
    label: (word: string) => `${word}. Show devices and encryption`,
  },
  composer: {
    label: (name: string) => `Message to ${name}`,
    placeholder: 'Write a message',
    send: 'Send',
    hintDirect: 'Goes directly',
    hintServer: (server: string) => `Goes through ${server}`,
    hintBoth: (server: string) => `Goes directly and through ${server}`,
    hintWaiting: 'Waits on this computer until they can be reached',
    hintWaitingKeys: 'Waits on this computer until it can be encrypted for them',
    hintWaitingCheck: 'Waits on this computer until you have checked one of their devices',
    hintWaitingDirect: 'Waits until they are nearby: you chose only direct',
    hintWaitingServer: 'Waits until the server can be reached: you chose only the server',
    encrypted: 'encrypted end to end',
    plain: 'not encrypted: servers can read it',
    pending: 'sent once it can be encrypted',
    notSent: 'Your message was not sent. It is back in the box below.',
  },
  plain: {
    title: (name: string) => `${name} uses an app without encryption`,
    text: 'Messages here can be read by both servers and by anyone who runs them. Nothing is sent until you agree, and you are asked only once for this person.',
    agree: 'Send unencrypted',
  },
  request: {
    incoming: (name: string) => `${name} asks to be your contact. If you accept, they see when you are online.`,
    outgoing: (name: string) => `You asked ${name} to be a contact. They have not answered yet.`,
  },
} as const;
