/** One figure beside its baseline, measured in the same run. */
export interface Measurement {
  readonly metric: string;
  readonly ours: number;
  readonly baseline: number;
  readonly unit: string;
  /** ours / baseline */
  readonly ratio: number;
  /** In words, e.g. `≤ 1.5 ×` or `< 50 ms`. */
  readonly target: string;
  readonly met: boolean;
}

/** A target on the ratio ours / baseline, or on our own figure. */
export type Target =
  | { readonly ratioAtMost: number }
  | { readonly ratioAtLeast: number }
  /** No further from 1 than this, either way. */
  | { readonly ratioWithin: number }
  | { readonly below: number };

export function measurement(metric: string, ours: number, baseline: number, unit: string, target: Target): Measurement {
  const ratio = ours / baseline;
  if ('ratioAtMost' in target)
    return {
      metric,
      ours,
      baseline,
      unit,
      ratio,
      target: `≤ ${target.ratioAtMost} ×`,
      met: ratio <= target.ratioAtMost,
    };
  if ('ratioAtLeast' in target)
    return {
      metric,
      ours,
      baseline,
      unit,
      ratio,
      target: `≥ ${target.ratioAtLeast} ×`,
      met: ratio >= target.ratioAtLeast,
    };
  if ('ratioWithin' in target)
    return {
      metric,
      ours,
      baseline,
      unit,
      ratio,
      target: `1 ± ${target.ratioWithin}`,
      met: Math.abs(ratio - 1) <= target.ratioWithin,
    };
  return { metric, ours, baseline, unit, ratio, target: `< ${target.below} ${unit}`, met: ours < target.below };
}

/** The value below which `share` (0…1) of the samples lie. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}
