import { ArrowLeftRight, Hourglass, Server, Split } from 'lucide-react';
import type { RoutePlan } from '../../../shared/routing.ts';
import './route.css';

const shapes = { direct: ArrowLeftRight, server: Server, both: Split, waiting: Hourglass };

interface RouteIconProps {
  readonly route: RoutePlan['summary'];
  readonly size?: number;
  readonly label?: string;
}

/** Each route has its own shape and colour; without a label it stands beside a word. */
export function RouteIcon({ route, size = 16, label }: RouteIconProps) {
  const Shape = shapes[route];
  const named = label === undefined ? { 'aria-hidden': true } : { role: 'img', 'aria-label': label };
  return <Shape className="route-icon" data-route={route} size={size} strokeWidth={1.75} {...named} />;
}
