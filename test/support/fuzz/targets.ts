/** Every decoder that reads what others wrote. */
import { encryptionTargets } from './encryption-targets.ts';
import { linkTargets } from './link-targets.ts';
import { otherTargets } from './other-targets.ts';
import type { FuzzTarget } from './run-target.ts';
import { stanzaTargets } from './stanza-targets.ts';
import { storedTargets } from './stored-targets.ts';
import { trustTargets } from './trust-targets.ts';

export const fuzzTargets: readonly FuzzTarget[] = [
  ...encryptionTargets,
  ...storedTargets,
  ...stanzaTargets,
  ...otherTargets,
  ...trustTargets,
  ...linkTargets,
];
