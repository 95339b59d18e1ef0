/** Stanza errors (RFC 6120 §8.3): reading one as an `AppError`, and writing one as the answer to an iq. */
import xml, { type Element } from '@xmpp/xml';
import { type AppError, appError } from '../../../shared/errors.ts';
import { NS } from './namespaces.ts';

/** What a `<message|presence|iq type="error"/>` says. The free text inside is a stranger's and is left out. */
export function readStanzaError(stanza: Element): AppError {
  const condition = stanza
    .getChild('error')
    ?.getChildElements()
    .find((child) => child.is(child.getName(), NS.stanzaError) && child.getName() !== 'text')
    ?.getName();
  switch (condition) {
    case 'item-not-found':
    case 'recipient-unavailable':
    case 'gone':
      return appError('stanza.not-found', 'There is nobody or nothing at this address.', '', condition);
    case 'remote-server-not-found':
      return appError(
        'stanza.not-found',
        'There is no server for this address.',
        'Check the part of the address after the @ sign.',
        condition,
      );
    case 'forbidden':
    case 'not-allowed':
    case 'not-authorized':
    case 'policy-violation':
    case 'registration-required':
    case 'subscription-required':
      return appError('stanza.forbidden', 'The server or the other side did not allow this.', '', condition);
    case 'service-unavailable':
      return appError(
        'stanza.error',
        'The address does not exist or takes no messages.',
        'Check the spelling of the address.',
        condition,
      );
    case 'remote-server-timeout':
    case 'resource-constraint':
    case 'internal-server-error':
      return appError('stanza.error', 'The other server has a problem.', 'Try again later.', condition);
    default:
      return appError(
        'stanza.error',
        'The server answered with an error.',
        '',
        /^[a-z-]{1,40}$/.test(condition ?? '') ? condition : 'undefined-condition',
      );
  }
}

export type AnswerCondition =
  | 'bad-request'
  | 'forbidden'
  | 'item-not-found'
  | 'service-unavailable'
  | 'internal-server-error';

/** The error answer to an `<iq type="get|set"/>`. */
export function iqError(request: Element, condition: AnswerCondition): Element {
  const type = condition === 'bad-request' ? 'modify' : condition === 'forbidden' ? 'auth' : 'cancel';
  return xml(
    'iq',
    answerAttributes(request, 'error'),
    xml('error', { type }, xml(condition, { xmlns: NS.stanzaError })),
  );
}

export function iqResult(request: Element, ...payload: Element[]): Element {
  return xml('iq', answerAttributes(request, 'result'), ...payload);
}

function answerAttributes(request: Element, type: 'result' | 'error'): Record<string, string> {
  const { id, from } = request.attrs as { id?: string; from?: string };
  return { type, ...(id === undefined ? {} : { id }), ...(from === undefined ? {} : { to: from }) };
}
