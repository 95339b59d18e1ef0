/** Which way one queued stanza goes now, and what it looks like on that way. Pure but for looking at what is reachable. */
import type { Element } from '@xmpp/xml';
import { type Address, type DeviceId, deviceRef } from '../../../shared/model.ts';
import { type DeviceReach, routeConversation } from '../../../shared/routing.ts';
import type { ContactRecord, OutboxTarget } from '../../storage/records.ts';
import { accountOf, type MessagingContext } from '../context.ts';
import { linkedDevices, serverReaches } from '../devices/recipients.ts';
import { legacyNamespace } from '../envelope/legacy-stanza.ts';
import { omemoNamespace } from '../envelope/omemo-stanza.ts';
import { withoutClearSignals } from './clear-signals.ts';
import { isForContact, type OutboxEntry } from './outbox-entry.ts';

export interface TransmissionPlan {
  /** Devices to send to over their direct links. */
  readonly direct: readonly DeviceId[];
  readonly server: readonly DeviceId[];
  /** Our own other devices, by way of our own account. */
  readonly self: boolean;
  /** When an accepted message is due to be sent directly too; null: never by itself. */
  readonly promoteAt: number | null;
}

/** How long the server has to bring a message to a device that is standing in front of us. */
export const promotionDelay = 3_000;

export function planTransmission(
  context: MessagingContext,
  contact: ContactRecord,
  entry: OutboxEntry,
): TransmissionPlan {
  const linked = linkedDevices(context, contact);
  // What was addressed by XIDs means nothing to a server.
  const server = entry.addressee === contact.jid && serverReaches(context, contact.jid);
  const waiting = entry.targets.filter((target) => isForContact(target) && target.state === 'waiting');
  const reach = waiting.map(
    (target): DeviceReach => ({
      ref: deviceRef(contact.id, target.deviceId),
      direct: linked.has(target.deviceId),
      server,
    }),
  );
  const plan = routeConversation(entry.row.preference, applyChoice(entry, reach));
  const refOf = (target: OutboxTarget): string => deviceRef(contact.id, target.deviceId);
  const inPlan = (refs: readonly string[]): DeviceId[] =>
    waiting.filter((target) => refs.includes(refOf(target))).map((target) => target.deviceId);
  const direct = inPlan(plan.direct);
  let promoteAt: number | null = null;
  if (entry.row.preference !== 'server') {
    const dueAt = serverReaches(context, contact.jid) ? entry.acceptedAt + promotionDelay : 0;
    for (const target of entry.targets) {
      if (!isForContact(target) || target.state !== 'accepted' || !linked.has(target.deviceId)) continue;
      const wait = dueAt - context.now();
      // Longer than it can be: the clock was set back.
      if (wait <= 0 || wait > promotionDelay) direct.push(target.deviceId);
      else promoteAt = dueAt;
    }
  }
  const serverDevices = inPlan(plan.server);
  return { direct, server: serverDevices, self: copyForSelf(context, entry, serverDevices.length > 0), promoteAt };
}

/** What the window showed when the person pressed send is what happens, as far as it is still possible. */
function applyChoice(entry: OutboxEntry, reach: readonly DeviceReach[]): DeviceReach[] {
  const choice = entry.choice;
  if (!choice) return [...reach];
  return reach.map((device) => {
    if (device.direct && choice.direct.includes(device.ref)) return { ...device, server: false };
    if (device.server && choice.server.includes(device.ref)) return { ...device, direct: false };
    return device;
  });
}

/**
 * A stanza that goes through the server reaches our own devices as a carbon; one that goes directly does not, so a copy
 * is sent to our own account, which then learns that we wrote, not to whom.
 */
function copyForSelf(context: MessagingContext, entry: OutboxEntry, goesByServer: boolean): boolean {
  if (goesByServer || entry.row.preference === 'direct') return false;
  // The contact's device may confirm what the server has not acknowledged yet: it is on its way to ours as well.
  if (entry.busy.has('server')) return false;
  const account = accountOf(context);
  const waits = entry.targets.some(
    (target) => !isForContact(target) && target.state === 'waiting' && !entry.silent.has(target.deviceId),
  );
  const contactWaits = entry.targets.some((target) => isForContact(target) && target.state === 'waiting');
  return waits && !contactWaits && account !== null && serverReaches(context, account.jid);
}

/** The stanza for the server: it fills in `from` itself (RFC 6120 §8.1.2.1). */
export function forServer(stanza: Element): Element {
  delete stanza.attrs['from'];
  return stanza;
}

/**
 * Between our own devices: the keys of the other person's devices stay out, they would say whom it is about. So does
 * the legacy format, whose readers would take it for a note to ourselves.
 */
export function forOwnDevices(stanza: Element, ownAddress: Address): Element {
  delete stanza.attrs['from'];
  stanza.attrs['to'] = ownAddress;
  for (const element of [stanza.getChild('encrypted', legacyNamespace), stanza.getChild('body')]) {
    if (element) stanza.remove(element);
  }
  withoutClearSignals(stanza);
  const header = stanza.getChild('encrypted', omemoNamespace)?.getChild('header');
  for (const keys of header?.getChildren('keys') ?? []) {
    if (keys.attrs['jid'] !== ownAddress) header?.remove(keys);
  }
  return stanza;
}
