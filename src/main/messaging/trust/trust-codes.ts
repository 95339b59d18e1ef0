/** Codes and links that name the keys of somebody's devices (trust-uri.ts): our own, and comparing another's. */
import { appError, fail, ok, type Result } from '../../../shared/errors.ts';
import { type ContactId, deviceRef, type TrustUriCheck } from '../../../shared/model.ts';
import type { ContactRecord, DeviceRecord } from '../../storage/records.ts';
import { type AfterCommit, accountOf, inTransaction, type MessagingContext, selfOf } from '../context.ts';
import type { Owner } from '../devices/device-records.ts';
import type { KeyDirectory } from '../devices/key-directory.ts';
import { isOwnAddress, serverReaches } from '../devices/recipients.ts';
import { devicesWith, isKeyOf } from '../devices/trust-belief.ts';
import type { ExpectedKey, Trust } from './trust.ts';
import { type NamedKey, readTrustUri, type TrustCode, trustUri } from './trust-uri.ts';

export class TrustCodes {
  readonly #context: MessagingContext;
  readonly #directory: KeyDirectory;
  readonly #trust: Trust;

  constructor(context: MessagingContext, directory: KeyDirectory, trust: Trust) {
    this.#context = context;
    this.#directory = directory;
    this.#trust = trust;
  }

  /** This device and our verified others, under the address that people know us by. */
  own(): string {
    const { cipher, store } = this.#context;
    const self = selfOf(this.#context);
    const own = [
      { deviceId: self.deviceId, identityKey: self.identityKey },
      ...store.devices.of('self').filter(({ trust, deviceId }) => trust === 'verified' && deviceId !== self.deviceId),
    ];
    const keys = own.flatMap(({ deviceId, identityKey }) =>
      identityKey ? [{ deviceId, fingerprint: cipher.fingerprint(identityKey) }] : [],
    );
    return trustUri(accountOf(this.#context)?.jid ?? self.xid, keys, self.identityKey);
  }

  /** Compares a code with what is known. `of`: whose it must be. */
  async check(uri: string, of: ContactId | null): Promise<Result<TrustUriCheck>> {
    const read = readTrustUri(uri);
    if (!read.ok) return read;
    const code = this.#asBundlesShow(read.value);
    const owner = this.#ownerOf(code, of);
    if (!owner.ok) return owner;
    if (!owner.value) return this.#rememberForLater(code);
    await this.#fetchNamed(owner.value, code);
    return inTransaction(this.#context, (after) => this.#compare(code, of, after));
  }

  /** In the form that others are told of keys in, also of those never seen; a key that is named both ways is one. */
  #asBundlesShow(code: TrustCode): TrustCode {
    const { cipher } = this.#context;
    const trusted: NamedKey[] = [];
    for (const { deviceId, keyId: written } of code.trusted) {
      const keyId = deviceId === null ? written : (cipher.identityOf(written) ?? written);
      const isNamed = (other: NamedKey): boolean => isKeyOf(this.#context, keyId, other.keyId);
      if (deviceId !== null || !trusted.some(isNamed)) trusted.push({ deviceId, keyId });
    }
    return { ...code, trusted };
  }

  /** Null: nobody we know. Who is known under another kind of address is recognised by a key. */
  #ownerOf(code: TrustCode, of: ContactId | null): Result<Owner | null> {
    const { contacts } = this.#context.store;
    const wanted = of === null ? null : contacts.get(of);
    if (of !== null && !wanted) return fail('contact.unknown', 'This contact does not exist any more.');
    if (isOwnAddress(this.#context, code.address)) {
      return of === null ? ok('self') : somebodyElse('This is the code of your own devices.');
    }
    const named = contacts.byAddress(code.address);
    if (named) return wanted && wanted.id !== named.id ? somebodyElse() : ok(named.id);
    const isXid = code.address.endsWith('@id.internal');
    const unknownBy = (contact: ContactRecord): boolean => (isXid ? contact.xid : contact.jid) === null;
    const hasKey = (contact: ContactRecord): boolean =>
      code.trusted.some(({ keyId }) => devicesWith(this.#context, contact.id, keyId).length > 0);
    const met = (wanted ? [wanted] : contacts.list()).filter((contact) => unknownBy(contact) && hasKey(contact));
    if (met.length === 1 && met[0]) return ok(met[0].id);
    return wanted ? somebodyElse() : ok(null);
  }

  /** The keys wait under their address, for when it is a contact's. */
  #rememberForLater(code: TrustCode): Result<never> {
    inTransaction(this.#context, () => {
      for (const { keyId } of code.trusted) this.#trust.remember(code.address, keyId, 'verified');
      for (const { keyId } of code.distrusted) this.#trust.remember(code.address, keyId, 'distrusted');
    });
    return {
      ok: false,
      error: appError(
        'trust.not-a-contact',
        `This code belongs to ${code.address}, who is not one of your contacts.`,
        'Add them: their devices are verified as soon as they appear.',
        code.address,
      ),
    };
  }

  async #fetchNamed(owner: Owner, code: TrustCode): Promise<void> {
    const contact = owner === 'self' ? null : this.#context.store.contacts.get(owner);
    if (contact?.jid && serverReaches(this.#context, contact.jid) && !this.#directory.listKnown(owner)) {
      await this.#directory.fetchList(owner, contact.jid);
    }
    const ids = new Set(code.trusted.map(({ deviceId }) => deviceId));
    const isNamed = ({ deviceId }: DeviceRecord): boolean => ids.has(deviceId) || ids.has(null);
    const { deviceId: here } = selfOf(this.#context);
    const unknown = this.#context.store.devices
      .of(owner)
      .filter((device) => device.identityKey === null && isNamed(device))
      .filter((device) => owner !== 'self' || device.deviceId !== here);
    await this.#trust.fetchKeys(owner, contact, unknown);
  }

  #compare(code: TrustCode, of: ContactId | null, after: AfterCommit): Result<TrustUriCheck> {
    // Things may have changed while keys were fetched.
    const found = this.#ownerOf(code, of);
    if (!found.ok) return found;
    const owner = found.value;
    if (!owner) return somebodyElse();
    const self = selfOf(this.#context);
    const isThisDevice = ({ keyId }: NamedKey): boolean =>
      owner === 'self' && isKeyOf(this.#context, keyId, self.identityKey);
    const trusted = code.trusted.filter((key) => !isThisDevice(key));
    if (trusted.length + code.distrusted.length === 0) {
      return fail('trust.this-device', 'This is the code of this device itself.', 'Scan it with another one.');
    }
    const verified = new Map<number, DeviceRecord>();
    const mismatched = new Map<number, DeviceRecord>();
    const expected: ExpectedKey[] = [];
    for (const [keys, trust] of [
      [trusted, 'verified'],
      [code.distrusted.filter((key) => !isThisDevice(key)), 'distrusted'],
    ] as const) {
      for (const { keyId } of keys) {
        const fitting = devicesWith(this.#context, owner, keyId);
        for (const device of fitting) (trust === 'verified' ? verified : mismatched).set(device.deviceId, device);
        if (fitting.length === 0) expected.push({ keyId, trust });
      }
    }
    for (const { deviceId } of trusted) {
      const known = deviceId === null ? null : this.#context.store.devices.get(owner, deviceId);
      const isOther = known && known.identityKey !== null && !verified.has(known.deviceId);
      if (isOther && !(owner === 'self' && known.deviceId === self.deviceId)) mismatched.set(known.deviceId, known);
    }
    this.#trust.judgeIn(
      owner,
      [
        ...[...verified.values()].map((device) => ({ device, trust: 'verified' as const })),
        ...[...mismatched.values()].map((device) => ({ device, trust: 'distrusted' as const })),
      ],
      expected,
      after,
    );
    const refs = (devices: Iterable<DeviceRecord>) => [...devices].map(({ deviceId }) => deviceRef(owner, deviceId));
    const name = owner === 'self' ? self.name : (this.#context.store.contacts.get(owner)?.name ?? '');
    return ok({
      owner,
      name,
      verified: refs(verified.values()),
      mismatched: refs(mismatched.values()),
      expected: expected.filter(({ trust }) => trust === 'verified').length,
    });
  }
}

function somebodyElse(what = 'This code belongs to somebody else.'): Result<never> {
  return fail(
    'trust.somebody-else',
    what,
    'Nothing was changed. Ask for the code of the person you want to compare with.',
  );
}
