/** What the account keeps between runs beside its password: opaque JSON to everybody else. */
import type { RosterEntry } from './types.ts';

export interface AccountState {
  /** The stream's own part, opaque here. */
  readonly stream: string;
  /** Last known roster and its version (RFC 6121 §2.6). */
  readonly roster: { readonly version: string; readonly entries: readonly RosterEntry[] } | null;
  /** How far the archive was last taken completely; null: never yet. */
  readonly archived: ArchivedUpTo | null;
}

export interface ArchivedUpTo {
  /** Archive id of the last message in it; null: it was empty. */
  readonly last: string | null;
  /** Server time of that message, Unix ms: where to go on when the archive no longer knows the id. */
  readonly time: number | null;
}

export const emptyAccountState: AccountState = { stream: '', roster: null, archived: null };

/** Anything unreadable is an empty state: all of it can be learned again. */
export function parseAccountState(text: string): AccountState {
  if (text === '') return emptyAccountState;
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value) || value['version'] !== 1) return emptyAccountState;
    return {
      stream: typeof value['stream'] === 'string' ? value['stream'] : '',
      roster: parseRoster(value['roster']),
      archived: parseArchived(value['archived']),
    };
  } catch {
    return emptyAccountState;
  }
}

export function formatAccountState(state: AccountState): string {
  return JSON.stringify({ version: 1, ...state });
}

function parseRoster(value: unknown): AccountState['roster'] {
  if (!isRecord(value) || typeof value['version'] !== 'string' || !Array.isArray(value['entries'])) return null;
  const entries = value['entries'].filter(isRosterEntry);
  // a damaged list with a current version would never be mended by the server
  return entries.length === value['entries'].length ? { version: value['version'], entries } : null;
}

function parseArchived(value: unknown): ArchivedUpTo | null {
  if (!isRecord(value)) return null;
  const { last, time } = value;
  return { last: typeof last === 'string' ? last : null, time: typeof time === 'number' ? time : null };
}

function isRosterEntry(value: unknown): value is RosterEntry {
  return (
    isRecord(value) &&
    typeof value['jid'] === 'string' &&
    typeof value['name'] === 'string' &&
    typeof value['ask'] === 'boolean' &&
    ['none', 'both', 'from', 'to'].includes(String(value['subscription']))
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
