/** Delivery states of an outgoing message: a pure reducer. What a device has acknowledged never goes backwards. */
import type { RouteKind } from './routing.ts';

export type DeliveryState = 'queued' | 'sending' | 'on-server' | 'on-device' | 'read' | 'failed';

export type DeliveryEvent =
  | { readonly type: 'transmitting' }
  | { readonly type: 'interrupted' }
  /** The server acknowledged the stanza (XEP-0198). */
  | { readonly type: 'server-accepted' }
  /** The server gave the stanza back: what it had, it has no longer. */
  | { readonly type: 'returned' }
  /** A device of the contact acknowledged it itself, end to end. */
  | { readonly type: 'device-acknowledged' }
  | { readonly type: 'displayed' }
  /** Given up, with a reason kept beside the state. */
  | { readonly type: 'gave-up' }
  /** The person asked to try again. */
  | { readonly type: 'retried' };

const rank: Record<Exclude<DeliveryState, 'failed'>, number> = {
  queued: 0,
  sending: 1,
  'on-server': 2,
  'on-device': 3,
  read: 4,
};

function atLeast(state: DeliveryState, next: Exclude<DeliveryState, 'failed'>): DeliveryState {
  return state === 'failed' || rank[next] > rank[state] ? next : state;
}

/**
 * The next state. Proof of delivery (server, device, read) outranks everything, even `failed`; an interruption only
 * takes back `sending`, which was never a promise; giving up never takes back proof. Only the server itself takes back
 * its own word, by returning the stanza.
 */
export function deliveryReducer(state: DeliveryState, event: DeliveryEvent): DeliveryState {
  switch (event.type) {
    case 'transmitting':
      return state === 'queued' ? 'sending' : state;
    case 'interrupted':
      return state === 'sending' ? 'queued' : state;
    case 'server-accepted':
      return atLeast(state, 'on-server');
    case 'returned':
      return state === 'on-server' || state === 'sending' ? 'queued' : state;
    case 'device-acknowledged':
      return atLeast(state, 'on-device');
    case 'displayed':
      return atLeast(state, 'read');
    case 'gave-up':
      return state === 'queued' || state === 'sending' ? 'failed' : state;
    case 'retried':
      return state === 'failed' ? 'queued' : state;
  }
}

/** The one route shown for a message that went to several devices. */
export function mergeRoutes(routes: Iterable<RouteKind>): RouteKind | 'both' | null {
  let merged: RouteKind | 'both' | null = null;
  for (const route of routes) merged = merged === null || merged === route ? route : 'both';
  return merged;
}
