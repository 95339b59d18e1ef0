/**
 * How long an own device has shown no sign of life: no message of its own that decrypted. Only time that this device
 * was there for counts, and a gap between two looks at the clock for a month at most. So neither a clock that is years
 * off nor a long absence of ours makes the others look abandoned (docs/decisions/0083).
 */
import type { DeviceId } from '../../../shared/model.ts';
import type { DeviceRecord, Store } from '../../storage/records.ts';
import { accountOf, type MessagingContext, selfOf } from '../context.ts';

const day = 24 * 60 * 60 * 1000;
/** A device that was silent for this long is proposed for removal. */
const silence = 90 * day;
const longestGap = 30 * day;

const valueName = 'own-device-life';

interface Sign {
  /** On the scale of `lived`. */
  readonly lived: number;
  /** Unix ms, by our clock then. */
  readonly at: number;
}

interface Life {
  /** Milliseconds this device has been there for, as far as counted. */
  readonly lived: number;
  /** When that was counted last. */
  readonly at: number;
  /** Of each device: when it was first seen, or seen last. */
  readonly signs: Readonly<Record<string, Sign>>;
}

function lifeOf(store: Store): Life | null {
  const text = store.settings.getValue(valueName);
  return text === null ? null : (JSON.parse(text) as Life);
}

function keep(store: Store, life: Life): void {
  store.settings.setValue(valueName, JSON.stringify(life));
}

/** To be called at each start and every few hours, while the account is online and its archive has been read. */
export function countTime(context: MessagingContext): void {
  const now = context.now();
  const life = lifeOf(context.store) ?? { lived: 0, at: now, signs: {} };
  const gap = Math.min(Math.max(now - life.at, 0), longestGap);
  keep(context.store, { ...life, lived: life.lived + gap, at: now });
}

/** An own device was seen for the first time, or said something. Inside a transaction. */
export function noteSignOfLife(context: MessagingContext, deviceId: DeviceId): void {
  const now = context.now();
  const life = lifeOf(context.store) ?? { lived: 0, at: now, signs: {} };
  const sign: Sign = { lived: life.lived, at: now };
  keep(context.store, { ...life, signs: { ...life.signs, [deviceId]: sign } });
}

/** One of our own that is announced and that nobody has used for long. */
export function isStale(context: MessagingContext, device: DeviceRecord): boolean {
  if (device.owner !== 'self' || !device.active || device.deviceId === selfOf(context).deviceId) return false;
  const life = lifeOf(context.store);
  const sign = life?.signs[device.deviceId];
  if (!life || !sign || !accountOf(context) || life.lived - sign.lived < silence) return false;
  // By the clock as well, as long as it is after what it has shown before.
  const now = context.now();
  return now >= life.at - day && now - (device.lastSeenAt ?? sign.at) >= silence;
}
