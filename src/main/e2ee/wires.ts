/** The two wire formats by name. */
import type { WireFormat } from './types.ts';
import type { Wire } from './wire.ts';
import { wireLegacy } from './wire-legacy.ts';
import { wireOmemo2 } from './wire-omemo2.ts';

export function wireOf(format: WireFormat): Wire {
  return format === 'omemo2' ? wireOmemo2 : wireLegacy;
}
