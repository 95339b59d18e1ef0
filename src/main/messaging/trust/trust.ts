/**
 * Judging devices. A judgement of the person's is one transaction with what others are to be told of it; what follows
 * from others' judgements (trust-belief.ts) is told from here as well.
 */
import type { Address, TrustState } from '../../../shared/model.ts';
import type { ContactRecord, DeviceRecord } from '../../storage/records.ts';
import { type AfterCommit, accountOf, inTransaction, type MessagingContext, selfOf } from '../context.ts';
import { needsKeys, type Owner } from '../devices/device-records.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import { ownDeviceNewsSeen } from '../devices/own-device-news.ts';
import { linkedDevices, serverReaches } from '../devices/recipients.ts';
import { believe, mainName, spokenOfBy } from '../devices/trust-belief.ts';
import { nothingOwed, owedTo, tellChanges } from '../devices/trust-news.ts';
import type { Outbox } from '../sending/outbox.ts';
import {
  type Judgements,
  judgedOf,
  tellContactOfOwn,
  tellContactsOfOwn,
  tellOwnDevices,
  tellOwnDevicesAll,
} from './trust-announcements.ts';

/** Judgements of the person's that are kept, those of keys never seen included. */
const mostJudgements = 5_000;
/** Keys asked for at one time. */
const mostAsked = 20;

export interface Judgement {
  readonly device: DeviceRecord;
  readonly trust: Exclude<TrustState, 'blind'>;
}

/** A key that was judged before any device with it was seen. */
export interface ExpectedKey {
  readonly keyId: Uint8Array;
  readonly trust: 'verified' | 'distrusted';
}

export class Trust {
  readonly #context: MessagingContext;
  readonly #directory: KeyDirectory;
  readonly #outbox: Outbox;
  readonly #asking = new Set<Owner>();

  constructor(context: MessagingContext, directory: KeyDirectory, outbox: Outbox) {
    this.#context = context;
    this.#directory = directory;
    this.#outbox = outbox;
  }

  /** The person judges devices of one owner. Durable, with what follows from it, when it returns. */
  judge(owner: Owner, judgements: readonly Judgement[]): void {
    inTransaction(this.#context, (after) => this.judgeIn(owner, judgements, [], after));
  }

  /** Inside a transaction. `expected`: keys not seen yet. */
  judgeIn(owner: Owner, judgements: readonly Judgement[], expected: readonly ExpectedKey[], after: AfterCommit): void {
    const { store } = this.#context;
    const contact = owner === 'self' ? null : store.contacts.get(owner);
    const about = owner === 'self' ? 'self' : contact && mainName(contact);
    for (const { device, trust } of judgements) {
      const { identityKey } = device;
      if (about && identityKey) this.remember(about, identityKey, trust);
      store.devices.put({ ...device, trust });
    }
    if (about) for (const { keyId, trust } of expected) this.remember(about, keyId, trust);
    if (owner === 'self' && this.#allJudged()) ownDeviceNewsSeen(store);
    const verified = judgements.filter(({ trust }) => trust === 'verified').map(({ device }) => device);
    this.#tellOthers(owner, contact, judgements, expected, after);
    const first = verified.flatMap((device) => spokenOfBy(this.#context, { ...device, trust: 'verified' }));
    tellChanges(this.#context, after, believe(this.#context, first));
    after(() => this.attend(owner));
  }

  /** Whoever has judged every device of the account knows of each. */
  #allJudged(): boolean {
    const { deviceId: here } = selfOf(this.#context);
    const others = this.#context.store.devices.of('self').filter(({ active, deviceId }) => active && deviceId !== here);
    return others.every(({ trust }) => trust === 'verified' || trust === 'distrusted');
  }

  /** Inside a transaction: the person's own word about a key. */
  remember(about: Address | 'self', keyId: Uint8Array, trust: Judgement['trust']): void {
    const { statements } = this.#context.store;
    const oldest = statements.countBy(null) >= mostJudgements ? statements.by(null)[0] : undefined;
    if (oldest) statements.remove(oldest);
    statements.put({ about, keyId, saidBy: null, trust, saidAt: this.#context.now() });
  }

  #tellOthers(
    owner: Owner,
    contact: ContactRecord | null,
    judgements: readonly Judgement[],
    expected: readonly ExpectedKey[],
    after: AfterCommit,
  ): void {
    const keysOf = (wanted: Judgement['trust']): Uint8Array[] => [
      ...judgements.flatMap(({ device, trust }) =>
        trust === wanted && device.identityKey ? [device.identityKey] : [],
      ),
      ...expected.flatMap(({ keyId, trust }) => (trust === wanted ? [keyId] : [])),
    ];
    const judged: Judgements = { trusted: keysOf('verified'), distrusted: keysOf('distrusted') };
    if (judged.trusted.length + judged.distrusted.length === 0) return;
    const isVerified = judgements.some(({ trust }) => trust === 'verified');
    if (owner === 'self') {
      tellOwnDevices(this.#context, this.#outbox, 'self', judged, after);
      tellContactsOfOwn(this.#context, this.#outbox, judged, after);
      if (isVerified) tellOwnDevicesAll(this.#context, this.#outbox, after);
    } else if (contact) {
      tellOwnDevices(this.#context, this.#outbox, contact, judged, after);
      if (isVerified) tellContactOfOwn(this.#context, this.#outbox, contact, judgedOf(this.#context, 'self'), after);
    }
  }

  /** What became due for this owner: others are told, messages may go, keys are asked for. */
  attend(owner: Owner): void {
    this.#tellOwed();
    if (owner === 'self') {
      this.#context.events.ownDevices();
      this.#outbox.kickAll();
    } else {
      this.#context.events.contact(owner);
      this.#outbox.kick(owner);
    }
    this.#askForKeys(owner).catch(() => this.#context.log('warn', 'keys-not-asked-for'));
  }

  /** After a start, when the account comes online, when another policy holds. */
  attendAll(): void {
    this.#tellOwed();
    this.#outbox.kickAll();
    for (const owner of ['self' as const, ...this.#context.store.contacts.list().map(({ id }) => id)]) {
      this.#askForKeys(owner).catch(() => this.#context.log('warn', 'keys-not-asked-for'));
    }
  }

  /** XEP-0450 §4, also for devices that were verified by others' word: each learns of ours. */
  #tellOwed(): void {
    const owed = owedTo(this.#context.store);
    if (owed.length === 0) return;
    inTransaction(this.#context, (after) => {
      for (const owner of owed) {
        const own = judgedOf(this.#context, 'self');
        if (owner === 'contacts') {
          tellContactsOfOwn(this.#context, this.#outbox, own, after);
          continue;
        }
        const contact = owner === 'self' ? null : this.#context.store.contacts.get(owner);
        if (owner === 'self') tellOwnDevicesAll(this.#context, this.#outbox, after);
        if (contact) tellContactOfOwn(this.#context, this.#outbox, contact, own, after);
      }
      nothingOwed(this.#context.store);
    });
  }

  async #askForKeys(owner: Owner): Promise<void> {
    const contact = owner === 'self' ? null : this.#context.store.contacts.get(owner);
    if ((owner !== 'self' && !contact) || contact?.subscription === 'pending-in' || this.#asking.has(owner)) return;
    this.#asking.add(owner);
    try {
      const { deviceId: here } = selfOf(this.#context);
      const wanted = this.#context.store.devices
        .of(owner)
        .filter((device) => needsKeys(this.#context, device) && (owner !== 'self' || device.deviceId !== here));
      await this.fetchKeys(owner, contact, wanted);
    } finally {
      this.#asking.delete(owner);
    }
  }

  /** Asks for the keys of devices, as far as they can be reached. */
  async fetchKeys(owner: Owner, contact: ContactRecord | null, devices: readonly DeviceRecord[]): Promise<void> {
    const jid = owner === 'self' ? (accountOf(this.#context)?.jid ?? null) : (contact?.jid ?? null);
    const linked = contact ? linkedDevices(this.#context, contact) : new Set();
    const server = serverReaches(this.#context, jid);
    const asked = devices
      .filter(({ deviceId }) => server || linked.has(deviceId))
      .filter(({ deviceId }) => !this.#directory.bundles.recentlyFailed(owner, deviceId))
      .slice(0, mostAsked);
    await Promise.all(asked.map(({ deviceId }) => this.#directory.fetchBundle(owner, contact, deviceId)));
  }
}
