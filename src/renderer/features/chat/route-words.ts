/** A route plan in words: the chip, the composer's hint, and who can see what. Pure. */
import type { Encryption } from '../../../shared/model.ts';
import type { RoutePlan, RoutePreference } from '../../../shared/routing.ts';
import { chat } from '../../i18n/chat.ts';

/** `server` is the domain of the own account, or null without one. */
export function chipWords(plan: RoutePlan, server: string | null): string {
  const through = server ?? chat.route.yourServer;
  switch (plan.summary) {
    case 'direct':
      return chat.route.direct;
    case 'server':
      return chat.route.server(through);
    case 'both':
      return chat.route.both(through);
    case 'waiting':
      return chat.route.waiting;
  }
}

export function hintWords(
  plan: RoutePlan,
  preference: RoutePreference,
  encryption: Encryption,
  server: string | null,
  waitsForCheck: boolean,
): string {
  if (plan.summary === 'waiting' && encryption === 'pending') {
    return waitsForCheck ? chat.composer.hintWaitingCheck : chat.composer.hintWaitingKeys;
  }
  const through = server ?? chat.route.yourServer;
  return `${whereWords(plan, preference, through)}, ${protectionWords(encryption)}`;
}

function whereWords(plan: RoutePlan, preference: RoutePreference, through: string): string {
  switch (plan.summary) {
    case 'direct':
      return chat.composer.hintDirect;
    case 'server':
      return chat.composer.hintServer(through);
    case 'both':
      return chat.composer.hintBoth(through);
    case 'waiting':
      if (preference === 'direct') return chat.composer.hintWaitingDirect;
      return preference === 'server' ? chat.composer.hintWaitingServer : chat.composer.hintWaiting;
  }
}

function protectionWords(encryption: Encryption): string {
  if (encryption === 'none') return chat.composer.plain;
  return encryption === 'pending' ? chat.composer.pending : chat.composer.encrypted;
}

/** What the next message does, a sentence. */
export function nextWords(plan: RoutePlan, server: string | null): string {
  const through = server ?? chat.route.yourServer;
  switch (plan.summary) {
    case 'direct':
      return chat.route.nextDirect(plan.direct.length);
    case 'server':
      return chat.route.nextServer(plan.server.length, through);
    case 'both':
      return chat.route.nextBoth(plan.direct.length, plan.server.length, through);
    case 'waiting':
      return chat.route.nextWaiting;
  }
}

export interface Sight {
  readonly who: 'content' | 'server' | 'network' | 'nobody';
  readonly words: string;
}

/** Who can see what of the next message, in the words of the protocol's own account of what remains visible. */
export function whoSeesWhat(plan: RoutePlan, encryption: Encryption, name: string, server: string | null): Sight[] {
  const content =
    encryption === 'none'
      ? chat.route.contentPlain
      : encryption === 'pending'
        ? chat.route.contentPending
        : chat.route.contentEncrypted(name);
  const sights: Sight[] = [{ who: 'content', words: content }];
  const usesServer = plan.summary === 'server' || plan.summary === 'both';
  const usesDirect = plan.summary === 'direct' || plan.summary === 'both';
  if (usesServer) sights.push({ who: 'server', words: chat.route.seenByServer(server ?? chat.route.yourServer) });
  if (usesDirect) sights.push({ who: 'network', words: chat.route.seenByNetwork });
  if (usesDirect && !usesServer) sights.push({ who: 'nobody', words: chat.route.serverSeesNothing });
  if (plan.summary === 'waiting') sights.push({ who: 'nobody', words: chat.route.seenByNobody });
  return sights;
}

export function domainOf(jid: string): string {
  return jid.slice(jid.indexOf('@') + 1);
}
