/** Bundles fetched lately, and which devices' bundles could not be had: nobody is asked over and over. */
import type { DeviceId } from '../../../shared/model.ts';
import type { Bundle, WireFormat } from '../../e2ee/types.ts';
import type { Owner } from './device-records.ts';

/** Long enough for a burst of first messages, short enough that a spent prekey is seldom picked (XEP-0384 §6). */
const bundleLifetime = 2 * 60_000;
/** Nobody answered: each attempt keeps messages waiting for a while. */
const retryUnansweredAfter = 60_000;
/** There are none: told at once, and often true for a moment only, since devices announce themselves before their keys. */
const retryRefusedAfter = 2_000;
/** Of one device. More are forgotten: by then its bundle has others. */
const mostTaken = 20;
/** Doubled up to this for a device whose keys cannot be had again and again. */
const longestRetry = 32 * 60_000;

interface Failure {
  /** Null: to be asked again at once. */
  readonly at: number | null;
  /** How often in a row. */
  readonly times: number;
  readonly wasRefused: boolean;
}

export class BundleMemory {
  readonly #now: () => number;
  readonly #bundles = new Map<string, { readonly bundle: Bundle; readonly wire: WireFormat; readonly at: number }>();
  readonly #failures = new Map<string, Failure>();
  /** Devices whose keys could not be had when they were asked for last. */
  readonly #withoutKeys = new Set<string>();
  /** Announce the newer version, but with keys that cannot be used: written to in the older one meanwhile. */
  readonly #onlyOlder = new Map<string, Failure>();
  readonly #taken = new Map<string, ReadonlySet<number>>();

  constructor(now: () => number) {
    this.#now = now;
  }

  cached(owner: Owner, deviceId: DeviceId, wire: WireFormat): Bundle | null {
    const key = `${owner}/${deviceId}`;
    const cached = this.#bundles.get(key);
    if (cached?.wire !== wire || this.#since(cached.at) >= bundleLifetime) return null;
    const left = cached.bundle.prekeys.filter(({ id }) => !this.#taken.get(key)?.has(id));
    // Taken twice is better than no session at all.
    return left.length > 0 ? { ...cached.bundle, prekeys: left } : cached.bundle;
  }

  /** Somebody else began a session with this prekey of the device: it is not taken again from a bundle that still has it. */
  prekeyTaken(owner: Owner, deviceId: DeviceId, prekeyId: number): void {
    const key = `${owner}/${deviceId}`;
    const taken = [...(this.#taken.get(key) ?? []), prekeyId];
    this.#taken.set(key, new Set(taken.slice(-mostTaken)));
  }

  recentlyFailed(owner: Owner, deviceId: DeviceId): boolean {
    const failure = this.#failures.get(`${owner}/${deviceId}`);
    return failure !== undefined && this.#restOf(failure) > 0;
  }

  /** Milliseconds until one of their devices whose keys could not be had is asked for again; null: there is none. */
  askAgainIn(owner: Owner): number | null {
    const failures = [...this.#failures].filter(([key]) => key.startsWith(`${owner}/`));
    const rests = failures.map(([, failure]) => this.#restOf(failure)).filter((rest) => rest > 0);
    return rests.length > 0 ? Math.min(...rests) : null;
  }

  #restOf({ at, times, wasRefused }: Failure): number {
    if (at === null) return 0;
    const first = wasRefused ? retryRefusedAfter : retryUnansweredAfter;
    return Math.min(first * 2 ** Math.max(times - 1, 0), longestRetry) - this.#since(at);
  }

  /** Its keys could not be had when they were asked for last: it gets nothing until that changes. */
  isWithoutKeys(owner: Owner, deviceId: DeviceId): boolean {
    return this.#withoutKeys.has(`${owner}/${deviceId}`);
  }

  /** Its keys are still being asked for; until they come it is as if they could not be had. */
  isLate(owner: Owner, deviceId: DeviceId): void {
    const key = `${owner}/${deviceId}`;
    this.#failures.set(key, { at: this.#now(), times: this.#failures.get(key)?.times ?? 0, wasRefused: false });
  }

  /** True when `isWithoutKeys` changed. `wasRefused`: there are no usable keys, as against nobody to ask. */
  failed(owner: Owner, deviceId: DeviceId, wasRefused: boolean): boolean {
    const key = `${owner}/${deviceId}`;
    this.#failures.set(key, { at: this.#now(), times: (this.#failures.get(key)?.times ?? 0) + 1, wasRefused });
    if (!wasRefused || this.#withoutKeys.has(key)) return false;
    this.#withoutKeys.add(key);
    return true;
  }

  /** True when `isWithoutKeys` changed. */
  fetched(owner: Owner, deviceId: DeviceId, wire: WireFormat, bundle: Bundle): boolean {
    const key = `${owner}/${deviceId}`;
    this.#bundles.set(key, { bundle, wire, at: this.#now() });
    this.#failures.delete(key);
    return this.#withoutKeys.delete(key);
  }

  isOnlyOlder(owner: Owner, deviceId: DeviceId): boolean {
    return this.#onlyOlder.has(`${owner}/${deviceId}`);
  }

  /** It is written to in the older version, and its newer keys may be there by now. */
  isNewerDue(owner: Owner, deviceId: DeviceId): boolean {
    const failure = this.#onlyOlder.get(`${owner}/${deviceId}`);
    return failure !== undefined && this.#restOf(failure) <= 0;
  }

  onlyOlderWorks(owner: Owner, deviceId: DeviceId): void {
    const key = `${owner}/${deviceId}`;
    this.#onlyOlder.set(key, { at: this.#now(), times: (this.#onlyOlder.get(key)?.times ?? 0) + 1, wasRefused: true });
  }

  /** True: it was thought to read only the older version. */
  newerWorks(owner: Owner, deviceId: DeviceId): boolean {
    return this.#onlyOlder.delete(`${owner}/${deviceId}`);
  }

  /** They are asked again at once; when that fails, too, no sooner than before. */
  forgetFailures(owner: Owner): void {
    for (const [key, failure] of this.#failures) {
      if (key.startsWith(`${owner}/`)) this.#failures.set(key, { ...failure, at: null });
    }
  }

  forgetAllFailures(): void {
    this.#failures.clear();
    this.#onlyOlder.clear();
  }

  /** Milliseconds, also after the clock was set back. */
  #since(at: number): number {
    return Math.abs(this.#now() - at);
  }
}
