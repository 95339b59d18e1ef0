/** One queued stanza in memory: its row and targets as on disk, and what only matters while we run. */

import type { RouteChoice } from '../../../shared/bridge/contract.ts';
import type { DeviceId, MessageId } from '../../../shared/model.ts';
import type { OutboxRecord, OutboxTarget } from '../../storage/records.ts';
import { parseElement } from '../../xml/parse-element.ts';
import { legacyNamespace, readLegacy } from '../envelope/legacy-stanza.ts';

export interface OutboxEntry {
  row: OutboxRecord;
  targets: OutboxTarget[];
  /** Transmissions under way. `self`: the copy for our own other devices. */
  readonly busy: Set<'direct' | 'server' | 'self'>;
  /** Transmissions that nobody refused: each of them may have arrived. */
  unrefused: number;
  attempts: number;
  /** Unix ms before which it is not tried again by itself. */
  notBefore: number;
  /** When the server took it; 0 when that was before this start. */
  acceptedAt: number;
  /** The window's choice for the first transmission. */
  choice: RouteChoice | null;
  /** Given up; waits for the person. */
  failed: boolean;
  /** The server returned it: its acknowledgement, which may come later, is worth nothing. */
  returned: boolean;
  /** Encrypted again because a device could not read it: done once, then the person is told. */
  resealed: boolean;
  /** The `to` of the final stanza; '' before there is one. */
  readonly addressee: string;
  /** The id of the final stanza: another than the row's, where a message is sent again to one device (device-mail.ts). */
  readonly stanzaId: MessageId;
  /** Devices that will never acknowledge: they get it in the legacy format, which has no encrypted receipts. */
  readonly silent: ReadonlySet<DeviceId>;
}

export function entryOf(row: OutboxRecord, targets: OutboxTarget[], failed: boolean): OutboxEntry {
  return {
    row,
    targets,
    busy: new Set(),
    unrefused: 0,
    attempts: row.attempts,
    notBefore: 0,
    acceptedAt: 0,
    choice: null,
    failed,
    returned: false,
    resealed: false,
    get addressee() {
      return lookInto(this.row).addressee;
    },
    get stanzaId() {
      return lookInto(this.row).stanzaId ?? this.row.messageId;
    },
    get silent() {
      return lookInto(this.row).silent;
    },
  };
}

/** Rows are never changed in place, so each needs to be looked into once. */
interface Inside extends Pick<OutboxEntry, 'addressee' | 'silent'> {
  readonly stanzaId: MessageId | null;
}
const looked = new WeakMap<OutboxRecord, Inside>();
const unsealed: Inside = { addressee: '', stanzaId: null, silent: new Set() };

function lookInto(row: OutboxRecord): Inside {
  if (row.stage !== 'encrypted') return unsealed;
  let found = looked.get(row);
  if (found === undefined) {
    const stanza = parseElement(row.stanza);
    if (!stanza.ok) throw new Error('outbox stanza is not XML');
    const legacy = stanza.value.getChild('encrypted', legacyNamespace);
    const read = legacy ? readLegacy(legacy) : null;
    const silent = new Set(read?.ok ? read.value.keys.map((key) => key.deviceId) : []);
    const id: unknown = stanza.value.attrs['id'];
    const stanzaId = typeof id === 'string' ? (id as MessageId) : null;
    found = { addressee: String(stanza.value.attrs['to'] ?? ''), stanzaId, silent };
    looked.set(row, found);
  }
  return found;
}

/** False: whatever was tried, nobody has it. */
export function mayHaveLeft({ busy, unrefused, targets }: OutboxEntry): boolean {
  return busy.size > 0 || unrefused > 0 || targets.some(({ state }) => state === 'accepted' || state === 'done');
}

export const isForContact = (target: OutboxTarget): boolean => target.owner !== 'self';

/** Nothing more will be done for it. A control stanza rests once the server has it; a text until devices answer. */
export function isFinished(entry: OutboxEntry): boolean {
  if (entry.row.stage !== 'encrypted' || entry.busy.size > 0) return false;
  return entry.targets.every((target) => {
    if (target.state === 'done') return true;
    // Only the server brings it to an own device of the legacy format, and it does so with the contact's.
    if (target.owner === 'self' && entry.silent.has(target.deviceId)) return true;
    if (target.state === 'accepted') {
      return target.owner === 'self' || entry.row.kind !== 'text' || entry.silent.has(target.deviceId);
    }
    return target.state === 'failed' && entry.row.kind !== 'text';
  });
}
