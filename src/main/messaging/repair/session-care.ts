/**
 * Keeping sessions alive: the empty message that completes a key exchange or moves a ratchet on (XEP-0384 §6), the repair
 * of a session that broke, visibly and at most once per device per day (docs/decisions/0043), and asking for what was lost
 * (docs/decisions/0060).
 */
import type { Element } from '@xmpp/xml';
import type { ContactId, DeviceId, MessageId } from '../../../shared/model.ts';
import type { WireFormat } from '../../e2ee/types.ts';
import type { ContactRecord, DeviceRecord } from '../../storage/records.ts';
import { type AfterCommit, inTransaction, type MessagingContext } from '../context.ts';
import { lettingIn } from '../devices/device-records.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import { linkedDevices, ownQueue, partyOf, serverReaches } from '../devices/recipients.ts';
import { type DeviceMail, queueForDevice } from '../sending/device-mail.ts';
import type { Outbox } from '../sending/outbox.ts';
import { conversationWith, insertSystemMessage } from '../timeline/conversation-timeline.ts';
import { showLost, showSign } from '../timeline/undecryptable-line.ts';
import { LostMessages } from './lost-messages.ts';
import { type Asker, answerResends, asksForResend, resendAnswerIn, resendRequest } from './resend.ts';
import { signsAgain } from './signs-again.ts';

const day = 24 * 60 * 60 * 1000;
/** Sessions found broken while the archive was read that are looked after then; the others at their next message. */
const maxBroken = 500;
const maxRequests = 200;
/** How soon it is tried again when nobody could be asked: doubled as long as that lasts. */
const firstRetry = 15_000;
const lastRetry = 5 * 60_000;

interface Device {
  /** `ownQueue`: one of our own. */
  readonly contactId: ContactId;
  readonly deviceId: DeviceId;
  /** Of the session it is about. */
  readonly wire: WireFormat;
}

export class SessionCare {
  readonly #context: MessagingContext;
  readonly #mail: DeviceMail;
  readonly #lost: LostMessages;
  readonly #signal: AbortSignal;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #retries = 0;
  /** Due once the archive has been read: answering each archived key exchange would only make noise. */
  readonly #due = new Map<string, Device>();
  readonly #broken = new Map<string, Device>();
  /** Requests for messages that came while nothing could be encrypted; the newest count. */
  readonly #requests: { readonly asker: Asker; readonly content: readonly Element[] }[] = [];
  /** Being looked after; `again`: something more broke meanwhile. */
  readonly #healing = new Map<string, 'running' | 'again'>();
  /** When receipts and markers were said again to a device that could not read some. */
  readonly #signsSaid = new Map<string, number>();

  constructor(context: MessagingContext, directory: KeyDirectory, outbox: Outbox, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
    signal.addEventListener('abort', () => clearTimeout(this.#retry));
    this.#mail = { directory, outbox };
    this.#lost = new LostMessages(context);
    outbox.outcomes.onSignsUnreadable = (contactId, devices) => {
      for (const deviceId of devices) this.#signsUnreadable({ contactId, deviceId, wire: 'omemo2' });
    };
  }

  /** Queues an empty message for the device. Inside the transaction that found it necessary. */
  answer(device: Device, after: AfterCommit): void {
    if (this.#mustWait()) after(() => this.#due.set(nameOf(device), device));
    else this.#queue(device, null, after);
  }

  /** The archive has been read, or encrypting is allowed again. */
  caughtUp(): void {
    if (this.#mustWait()) return;
    const due = [...this.#due.values()];
    const broken = [...this.#broken.values()];
    this.#due.clear();
    this.#broken.clear();
    if (due.length > 0) {
      inTransaction(this.#context, (after) => {
        for (const device of due) this.#queue(device, null, after);
      });
    }
    for (const device of broken) this.#heal(device);
    for (const { asker, content } of this.#requests.splice(0)) {
      const contact = this.#context.store.contacts.get(asker.contact.id);
      const device = this.#context.store.devices.get(asker.contact.id, asker.deviceId);
      if (!contact || !lettingIn(this.#context)(device)) continue;
      inTransaction(this.#context, (after) =>
        answerResends(this.#context, this.#mail, { ...asker, contact }, content, after),
      );
    }
    this.#askWhatIsLeft(() => true);
  }

  /** The contact, or everybody behind the server (null), can be reached again: what could not be asked for can be now. */
  reached(contactId: ContactId | null): void {
    this.#retries = 0;
    this.#askWhatIsLeft((lost) => contactId === null || lost.contactId === contactId);
  }

  #askWhatIsLeft(which: (lost: { readonly contactId: ContactId }) => boolean): void {
    if (this.#signal.aborted || this.#mustWait()) return;
    for (const lost of this.#lost.devices().filter(which)) this.#heal({ ...lost, wire: 'omemo2' });
  }

  #mustWait(): boolean {
    return this.#context.catchingUp() || !this.#context.mayEncrypt();
  }

  #queue(device: Device, content: readonly Element[] | null, after: AfterCommit): boolean {
    const contact = partyOf(this.#context, device.contactId);
    const record = this.#context.store.devices.get(device.contactId, device.deviceId);
    if (!contact || !record) return false;
    return queueForDevice(this.#context, this.#mail, { contact, device: record, content, wire: device.wire }, after);
  }

  /** A message of this device could not be decrypted. `lost`: to be asked for again. Inside its transaction. */
  broken(device: Device, lost: MessageId | null, after: AfterCommit): void {
    const { contacts, devices } = this.#context.store;
    // Device ids are free: only one that was heard of before has a session that can break.
    if (contacts.get(device.contactId)?.subscription === 'pending-in') return;
    if (!devices.get(device.contactId, device.deviceId)) return;
    const { contactId, deviceId } = device;
    if (lost !== null) this.#lost.add({ contactId, deviceId, id: lost });
    after(() => {
      if (!this.#mustWait()) this.#heal(device);
      else if (this.#broken.size < maxBroken) this.#broken.set(nameOf(device), device);
    });
  }

  /** What a device that is let in says inside the encryption. Inside its transaction. */
  takeContent(asker: Asker, content: readonly Element[], after: AfterCommit): void {
    if (!this.#mustWait()) answerResends(this.#context, this.#mail, asker, content, after);
    else if (asksForResend(content)) after(() => this.#later({ asker, content }));
    const { lost, signs } = resendAnswerIn(this.#context, content);
    for (const id of lost) showLost(this.#context, asker.contact, id, after);
    for (const id of signs) showSign(this.#context, asker.contact, id, after);
  }

  #later(request: { readonly asker: Asker; readonly content: readonly Element[] }): void {
    if (this.#requests.length >= maxRequests) this.#requests.shift();
    this.#requests.push(request);
  }

  #heal(device: Device): void {
    const name = nameOf(device);
    if (this.#healing.has(name)) {
      this.#healing.set(name, 'again');
      return;
    }
    this.#healing.set(name, 'running');
    this.#healNow(device)
      .catch(() => this.#context.log('warn', 'session-not-repaired'))
      .then(() => {
        const again = this.#healing.get(name) === 'again';
        this.#healing.delete(name);
        if (again) this.#heal(device);
        else this.#retryLater();
      });
  }

  /** The device could not be asked (no keys to be had, no way to it): again by itself, if nothing brings it about sooner. */
  #retryLater(): void {
    clearTimeout(this.#retry);
    if (this.#signal.aborted) return;
    if (this.#lost.devices().length === 0) {
      this.#retries = 0;
      return;
    }
    const delay = Math.min(lastRetry, firstRetry * 2 ** Math.min(this.#retries, 10));
    this.#retries += 1;
    this.#retry = setTimeout(() => this.#askWhatIsLeft(() => true), delay);
    this.#retry.unref();
  }

  async #healNow(device: Device): Promise<void> {
    const { settings } = this.#context.store;
    const name = `repaired/${nameOf(device)}`;
    const now = this.#context.now();
    // Either way: a clock that was ahead must not forbid it for ever.
    const renewedToday = Math.abs(now - Number(settings.getValue(name) ?? 0)) < day;
    // Without a session there is nothing to be renewed too often: the next word would begin one anyway.
    if (renewedToday && this.#hasSession(device))
      inTransaction(this.#context, (after) => void this.#ask(device, after));
    else await this.#renew(device, name);
  }

  #hasSession(device: Device): boolean {
    const identityKey = this.#record(device)?.identityKey;
    return identityKey ? this.#context.cipher.hasSession(identityKey, device.deviceId, device.wire) : false;
  }

  /** In the session there is: it was renewed today, so what is lost was written before the other side knew. */
  #ask(device: Device, after: AfterCommit): boolean {
    const record = this.#record(device);
    if (!record || device.wire !== 'omemo2' || !this.#hasSession(device)) return false;
    for (let asked = false; ; asked = true) {
      const content = this.#questions(device, record);
      if (content === null) return asked;
      this.#queue(device, content, after);
    }
  }

  #questions(device: Device, record: DeviceRecord): Element[] | null {
    if (device.wire !== 'omemo2' || !lettingIn(this.#context)(record)) return null;
    const ids = this.#lost.take(device.contactId, device.deviceId);
    return ids.length === 0 ? null : ids.map((id) => resendRequest(device.deviceId, id));
  }

  async #renew(device: Device, mark: string): Promise<void> {
    const contact = this.#reachable(device);
    const { contactId, deviceId, wire } = device;
    const isOwn = contactId === ownQueue;
    // To our own devices nothing goes in the older format alone.
    if (!contact || (isOwn && wire !== 'omemo2')) return;
    const { bundles } = this.#mail.directory;
    // A server that did not answer is asked again at our own pace; keys that are not there need not be.
    if (bundles.isWithoutKeys(contactId, deviceId) && bundles.recentlyFailed(contactId, deviceId)) return;
    const bundle = await this.#mail.directory.fetchBundle(contactId, isOwn ? null : contact, deviceId, wire);
    if (!bundle.ok) return;
    const { cipher, store } = this.#context;
    inTransaction(this.#context, (after) => {
      const record = this.#record(device);
      if (!record || this.#mustWait()) return;
      cipher.forgetSession(cipher.canonicalIdentity(bundle.value.identityKey), deviceId, wire);
      if (!this.#queue(device, this.#questions(device, record), after)) return;
      this.#ask(device, after);
      store.settings.setValue(mark, String(this.#context.now()));
      if (isOwn) return;
      const what = `The secure connection with a device of ${contact.name} was renewed.`;
      const { id } = conversationWith(this.#context, contactId);
      insertSystemMessage(this.#context, after, id, 'info', what, { owner: contactId, deviceId });
    });
  }

  /** The receipts and markers in a message that a linked device could not read, as they are now. At most once an hour. */
  #signsUnreadable(device: Device): void {
    const now = this.#context.now();
    const last = this.#signsSaid.get(nameOf(device)) ?? 0;
    const contact = this.#reachable(device);
    if (!contact || Math.abs(now - last) < day / 24 || this.#mustWait()) return;
    this.#signsSaid.set(nameOf(device), now);
    this.#sayAgain(device, contact).catch(() => this.#context.log('warn', 'signs-not-said'));
  }

  async #sayAgain(device: Device, contact: ContactRecord): Promise<void> {
    const { contactId, deviceId } = device;
    const bundle = await this.#mail.directory.fetchBundle(contactId, contact, deviceId, 'omemo2');
    if (!bundle.ok) return;
    const { cipher } = this.#context;
    inTransaction(this.#context, (after) => {
      const record = this.#record(device);
      if (!record || !lettingIn(this.#context)(record) || this.#mustWait()) return;
      cipher.forgetSession(cipher.canonicalIdentity(bundle.value.identityKey), deviceId, 'omemo2');
      this.#queue(device, signsAgain(this.#context, contact), after);
    });
  }

  #record(device: Device): DeviceRecord | null {
    return this.#context.store.devices.get(device.contactId, device.deviceId);
  }

  #reachable({ contactId, deviceId }: Device): ContactRecord | null {
    const contact = partyOf(this.#context, contactId);
    if (!contact || contact.subscription === 'pending-in') return null;
    const linked = linkedDevices(this.#context, contact).has(deviceId);
    return linked || serverReaches(this.#context, contact.jid) ? contact : null;
  }
}

function nameOf(device: Pick<Device, 'contactId' | 'deviceId'>): string {
  return `${device.contactId}/${device.deviceId}`;
}
