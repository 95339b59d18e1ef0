/** Who was seen on the network, and whom to dial next: a bounded table that a flood cannot push everybody out of. */
import { limits, TokenBucket } from './limits.ts';

/** Milliseconds. */
const timing = {
  /** The lower PeerId dials at once; the higher one only if that has not worked by then. */
  courtesy: 1_500,
  /** A dial that failed is repeated after this, doubling up to the second. */
  retry: 1_000,
  retryMost: 30_000,
  /** A stranger is asked again after this, doubling up to the second. */
  stranger: 5_000,
  strangerMost: 300_000,
  /** Entries that were not announced again for so long are forgotten. */
  forget: 180_000,
  /** How long a PeerId whose link was given up for a better one is left alone. */
  superseded: 900_000,
} as const;

export interface Sighting {
  readonly peerId: string;
  readonly host: string;
  readonly port: number;
}

interface Entry extends Sighting {
  host: string;
  port: number;
  seenAt: number;
  notBefore: number;
  failures: number;
  refusals: number;
  dialling: boolean;
  /** Our contacts changed; a handshake that had begun before then may still end as if they had not. */
  askAgain: boolean;
}

export class Sightings {
  readonly #entries = new Map<string, Entry>();
  readonly #rate: TokenBucket;

  /** All times are monotonic milliseconds. */
  constructor(now: number = performance.now()) {
    this.#rate = new TokenBucket(limits.dialBurst, limits.dialsPerSecond, now);
  }

  /** `ownPeerId` decides who dials first. */
  see(seen: Sighting, ownPeerId: string, now: number): void {
    const known = this.#entries.get(seen.peerId);
    if (known !== undefined) {
      // An address that works stays: a PeerId announced from elsewhere must not draw our dials away from its owner.
      const moved = known.host !== seen.host && known.failures > 0 && !known.dialling;
      if (known.host === seen.host || moved) Object.assign(known, { host: seen.host, port: seen.port, seenAt: now });
      return;
    }
    if (!this.#makeRoom(seen.host, now)) return;
    const notBefore = ownPeerId < seen.peerId ? now : now + timing.courtesy;
    const entry: Entry = {
      ...seen,
      seenAt: now,
      notBefore,
      failures: 0,
      refusals: 0,
      dialling: false,
      askAgain: false,
    };
    this.#entries.set(seen.peerId, entry);
  }

  gone(peerId: string, host: string): void {
    const entry = this.#entries.get(peerId);
    if (entry?.host === host && !entry.dialling) this.#entries.delete(peerId);
  }

  /** The next ones to dial now; each is marked as being dialled until one of the outcomes below is told. */
  due(now: number, isLinked: (peerId: string) => boolean): Sighting[] {
    const due: Entry[] = [];
    let dialling = 0;
    const perHost = new Map<string, number>();
    for (const entry of this.#entries.values()) {
      if (now - entry.seenAt > timing.forget && !entry.dialling) this.#entries.delete(entry.peerId);
      else if (entry.dialling) {
        dialling += 1;
        perHost.set(entry.host, (perHost.get(entry.host) ?? 0) + 1);
      } else if (entry.notBefore <= now && !isLinked(entry.peerId)) due.push(entry);
    }
    due.sort((left, right) => left.refusals - right.refusals || left.notBefore - right.notBefore);
    const chosen: Sighting[] = [];
    for (const entry of due) {
      const here = perHost.get(entry.host) ?? 0;
      if (dialling >= limits.dials) break;
      if (here >= limits.dialsPerAddress) continue;
      if (!this.#rate.take(now)) break;
      entry.dialling = true;
      dialling += 1;
      perHost.set(entry.host, here + 1);
      chosen.push({ peerId: entry.peerId, host: entry.host, port: entry.port });
    }
    return chosen;
  }

  linked(peerId: string): void {
    const entry = this.#entries.get(peerId);
    if (entry === undefined) return;
    entry.dialling = false;
    entry.askAgain = false;
    entry.failures = 0;
    entry.refusals = 0;
  }

  failed(peerId: string, now: number): void {
    const entry = this.#entries.get(peerId);
    if (entry === undefined) return;
    entry.dialling = false;
    entry.notBefore = now + Math.min(timing.retry * 2 ** entry.failures, timing.retryMost);
    entry.failures += 1;
  }

  stranger(peerId: string, now: number): void {
    const entry = this.#entries.get(peerId);
    if (entry === undefined) return;
    entry.dialling = false;
    if (entry.askAgain) {
      entry.askAgain = false;
      entry.notBefore = now;
      return;
    }
    entry.notBefore = now + Math.min(timing.stranger * 2 ** entry.refusals, timing.strangerMost);
    entry.refusals += 1;
  }

  superseded(peerId: string, now: number): void {
    const entry = this.#entries.get(peerId);
    if (entry !== undefined) entry.notBefore = now + timing.superseded;
  }

  /** `strangers`: those who were strangers may not be any more. Everybody else who is waiting is tried now, too. */
  hurry(now: number, strangers: boolean): void {
    for (const entry of this.#entries.values()) {
      if (entry.refusals > 0 && !strangers) continue;
      if (entry.notBefore - now > timing.strangerMost) continue;
      entry.notBefore = now;
      entry.failures = 0;
      entry.refusals = 0;
      if (strangers) entry.askAgain = true;
    }
  }

  clear(): void {
    this.#entries.clear();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Per address and in all; the fullest address gives way to others, strangers before the rest. */
  #makeRoom(host: string, now: number): boolean {
    const perHost = new Map<string, number>();
    for (const entry of this.#entries.values()) {
      if (now - entry.seenAt > timing.forget && !entry.dialling) this.#entries.delete(entry.peerId);
      else perHost.set(entry.host, (perHost.get(entry.host) ?? 0) + 1);
    }
    const here = perHost.get(host) ?? 0;
    if (here >= limits.sightingsPerAddress) return this.#evict(host);
    if (this.#entries.size < limits.sightings) return true;
    const [fullest, count] = [...perHost].reduce((most, one) => (one[1] > most[1] ? one : most), ['', 0]);
    return count > here && this.#evict(fullest);
  }

  /** Drops the least promising entry of a host: refused most often, then seen longest ago. */
  #evict(host: string): boolean {
    const candidates = [...this.#entries.values()].filter((entry) => entry.host === host && !entry.dialling);
    candidates.sort((left, right) => right.refusals - left.refusals || left.seenAt - right.seenAt);
    const victim = candidates[0];
    if (victim === undefined || (victim.refusals === 0 && victim.failures === 0)) return false;
    this.#entries.delete(victim.peerId);
    return true;
  }
}
