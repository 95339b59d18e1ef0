/** What really protects the conversation now, in one word. Pure. */
import type { Contact, Conversation } from '../../../shared/model.ts';
import { waitingForCheck } from '../devices/device-standing.ts';

export type Lock = 'verified' | 'encrypted' | 'unverified' | 'none' | 'pending';

/**
 * `verified`: every device that gets messages was compared by the person. `unverified`: one waits for a decision, so
 * that what is written does not reach it. Distrusted devices get nothing, so they take nothing away.
 */
export function lockOf(conversation: Conversation, contact: Contact | undefined): Lock {
  if (conversation.encryption === 'none') return 'none';
  if (waitingForCheck(contact).length > 0) return 'unverified';
  if (conversation.encryption === 'pending') return 'pending';
  const receiving = (contact?.devices ?? []).filter((device) => device.receives);
  return receiving.length > 0 && receiving.every((device) => device.trust === 'verified') ? 'verified' : 'encrypted';
}
