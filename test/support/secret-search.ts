/** Everything in a profile that nobody else may see, and looking for it in logs and files, however it is written down. */
import { parseOwnDevice, parseRecord } from '../../src/main/e2ee/omemo.ts';
import type { Store } from '../../src/main/storage/records.ts';

export interface Found {
  readonly what: string;
  readonly as: string;
}

/** Keys shorter than this would be found by chance. */
const shortest = 16;

export class Secrets {
  readonly #needles = new Map<string, { readonly what: string; readonly as: string; readonly bytes: Buffer }>();

  /** A word that must not appear: a text, a name, an address, a password. */
  word(what: string, word: string): void {
    if (word.length < 6) throw new Error(`${what} is too short to be looked for`);
    const bytes = Buffer.from(word);
    this.#add(what, 'text', bytes);
    this.#add(what, 'UTF-16', Buffer.from(word, 'utf16le'));
    this.#add(what, 'hex', Buffer.from(bytes.toString('hex')));
    this.#add(what, 'base64', Buffer.from(bytes.toString('base64').replace(/.?=*$/, '')));
  }

  /** Bytes that must not appear. All-zero ones (a key not there yet) say nothing. */
  key(what: string, key: Uint8Array): void {
    if (key.length < shortest || key.every((byte) => byte === 0)) return;
    const bytes = Buffer.from(key);
    this.#add(what, 'bytes', bytes);
    this.#add(what, 'hex', Buffer.from(bytes.toString('hex')));
    this.#add(what, 'HEX', Buffer.from(bytes.toString('hex').toUpperCase()));
    this.#add(what, 'base64', Buffer.from(bytes.toString('base64').replace(/=+$/, '')));
    this.#add(what, 'base64url', Buffer.from(bytes.toString('base64url')));
    this.#add(what, 'numbers', Buffer.from([...bytes].join(',')));
  }

  /** Every run of bytes in plain state, whatever it is called there: a public key identifies its owner too. */
  keysIn(what: string, state: unknown): void {
    if (state instanceof Uint8Array) this.key(what, state);
    else if (Array.isArray(state)) for (const part of state) this.keysIn(what, part);
    else if (typeof state === 'object' && state !== null) {
      for (const [name, part] of Object.entries(state)) this.keysIn(`${what}.${name}`, part);
    }
  }

  /** What the database of a profile holds now. */
  profile(who: string, store: Store): void {
    const self = store.self.get();
    if (self) {
      this.key(`${who}: XID seed`, self.xidSeed);
      this.word(`${who}: XID`, self.xid);
      this.keysIn(`${who}: device`, parseOwnDevice(self.device));
      this.word(`${who}: device id`, String(self.deviceId));
    }
    for (const { identityKey, state } of store.sessions.list()) {
      this.key(`${who}: a contact's identity`, identityKey);
      const { sessions } = parseRecord(state);
      this.keysIn(`${who}: session`, sessions);
      // Skipped message keys are kept in one run: each begins somewhere in it.
      for (const { ratchet } of sessions) this.#runs(`${who}: skipped keys`, ratchet.skipped);
    }
    for (const { secret } of store.invitations.list()) this.key(`${who}: invitation`, secret);
    const account = store.accounts.get();
    if (account) {
      this.word(`${who}: password`, account.password);
      this.#wordsIn(`${who}: account state`, account.state);
    }
    for (const contact of store.contacts.list()) {
      if (contact.jid) this.word(`${who}: a contact's address`, contact.jid);
      if (contact.xid) this.word(`${who}: a contact's XID`, contact.xid);
      for (const { deviceId } of store.devices.of(contact.id)) this.word(`${who}: a device id`, String(deviceId));
    }
  }

  #runs(what: string, bytes: Uint8Array): void {
    for (let at = 0; at + 32 <= bytes.length; at += 4) this.key(what, bytes.subarray(at, at + 32));
  }

  /** Tokens and keys that the account keeps to sign in again. */
  #wordsIn(what: string, state: string): void {
    for (const [word = ''] of state.matchAll(/[A-Za-z0-9+/=_-]{20,}/g)) this.word(what, word);
  }

  #add(what: string, as: string, bytes: Buffer): void {
    this.#needles.set(bytes.toString('latin1'), { what, as, bytes });
  }

  /** How many ways of writing something are looked for. */
  count(what: RegExp): number {
    return [...this.#needles.values()].filter((needle) => what.test(needle.what)).length;
  }

  findIn(haystack: Uint8Array): Found[] {
    const within = Buffer.from(haystack);
    return [...this.#needles.values()]
      .filter(({ bytes }) => within.includes(bytes))
      .map(({ what, as }) => ({ what, as }));
  }
}
