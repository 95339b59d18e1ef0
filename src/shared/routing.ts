/**
 * The route policy: a pure function, applied by the renderer to each conversation (shown, pinnable) and again by the
 * outbox when a route breaks or no window is open. Direct to every device that is directly reachable; the server only
 * for devices that are not; the rest waits. If all devices are reachable directly, the server learns nothing.
 */
import type { DeviceRef } from './model.ts';

export type RouteKind = 'direct' | 'server';
export type RoutePreference = 'automatic' | 'direct' | 'server';

/** What is reachable for one device of the conversation now. */
export interface DeviceReach {
  readonly ref: DeviceRef;
  /** An authenticated direct connection to this very device is open. */
  readonly direct: boolean;
  /** Our account is online and the device's owner has an account that takes messages for it. */
  readonly server: boolean;
}

export interface RoutePlan {
  readonly direct: readonly DeviceRef[];
  readonly server: readonly DeviceRef[];
  readonly wait: readonly DeviceRef[];
  /** One word for the route chip. `waiting`: nothing would leave this computer now. */
  readonly summary: RouteKind | 'both' | 'waiting';
}

/** The routes for the next message. No devices (nobody known yet) means waiting. */
export function routeConversation(preference: RoutePreference, reach: readonly DeviceReach[]): RoutePlan {
  const direct: DeviceRef[] = [];
  const server: DeviceRef[] = [];
  const wait: DeviceRef[] = [];
  for (const device of reach) {
    if (device.direct && preference !== 'server') direct.push(device.ref);
    else if (device.server && preference !== 'direct') server.push(device.ref);
    else wait.push(device.ref);
  }
  const summary =
    direct.length > 0 ? (server.length > 0 ? 'both' : 'direct') : server.length > 0 ? 'server' : 'waiting';
  return { direct, server, wait, summary };
}
