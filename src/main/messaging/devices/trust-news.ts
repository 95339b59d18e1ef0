/**
 * What follows when a device was verified or distrusted without the person doing it here: it is said in the conversation
 * (of their own devices: in a notice), and what others are to be told of it is kept until they were told.
 */
import type { ContactId } from '../../../shared/model.ts';
import type { DeviceRecord, Store } from '../../storage/records.ts';
import type { AfterCommit, MessagingContext } from '../context.ts';
import { conversationWith, insertSystemMessage } from '../timeline/conversation-timeline.ts';
import type { BeliefChange } from './trust-belief.ts';

type Owed = ContactId | 'self' | 'contacts';

const owedName = 'trust-owed';
const noticeName = 'own-device-judged';

/** Inside the transaction that made the changes. */
export function tellChanges(context: MessagingContext, after: AfterCommit, changes: readonly BeliefChange[]): void {
  if (changes.length === 0) return;
  for (const change of changes) {
    const { device } = change;
    const what = words(context, change);
    if (device.owner === 'self') {
      context.store.settings.setValue(noticeName, JSON.stringify({ at: context.now(), what }));
      after(() => context.events.ownDevices());
    } else {
      insertSystemMessage(context, after, conversationWith(context, device.owner).id, 'info', what, device);
    }
  }
  owe(
    context.store,
    changes.flatMap(({ device, by }) => {
      if (device.trust !== 'verified') return [];
      // The person's own word, given before: it is this device's to spread. Another one spreads its own.
      return device.owner === 'self' && by === null ? [device.owner, 'contacts'] : [device.owner];
    }),
  );
  for (const owner of new Set(changes.map(({ device }) => device.owner))) {
    after(() => context.events.trustDue(owner));
  }
}

export function owe(store: Store, owners: readonly Owed[]): void {
  const owed = new Set([...owedTo(store), ...owners]);
  store.settings.setValue(owedName, JSON.stringify([...owed]));
}

/**
 * Whose newly verified devices have not been told yet what they should know (XEP-0450 §4); `contacts`: all of them,
 * about our own.
 */
export function owedTo(store: Store): Owed[] {
  return JSON.parse(store.settings.getValue(owedName) ?? '[]') as Owed[];
}

export function nothingOwed(store: Store): void {
  store.settings.setValue(owedName, '[]');
}

/** The newest thing said of an own device that the person has not seen; null: there is none. */
export function ownDeviceJudged(store: Store): { readonly at: number; readonly what: string } | null {
  const text = store.settings.getValue(noticeName);
  return text ? (JSON.parse(text) as { readonly at: number; readonly what: string } | null) : null;
}

export function ownDeviceJudgedSeen(store: Store): void {
  store.settings.setValue(noticeName, 'null');
}

function words(context: MessagingContext, { device, by }: BeliefChange): string {
  const which = nameOf(context, device);
  const subject = which.charAt(0).toUpperCase() + which.slice(1);
  if (device.trust === 'verified') {
    if (!by) return `${subject} is verified: it has the key of the code you compared.`;
    return `${subject} is verified: ${nameOf(context, by)} says so.`;
  }
  const consequence = `It is not trusted and gets no messages.`;
  if (!by) return `${subject} has a key that a code you compared warns of. ${consequence}`;
  return `${subject} is not to be trusted any more: ${nameOf(context, by)} says so. ${consequence}`;
}

/** “a device of Ben”, or with its name where it has one. */
function nameOf(context: MessagingContext, device: DeviceRecord): string {
  const label = plainLabel(device.localName || device.label);
  if (device.owner === 'self') return label === '' ? 'one of your devices' : `your device “${label}”`;
  const name = context.store.contacts.get(device.owner)?.name ?? '';
  return label === '' ? `a device of ${name}` : `the device “${label}” of ${name}`;
}

/** Its owner chose it: no control, format (also direction overrides) or line-breaking characters. */
function plainLabel(label: string): string {
  const plain = label.normalize('NFC').replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}“”]/gu, '');
  return [...plain.trim()].slice(0, 40).join('');
}
