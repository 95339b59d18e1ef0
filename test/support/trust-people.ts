/** People with several devices each, who compare codes, over the server in memory. */
import { selfOf } from '../../src/main/messaging/context.ts';
import { trustUri } from '../../src/main/messaging/trust/trust-uri.ts';
import type { Address, BareJid, ContactId, TrustState, TrustUriCheck } from '../../src/shared/model.ts';
import { addByJid, MemoryServer } from './memory-server.ts';
import { MessagingPerson, until } from './messaging-person.ts';

export const annaJid = 'anna@bothy.test' as BareJid;
export const benJid = 'ben@bothy.test' as BareJid;
export const carlJid = 'carl@bothy.test' as BareJid;

const names = new Map<BareJid, string>([
  [annaJid, 'Anna'],
  [benJid, 'Ben'],
  [carlJid, 'Carl'],
]);

export class TrustPeople {
  readonly server = new MemoryServer();
  readonly #all: MessagingPerson[] = [];

  close(): void {
    for (const person of this.#all.splice(0)) person.close();
  }

  person(name: string, options: ConstructorParameters<typeof MessagingPerson>[1] = {}): MessagingPerson {
    const made = new MessagingPerson(name, options);
    this.#all.push(made);
    return made;
  }

  /** A device of the account, with the others as its contacts, signed in. */
  async device(jid: BareJid, knows: readonly BareJid[] = [...names.keys()]): Promise<MessagingPerson> {
    const device = this.person(names.get(jid) ?? '');
    for (const other of knows) if (other !== jid) addByJid(device, other, names.get(other) ?? '');
    await this.server.signIn(device, jid);
    return device;
  }
}

export function ownerOf(who: MessagingPerson, whom: MessagingPerson): ContactId | 'self' {
  return addressOf(who) === addressOf(whom) ? 'self' : who.contactOf(whom);
}

function addressOf(who: MessagingPerson): Address {
  return who.store.accounts.get()?.jid ?? selfOf(who.context).xid;
}

/** What one device holds of another; `unknown` where it never heard of it. */
export function trustIn(who: MessagingPerson, whom: MessagingPerson): TrustState | 'unknown' {
  return who.store.devices.get(ownerOf(who, whom), whom.deviceId)?.trust ?? 'unknown';
}

/** The code of these devices of one person and no others, as the first shows it. */
export function codeOf(...devices: readonly [MessagingPerson, ...MessagingPerson[]]): string {
  return trustUri(
    addressOf(devices[0]),
    devices.map(({ deviceId, context }) => ({
      deviceId,
      fingerprint: context.cipher.fingerprint(selfOf(context).identityKey),
    })),
    selfOf(devices[0].context).identityKey,
  );
}

export async function scan(who: MessagingPerson, code: string): Promise<TrustUriCheck> {
  const checked = await who.codes.check(code, null);
  if (!checked.ok) throw new Error(checked.error.code);
  return checked.value;
}

/** Each scans the code of the other. */
export async function compare(one: MessagingPerson, other: MessagingPerson): Promise<void> {
  await scan(one, codeOf(other));
  await scan(other, codeOf(one));
}

/** Resolves when everybody has everybody else verified. */
export async function allVerified(people: readonly MessagingPerson[]): Promise<void> {
  const pairs = people.flatMap((who) => people.filter((whom) => whom !== who).map((whom) => [who, whom] as const));
  await until(() => pairs.every(([who, whom]) => trustIn(who, whom) === 'verified'));
}

/** Everything queued has gone out and nothing is on its way. */
export async function quiet(people: readonly MessagingPerson[]): Promise<void> {
  for (let still = 0; still < 20; still += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    if (people.some((who) => who.store.outbox.pending().some(({ kind }) => kind === 'trust'))) still = 0;
  }
}
