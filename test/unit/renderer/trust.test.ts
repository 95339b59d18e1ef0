import { describe, expect, it } from 'vitest';
import { lockOf } from '../../../src/renderer/features/chat/lock.ts';
import { effectiveTrust, standingOf, waitingForCheck } from '../../../src/renderer/features/devices/device-standing.ts';
import type { Contact, ContactId, Conversation, Device, Encryption } from '../../../src/shared/model.ts';
import { fakeDevice } from '../../support/fake-bridge.ts';
import { scenarios } from '../../support/fake-scenarios.ts';

const juliet = 'juliet' as ContactId;
const device = (change: Partial<Device>) => fakeDevice(juliet, 11, change);

function lock(encryption: Encryption, ...devices: Device[]): string {
  const { conversations, contacts } = scenarios.main();
  const conversation = conversations.find(({ contactId }) => contactId === juliet) as Conversation;
  const contact = contacts.find(({ id }) => id === juliet) as Contact;
  return lockOf({ ...conversation, encryption }, { ...contact, devices });
}

describe('the lock', () => {
  const verified = device({ trust: 'verified' });
  const blind = device({ trust: 'blind' });
  const waiting = device({ trust: 'undecided' });
  const strict = device({ trust: 'blind', receives: false });
  const distrusted = device({ trust: 'distrusted' });

  it('is verified only when everyone who gets messages is', () => {
    expect(lock('omemo2', verified)).toBe('verified');
    expect(lock('omemo2', verified, distrusted)).toBe('verified');
    expect(lock('omemo2', verified, device({ trust: 'distrusted', active: false }))).toBe('verified');
    expect(lock('omemo2', verified, blind)).toBe('encrypted');
    expect(lock('omemo-legacy', blind)).toBe('encrypted');
  });

  it('says that somebody waits, whatever the policy', () => {
    expect(lock('omemo2', verified, waiting)).toBe('unverified');
    expect(lock('omemo2', verified, strict)).toBe('unverified');
    // Under the strict policy nothing can be encrypted yet, and it is known why.
    expect(lock('pending', strict)).toBe('unverified');
  });

  it('is never more than what is known', () => {
    expect(lock('pending')).toBe('pending');
    expect(lock('pending', distrusted)).toBe('pending');
    expect(lock('omemo2')).toBe('encrypted');
    expect(lock('none', verified)).toBe('none');
    expect(lock('none', waiting)).toBe('none');
    // Nothing can be encrypted for a device without a key, so it takes nothing away.
    expect(lock('omemo2', verified, device({ fingerprint: null, receives: false }))).toBe('verified');
  });
});

describe('what a device gets', () => {
  it.each([
    ['gets', { trust: 'blind' }],
    ['gets', { trust: 'verified' }],
    ['unchecked', { trust: 'undecided' }],
    ['unchecked', { trust: 'blind', receives: false }],
    ['distrusted', { trust: 'distrusted' }],
    ['distrusted', { trust: 'distrusted', active: false }],
    ['notUsed', { trust: 'verified', active: false }],
    ['noKey', { fingerprint: null, receives: false }],
    ['unreachable', { trust: 'verified', receives: false }],
  ] as const)('%s: %o', (standing, change) => {
    expect(standingOf(device(change))).toBe(standing);
  });

  it('is not called trusted where the strict policy holds it back', () => {
    expect(effectiveTrust(device({ trust: 'blind' }))).toBe('blind');
    expect(effectiveTrust(device({ trust: 'blind', receives: false }))).toBe('undecided');
    expect(effectiveTrust(device({ trust: 'verified' }))).toBe('verified');
  });

  it('waits for the person only where they can do something', () => {
    expect(waitingForCheck(undefined)).toEqual([]);
    const { contacts } = scenarios.trust();
    const waiting = (id: string) => waitingForCheck(contacts.find((contact) => contact.id === id)).length;
    expect([waiting('laurence'), waiting('juliet'), waiting('nurse'), waiting('benvolio')]).toEqual([2, 1, 0, 0]);
  });
});
