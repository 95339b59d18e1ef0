/**
 * The node in use and those it replaced: a new one every quarter of an hour and after each change of networks, so that
 * nobody can follow a computer by its PeerId (docs/decisions/0020). An old one goes on only for the links it has.
 */
import { EphemeralNode, type EphemeralNodeEvents } from './ephemeral-node.ts';
import { type NetworkInterface, signatureOf } from './interfaces.ts';
import type { Doorkeeper } from './limits.ts';

/** Milliseconds. */
export const rotationTiming = { rotate: 15 * 60_000, retry: 5_000 } as const;

export interface NodeRotationOptions {
  readonly interfaces: () => readonly NetworkInterface[];
  readonly everyMs: number;
  readonly doorkeeper: Doorkeeper;
  readonly events: EphemeralNodeEvents;
  /** The old node is no longer to be used; `interfaces` is empty when there is no network for a new one. */
  readonly onNode: (node: EphemeralNode | null, interfaces: readonly NetworkInterface[]) => void;
  readonly onFailed: (error: unknown) => void;
  /** The networks of this computer are not what they were. */
  readonly onNetworkChange: () => void;
}

export class NodeRotation {
  readonly #options: NodeRotationOptions;
  readonly #retired = new Set<EphemeralNode>();
  #node: EphemeralNode | null = null;
  #signature = '';
  #rotatedAt = 0;
  #failedAt: number | null = null;
  #rotation: Promise<void> | null = null;
  #stopped = false;

  constructor(options: NodeRotationOptions) {
    this.#options = options;
  }

  get node(): EphemeralNode | null {
    return this.#node;
  }

  isOwn(peerId: string): boolean {
    return [this.#node, ...this.#retired].some((node) => node?.peerId === peerId);
  }

  /** A new node in place of the old one. */
  rotate(): void {
    if (this.#rotation !== null || this.#stopped) return;
    this.#rotation = this.#replace()
      .catch((error: unknown) => {
        this.#failedAt = performance.now();
        this.#options.onFailed(error);
      })
      .finally(() => {
        this.#rotation = null;
      });
  }

  /** To be called every few seconds: no system event tells of all changes of the network on all systems. */
  look(): void {
    const now = performance.now();
    const changed = signatureOf(this.#options.interfaces()) !== this.#signature;
    if (changed) this.#options.onNetworkChange();
    const due = now - this.#rotatedAt > this.#options.everyMs;
    const again = this.#failedAt !== null && now - this.#failedAt > rotationTiming.retry;
    if (changed || due || again) this.rotate();
    for (const node of this.#retired) this.release(node);
  }

  /** A retired node whose last link is gone is stopped. */
  release(node: EphemeralNode): void {
    if (node.connections.length === 0) this.#discard(node);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#rotation;
    const nodes = [...this.#retired, ...(this.#node === null ? [] : [this.#node])];
    this.#retired.clear();
    this.#node = null;
    await Promise.all(nodes.map((node) => node.stop().catch(() => {})));
  }

  async #replace(): Promise<void> {
    const interfaces = this.#options.interfaces();
    this.#signature = signatureOf(interfaces);
    this.#rotatedAt = performance.now();
    this.#failedAt = null;
    const old = this.#node;
    this.#node = null;
    if (old !== null) {
      old.retire();
      this.#retired.add(old);
    }
    if (interfaces.length === 0) {
      this.#options.onNode(null, interfaces);
      return;
    }
    this.#node = await EphemeralNode.start(interfaces, this.#options.doorkeeper, this.#options.events);
    if (this.#stopped) return;
    this.#options.onNode(this.#node, interfaces);
    // Retired nodes with nothing left, or kept for longer than one rotation, go.
    for (const one of this.#retired) if (one.connections.length === 0 || one !== old) this.#discard(one);
  }

  #discard(node: EphemeralNode): void {
    if (this.#retired.delete(node)) void node.stop().catch(() => {});
  }
}
