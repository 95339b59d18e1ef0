/**
 * Messages that could not be decrypted and are to be asked for again, until that was done. Kept on disk: the app may be
 * closed before the device can be asked.
 */
import type { ContactId, DeviceId, MessageId } from '../../../shared/model.ts';
import type { MessagingContext } from '../context.ts';
import { mostInOneEnvelope } from './resend.ts';

const valueName = 'lost-messages';
const day = 24 * 60 * 60 * 1000;
/** Of one device, at the same time; the newest count. An archive from before this device existed is no reason to ask. */
const mostOfDevice = 100;
const mostInAll = 500;
/** Of one device on one day: a server that replays old bytes under new ids shall not keep us busy. */
const mostAskedInADay = 200;

interface Lost {
  readonly contactId: ContactId;
  readonly deviceId: DeviceId;
  readonly id: MessageId;
}

export class LostMessages {
  readonly #context: MessagingContext;
  readonly #asked = new Map<string, { readonly since: number; readonly count: number }>();

  constructor(context: MessagingContext) {
    this.#context = context;
  }

  /** Devices of which something is to be asked for. */
  devices(): { readonly contactId: ContactId; readonly deviceId: DeviceId }[] {
    const found = new Map(this.#all().map((lost) => [`${lost.contactId}/${lost.deviceId}`, lost]));
    return [...found.values()].map(({ contactId, deviceId }) => ({ contactId, deviceId }));
  }

  /** Inside the transaction that met it. */
  add(lost: Lost): void {
    const all = this.#all();
    if (all.some((other) => isOf(other, lost) && other.id === lost.id)) return;
    const ofDevice = all.filter((other) => isOf(other, lost));
    const surplus = ofDevice.length >= mostOfDevice ? ofDevice[0] : undefined;
    this.#keep([...all.filter((other) => other !== surplus).slice(-(mostInAll - 1)), lost]);
  }

  /** The next ones of a device; taken, they are not asked for again. Inside the transaction of the question. */
  take(contactId: ContactId, deviceId: DeviceId): MessageId[] {
    const name = `${contactId}/${deviceId}`;
    const now = this.#context.now();
    const before = this.#asked.get(name);
    // Either way: the clock may have been set back.
    const counted = before && Math.abs(now - before.since) < day ? before : { since: now, count: 0 };
    const room = Math.max(0, Math.min(mostInOneEnvelope, mostAskedInADay - counted.count));
    const all = this.#all();
    const taken = all.filter((lost) => isOf(lost, { contactId, deviceId })).slice(0, room);
    if (taken.length === 0) return [];
    this.#keep(all.filter((lost) => !taken.includes(lost)));
    this.#asked.set(name, { since: counted.since, count: counted.count + taken.length });
    return taken.map(({ id }) => id);
  }

  #all(): Lost[] {
    const text = this.#context.store.settings.getValue(valueName);
    return text ? (JSON.parse(text) as Lost[]) : [];
  }

  #keep(lost: readonly Lost[]): void {
    this.#context.store.settings.setValue(valueName, JSON.stringify(lost));
  }
}

function isOf(lost: Pick<Lost, 'contactId' | 'deviceId'>, other: Pick<Lost, 'contactId' | 'deviceId'>): boolean {
  return lost.contactId === other.contactId && lost.deviceId === other.deviceId;
}
