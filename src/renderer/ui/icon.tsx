/** One icon set, one size, one stroke. */
import type { LucideIcon } from 'lucide-react';

export function Icon({ of: Shape, size = 18, label }: { of: LucideIcon; size?: number; label?: string }) {
  if (label === undefined) return <Shape size={size} strokeWidth={1.75} aria-hidden="true" />;
  return <Shape size={size} strokeWidth={1.75} role="img" aria-label={label} />;
}
