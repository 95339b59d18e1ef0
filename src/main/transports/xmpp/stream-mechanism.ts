/** Which way to sign in, out of those the server offers: never one that shows the password, never weaker than before. */
import type { BindingType, ChannelBindings } from './stream-channel-binding.ts';
import { done, failed, faults, type Step } from './stream-faults.ts';
import { downgradeHash, type ScramHash, type ScramOptions } from './stream-scram.ts';

/**
 * What is preferred comes last. The hash counts for more than the binding, since it protects the password itself; but
 * SHA-256 and SHA-512 protect it equally well, and the latter is used where there is no other: ejabberd offers one alone.
 */
const preference = [
  ...(['SCRAM-SHA-1', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-512', 'SCRAM-SHA-256'] as const),
  ...(['SCRAM-SHA-512-PLUS', 'SCRAM-SHA-256-PLUS'] as const),
] as const;
export type MechanismName = (typeof preference)[number];

export interface Offer {
  readonly profile: 'sasl1' | 'sasl2';
  readonly mechanisms: readonly string[];
  /** XEP-0440; null where the server announces none. */
  readonly bindings: readonly string[] | null;
}

export interface Choice {
  readonly mechanism: MechanismName;
  readonly hash: ScramHash;
  readonly scram: Pick<ScramOptions, 'hash' | 'binding' | 'downgradeHash' | 'needsDowngradeHash' | 'tlsVersion'>;
}

/** The stronger of the two: what to remember after signing in. */
export function strongest(pinned: string | null, used: MechanismName): string {
  return rank(pinned) > rank(used) && pinned !== null ? pinned : used;
}

function rank(mechanism: string | null): number {
  const asStrong = mechanism?.replace('SCRAM-SHA-512', 'SCRAM-SHA-256') ?? null;
  return (preference as readonly (string | null)[]).indexOf(asStrong);
}

/**
 * @param pinned the strongest mechanism ever used for this account: the server must still offer as much
 */
export function chooseMechanism(offer: Offer, tls: ChannelBindings, pinned: string | null): Step<Choice> {
  const plusOffered = offer.mechanisms.some((name) => name.endsWith('-PLUS'));
  // XEP-0440 §4, rules 4 and 5: one without the other is a mistake or somebody stripping what the server said.
  if (offer.profile === 'sasl2' && plusOffered !== (offer.bindings !== null)) {
    return failed(faults.serverUntrusted('channel bindings and mechanisms do not fit together'));
  }
  const shared = [...tls.available].find(([type]) => offer.bindings?.includes(type));
  const usable = preference.filter(
    (name) => offer.mechanisms.includes(name) && (!name.endsWith('-PLUS') || shared !== undefined),
  );
  const mechanism = usable.at(-1);
  if (mechanism === undefined) return failed(faults.noSafeLogin(`offered: ${describe(offer.mechanisms)}`));
  if (rank(mechanism) < rank(pinned)) return failed(faults.weakerThanBefore(`${mechanism} instead of ${pinned}`));
  const hash = hashOf(mechanism);
  return done({
    mechanism,
    hash,
    scram: {
      hash,
      binding: mechanism.endsWith('-PLUS') && shared !== undefined ? binding(shared) : flag(tls, plusOffered),
      downgradeHash: downgradeHash(hash, offer.mechanisms, offer.bindings),
      needsDowngradeHash: plusOffered && offer.bindings !== null && shared === undefined,
      tlsVersion: tls.tlsVersion,
    },
  });
}

function hashOf(mechanism: MechanismName): ScramHash {
  if (mechanism.startsWith('SCRAM-SHA-512')) return 'sha512';
  return mechanism.startsWith('SCRAM-SHA-256') ? 'sha256' : 'sha1';
}

function binding([type, data]: [BindingType, Buffer]): { readonly type: string; readonly data: Buffer } {
  return { type, data };
}

/** RFC 5802 §6: `y` tells a server that does bind channels that somebody took its offer away. */
function flag(tls: ChannelBindings, plusOffered: boolean): 'n' | 'y' {
  return tls.available.size > 0 && !plusOffered ? 'y' : 'n';
}

function describe(mechanisms: readonly string[]): string {
  const names = mechanisms.filter((name) => /^[A-Z0-9_-]{1,20}$/.test(name)).slice(0, 10);
  return names.length === 0 ? 'nothing' : names.join(' ');
}
