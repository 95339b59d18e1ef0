import type { TrustState } from '../../shared/model.ts';

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
  unnamed: (id: number) => `Device ${id}`,
  thisDevice: 'This device',
  inactive: 'No longer used',
  lastSeen: (moment: string) => `Last seen: ${moment}`,
  fingerprint: 'Fingerprint',
  fingerprintUnknown: 'Its key has not been seen yet.',
  verify: 'They match',
  distrust: 'Do not trust',
  reset: 'Undo',
  none: 'No devices known yet. They appear after the first contact.',
  explainVerified: 'You have compared every device. A new one is shown before anything is sent to it.',
  explainEncrypted:
    'Only the devices below can read what you write. To be sure they are really theirs, compare the fingerprints in person or on a call.',
  explainUnverified:
    'There is a device you have not checked. It gets no messages until you have compared its fingerprint.',
  explainNone: 'Their app offers no encryption. Servers on the way can read your messages.',
  explainPending: 'Nothing is known about their devices yet. Messages wait until they can be encrypted.',
  ownText: 'Others compare this with what their app shows for you.',
} as const;
