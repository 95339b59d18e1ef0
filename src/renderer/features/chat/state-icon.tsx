import { ArrowUp, Check, CheckCheck, CircleAlert, Clock, Eye } from 'lucide-react';
import type { DeliveryState } from '../../../shared/delivery.ts';
import { chat } from '../../i18n/chat.ts';

const shapes: Record<DeliveryState, typeof Check> = {
  queued: Clock,
  sending: ArrowUp,
  'on-server': Check,
  'on-device': CheckCheck,
  read: Eye,
  failed: CircleAlert,
};

/** Exactly one state, true now: an icon, its words on hover and for screen readers. */
export function StateIcon({ state, size = 14 }: { state: DeliveryState; size?: number }) {
  const Shape = shapes[state];
  const words = chat.stateWords[state];
  return (
    <span className="state-icon" title={words} data-state={state}>
      <Shape size={size} strokeWidth={1.9} role="img" aria-label={words} />
    </span>
  );
}
