/** Requests (`<iq type="get|set"/>`) that reach our account's session: who may ask, and what is answered. */
import type { Element } from '@xmpp/xml';
import { parseJid } from '../../../shared/jid.ts';
import type { BareJid } from '../../../shared/model.ts';
import type { Arrival, RequestHandler } from '../transport.ts';
import { NS } from './namespaces.ts';
import type { ServiceDiscovery } from './service-discovery.ts';
import { type AnswerCondition, iqError, iqResult } from './stanza-error.ts';

export interface RequestContext {
  readonly ownBare: BareJid;
  readonly ownDomain: string;
  readonly discovery: ServiceDiscovery;
  /** They may see our presence, so answering tells them nothing new (XEP-0030 §8). */
  readonly seesOurPresence: (jid: BareJid) => boolean;
  readonly onRosterPush: (query: Element) => void;
  readonly onRequest: RequestHandler;
}

/** The answer to send, or null for what is no request. */
export async function answerRequest(iq: Element, context: RequestContext): Promise<Element | null> {
  const type: unknown = iq.attrs['type'];
  if (type !== 'get' && type !== 'set') return null;
  const rawFrom: unknown = iq.attrs['from'];
  const from = parseJid(typeof rawFrom === 'string' ? rawFrom : context.ownBare);
  // to a sender without a valid address no answer can be sent
  if (!from.ok) return null;
  const { bare, full } = from.value;

  const [payload, ...more] = iq.getChildElements();
  const push = iq.getChild('query', NS.roster);
  if (push !== undefined) {
    // RFC 6121 §2.1.6: only our own account may push; to others this looks like an unknown request
    if (type !== 'set' || full !== context.ownBare) return iqError(iq, 'service-unavailable');
    context.onRosterPush(push);
    return iqResult(iq);
  }
  // to a stranger we look exactly like a resource that is not there
  const entitled = bare === context.ownBare || full === context.ownDomain || context.seesOurPresence(bare);
  if (!entitled) return iqError(iq, 'service-unavailable');
  if (payload === undefined || more.length > 0) return iqError(iq, 'bad-request');
  if (type === 'get' && payload.is('ping', NS.ping)) return iqResult(iq);
  if (type === 'get' && payload.is('query', NS.discoInfo)) {
    const answer = context.discovery.answer(payload);
    return answer === null ? iqError(iq, 'item-not-found') : iqResult(iq, answer);
  }
  const arrival: Arrival = {
    transport: 'xmpp',
    route: 'server',
    to: context.ownBare,
    from: bare,
    device: null,
    kind: 'live',
    archiveId: null,
    delayedSince: null,
  };
  const result = await context.onRequest(iq, arrival);
  if (!result.ok) return iqError(iq, conditionOf(result.error.code));
  const content = result.value;
  if (content === null) return iqResult(iq);
  return iqResult(iq, ...(content.name === 'iq' ? content.getChildElements() : [content]));
}

function conditionOf(code: string): AnswerCondition {
  if (code === 'stanza.not-found') return 'item-not-found';
  if (code === 'stanza.forbidden') return 'forbidden';
  return 'service-unavailable';
}
