import { Check, CircleHelp, ShieldCheck, ShieldOff } from 'lucide-react';
import type { TrustState } from '../../../shared/model.ts';
import { devices as words } from '../../i18n/devices.ts';
import { Icon } from '../../ui/icon.tsx';
import './devices.css';

const icons = { undecided: CircleHelp, blind: Check, verified: ShieldCheck, distrusted: ShieldOff };

/** The person's own decision about a device, or that there is none: icon and word. */
export function TrustBadge({ trust }: { trust: TrustState }) {
  return (
    <span className="trust" data-trust={trust}>
      <Icon of={icons[trust]} size={14} />
      {words.trust[trust]}
    </span>
  );
}
