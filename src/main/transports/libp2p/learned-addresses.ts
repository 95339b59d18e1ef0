/** Where contacts said they can be dialled, and when to try again. */
import type { ContactId } from '../../../shared/model.ts';

/** Milliseconds: first pause after an attempt, doubling up to the second. */
const pause = { first: 5_000, most: 600_000 } as const;
const mostAddresses = 8;

interface Learned {
  readonly addresses: readonly string[];
  notBefore: number;
  attempts: number;
}

export class LearnedAddresses {
  readonly #contacts = new Map<ContactId, Learned>();

  /** Keeps the first few valid ones; names and relays are not dialled, only IP addresses. */
  learn(contactId: ContactId, multiaddrs: readonly string[]): void {
    const addresses = [...new Set(multiaddrs.filter(isDialable))].slice(0, mostAddresses);
    if (addresses.length === 0) this.#contacts.delete(contactId);
    else this.#contacts.set(contactId, { addresses, notBefore: 0, attempts: 0 });
  }

  /** Addresses to dial now, of contacts that are not connected. */
  due(now: number, isConnected: (contactId: ContactId) => boolean): string[] {
    const due: string[] = [];
    for (const [contactId, learned] of this.#contacts) {
      if (learned.notBefore > now || isConnected(contactId)) continue;
      learned.notBefore = now + Math.min(pause.first * 2 ** learned.attempts, pause.most);
      learned.attempts += 1;
      due.push(...learned.addresses);
    }
    return due;
  }

  hurry(): void {
    for (const learned of this.#contacts.values()) {
      learned.notBefore = 0;
      learned.attempts = 0;
    }
  }
}

function isDialable(multiaddr: string): boolean {
  const match = /^\/(ip4\/[0-9.]{7,15}|ip6\/[0-9a-f:.]{2,45})\/tcp\/([1-9][0-9]{0,4})$/.exec(multiaddr);
  return match !== null && Number(match[2]) <= 65_535;
}
