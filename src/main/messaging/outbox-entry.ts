/** One queued stanza in memory: its row and targets as on disk, and what only matters while we run. */

import type { RouteChoice } from '../../shared/bridge/contract.ts';
import type { OutboxRecord, OutboxTarget } from '../storage/records.ts';
import { parseElement } from './parse-xml.ts';

export interface OutboxEntry {
  row: OutboxRecord;
  targets: OutboxTarget[];
  /** Transmissions under way. `self`: the copy for our own other devices. */
  readonly busy: Set<'direct' | 'server' | 'self'>;
  attempts: number;
  /** Unix ms before which it is not tried again by itself. */
  notBefore: number;
  /** When the server took it; 0 when that was before this start. */
  acceptedAt: number;
  /** The window's choice for the first transmission. */
  choice: RouteChoice | null;
  /** Given up; waits for the person. */
  failed: boolean;
  /** Encrypted again because a device could not read it: done once, then the person is told. */
  resealed: boolean;
  /** The `to` of the final stanza; '' before there is one. */
  readonly addressee: string;
}

export function entryOf(row: OutboxRecord, targets: OutboxTarget[], failed: boolean): OutboxEntry {
  return {
    row,
    targets,
    busy: new Set(),
    attempts: row.attempts,
    notBefore: 0,
    acceptedAt: 0,
    choice: null,
    failed,
    resealed: false,
    get addressee() {
      return addresseeOf(this.row);
    },
  };
}

/** Rows are never changed in place, so each needs to be looked into once. */
const addressees = new WeakMap<OutboxRecord, string>();

function addresseeOf(row: OutboxRecord): string {
  if (row.stage !== 'encrypted') return '';
  let addressee = addressees.get(row);
  if (addressee === undefined) {
    const stanza = parseElement(row.stanza);
    if (!stanza.ok) throw new Error('outbox stanza is not XML');
    addressee = String(stanza.value.attrs['to'] ?? '');
    addressees.set(row, addressee);
  }
  return addressee;
}

export const isForContact = (target: OutboxTarget): boolean => target.owner !== 'self';

/** Nothing more will be done for it. A control stanza rests once the server has it; a text until devices answer. */
export function isFinished(entry: OutboxEntry): boolean {
  if (entry.row.stage !== 'encrypted' || entry.busy.size > 0) return false;
  return entry.targets.every((target) => {
    if (target.state === 'done') return true;
    if (target.state === 'accepted') return target.owner === 'self' || entry.row.kind === 'control';
    return target.state === 'failed' && entry.row.kind === 'control';
  });
}
