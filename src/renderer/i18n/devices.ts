import type { TrustState } from '../../shared/model.ts';
import { formatNumber, plural } from './plural.ts';

const trust: Record<TrustState, string> = {
  undecided: 'Not checked yet',
  blind: 'Trusted on first use',
  verified: 'Verified',
  distrusted: 'Not trusted',
};

export const devices = {
  trust,
  listLabel: (name: string) => `Devices of ${name}`,
  ownListLabel: 'Your devices',
  copiesLabel: 'Your other devices',
  unnamed: (id: number) => `Device ${id}`,
  thisDevice: 'This device',
  lastSeen: (moment: string) => `Last seen: ${moment}`,
  fingerprint: 'Fingerprint',
  fingerprintUnknown: 'Its key has not been seen yet.',
  showFingerprint: 'Show the fingerprint',
  verify: 'Verify',
  verifyAgain: 'Verify again',
  verifyOf: (name: string) => `Verify ${name}`,
  check: 'Check it',
  checkOf: (device: string) => `Check it: ${device}`,
  distrust: 'Do not trust',
  distrustOf: (device: string) => `Do not trust: ${device}`,
  reset: 'Undo',
  resetOf: (device: string) => `Undo the decision: ${device}`,
  none: 'No devices known yet. They appear after the first contact.',
  gets: {
    messages: 'Gets your messages',
    copy: 'Gets a copy of what you write',
    notUsed: 'No longer used: gets nothing',
    distrusted: 'Gets nothing: you do not trust it',
    unchecked: 'Gets nothing until you have checked it',
    noKey: 'Gets nothing yet: its key is not known',
    unreachable: 'Gets nothing now: nothing can be encrypted for it',
  },
  newer: 'Newer OMEMO',
  newerMeans: 'Everything is encrypted, also receipts.',
  older: 'Older OMEMO: text only',
  olderMeans: 'Only the text is encrypted, no receipts.',
  explainVerified:
    'You have compared every device that gets your messages. A new one is shown before anything is sent to it.',
  explainEncrypted:
    'Only the devices below can read what you write. To be sure that they are really theirs, verify them once.',
  explainUnverified: 'There is a device you have not checked. It gets no messages until you have.',
  explainNone: 'Their app offers no encryption. Servers on the way can read your messages.',
  explainPending: 'Nothing is known about their devices yet. Messages wait until they can be encrypted.',
  copiesText: 'A copy of what you write goes to your other devices, too.',
  copiesNone: 'You have no other devices.',
  manage: 'Your devices',
  clearSignals: (name: string) => `Exchange receipts with ${name} unencrypted`,
  clearSignalsLegacy:
    'You both learn when messages arrive and are read. Their app cannot say it encrypted, so both servers see that and when, too; not what is written.',
  clearSignalsPlain:
    'You both learn when messages arrive and are read. Like everything in this conversation it is not encrypted: both servers see when you read.',
  page: {
    text: 'These devices use your account. Each of them reads what you write and what is written to you.',
    others: 'Other devices',
    noOthers: 'No other device uses your account.',
    nobodyYet: 'You have no account yet, so this is your only device.',
    mayDo: {
      copy: 'Gets a copy of your messages and may write in your name',
      notUsed: 'No longer announced: gets nothing',
      distrusted: 'Gets nothing, and what it writes in your name is not shown',
      unchecked: 'Gets nothing until you have checked it',
      noKey: 'Gets nothing yet: its key is not known',
      unreachable: 'Gets nothing now: nothing can be encrypted for it',
    },
    thisMay: 'Others verify this fingerprint.',
    rename: 'Rename',
    renameOf: (name: string) => `Rename ${name}`,
    renameLabel: 'Name of this device',
    renameHintThis: 'Anyone who knows your address can see this name.',
    renameHintOther: 'Only you see this name, here.',
    remove: 'Remove',
    removeOf: (name: string) => `Remove ${name}`,
    removeAll: (count: number) => `Remove all ${formatNumber(count)}`,
    removeTitle: (name: string) => `Remove “${name}”?`,
    removeAllTitle: (count: number) =>
      `Remove ${formatNumber(count)} ${plural(count, { one: 'device', other: 'devices' })}?`,
    removeDoes: (count: number) =>
      plural(count, {
        one: 'Nothing is encrypted for it any more, by you or by anyone who writes to you, and nothing it says counts here.',
        other:
          'Nothing is encrypted for them any more, by you or by anyone who writes to you, and nothing they say counts here.',
      }),
    removeDoesNot: (count: number) =>
      plural(count, {
        one: 'It is not signed out and keeps what it already has. If it was lost or stolen, change your account’s password as well: nothing else keeps it out. If it announces itself again, it is not let in, and you are told.',
        other:
          'They are not signed out and keep what they already have. If one was lost or stolen, change your account’s password as well: nothing else keeps it out. If one announces itself again, it is not let in, and you are told.',
      }),
    staleTitle: (count: number) =>
      plural(count, {
        one: 'Not used for three months – remove it?',
        other: 'Not used for three months – remove them?',
      }),
    staleText:
      'Nothing has come from there for so long. What you write is still encrypted for it, and whoever finds it can read along. A device that you only read on looks the same.',
    summary: (others: number) =>
      others === 0
        ? 'Only this device'
        : `This device and ${formatNumber(others)} ${plural(others, { one: 'other', other: 'others' })}`,
    summaryUnchecked: (count: number) =>
      `${formatNumber(count)} ${plural(count, { one: 'is', other: 'are' })} not checked yet`,
    summaryStale: (count: number) =>
      `${formatNumber(count)} ${plural(count, { one: 'has', other: 'have' })} not been used for three months`,
    open: 'Manage',
  },
} as const;
