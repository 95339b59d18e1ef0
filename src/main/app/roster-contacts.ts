/** What a roster entry makes of a contact. */
import type { ContactId } from '../../shared/model.ts';
import type { ContactRecord } from '../storage/records.ts';
import type { RosterEntry } from '../transports/xmpp/types.ts';
import { cleanName } from './clean-name.ts';

/** What to call somebody who has no name yet. */
export function localPart(jid: string): string {
  const at = jid.indexOf('@');
  return at < 0 ? jid : jid.slice(0, at);
}

export function mergeRosterEntry(known: ContactRecord | null, entry: RosterEntry, now: number): ContactRecord {
  const waits = known?.subscription === 'pending-in' && (entry.subscription === 'none' || entry.subscription === 'to');
  const subscription = entry.subscription === 'none' && entry.ask ? 'pending-out' : entry.subscription;
  return {
    id: known?.id ?? (crypto.randomUUID() as string as ContactId),
    name: cleanName(entry.name) || (known?.name ?? localPart(entry.jid)),
    jid: entry.jid,
    xid: known?.xid ?? null,
    subscription: waits ? 'pending-in' : subscription,
    xidShared: known?.xidShared ?? false,
    addedAt: known?.addedAt ?? now,
  };
}

export function sameContact(a: ContactRecord, b: ContactRecord): boolean {
  return a.name === b.name && a.subscription === b.subscription && a.jid === b.jid;
}
