/** What stanzas that come over a link are, and the iqs that answer them. */
import xml, { type Element } from '@xmpp/xml';
import type { Result } from '../../../shared/errors.ts';
import type { Address } from '../../../shared/model.ts';
import type { RecognisedPeer } from '../../nearby/types.ts';
import type { Arrival } from '../transport.ts';

/** `addresses`: the peer's own. Null for a stanza that claims to come from somebody else than the peer. */
export function arrivalOver(
  peer: RecognisedPeer,
  stanza: Element,
  addresses: readonly Address[],
  ownAddress: Address,
): Arrival | null {
  const claimed: unknown = stanza.attrs['from'];
  const from = claimed === undefined ? addresses[0] : addresses.find((address) => address === claimed);
  if (from === undefined) return null;
  return {
    transport: 'libp2p',
    route: 'direct',
    to: ownAddress,
    from,
    device: peer.device,
    kind: 'live',
    archiveId: null,
    delayedSince: null,
  };
}

/** The result or error iq for what the application answers to a request. */
export function answerIq(answer: Result<Element | null>, arrival: Arrival): Element {
  if (!answer.ok) {
    if (answer.error.code === 'stanza.not-found') return errorIq('item-not-found', 'cancel');
    return answer.error.code === 'stanza.forbidden'
      ? errorIq('forbidden', 'auth')
      : errorIq('undefined-condition', 'cancel');
  }
  const result = xml('iq', { type: 'result', from: arrival.to, to: arrival.from });
  const content = answer.value;
  if (content !== null) result.children.push(...(content.name === 'iq' ? content.children : [content]));
  return result;
}

/** RFC 6120 §8.3. */
export function errorIq(condition: string, type: string): Element {
  const element = xml(condition, { xmlns: 'urn:ietf:params:xml:ns:xmpp-stanzas' });
  return xml('iq', { type: 'error' }, xml('error', { type }, element));
}

/** A copy of a stanza with another id, which shares its children. */
export function withId(stanza: Element, id: string): Element {
  const copy = xml(stanza.name, { ...stanza.attrs, id });
  copy.children.push(...stanza.children);
  return copy;
}
