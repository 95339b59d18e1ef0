/** Multicast DNS on each interface: announces this node, asks for others, and tells who answered. */
import makeMdns, { type MulticastDNS } from 'multicast-dns';
import { type Announcement, announcementRecords, asksForService, readAnnouncements, SERVICE } from './announcement.ts';
import { interfaceOf, type NetworkInterface } from './interfaces.ts';
import { TokenBucket } from './limits.ts';

export interface DiscoveryEvents {
  /** Seen on the link of one of our interfaces; `host` is the address the packet came from. */
  readonly onSeen: (seen: { readonly peerId: string; readonly host: string; readonly port: number }) => void;
  readonly onGone: (peerId: string, host: string) => void;
  /** An interface cannot be used for multicast. */
  readonly onProblem: (problem: string) => void;
}

export interface DiscoveryOptions {
  readonly port: number;
  readonly events: DiscoveryEvents;
}

/** Milliseconds after (re)starting at which we announce and ask, and from then on between two rounds. */
const firstRounds = [0, 1_000, 3_000, 7_000, 15_000];
const laterRounds = 45_000;

interface Speaker {
  readonly at: NetworkInterface;
  readonly mdns: MulticastDNS;
}

export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #answers = new TokenBucket(4, 1, performance.now());
  readonly #packets = new TokenBucket(400, 200, performance.now());
  #speakers: Speaker[] = [];
  #interfaces: readonly NetworkInterface[] = [];
  #announcement: ((at: NetworkInterface) => Announcement | null) | null = null;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  /** Speaks and listens on these interfaces from now on, and announces what the function says for each. */
  restart(interfaces: readonly NetworkInterface[], announcement: (at: NetworkInterface) => Announcement | null): void {
    for (const speaker of this.#speakers) void this.#announce(speaker, true);
    const same = (left: NetworkInterface, right: NetworkInterface): boolean =>
      left.name === right.name && left.address === right.address;
    // Sockets of interfaces that stay are kept: closing one at once would swallow its goodbye.
    const kept = this.#speakers.filter((speaker) => interfaces.some((at) => same(at, speaker.at)));
    for (const speaker of this.#speakers) if (!kept.includes(speaker)) speaker.mdns.destroy();
    const added = interfaces.filter((at) => !kept.some((speaker) => same(at, speaker.at)));
    this.#interfaces = interfaces;
    this.#announcement = announcement;
    this.#speakers = [...kept, ...added.map((at) => this.#open(at))];
    this.hurry();
  }

  /** Announces and asks now, and a few times in the next seconds. */
  hurry(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const delay of firstRounds) this.#later(delay, () => this.#round());
    this.#later(laterRounds, () => this.#keepOn());
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await this.#sayGoodbye();
    for (const { mdns } of this.#speakers) mdns.destroy();
    this.#speakers = [];
  }

  #keepOn(): void {
    this.#round();
    this.#later(laterRounds * (0.75 + Math.random() / 2), () => this.#keepOn());
  }

  #round(): void {
    for (const speaker of this.#speakers) {
      this.#announce(speaker, false);
      speaker.mdns.query([{ name: SERVICE, type: 'PTR' }]);
    }
  }

  #announce(speaker: Speaker, goodbye: boolean): Promise<void> {
    const announcement = this.#announcement?.(speaker.at) ?? null;
    if (announcement === null) return Promise.resolve();
    return new Promise((resolve) => {
      speaker.mdns.respond(announcementRecords(announcement, goodbye), () => resolve());
    });
  }

  async #sayGoodbye(): Promise<void> {
    const said = this.#speakers.map((speaker) => this.#announce(speaker, true));
    await Promise.race([Promise.all(said), new Promise((resolve) => setTimeout(resolve, 200))]);
  }

  #open(at: NetworkInterface): Speaker {
    // Bound to the wildcard address: a socket bound to an interface's address hears no multicast on Linux.
    const mdns = makeMdns({ port: this.#options.port, interface: at.address, bind: '0.0.0.0', reuseAddr: true });
    mdns.on('error', (error: Error) => this.#options.events.onProblem(codeOf(error)));
    // Undecodable packets and failed sends end here; there is nothing to do about either.
    mdns.on('warning', () => {});
    const speaker = { at, mdns };
    mdns.on('query', (packet) => {
      if (!asksForService(packet) || !this.#answers.take(performance.now())) return;
      // RFC 6762 §6: answers to shared questions wait 20 to 120 ms.
      this.#later(20 + Math.random() * 100, () => void this.#announce(speaker, false));
    });
    mdns.on('response', (packet, from) => {
      // RFC 6762 §11: packets from outside the local link are ignored.
      if (!this.#packets.take(performance.now()) || interfaceOf(this.#interfaces, from.address) === null) return;
      for (const seen of readAnnouncements(packet)) {
        if (seen.goodbye) this.#options.events.onGone(seen.peerId, from.address);
        else this.#options.events.onSeen({ peerId: seen.peerId, host: from.address, port: seen.port });
      }
    });
    return speaker;
  }

  #later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
