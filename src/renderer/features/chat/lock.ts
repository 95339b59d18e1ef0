/** What really protects the conversation now, in one word. Pure. */
import type { Contact, Conversation } from '../../../shared/model.ts';

export type Lock = 'verified' | 'encrypted' | 'unverified' | 'none' | 'pending';

/**
 * `verified`: every device that gets messages was compared by the person. `unverified`: one waits for a decision.
 * Distrusted devices get nothing, so they take nothing away.
 */
export function lockOf(conversation: Conversation, contact: Contact | undefined): Lock {
  if (conversation.encryption === 'none') return 'none';
  if (conversation.encryption === 'pending') return 'pending';
  const devices = (contact?.devices ?? []).filter((device) => device.active && device.trust !== 'distrusted');
  if (devices.some((device) => device.trust === 'undecided')) return 'unverified';
  return devices.length > 0 && devices.every((device) => device.trust === 'verified') ? 'verified' : 'encrypted';
}
